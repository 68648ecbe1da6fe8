/** Native objects that a test leaves behind: counted after each test, so that it can be named. */

import { deepStrictEqual } from "node:assert/strict";
import { liveHandles } from "../../ffi/handle.ts";

type Counts = Readonly<Record<string, number>>;

/** Fails if a native object is still alive. */
export function noLiveHandles(): void {
  deepStrictEqual(liveHandles(), {});
}

/** Waits until no native object is alive: a call that was abandoned ends a little later. */
export async function allFreed(): Promise<void> {
  await until(() => Object.keys(liveHandles()).length === 0);
  noLiveHandles();
}

/**
 * From here on each test of the file fails if it leaves native objects behind. What it leaves is not
 * held against the tests after it.
 *
 * @param patience How long, in milliseconds, calls that were abandoned may take to end.
 */
export function nameLeakingTests(patience = 5000): void {
  let before: Counts = {};
  Deno.test.beforeEach(() => {
    before = liveHandles();
  });
  Deno.test.afterEach(async () => {
    await until(() => added(before).length === 0, patience);
    const left = added(before);
    if (left.length > 0) {
      throw new Error(`The test leaves native objects behind: ${left.join(", ")}`);
    }
  });
}

/** What there is more of than before: `1 AVFrame`. */
function added(before: Counts): string[] {
  return Object.entries(liveHandles())
    .map(([kind, count]) => ({ kind, more: count - (before[kind] ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ kind, more }) => `${more} ${kind}`);
}

async function until(done: () => boolean, milliseconds = 5000): Promise<void> {
  const limit = performance.now() + milliseconds;
  while (!done() && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
