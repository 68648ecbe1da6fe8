/**
 * Pacing: hands pictures and samples on when they are due.
 *
 * @module
 */

import { sleep, type Steps } from "../../ffi/call.ts";
import { EXIT } from "../../ffi/error.ts";
import { failure } from "../base/failure.ts";

/** The longest single sleep: in between, windows are looked after and aborts are seen. */
const SLICE = 20;

/** From this many seconds behind on, lost time is given up instead of caught up with. */
const GIVE_UP = 1;

/** A picture is shown at least this often, in seconds, however late they come. */
const MIN_RATE = 0.25;

/** What a pacer is set up with. */
export interface PacerSettings {
  /** The time that things are due by, in seconds of the media: a sound device's, for example. */
  readonly clock?: () => number | undefined;
  /** Called again and again while waiting. */
  readonly idle?: () => void;
  /** Whether the wait is to be broken off. */
  readonly interrupted: () => boolean;
}

/** Waits until things are due. */
export class Pacer {
  readonly #settings: PacerSettings;
  #origin: number | undefined;
  #last = -Infinity;
  #late = 0;
  #dropped = 0;

  /** Makes a pacer; its time begins with the first thing that is handed on. */
  constructor(settings: PacerSettings) {
    this.#settings = settings;
  }

  /** How many things came too late by more than they last. */
  get late(): number {
    return this.#late;
  }

  /** How many were left out to keep up with the clock. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Waits until something is due at `time` that lasts `duration`, both in seconds; gives whether to
   * hand it on. What is late is handed on at up to twice the pace, so that there is no burst; with a
   * clock that does not wait, it is left out.
   */
  *wait(time: number, duration: number): Steps<boolean> {
    const strict = this.#settings.clock !== undefined;
    if (!strict && this.#origin === undefined) return true; // time begins with the first: see `began`
    const behind = this.#now(time) - time;
    if (behind > Math.max(duration, 0.005)) {
      this.#late++;
      if (strict) return this.#keepsUp(behind, duration);
      if (behind > GIVE_UP) this.#origin! += behind;
      else yield* this.#sleepUntil(() => this.#last + duration / 2 - seconds());
    } else {
      yield* this.#sleepUntil(() => time - this.#now(time));
    }
    this.#last = seconds();
    return true;
  }

  /** Called when something has been handed on: the first one may have taken long. */
  began(time: number): void {
    this.#last = seconds();
    this.#origin ??= this.#last - time;
  }

  #keepsUp(behind: number, duration: number): boolean {
    const frozen = seconds() - this.#last > MIN_RATE;
    if (!frozen && behind > Math.max(duration, 0.04)) {
      this.#dropped++;
      return false;
    }
    this.#last = seconds();
    return true;
  }

  /** What time it is now, in seconds of the media. */
  #now(time: number): number {
    const { clock } = this.#settings;
    if (clock) return clock() ?? time;
    return seconds() - this.#origin!;
  }

  *#sleepUntil(left: () => number): Steps<void> {
    while (true) {
      const milliseconds = left() * 1000;
      if (milliseconds <= 0.2) return;
      this.#settings.idle?.();
      if (this.#settings.interrupted()) throw failure(EXIT, "wait");
      yield* sleep(Math.min(SLICE, milliseconds));
    }
  }
}

function seconds(): number {
  return performance.now() / 1000;
}
