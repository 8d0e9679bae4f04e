import { describe, expect, it } from "vitest";
import { Backoff } from "./backoff";

describe("a server that ends by itself", () => {
  it("is started again at once at first, then later and later, and in the end not at all", () => {
    const backoff = new Backoff();
    const delays = [0, 1, 2, 3, 4, 5].map((at) => backoff.next(at));
    expect(delays).toEqual([250, 1000, 2000, 4000, 8000, undefined]);
  });

  it("is forgiven what was three minutes ago", () => {
    const backoff = new Backoff();
    backoff.next(0);
    expect(backoff.next(3 * 60_000)).toBe(250);
  });

  it("is forgiven all where somebody restarts it", () => {
    const backoff = new Backoff();
    backoff.next(0);
    backoff.reset();
    expect(backoff.next(1)).toBe(250);
  });
});
