/**
 * The operations of one writer or reader: in the order in which they were called, one at a time,
 * each of them breakable.
 *
 * @module
 */

import { type Pending, runAsync, runSync, type Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { signalOf, type WaitOptions } from "./wait.ts";

/**
 * How long, in milliseconds, an operation may take to end once it has been told to. FFmpeg looks every
 * 100 ms at most, and in some calls not at all: opening a named pipe, logging in by SSH, looking up a
 * name. Such a call cannot be ended, so it is left behind: it ends some time, on its own thread.
 */
const GRACE = 50;

/** How long, in milliseconds, closing waits for a call that was left behind. */
const PATIENCE = 200;

/** Runs operations one after the other. */
export class Operations {
  readonly #owner: string;
  readonly #interrupt: () => Interrupt | undefined;
  readonly #onlyLater: string | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #leftBehind = 0;

  /**
   * Makes an empty queue.
   *
   * @param owner What messages call the owner.
   * @param interrupt What breaks off the owner's calls, as long as there is something to break off.
   * @param onlyLater Why a sync call can't be made, if so: "sends in the background".
   */
  constructor(owner: string, interrupt: () => Interrupt | undefined, onlyLater?: string) {
    this.#owner = owner;
    this.#interrupt = interrupt;
    this.#onlyLater = onlyLater;
  }

  /** Whether a call that was aborted has not come back yet. */
  get hasLeftBehind(): boolean {
    return this.#leftBehind > 0;
  }

  #checkSync(): void {
    if (this.#onlyLater === undefined) return;
    throw new Error(
      `Cannot make a sync call, as this ${this.#owner} ${this.#onlyLater}: use the async calls, and ` +
        `await using instead of using`,
    );
  }

  /** Runs an operation now, on the calling thread. */
  now(operation: () => Pending): void;
  now<T>(operation: () => Steps<T>): T;
  now<T>(operation: () => Steps<T> | undefined): T | undefined {
    this.#checkSync();
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

  /**
   * Runs an operation after those called before it.
   *
   * @param operation What to run.
   * @param wait Ways to give up waiting.
   * @param tooLate What to do with the result of an operation that was left behind.
   */
  later(operation: () => Pending, wait?: WaitOptions, tooLate?: () => Pending): Promise<void>;
  later<T>(operation: () => Steps<T>, wait?: WaitOptions, tooLate?: (it: T) => Pending): Promise<T>;
  async later<T>(
    operation: () => Steps<T> | undefined,
    wait?: WaitOptions,
    tooLate?: (it: T) => Pending,
  ): Promise<T | undefined> {
    const signal = signalOf(wait);
    if (signal === undefined) return await this.#inTurn(operation);
    const course: Course<T> = { signal, tooLate, left: false };
    const { timeout } = wait!;
    // A time limit alone does not keep a script alive, which may have nothing else to wait for.
    const alive = timeout === undefined ? undefined : setTimeout(() => {}, timeout);
    try {
      return await this.#orLeave(this.#inTurn(operation, course), course);
    } finally {
      clearTimeout(alive);
    }
  }

  /** Runs the operation that closes the owner: a call that was left behind does not hold it up. */
  async atLast(operation: () => Pending, wait?: WaitOptions): Promise<void> {
    const closing = this.later(operation, wait);
    if (this.#leftBehind === 0) return await closing;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, PATIENCE));
    closing.catch(() => {}); // what was left behind has been reported
    await Promise.race([closing, patience]).finally(() => clearTimeout(timer));
  }

  /** The same, on the calling thread: what was left behind is closed after. */
  nowAtLast(operation: () => Pending): void {
    if (this.#leftBehind === 0) return this.now(operation);
    this.later(operation).catch(() => {}); // what was left behind has been reported
  }

  async #inTurn<T>(
    operation: () => Steps<T> | undefined,
    course?: Course<T>,
  ): Promise<T | undefined> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    this.#pending++;
    try {
      await before;
      course?.signal.throwIfAborted();
      return await this.#breakable(operation, course);
    } finally {
      this.#pending--;
      done.resolve();
    }
  }

  async #breakable<T>(
    operation: () => Steps<T> | undefined,
    course: Course<T> | undefined,
  ): Promise<T | undefined> {
    const signal = course?.signal;
    const interrupt = () => this.#interrupt()?.trigger();
    signal?.addEventListener("abort", interrupt);
    try {
      const steps = operation();
      const result = steps && await runAsync(steps, signal);
      const rest = course?.left ? course.tooLate?.(result as T) : undefined;
      if (rest) await runAsync(rest);
      return result;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", interrupt);
      this.#interrupt()?.reset();
    }
  }

  /** The result of an operation, or the signal's reason where it does not end in time. */
  async #orLeave<T, R>(running: Promise<R>, course: Course<T>): Promise<R> {
    const { signal } = course;
    const left = Promise.withResolvers<never>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = () => {
      course.left = true;
      this.#leftBehind++;
      running.catch(() => {}).finally(() => this.#leftBehind--);
      left.reject(signal.reason);
    };
    const begin = () => timer = setTimeout(leave, GRACE);
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin);
    try {
      return await Promise.race([running, left.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", begin);
    }
  }
}

/** How an operation that may be aborted goes. */
interface Course<T> {
  readonly signal: AbortSignal;
  readonly tooLate: ((it: T) => Pending) | undefined;
  /** Whether its caller has been told that it is over, while it is not. */
  left: boolean;
}
