import { describe, expect, it } from "vitest";
import type { Receipt, Timed } from "../receipt";
import * as figures from "./figures";

const RECEIPT: Receipt = {
  id: "1",
  uri: "file:///a.py",
  hunks: 1,
  model: "embedded",
  queue_s: 0.004,
  prompt_s: 0.001,
  prefill_s: 0.002,
  decode_s: 0.008,
  grammar_s: 0.001,
  resolve_s: 0.001,
  waited_s: 0.002,
  check_s: 0,
  total_s: 0.016,
  prompt_tokens: 600,
  reused_tokens: 580,
  forwards: 2,
  shared_forwards: 0,
  at_once: 1,
  forced_tokens: 9,
  spliced_tokens: 32,
  generated_tokens: 7,
  drafted_tokens: 5,
  accepted_tokens: 5,
  output_tokens: 557,
  confidence: 0.9,
  retries: 0,
};

function timed(changed: Partial<Receipt> = {}, roundTripMs?: number): Timed {
  return {
    receipt: { ...RECEIPT, ...changed },
    at: 0,
    file: "a.py",
    ...(roundTripMs !== undefined && { roundTripMs }),
  };
}

function msOf(phases: readonly figures.Phase[]): Record<string, number> {
  return Object.fromEntries(phases.map(({ key, ms }) => [key, Math.round(ms * 1000) / 1000]));
}

describe("phases", () => {
  it("add up to what the editor measured, each once", () => {
    const found = figures.phases(timed({}, 25));
    expect(msOf(found)).toEqual({
      waiting: 6,
      prompt: 1,
      prefill: 2,
      decode: 8,
      grammar: 1,
      resolve: 1,
      rest: 1,
      editor: 5,
    });
    expect(found.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(25);
    expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  it("say nothing of the editor where it did not measure", () => {
    expect(figures.phases(timed()).map(({ key }) => key)).not.toContain("editor");
    expect(figures.took(timed())).toBe(20);
  });

  it("are none of an edit that took no time", () => {
    const none = { queue_s: 0, waited_s: 0, prompt_s: 0, prefill_s: 0, decode_s: 0 };
    expect(figures.phases(timed({ ...none, grammar_s: 0, resolve_s: 0, total_s: 0 }))).toEqual([]);
  });

  it("are of an earlier computation where the editor waited less than the server took", () => {
    const answered = timed({}, 3);
    expect(figures.wasKnown(answered)).toBe(true);
    expect(figures.took(answered)).toBe(3);
    expect(figures.phases(answered).map(({ key }) => key)).not.toContain("editor");
    expect(figures.wasKnown(timed({}, 25))).toBe(false);
    expect(figures.wasKnown(timed())).toBe(false);
  });
});

describe("tokens", () => {
  it("that the model did not decide were copied", () => {
    expect(figures.tokens(RECEIPT)).toEqual({ copied: 550, written: 7 });
  });

  it("are never less than none, where decisions went into programs that were refused", () => {
    expect(figures.tokens({ ...RECEIPT, output_tokens: 5 })).toEqual({ copied: 0, written: 5 });
  });
});

describe("trend", () => {
  it("goes from the oldest to the newest of the last edits", () => {
    const many = Array.from({ length: 60 }, (_, k) => timed({}, 160 - k));
    const { edits } = figures.trend(many);
    expect(edits).toHaveLength(figures.SHOWN);
    expect(edits[0]?.ms).toBe(111);
    expect(edits.at(-1)?.ms).toBe(160);
  });

  it("has the median of those that succeeded alone, and the slowest of all", () => {
    const found = figures.trend([timed({}, 10), timed({ failed: "X" }, 900), timed({}, 20)]);
    expect(found.medianMs).toBe(15);
    expect(found.slowestMs).toBe(900);
    expect(found.edits.map(({ end }) => end)).toEqual(["done", "failed", "done"]);
  });

  it("has no median of none", () => {
    expect(figures.trend([])).toEqual({ edits: [], medianMs: NaN, slowestMs: 0 });
    expect(figures.median([3, 1, 2])).toBe(2);
  });
});

describe("words", () => {
  it("tell what became of an edit", () => {
    expect(figures.outcome(RECEIPT)).toBe("1 change");
    expect(figures.outcome({ ...RECEIPT, hunks: 0 })).toBe("no change");
    expect(figures.outcome({ ...RECEIPT, hunks: 3, files: 2 })).toBe("3 changes in 2 files");
    expect(figures.outcome({ ...RECEIPT, failed: "EditCancelledError" })).toBe("cancelled");
    expect(figures.outcome({ ...RECEIPT, failed: "ReplacedError" })).toMatch(/^replaced/);
    expect(figures.ended({ ...RECEIPT, failed: "ReplacedError" })).toBe("stopped");
    expect(figures.outcome({ ...RECEIPT, failed: "DeadlineError" })).toBe("failed: Deadline");
  });

  it("tell forwards against plain decoding, which an edit that failed has none of", () => {
    expect(figures.forwardsInWords(RECEIPT)).toBe(
      "2 forwards of the model after it had read. Plain decoding would have taken 557.",
    );
    expect(figures.forwardsInWords({ ...RECEIPT, output_tokens: 0 })).not.toContain("Plain");
    const asked = { remote: "models.example", requests: 1, generated_tokens: 9, estimated: true };
    expect(figures.forwardsInWords({ ...RECEIPT, ...asked })).toBe(
      "1 request to a model server, which wrote 9 tokens. Plain decoding would have taken about 557.",
    );
  });

  it("round times and parts so that none reads as nothing", () => {
    expect([0.04, 0.4, 9.94, 9.96, 27.4, 999.4, 999.6, 1234, 9960].map(figures.time)).toEqual([
      "<0.1 ms",
      "0.4 ms",
      "9.9 ms",
      "10 ms",
      "27 ms",
      "999 ms",
      "1.0 s",
      "1.2 s",
      "10 s",
    ]);
    expect([0, 0.001, 0.014, 0.5, 1].map(figures.percent)).toEqual([
      "0%",
      "<1%",
      "1%",
      "50%",
      "100%",
    ]);
  });
});
