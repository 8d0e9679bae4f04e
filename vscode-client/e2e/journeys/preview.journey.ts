/** Edits that are shown before they are applied: in the refactor preview, and in the diff editor. */

import { describe, it } from "vitest";
import { until, untilSeen } from "../until";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const editor = vscode();

describe("in the refactor preview", () => {
  const workbench = opened(editor, {
    files: { "twice.py": texts.TWICE },
    settings: { "copydecode.confirm": "always" },
  });

  it("one of two changes is rejected, the other one applied", async () => {
    const user = workbench();
    await user.says("AI edit: ready");
    await user.showsProblems();
    await user.command("AI Edit: Fix All in File");
    const preview = user.page.locator(".bulk-edit-panel");
    const changes = preview.locator(".monaco-list-row", { has: user.page.locator(".textedit") });
    await until("both changes", async () => (await changes.count()) === 2);
    await user.picture("refactor preview");
    // Nothing is ticked at first: what needs a confirmation is not taken without one.
    await changes.filter({ hasText: "biggest" }).locator(".edit-checkbox").click();
    await preview.getByRole("button", { name: "Apply" }).click();
    await user.shows(texts.SECOND_FIXED);
    await user.savedAs("twice.py", texts.SECOND_FIXED);
    await user.undoesTo("twice.py", texts.TWICE);
  });
});

describe("in the diff editor", () => {
  const workbench = opened(editor, {
    files: { "lines.py": texts.LINES, "ledger.py": texts.LEDGER },
    settings: { "copydecode.confirm": "always", "copydecode.preview": "diff" },
  });

  it("an edit is discarded, and the same one applied", async () => {
    const user = workbench();
    await user.says("AI edit: ready");
    await user.goTo(1, 1);
    await user.ask("delete line 3");
    await user.showsDiff();
    await user.picture("diff preview");
    await untilSeen(
      "the diff goes",
      () => user.page.keyboard.press("Control+Backspace"),
      async () => !(await user.diff.isVisible()),
    );
    await user.shows(texts.LINES);
    await user.ask("delete line 3");
    await user.showsDiff();
    await untilSeen(
      "the diff goes",
      () => user.page.keyboard.press("Control+Enter"),
      async () => !(await user.diff.isVisible()),
    );
    await user.shows("a = 1\nb = 2\nd = 4\n");
    await user.savedAs("lines.py", "a = 1\nb = 2\nd = 4\n");
    await user.undoesTo("lines.py", texts.LINES);
  });

  it("a quick fix is shown there, too, and applied by the button", async () => {
    const user = workbench();
    await user.show("ledger.py");
    await user.showsProblems();
    await user.goTo(8, 14);
    await user.apply(texts.FIX);
    await user.showsDiff();
    await user.page.getByRole("button", { name: /^Apply Edit/ }).click();
    await user.shows(texts.LEDGER_FIXED);
    await user.savedAs("ledger.py", texts.LEDGER_FIXED);
  });
});
