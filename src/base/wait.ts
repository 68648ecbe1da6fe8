/**
 * Ways to give up waiting.
 *
 * @module
 */

import { optionsObject } from "./arguments.ts";
import { shown } from "./text.ts";

/** Ways to give up waiting. */
export interface WaitOptions {
  /** Ends the wait when it is aborted: the call fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The longest wait, in milliseconds: the call fails with a `TimeoutError`. */
  readonly timeout?: number;
}

/** One signal for a signal and a timeout; the time begins to run. */
export function signalOf(wait: WaitOptions | undefined): AbortSignal | undefined {
  if (wait === undefined || wait === null) return undefined;
  const { signal, timeout } = optionsObject("the options for waiting", wait, ["signal", "timeout"]);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`Expected signal to be an AbortSignal, got ${shown(signal)}`);
  }
  if (timeout === undefined) return signal;
  if (typeof timeout !== "number") {
    throw new TypeError(`Expected timeout to be a number of milliseconds, got ${shown(timeout)}`);
  }
  if (!(timeout >= 0 && timeout <= 2147483647)) {
    throw new RangeError(
      `Expected timeout from 0 to 2147483647 milliseconds, got ${shown(timeout)}`,
    );
  }
  const limit = AbortSignal.timeout(timeout);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}
