/**
 * Steps that run to the end whatever fails on the way, as closing does.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";

/** Runs all of them, one after the other; returns what they have thrown. */
export function* attempt(...all: readonly (() => Steps<void>)[]): Steps<unknown[]> {
  const failures: unknown[] = [];
  for (const steps of all) {
    try {
      yield* steps();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

/** Runs all of them, one after the other; throws the first failure at the end. */
export function* attemptAll(...all: readonly (() => Steps<void>)[]): Steps<void> {
  const failures = yield* attempt(...all);
  if (failures.length > 0) throw failures[0];
}
