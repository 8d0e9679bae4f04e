import { describe, expect, it } from "vitest";
import { answers, lookOf } from "./state";

describe("the status", () => {
  it("counts the hunks of the edits under way", () => {
    expect(lookOf("ready", { edits: 1, hunks: 0 }).text).toBe("$(loading~spin) AI edit: working");
    expect(lookOf("ready", { edits: 1, hunks: 1 }).spoken).toBe("AI edit: 1 hunk");
    expect(lookOf("ready", { edits: 2, hunks: 3 }).spoken).toBe("AI edit: 3 hunks");
  });

  it("lets edits be asked for while the model server is away: it may be back by then", () => {
    expect(answers("away")).toBe(true);
    expect(answers("failed")).toBe(false);
    expect(lookOf("away", { edits: 1, hunks: 0 }).text).toBe("$(loading~spin) AI edit: working");
  });

  it("stands out where somebody has to do something", () => {
    expect(lookOf("needs-set-up", { edits: 0, hunks: 0 }).tone).toBe("warning");
    expect(lookOf("away", { edits: 0, hunks: 0 }).tone).toBe("warning");
    expect(lookOf("failed", { edits: 1, hunks: 0 }).tone).toBe("error");
    expect(lookOf("ready", { edits: 0, hunks: 0 }).tone).toBe("none");
  });
});
