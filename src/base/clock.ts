/**
 * The time, as what waits or measures takes it: the system's, or that of a test.
 *
 * @module
 */

import { sleep, type Steps } from "../../ffi/call.ts";

/** A clock; its times are in milliseconds. */
export interface Clock {
  /** How much time has passed since some point in the past. */
  now(): number;
  /** Waits for a time, in the form that the runner chooses. */
  sleep(milliseconds: number): Steps<void>;
  /** Calls a function after a time, unless what it returns is called before. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The clock of the system; it is monotonic. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep,
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};
