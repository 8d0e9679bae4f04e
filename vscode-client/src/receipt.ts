/**
 * What the server tells of one edit: where its time went, what was copied and written.
 * Pure: knows nothing of how receipts come, nor of how they are shown.
 */

/** The server's receipt; times in seconds, all else counts unless said. README.md of the project has the fields. */
export interface Receipt {
  id: string;
  uri: string;
  /** Places that the edit changes. */
  hunks: number;
  model: string;
  queue_s: number;
  prompt_s: number;
  prefill_s: number;
  decode_s: number;
  grammar_s: number;
  resolve_s: number;
  waited_s: number;
  check_s: number;
  total_s: number;
  prompt_tokens: number;
  reused_tokens: number;
  forwards: number;
  shared_forwards: number;
  at_once: number;
  forced_tokens: number;
  spliced_tokens: number;
  generated_tokens: number;
  drafted_tokens: number;
  accepted_tokens: number;
  /** Tokens of the new text: plain decoding would take a forward each. */
  output_tokens: number;
  /** How often edits that the model is as sure of are right, 0 to 1; null where that is not known. */
  confidence: number | null;
  retries: number;
  /** The model server that made it, whose forwards nobody sees; null where the model runs beside the editor. */
  remote?: string | null;
  /** What that was asked. */
  requests?: number;
  /** Whether tokens of the new text are estimated, since only that server has the tokenizer. */
  estimated?: boolean;
  /** What it failed with, the kind of its error. */
  failed?: string;
  files?: number;
  together?: boolean;
}

/** A receipt as the editor saw it. */
export interface Timed {
  receipt: Receipt;
  /** When it came, in ms since the epoch. */
  at: number;
  /** From the request to its answer, in ms, as the editor measured it. */
  roundTripMs?: number;
  /** The file's name without its folders. */
  file: string;
}

/** Returns whether a value that the server sent is a receipt. */
export function isReceipt(value: unknown): value is Receipt {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Receipt).id === "string" &&
    typeof (value as Receipt).total_s === "number"
  );
}

/**
 * Returns whether two receipts tell of one computation. Their ids say that the same was asked of the
 * same text, as by somebody who cancels an edit and asks for it again.
 */
export function isSame(a: Receipt, b: Receipt): boolean {
  return a.id === b.id && a.total_s === b.total_s && a.failed === b.failed;
}

/** Returns a receipt in a line, such as "18 ms, 1 forward instead of 501, 1 change". */
export function inWords({ receipt, roundTripMs }: Timed): string {
  const ms = Math.round(roundTripMs ?? receipt.total_s * 1000);
  if (receipt.failed !== undefined) {
    return `no edit after ${ms} ms (${receipt.failed})`;
  }
  const parts = [
    `${ms} ms`,
    work(receipt),
    receipt.hunks === 0 ? "nothing to change" : count(receipt.hunks, "change"),
  ];
  if (receipt.confidence !== null) {
    parts.push(`${Math.round(receipt.confidence * 100)}% sure`);
  }
  return parts.join(", ");
}

/** Returns what the model did for an edit, against writing the whole text. */
function work(receipt: Receipt): string {
  if (!receipt.remote) {
    return `${count(receipt.forwards, "forward")} instead of ${receipt.output_tokens}`;
  }
  const requests = count(receipt.requests ?? 0, "request");
  const about = receipt.estimated ? "about " : "";
  return `${requests}, ${count(receipt.generated_tokens, "token")} instead of ${about}${receipt.output_tokens}`;
}

/** Returns a number with its noun, in the plural where it is not one. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
