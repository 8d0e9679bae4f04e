/** Pictures of what the extension shows, in light, dark and high contrast: for people to look at. */

import { describe, it } from "vitest";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const THEMES = {
  light: "Default Light Modern",
  dark: "Default Dark Modern",
  "high contrast": "Default High Contrast",
};

const editor = vscode();

describe.each(Object.entries(THEMES))("in %s", (name, theme) => {
  const workbench = opened(editor, {
    files: { "ledger.py": texts.LEDGER, "lines.py": texts.LINES },
    settings: { "copydecode.confirm": "never", "workbench.colorTheme": theme },
  });

  it("a quick fix, the instruction box, what was changed, the latency view", async () => {
    const user = workbench();
    await user.says("AI edit: ready");
    await user.showsProblems();
    await user.goTo(8, 14);
    await user.moveTo(await user.openActions(), texts.FIX);
    await user.picture(`${name} quick fix`);
    await user.page.keyboard.press("Enter");
    await user.showsLine("return result");
    await user.picture(`${name} changed`);
    await user.openInstructions();
    await user.quickInput.fill("delete line 3");
    await user.picture(`${name} instruction`);
    await user.page.keyboard.press("Escape");
    await user.command("AI Edit: Show Latency");
    await user.webview().getByText("ledger.py").first().waitFor();
    await user.status.hover();
    await user.page.locator(".workbench-hover", { hasText: "Last edit" }).first().waitFor();
    await user.picture(`${name} latency`);
  });
});
