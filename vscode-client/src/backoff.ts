/** When a server that ended by itself is started again. Pure: the clock is an argument. */

const DELAYS_MS = [250, 1000, 2000, 4000, 8000];
const FORGOTTEN_MS = 3 * 60_000;

/** Counts the ends of the last three minutes; after five of them it gives up. */
export class Backoff {
  private ends: number[] = [];

  /** Notes an end at `now` (ms); returns how long to wait, undefined where it is no use. */
  next(now: number): number | undefined {
    this.ends = this.ends.filter((at) => now - at < FORGOTTEN_MS);
    this.ends.push(now);
    return DELAYS_MS[this.ends.length - 1];
  }

  /** Begins anew: somebody has asked for a start. */
  reset(): void {
    this.ends = [];
  }
}
