import { describe, expect, it, vi } from "vitest";
import { WorkCounter } from "./work";

describe("edits under way", () => {
  it("count their hunks once, however often they are told, until the last has ended", async () => {
    const changed = vi.fn();
    const counter = new WorkCounter(changed);
    let end: (result: number) => void = () => undefined;
    const edit = counter.during(() => new Promise<number>((resolve) => (end = resolve)));
    counter.tell({ edit: 1, index: 0 });
    counter.tell({ edit: 1, index: 0 });
    counter.tell({ edit: 1, index: 1 });
    expect(counter.work).toEqual({ edits: 1, hunks: 2 });
    end(7);
    expect(await edit).toBe(7);
    expect(counter.work).toEqual({ edits: 0, hunks: 0 });
    expect(changed).toHaveBeenCalled();
  });

  it("end where one fails, too", async () => {
    const counter = new WorkCounter(() => undefined);
    await expect(counter.during(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(counter.work.edits).toBe(0);
  });

  it("take no hunk that comes late", () => {
    const counter = new WorkCounter(() => undefined);
    counter.tell({ edit: 1, index: 0 });
    expect(counter.work.hunks).toBe(0);
  });
});
