/**
 * The edits under way and the hunks that the server has told of (`copydecode/hunk`). Pure.
 */

import type { Work } from "./state";

/** What the server tells of a hunk; README.md of the project has the other fields. */
export interface HunkTold {
  edit: number;
  index: number;
}

export class WorkCounter {
  private running = 0;
  private readonly told = new Set<string>();

  /** @param changed is called whenever `work` is another one. */
  constructor(private readonly changed: () => void) {}

  get work(): Work {
    return { edits: this.running, hunks: this.told.size };
  }

  /** Counts an edit while it is computed; returns what it returns. */
  async during<T>(edit: () => Promise<T>): Promise<T> {
    this.running += 1;
    this.changed();
    try {
      return await edit();
    } finally {
      this.running -= 1;
      if (this.running === 0) {
        this.told.clear();
      }
      this.changed();
    }
  }

  /** Notes a hunk; one that is told again is the same. */
  tell(hunk: HunkTold): void {
    if (this.running > 0) {
      this.told.add(`${hunk.edit}/${hunk.index}`);
      this.changed();
    }
  }
}
