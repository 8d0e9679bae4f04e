/** What the instruction box offers: what is typed, the last instructions, the clipboard. Pure. */

import { count } from "./receipt";

export const KEPT = 20;

/** One line of the instruction box: an instruction, or a snippet to be worked in. */
export interface Choice {
  label: string;
  description?: string;
  instruction?: string;
  snippet?: string;
}

/** Returns the instructions with another one in front, each once, the oldest left out. */
export function remembered(recent: readonly string[], instruction: string): string[] {
  return [instruction, ...recent.filter((old) => old !== instruction)].slice(0, KEPT);
}

/** Returns the lines of the box for what is typed so far, the one that Enter takes first. */
export function choices(typed: string, recent: readonly string[], clipboard: string): Choice[] {
  const text = typed.trim();
  const offered: Choice[] = [];
  if (text) {
    offered.push({ label: text, description: "Enter", instruction: text });
  }
  const words = text.toLowerCase();
  for (const instruction of recent) {
    if (instruction !== text && instruction.toLowerCase().includes(words)) {
      offered.push({ label: instruction, description: "recent", instruction });
    }
  }
  if (looksLikeCode(clipboard)) {
    const lines = count(clipboard.trimEnd().split(/\r\n?|\n/).length, "line");
    const head = clipboard.trim().split(/\r\n?|\n/, 1)[0] ?? "";
    offered.push({
      label: "$(clippy) Snippet from clipboard",
      description: `${lines}: ${head.slice(0, 60)}`,
      snippet: clipboard,
      ...(text && { instruction: text }),
    });
  }
  return offered;
}

/** Returns whether a text is likely code: of several lines, or with signs that prose seldom has. */
export function looksLikeCode(text: string): boolean {
  const trimmed = text.trim();
  if (!trimmed || trimmed.length > 100_000) {
    return false;
  }
  return /\n\s*\S/.test(trimmed) || /[{}()[\];=<>]|^\s*(#|\/\/|@\w)|\w\.\w+\(|->|=>/m.test(trimmed);
}
