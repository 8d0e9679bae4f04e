/**
 * What the latency view says of receipts: phases, tokens, forwards, the trend, in numbers and words.
 * Pure: knows nothing of pages, and neither of how receipts come.
 */

import { count, type Receipt, type Timed } from "../receipt";

/** How many of the last edits the trend and the table have. */
export const SHOWN = 50;

/** A part of the time of an edit. `share` is its part of the whole, 0 to 1. */
export interface Phase {
  key: string;
  name: string;
  /** What happens there, in a sentence. */
  about: string;
  ms: number;
  share: number;
}

/** How the tokens of the new text came about. */
export interface Tokens {
  /** Taken from the document, or certain by the grammar: at least so many. */
  copied: number;
  /** Decided by the model. */
  written: number;
}

/** How an edit ended; `stopped` is what the user wanted, by cancelling it or by asking anew. */
export type End = "done" | "stopped" | "failed";

/** The last edits, oldest first, and what is usual among those that succeeded. */
export interface Trend {
  edits: readonly { timed: Timed; ms: number; end: End }[];
  /** NaN where none succeeded. */
  medianMs: number;
  slowestMs: number;
}

const SERVER_PHASES = [
  ["prompt", "Prompt", "choosing the lines to show, and turning them into tokens"],
  ["prefill", "Reading", "the model reads what it has not read before"],
  ["decode", "Deciding", "the model's forwards after it has read"],
  ["grammar", "Grammar", "what may come next, so that no invalid edit can be written"],
  ["resolve", "Resolving", "the new text and its changes"],
  ["check", "Checking", "whether the fix adds errors"],
] as const;

/** Returns what the user waited for an edit, in ms: as the editor measured it, where it did. */
export function took(timed: Timed): number {
  return timed.roundTripMs ?? serverMs(timed.receipt);
}

/** Returns the time in the server, in ms, waiting included. */
export function serverMs({ queue_s, total_s }: Receipt): number {
  return (queue_s + total_s) * 1000;
}

/**
 * Returns whether the server had the edit before it was asked for: the phases then tell of the time
 * in which it was computed, not of the user's.
 */
export function wasKnown({ receipt, roundTripMs }: Timed): boolean {
  return roundTripMs !== undefined && roundTripMs < serverMs(receipt);
}

/** Returns where the time of an edit went, in the order in which it passes; none that took nothing. */
export function phases({ receipt, roundTripMs }: Timed): Phase[] {
  const waited = receipt.queue_s + receipt.waited_s;
  const named = SERVER_PHASES.map(
    ([key, name, about]) => ({ key, name, about, ms: receipt[`${key}_s`] * 1000 }) as const,
  );
  const known = named.reduce((sum, { ms }) => sum + ms, receipt.waited_s * 1000);
  const all = [
    {
      key: "waiting",
      name: "Waiting",
      about: "for other edits, and for the model to be loaded",
      ms: waited * 1000,
    },
    ...named,
    {
      key: "rest",
      name: "Rest of the server",
      about: "what the server did besides",
      ms: receipt.total_s * 1000 - known,
    },
    {
      key: "editor",
      name: "Editor",
      about: "the way to the server and back, and what the editor did itself",
      ms: (roundTripMs ?? 0) - serverMs(receipt),
    },
  ].filter(({ ms }) => ms > 0);
  const whole = all.reduce((sum, { ms }) => sum + ms, 0);
  return all.map((phase) => ({ ...phase, share: phase.ms / whole }));
}

/** Returns how many tokens of the new text were copied and how many the model decided. */
export function tokens({ output_tokens, generated_tokens }: Receipt): Tokens {
  const written = Math.min(generated_tokens, output_tokens);
  return { copied: output_tokens - written, written };
}

/** Returns the trend of the newest `SHOWN` edits. */
export function trend(newestFirst: readonly Timed[]): Trend {
  const edits = newestFirst
    .slice(0, SHOWN)
    .reverse()
    .map((timed) => ({ timed, ms: took(timed), end: ended(timed.receipt) }));
  return {
    edits,
    medianMs: median(edits.filter(({ end }) => end === "done").map(({ ms }) => ms)),
    slowestMs: Math.max(0, ...edits.map(({ ms }) => ms)),
  };
}

/** Returns the middle of numbers, the mean of the two middle ones of an even number; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const around = Number.isInteger(half)
    ? sorted.slice(half - 1, half + 1)
    : [sorted[Math.floor(half)] ?? NaN];
  return around.length === 0 ? NaN : around.reduce((sum, n) => sum + n, 0) / around.length;
}

const STOPPED: Readonly<Record<string, string>> = {
  EditCancelledError: "cancelled",
  ReplacedError: "replaced by a newer one",
};

/** Returns how an edit ended. */
export function ended({ failed }: Receipt): End {
  return failed === undefined ? "done" : failed in STOPPED ? "stopped" : "failed";
}

/** Returns what became of an edit, in a few words. */
export function outcome({ failed, hunks, files }: Receipt): string {
  if (failed !== undefined) {
    return STOPPED[failed] ?? `failed: ${failed.replace(/Error$/, "")}`;
  }
  const changes = hunks === 0 ? "no change" : count(hunks, "change");
  return files === undefined ? changes : `${changes} in ${count(files, "file")}`;
}

/** Returns what forwards were saved, in a sentence. */
export function forwardsInWords(receipt: Receipt): string {
  const { forwards, output_tokens, remote, requests, generated_tokens, estimated } = receipt;
  const asked = `${count(requests ?? 0, "request")} to a model server`;
  const needed = remote
    ? `${asked}, which wrote ${count(generated_tokens, "token")}`
    : `${count(forwards, "forward")} of the model after it had read`;
  const plain = `Plain decoding would have taken ${estimated ? "about " : ""}${output_tokens}.`;
  return output_tokens === 0 ? `${needed}.` : `${needed}. ${plain}`;
}

/** Returns a time for people: tenths below 10 ms, seconds from 1 s on. */
export function time(ms: number): string {
  if (ms >= 999.5) {
    return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  }
  if (ms > 0 && ms < 0.05) {
    return "<0.1 ms";
  }
  return ms >= 9.95 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

/** Returns a part of a whole for people. */
export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`;
}
