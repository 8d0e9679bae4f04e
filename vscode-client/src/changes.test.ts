import { describe, expect, it } from "vitest";
import { landed, type Change } from "./changes";

function change(at: [number, number, number, number], text: string): Change {
  const [line, character, endLine, endCharacter] = at;
  return { start: { line, character }, end: { line: endLine, character: endCharacter }, text };
}

/** Applies changes from the last to the first, so that no range moves before its turn. */
function applied(document: string, changes: readonly Change[]): string {
  const offset = ({ line, character }: { line: number; character: number }) =>
    document.split("\n").slice(0, line).join("\n").length + (line > 0 ? 1 : 0) + character;
  const inOrder = [...changes].sort((a, b) => offset(b.start) - offset(a.start));
  return inOrder.reduce(
    (text, { start, end, text: added }) =>
      text.slice(0, offset(start)) + added + text.slice(offset(end)),
    document,
  );
}

function read(document: string, { start, end }: ReturnType<typeof landed>[number]): string {
  const lines = document.split("\n").slice(start.line, end.line + 1);
  const last = lines.length - 1;
  lines[last] = lines[last]?.slice(0, end.character) ?? "";
  lines[0] = lines[0]?.slice(start.character) ?? "";
  return lines.join("\n");
}

describe("what an edit has put in", () => {
  const document = "alpha beta\ngamma delta\nepsilon\n";
  const cases: [string, Change[]][] = [
    ["a word", [change([0, 6, 0, 10], "BETA!")]],
    ["two words in a line", [change([0, 0, 0, 5], "A"), change([0, 6, 0, 10], "BB")]],
    ["lines in place of one", [change([1, 0, 1, 11], "x\ny\nz")]],
    ["a line taken out, and a word below", [change([0, 0, 1, 0], ""), change([1, 6, 1, 11], "D")]],
    ["two lines joined, and the rest", [change([0, 10, 1, 0], " "), change([1, 0, 1, 5], "GAMMA")]],
    ["given backwards", [change([2, 0, 2, 7], "E"), change([0, 0, 0, 0], "new\n")]],
  ];
  it.each(cases)("is found where it lies: %s", (_, changes) => {
    const after = applied(document, changes);
    const inOrder = [...changes].sort(
      (a, b) => a.start.line - b.start.line || a.start.character - b.start.character,
    );
    expect(landed(changes).map((span) => read(after, span))).toEqual(inOrder.map((c) => c.text));
  });

  it("counts a line end of two characters as one", () => {
    const [span] = landed([change([0, 0, 0, 0], "a\r\nbc")]);
    expect(span).toEqual({ start: { line: 0, character: 0 }, end: { line: 1, character: 2 } });
  });
});
