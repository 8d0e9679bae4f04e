/** The states that the server can be in, as words and as a status bar item. Pure. */

import { count } from "./receipt";

export type State =
  "stopped" | "finding" | "needs-set-up" | "starting" | "loading" | "ready" | "away" | "failed";

/** What is under way: how many edits, and the hunks that they have closed so far. */
export interface Work {
  edits: number;
  hunks: number;
}

/** How a state looks: `text` with icons, `spoken` for a screen reader. */
export interface Look {
  text: string;
  spoken: string;
  tone: "none" | "warning" | "error";
}

const LOOKS: Record<State, Look> = {
  stopped: { text: "$(circle-slash) AI edit: off", spoken: "AI edit: stopped", tone: "none" },
  finding: {
    text: "$(sync~spin) AI edit: starting",
    spoken: "AI edit: looking for Python",
    tone: "none",
  },
  "needs-set-up": {
    text: "$(warning) AI edit: set up",
    spoken: "AI edit: needs to be set up",
    tone: "warning",
  },
  starting: { text: "$(sync~spin) AI edit: starting", spoken: "AI edit: starting", tone: "none" },
  loading: {
    text: "$(sync~spin) AI edit: loading",
    spoken: "AI edit: loading the model",
    tone: "none",
  },
  ready: { text: "$(sparkle) AI edit", spoken: "AI edit: ready", tone: "none" },
  away: {
    text: "$(warning) AI edit: no model",
    spoken: "AI edit: the model server cannot be used; the next edit tries it again",
    tone: "warning",
  },
  failed: { text: "$(error) AI edit: stopped", spoken: "AI edit: failed", tone: "error" },
};

/** Returns whether edits can be asked for. */
export function answers(state: State): boolean {
  return state === "ready" || state === "loading" || state === "away";
}

/** Returns how a state looks, with the edits under way. */
export function lookOf(state: State, work: Work): Look {
  if (work.edits === 0 || !answers(state)) {
    return LOOKS[state];
  }
  const hunks = work.hunks === 0 ? "working" : count(work.hunks, "hunk");
  return { text: `$(loading~spin) AI edit: ${hunks}`, spoken: `AI edit: ${hunks}`, tone: "none" };
}
