/**
 * The calls of one object: in the order in which they were made, one at a time, each of them
 * interruptible.
 *
 * @module
 */

import { type Pending, runAsync, runSync, type Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { type Clock, systemClock } from "./clock.ts";
import { signalOf, type WaitOptions } from "./wait.ts";

/**
 * How long, in milliseconds, an operation may take to end once it has been aborted. FFmpeg looks every
 * 100 ms at most, and in some calls not at all: opening a named pipe, logging in by SSH, looking up a
 * name. Such a call cannot be cancelled, so it is abandoned and finishes on its own thread.
 */
const GRACE = 50;

/** How long, in milliseconds, closing waits for an abandoned call. */
const PATIENCE = 200;

/** What interrupts the calls of an object, as long as there is something to interrupt. */
export type Interrupter = () => Interrupt | undefined;

/** What a queue needs to know of the object whose calls it runs. */
export interface QueueOwner {
  /** What messages call it, such as `"StreamReader"`. */
  readonly name: string;
  /** What interrupts its calls. */
  readonly interrupt: Interrupter;
  /** Why sync calls are not possible, if so: `"sends in the background"`. */
  readonly asyncOnly?: string | undefined;
}

/** An operation that may be aborted, on its way. */
interface Run<T> {
  readonly signal: AbortSignal;
  /** What to do with the result of an operation that was abandoned. */
  readonly tooLate: ((result: T) => Pending) | undefined;
  /** Whether its promise has been rejected while it still runs. */
  abandoned: boolean;
}

/** Runs operations one after the other. */
export class SerialQueue {
  readonly #owner: QueueOwner;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #abandoned = 0;
  /** What closing waits for at most: once for all its calls, where it is called several times. */
  #patience: Promise<void> | undefined;

  /** Makes an empty queue. */
  constructor(owner: QueueOwner, clock: Clock = systemClock) {
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Whether a call that was aborted has not come back yet. */
  get hasAbandoned(): boolean {
    return this.#abandoned > 0;
  }

  /** Runs an operation now, on the calling thread. */
  runSync(operation: () => Pending): void;
  runSync<T>(operation: () => Steps<T>): T;
  runSync<T>(operation: () => Steps<T> | undefined): T | undefined {
    const { name, asyncOnly } = this.#owner;
    if (asyncOnly !== undefined) {
      throw new Error(
        `Cannot make a sync call, as this ${name} ${asyncOnly}: use the async calls, and ` +
          `await using instead of using`,
      );
    }
    if (this.#pending > 0) {
      throw new Error(
        `Cannot make a sync call while an async one of this ${name} is under way: ` +
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

  /**
   * Runs an operation after those called before it.
   *
   * @param operation What to run.
   * @param wait Ways to give up waiting.
   * @param tooLate What to do with the result of an operation that was abandoned.
   */
  run(operation: () => Pending, wait?: WaitOptions, tooLate?: () => Pending): Promise<void>;
  run<T>(operation: () => Steps<T>, wait?: WaitOptions, tooLate?: (it: T) => Pending): Promise<T>;
  async run<T>(
    operation: () => Steps<T> | undefined,
    wait?: WaitOptions,
    tooLate?: (it: T) => Pending,
  ): Promise<T | undefined> {
    const signal = signalOf(wait);
    if (signal === undefined) return await this.#inTurn(operation);
    const run: Run<T> = { signal, tooLate, abandoned: false };
    const { timeout } = wait!;
    // A time limit alone does not keep a script alive, which may have nothing else to wait for.
    const letGo = timeout === undefined ? undefined : this.#clock.after(timeout, () => {});
    try {
      return await this.#orAbandon(this.#inTurn(operation, run), run);
    } finally {
      letGo?.();
    }
  }

  /** An operation as a step of another object's, in whichever form that one runs. */
  *step(operation: () => Pending): Steps<void> {
    yield { now: () => this.runSync(operation), later: () => this.run(operation) };
  }

  /** Runs the operation that closes the owner: an abandoned call does not hold it up. */
  async close(operation: () => Pending, wait?: WaitOptions): Promise<void> {
    const closing = this.run(operation, wait);
    if (this.#abandoned === 0) return await closing;
    const closed = closing.catch(() => {}); // what was abandoned has been reported
    this.#patience ??= this.#orEnough(closed);
    await Promise.race([closing, this.#patience]);
  }

  /** The same, on the calling thread: after an abandoned call it runs as soon as that has ended. */
  closeSync(operation: () => Pending): void {
    if (this.#abandoned === 0) return this.runSync(operation);
    this.run(operation).catch(() => {}); // what was abandoned has been reported
  }

  async #inTurn<T>(operation: () => Steps<T> | undefined, run?: Run<T>): Promise<T | undefined> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    this.#pending++;
    try {
      await before;
      run?.signal.throwIfAborted();
      return await interruptible(
        async () => {
          const steps = operation();
          const result = steps && await runAsync(steps, run?.signal);
          const rest = run?.abandoned ? run.tooLate?.(result as T) : undefined;
          if (rest) await runAsync(rest);
          return result;
        },
        this.#owner.interrupt,
        run?.signal,
      );
    } finally {
      this.#pending--;
      done.resolve();
    }
  }

  /** Waits for something, but not longer than closing may take. */
  async #orEnough(done: Promise<void>): Promise<void> {
    const enough = Promise.withResolvers<void>();
    const cancel = this.#clock.after(PATIENCE, enough.resolve);
    await Promise.race([done, enough.promise]);
    cancel();
  }

  /** The result of an operation, or the signal's reason where it does not end in time. */
  async #orAbandon<T, R>(running: Promise<R>, run: Run<T>): Promise<R> {
    const { signal } = run;
    const abandoned = Promise.withResolvers<never>();
    let cancel: (() => void) | undefined;
    const abandon = () => {
      run.abandoned = true;
      this.#abandoned++;
      running.catch(() => {}).finally(() => this.#abandoned--);
      abandoned.reject(signal.reason);
    };
    const begin = () => cancel = this.#clock.after(GRACE, abandon);
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin);
    try {
      return await Promise.race([running, abandoned.promise]);
    } finally {
      cancel?.();
      signal.removeEventListener("abort", begin);
    }
  }
}

/** Runs an operation whose calls a signal interrupts: it then fails with the signal's reason. */
async function interruptible<T>(
  operation: () => Promise<T>,
  interrupt: Interrupter,
  signal: AbortSignal | undefined,
): Promise<T> {
  const trigger = () => interrupt()?.trigger();
  signal?.addEventListener("abort", trigger);
  try {
    return await operation();
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", trigger);
    interrupt()?.reset();
  }
}
