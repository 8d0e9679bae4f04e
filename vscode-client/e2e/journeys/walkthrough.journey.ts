/** The walkthrough of the first start: it opens, and its example is there to be edited. */

import { expect, it } from "vitest";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const editor = vscode();
const workbench = opened(editor, {
  files: { "lines.py": texts.LINES },
  settings: { "copydecode.confirm": "never" },
});

it("the walkthrough opens, shows each step's picture, and edits its example", async () => {
  const user = workbench();
  await user.says("AI edit: ready");
  await user.command("Welcome: Open Walkthrough...");
  const title = "Get started with copydecode";
  await user.quickInput.fill(title);
  await user.quickPick.locator(".monaco-list-row", { hasText: title }).first().click();
  const walkthrough = user.page.locator(".gettingStartedContainer");
  await walkthrough.getByText(title).first().waitFor();
  const steps = walkthrough.locator(".step-title");
  expect(await steps.count()).toBe(5);
  for (const step of await steps.all()) {
    await step.click();
    const picture = walkthrough.locator(
      ".getting-started-media svg, .getting-started-media iframe",
    );
    await picture.first().waitFor();
  }
  await steps.nth(2).click();
  await user.picture("walkthrough");
  await walkthrough.getByRole("button", { name: "Open an Example" }).first().click();
  await user.showsLine("debug");
  const line = (await user.lines()).findIndex((text) => text.includes("debug")) + 1;
  await user.goTo(line, 1);
  await user.ask("delete this line");
  await user.showsNoLine("debug");
});
