/** Pictures of what the extension shows, in light, dark and high contrast: for people to look at. */

import { it } from "vitest";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const editor = vscode();
const settings = { "copydecode.confirm": "never" };
const workbench = opened(editor, { files: { "ledger.py": texts.LEDGER }, settings });

it.each([
  ["light", "Default Light Modern", ".vs"],
  ["dark", "Default Dark Modern", ".vs-dark"],
  ["high contrast", "Default High Contrast", ".hc-black"],
])("in %s", async (name, theme, shown) => {
  const user = workbench();
  await user.says("AI edit: ready");
  await user.set({ ...settings, "workbench.colorTheme": theme });
  await user.page.locator(`.monaco-workbench${shown}`).waitFor();
  await user.show("ledger.py");
  await user.showsProblems();
  await user.goTo(8, 14);
  await user.moveTo(await user.openActions(), texts.FIX);
  await user.picture(`${name} quick fix`);
  await user.page.keyboard.press("Enter");
  await user.shows(texts.LEDGER_FIXED);
  await user.picture(`${name} changed`);
  await user.openInstructions();
  await user.quickInput.fill("delete line 3");
  await user.picture(`${name} instruction`);
  await user.page.keyboard.press("Escape");
  await user.undoesTo("ledger.py", texts.LEDGER);
  await user.command("AI Edit: Show Latency");
  await user.webview().getByText("ledger.py").first().waitFor();
  await user.status.hover();
  await user.page.locator(".workbench-hover", { hasText: "Last edit" }).first().waitFor();
  await user.picture(`${name} latency`);
});
