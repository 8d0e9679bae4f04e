/** Edits by the embedded model, applied at once: what the text becomes, byte by byte, and undo. */

import { describe, expect, it } from "vitest";
import { opened, vscode } from "./session";
import * as texts from "./texts";

describe("an edit", () => {
  const editor = vscode();
  const workbench = opened(editor, {
    files: {
      "ledger.py": texts.LEDGER,
      "lines.py": texts.LINES,
      "module.py": texts.MODULE,
      "twice.py": texts.TWICE,
      "long.py": texts.LONG,
      "emoji.py": texts.EMOJI,
    },
    // The texts are right or wrong however sure the model is of them.
    settings: { "copydecode.confirm": "never" },
  });

  it("fixes a diagnostic from the menu of quick fixes, and one undo takes it back", async () => {
    const user = workbench();
    await user.says("AI edit: ready");
    await user.showsProblems();
    await user.goTo(8, 14);
    await user.apply(texts.FIX);
    await user.shows(texts.LEDGER_FIXED);
    await user.savedAs("ledger.py", texts.LEDGER_FIXED);
    await user.undoesTo("ledger.py", texts.LEDGER);
  });

  it("fixes a diagnostic at a click on its lightbulb", async () => {
    const user = workbench();
    await user.show("ledger.py");
    await user.showsProblems();
    await user.clickLightbulb(8, 14);
    await user.shows(texts.LEDGER_FIXED);
  });

  it("is asked for in words, and the words are offered again", async () => {
    const user = workbench();
    await user.show("lines.py");
    await user.goTo(1, 1);
    await user.ask("delete line 3");
    await user.shows("a = 1\nb = 2\nd = 4\n");
    await user.openInstructions();
    const recent = user.quickPick.locator(".monaco-list-row", { hasText: "delete line 3" });
    await recent.waitFor();
    expect(await recent.textContent()).toContain("recent");
    await user.page.keyboard.press("Enter");
    await user.shows("a = 1\nb = 2\n");
    await user.savedAs("lines.py", "a = 1\nb = 2\n");
  });

  it("works a snippet in that the clipboard holds", async () => {
    const user = workbench();
    await user.show("module.py");
    await user.copy(texts.SNIPPET);
    await user.command("AI Edit: Apply Snippet from Clipboard");
    await user.shows(texts.MODULE_MERGED);
    await user.savedAs("module.py", texts.MODULE_MERGED);
    await user.undoesTo("module.py", texts.MODULE);
  });

  it("offers the clipboard's snippet in the instruction box", async () => {
    const user = workbench();
    await user.show("module.py");
    await user.copy(texts.SNIPPET);
    await user.openInstructions();
    await user.quickPick.locator(".monaco-list-row", { hasText: "Snippet from clipboard" }).click();
    await user.savedAs("module.py", texts.MODULE_MERGED);
  });

  it("says so where the clipboard holds no code", async () => {
    const user = workbench();
    await user.show("module.py");
    await user.copy("Dear all, the meeting is on Monday");
    await user.command("AI Edit: Apply Snippet from Clipboard");
    await user.message("the clipboard does not hold code").waitFor();
  });

  it("fixes all in a file in one step", async () => {
    const user = workbench();
    await user.show("twice.py");
    await user.showsProblems();
    await user.command("AI Edit: Fix All in File");
    await user.shows(texts.TWICE_FIXED);
    await user.savedAs("twice.py", texts.TWICE_FIXED);
    await user.undoesTo("twice.py", texts.TWICE);
  });

  it("is made far down in a file of 5,000 lines", async () => {
    const user = workbench();
    await user.show("long.py");
    await user.goTo(4003, 14);
    await user.showsProblems();
    await user.apply("Apply AI edit: fix undefined name 'surfacee'");
    await user.savedAs("long.py", texts.LONG_FIXED);
    await user.undoesTo("long.py", texts.LONG);
    await user.goTo(4003, 1);
    await user.ask("delete line 4321");
    const lines = texts.LONG.split("\n");
    lines.splice(4320, 1);
    await user.savedAs("long.py", lines.join("\n"));
  });

  it("keeps line ends, emoji and every other byte", async () => {
    const user = workbench();
    await user.show("emoji.py");
    await user.showsProblems();
    await user.goTo(4, 10);
    await user.apply(texts.FIX);
    await user.savedAs("emoji.py", texts.EMOJI_FIXED);
    await user.undoesTo("emoji.py", texts.EMOJI);
    await user.goTo(2, 1);
    await user.ask("delete line 1");
    await user.savedAs("emoji.py", texts.EMOJI.slice(texts.EMOJI.indexOf("\n") + 1));
  });

  it("leaves a receipt in the latency view", async () => {
    const user = workbench();
    await user.command("AI Edit: Show Latency");
    const view = user.webview();
    await view.getByText("emoji.py").first().waitFor();
    await user.picture("latency view");
  });
});
