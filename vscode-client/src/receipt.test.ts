import { describe, expect, it } from "vitest";
import { count, inWords, isReceipt, isSame, type Receipt } from "./receipt";

const RECEIPT = {
  id: "1",
  hunks: 1,
  total_s: 0.0182,
  forwards: 1,
  output_tokens: 501,
  confidence: 0.934,
} as Receipt;

function told(changed: Partial<Receipt> = {}, roundTripMs?: number): string {
  const receipt = { ...RECEIPT, ...changed };
  return inWords({
    receipt,
    at: 0,
    file: "a.py",
    ...(roundTripMs !== undefined && { roundTripMs }),
  });
}

describe("a receipt in words", () => {
  it("has the time that the editor measured, forwards, changes and how sure it is", () => {
    expect(told({}, 27.4)).toBe("27 ms, 1 forward instead of 501, 1 change, 93% sure");
    expect(told()).toMatch(/^18 ms, /);
  });

  it("says nothing of how sure it is where that is not known", () => {
    expect(told({ confidence: null, hunks: 0 })).toBe(
      "18 ms, 1 forward instead of 501, nothing to change",
    );
  });

  it("has requests and tokens of a model server, whose forwards nobody sees", () => {
    const remote = { remote: "models.example", requests: 2, forwards: 0, generated_tokens: 65 };
    expect(told({ ...remote, confidence: null })).toBe(
      "18 ms, 2 requests, 65 tokens instead of 501, 1 change",
    );
    expect(told({ ...remote, estimated: true })).toContain("65 tokens instead of about 501");
  });

  it("says what an edit failed with", () => {
    expect(told({ failed: "DeadlineError" })).toBe("no edit after 18 ms (DeadlineError)");
  });
});

describe("receipts", () => {
  it("are of one computation where id, time and end are the same", () => {
    expect(isSame(RECEIPT, { ...RECEIPT })).toBe(true);
    expect(isSame(RECEIPT, { ...RECEIPT, id: "2" })).toBe(false);
  });

  it("are two where an edit was cancelled and asked for again", () => {
    expect(isSame({ ...RECEIPT, failed: "EditCancelledError" }, RECEIPT)).toBe(false);
    expect(isSame(RECEIPT, { ...RECEIPT, total_s: 0.02 })).toBe(false);
  });

  it("are told from other answers", () => {
    expect(isReceipt(RECEIPT)).toBe(true);
    expect([null, undefined, "1", { applied: false, cancelled: true }].some(isReceipt)).toBe(false);
  });
});

it("a noun is in the plural where it is not one", () => {
  expect([0, 1, 2].map((n) => count(n, "hunk"))).toEqual(["0 hunks", "1 hunk", "2 hunks"]);
});
