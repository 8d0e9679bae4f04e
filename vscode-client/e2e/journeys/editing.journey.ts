/** Edits by the embedded model, applied at once: what the text becomes, byte by byte, and undo. */

import { describe, expect, it } from "vitest";
import { session } from "./session";

const LEDGER = `"""Totals of a ledger."""


def total(items):
    result = 0
    for item in items:
        result += item.price
    return resultt


print(total([]))
`;
const FIXED = LEDGER.replace("resultt", "result");

describe("an edit", () => {
  const workbench = session({
    files: { "ledger.py": LEDGER, "lines.py": "a = 1\nb = 2\nc = 3\nd = 4\n" },
    settings: { "copydecode.confirm": "never" },
  });

  it("fixes a diagnostic from the lightbulb's menu, and one undo takes it back", async () => {
    const it = workbench();
    await it.says("AI edit: ready");
    await it.showsProblems();
    await it.goTo(8, 14);
    await it.apply("Apply AI edit: fix undefined name 'resultt'");
    await it.shows(FIXED);
    await it.savedAs("ledger.py", FIXED);
    await it.undoesTo("ledger.py", LEDGER);
  });

  it("is asked for in words, and the words are offered again", async () => {
    const it = workbench();
    await it.show("lines.py");
    await it.goTo(1, 1);
    await it.ask("delete line 3");
    await it.shows("a = 1\nb = 2\nd = 4\n");
    await it.openInstructions();
    const recent = it.quickPick.locator(".monaco-list-row", { hasText: "delete line 3" });
    await recent.waitFor();
    expect(await recent.textContent()).toContain("recent");
    await it.page.keyboard.press("Enter");
    await it.shows("a = 1\nb = 2\n");
    await it.savedAs("lines.py", "a = 1\nb = 2\n");
  });
});
