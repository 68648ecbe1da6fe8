/**
 * The operations of one writer or reader: in the order in which they were called, one at a time,
 * each of them breakable.
 *
 * @module
 */

import { type Rest, runAsync, runSync, type Steps } from "../ffi/call.ts";
import type { Interrupt } from "../ffi/interrupt.ts";
import { optionsObject } from "./arguments.ts";
import { shown } from "./text.ts";
import type { WaitOptions } from "./types.ts";

/** Runs operations one after the other. */
export class Operations {
  readonly #owner: string;
  readonly #interrupt: () => Interrupt | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /**
   * Makes an empty queue.
   *
   * @param owner What messages call the owner.
   * @param interrupt What breaks off the owner's calls, as long as there is something to break off.
   */
  constructor(owner: string, interrupt: () => Interrupt | undefined) {
    this.#owner = owner;
    this.#interrupt = interrupt;
  }

  /** Runs an operation now, on the calling thread. */
  now(operation: () => Rest): void;
  now<T>(operation: () => Steps<T>): T;
  now<T>(operation: () => Steps<T> | undefined): T | undefined {
    if (this.#pending > 0) {
      throw new Error(
        `Cannot make a sync call while an async one of this ${this.#owner} is under way: ` +
          `await that one first`,
      );
    }
    this.#pending++;
    try {
      const steps = operation();
      return steps && runSync(steps);
    } finally {
      this.#pending--;
    }
  }

  /** Runs an operation after those called before it. */
  later(operation: () => Rest, wait?: WaitOptions): Promise<void>;
  later<T>(operation: () => Steps<T>, wait?: WaitOptions): Promise<T>;
  async later<T>(
    operation: () => Steps<T> | undefined,
    wait?: WaitOptions,
  ): Promise<T | undefined> {
    const signal = signalOf(wait);
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    this.#pending++;
    try {
      await before;
      signal?.throwIfAborted();
      return await this.#breakable(operation, signal);
    } finally {
      this.#pending--;
      done.resolve();
    }
  }

  async #breakable<T>(
    operation: () => Steps<T> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const interrupt = () => this.#interrupt()?.trigger();
    signal?.addEventListener("abort", interrupt);
    try {
      const steps = operation();
      return steps && await runAsync(steps, signal);
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", interrupt);
      this.#interrupt()?.reset();
    }
  }
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
