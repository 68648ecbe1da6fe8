/**
 * A clock that a test sets: what waits by it waits for the test alone, and not at all in real time.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { runAsync, type Steps } from "../../ffi/call.ts";
import type { Clock } from "../../src/base/clock.ts";

interface Timer {
  readonly time: number;
  readonly callback: () => void;
}

/** A clock that begins at 0 and stands still unless it is advanced. */
export class FakeClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  /** How many functions are still to be called. */
  get pending(): number {
    return this.#timers.length;
  }

  /** In a sync call this lets the time pass itself. */
  *sleep(milliseconds: number): Steps<void> {
    yield {
      idle: true,
      now: () => this.pass(milliseconds),
      later: () => new Promise<void>((resolve) => void this.after(milliseconds, resolve)),
    };
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { time: this.#now + milliseconds, callback };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** Lets time pass, and calls what is due, in order. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (this.#fire(end));
    this.#now = end;
  }

  /** The same, where promises are waited for: what follows from a call happens at its time. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    while (this.#fire(end)) await settled();
    this.#now = end;
  }

  /** Runs steps in their async form, and lets time pass for as long as they need. */
  async run<T>(steps: Steps<T>): Promise<T> {
    let running = true;
    const result = runAsync(steps).finally(() => running = false);
    result.catch(() => {}); // thrown at the end
    await settled();
    while (running && this.#fire(Infinity)) await settled();
    if (running) throw new Error("The steps wait for something else than the clock");
    return await result;
  }

  /** Calls what is due next, unless that is after a time. */
  #fire(end: number): boolean {
    const [next] = this.#timers.toSorted((a, b) => a.time - b.time);
    if (next === undefined || next.time > end) return false;
    this.#timers = this.#timers.filter((other) => other !== next);
    this.#now = Math.max(this.#now, next.time);
    next.callback();
    return true;
  }
}

/** Waits until nothing more follows from what has happened so far. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
