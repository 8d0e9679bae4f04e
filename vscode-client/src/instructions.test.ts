import { describe, expect, it } from "vitest";
import { choices, KEPT, looksLikeCode, remembered } from "./instructions";

describe("the instruction box", () => {
  it("offers what is typed first, then recent instructions that hold it", () => {
    const offered = choices("use ", ["delete line 3", "Use a set"], "");
    expect(offered.map((choice) => choice.instruction)).toEqual(["use", "Use a set"]);
  });

  it("offers all recent instructions before anything is typed", () => {
    expect(choices("", ["a", "b"], "").map((choice) => choice.label)).toEqual(["a", "b"]);
  });

  it("offers the clipboard where it holds code, together with what is typed", () => {
    const [typed, snippet] = choices("put it first", [], "x = 1\ny = 2\n");
    expect(typed?.snippet).toBeUndefined();
    expect(snippet).toMatchObject({ snippet: "x = 1\ny = 2\n", instruction: "put it first" });
    expect(snippet?.description).toBe("2 lines: x = 1");
    expect(choices("", [], "see you tomorrow")).toEqual([]);
  });

  it("takes lines of code for code, and a sentence or an address for none", () => {
    for (const code of [
      "return x;",
      "if a:\n    b",
      "foo(1)",
      "const f = () => 1",
      "# a comment",
    ]) {
      expect(looksLikeCode(code), code).toBe(true);
    }
    for (const prose of ["", "hello", "Delete the line, please.", "https://example.org/a-b"]) {
      expect(looksLikeCode(prose), prose).toBe(false);
    }
  });
});

describe("recent instructions", () => {
  it("are there once each, newest first, and no more than are kept", () => {
    expect(remembered(["a", "b"], "b")).toEqual(["b", "a"]);
    const many = Array.from({ length: KEPT }, (_, k) => String(k));
    expect(remembered(many, "new")).toHaveLength(KEPT);
    expect(remembered(many, "new")[0]).toBe("new");
  });
});
