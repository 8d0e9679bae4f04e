/** Waiting for what is to happen: nothing here sleeps for a fixed time and hopes. */

const POLL_MS = 50;
const PATIENCE_MS = 20_000;

/** Returns after some milliseconds; for polling alone. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks until the answer is neither undefined, null nor false, and returns it.
 * @param what names in the error what did not happen; it may tell what was seen instead.
 */
export async function until<T>(
  what: string | (() => string | Promise<string>),
  ask: () => T | Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as NonNullable<Exclude<T, false>>;
    }
    if (performance.now() > end) {
      throw new Error(
        `not within ${patienceMs} ms: ${typeof what === "string" ? what : await what()}`,
      );
    }
    await pause(POLL_MS);
  }
}

/**
 * Does something again and again until its effect is seen: a key that is pressed while the workbench
 * settles may be swallowed.
 */
export async function untilSeen(
  what: string | (() => string | Promise<string>),
  gesture: () => Promise<void>,
  seen: () => boolean | Promise<boolean>,
  { eachMs = 4000, times = 6 } = {},
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await gesture();
    try {
      await until(what, seen, eachMs);
      return;
    } catch (error) {
      if (attempt === times) {
        throw error;
      }
    }
  }
}
