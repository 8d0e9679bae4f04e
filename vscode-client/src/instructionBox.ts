/** Asks the user for an instruction: typed, one of the last, or a snippet from the clipboard. */

import * as vscode from "vscode";
import { choices, looksLikeCode, remembered, type Choice } from "./instructions";

const RECENT = "copydecode.recentInstructions";

export class InstructionBox {
  /** @param memory keeps the last instructions, of this workspace. */
  constructor(private readonly memory: vscode.Memento) {}

  /** Returns what the user chose; undefined where nothing. */
  async ask(): Promise<Choice | undefined> {
    const recent = this.memory.get<string[]>(RECENT, []);
    const clipboard = await clipboardText();
    const box = vscode.window.createQuickPick<vscode.QuickPickItem & { choice: Choice }>();
    box.title = "Apply AI edit";
    box.placeholder = "What is to be done here? For example: delete lines 3 to 5";
    const show = (): void => {
      box.items = choices(box.value, recent, clipboard).map((choice) => ({
        label: choice.label,
        ...(choice.description !== undefined && { description: choice.description }),
        alwaysShow: true, // What is offered was chosen already.
        choice,
      }));
    };
    show();
    try {
      const chosen = await new Promise<Choice | undefined>((resolve) => {
        box.onDidChangeValue(show);
        box.onDidAccept(() => resolve(box.activeItems[0]?.choice));
        box.onDidHide(() => resolve(undefined));
        box.show();
      });
      if (chosen?.instruction !== undefined) {
        await this.memory.update(RECENT, remembered(recent, chosen.instruction));
      }
      return chosen;
    } finally {
      box.dispose();
    }
  }
}

/** Returns the clipboard's text where it holds code; else undefined, and the user is told. */
export async function snippetFromClipboard(): Promise<string | undefined> {
  const text = await clipboardText();
  if (looksLikeCode(text)) {
    return text;
  }
  void vscode.window.showInformationMessage(
    text.trim()
      ? "copydecode: the clipboard does not hold code. Copy a snippet first."
      : "copydecode: the clipboard is empty. Copy a snippet first.",
  );
  return undefined;
}

/** Returns the clipboard's text; "" where it may not be read, as in a browser that was not allowed. */
async function clipboardText(): Promise<string> {
  try {
    return await vscode.env.clipboard.readText();
  } catch {
    return "";
  }
}
