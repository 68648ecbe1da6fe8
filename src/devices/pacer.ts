/**
 * Pacing: video frames and samples are forwarded when they are due.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { EXIT } from "../../ffi/error.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { failure } from "../base/failure.ts";

/** The longest single sleep, in milliseconds: in between, windows are looked after and aborts seen. */
const SLICE = 20;

/** From this many seconds behind on, lost time is given up instead of caught up with. */
const GIVE_UP = 1;

/** The longest time, in seconds, without a video frame, however late they come. */
const LONGEST_FREEZE = 0.25;

/** What a pacer is set up with. */
export interface PacerSettings {
  /**
   * How far the media has come, in seconds, by what plays the rest of it, such as a sound device;
   * `undefined` where that cannot tell. Default: it runs from the first packet.
   */
  readonly position?: (() => number | undefined) | undefined;
  /** Called again and again while waiting. */
  readonly idle?: () => void;
  /** Whether the wait is to be interrupted. */
  readonly interrupted: () => boolean;
}

/** Waits until packets are due. */
export class Pacer {
  readonly #settings: PacerSettings;
  readonly #clock: Clock;
  /** When the media began, in seconds by the clock. */
  #origin: number | undefined;
  /** When the last packet was forwarded, in seconds by the clock. */
  #last = -Infinity;
  #late = 0;
  #dropped = 0;

  /** Makes a pacer; its time begins with the first packet that is forwarded. */
  constructor(settings: PacerSettings, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** How many packets came too late by more than they last. */
  get late(): number {
    return this.#late;
  }

  /** How many were dropped to keep up with the position. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Waits until a packet is due at `time` that lasts `duration`, both in seconds; returns whether to
   * forward it. Late packets are forwarded at up to twice the pace, so that there is no burst; where
   * there is a position, which does not wait, they are dropped.
   */
  *wait(time: number, duration: number): Steps<boolean> {
    const strict = this.#settings.position !== undefined;
    if (!strict && this.#origin === undefined) return true; // time begins with the first: see `began`
    const behind = this.#now(time) - time;
    if (behind > Math.max(duration, 0.005)) {
      this.#late++;
      if (strict) return this.#keepsUp(behind, duration);
      if (behind > GIVE_UP) this.#origin! += behind;
      else yield* this.#sleepUntil(() => this.#last + duration / 2 - this.#seconds());
    } else {
      yield* this.#sleepUntil(() => time - this.#now(time));
    }
    this.#last = this.#seconds();
    return true;
  }

  /** Called when a packet has been forwarded: that of the first one may have taken long. */
  began(time: number): void {
    this.#last = this.#seconds();
    this.#origin ??= this.#last - time;
  }

  #keepsUp(behind: number, duration: number): boolean {
    const frozen = this.#seconds() - this.#last > LONGEST_FREEZE;
    if (!frozen && behind > Math.max(duration, 0.04)) {
      this.#dropped++;
      return false;
    }
    this.#last = this.#seconds();
    return true;
  }

  /** How far the media has come, in seconds; `time` where nothing can tell. */
  #now(time: number): number {
    const { position } = this.#settings;
    if (position) return position() ?? time;
    return this.#seconds() - this.#origin!;
  }

  *#sleepUntil(left: () => number): Steps<void> {
    while (true) {
      const milliseconds = left() * 1000;
      if (milliseconds <= 0.2) return;
      this.#settings.idle?.();
      if (this.#settings.interrupted()) throw failure(EXIT, "wait");
      yield* this.#clock.sleep(Math.min(SLICE, milliseconds));
    }
  }

  /** The time by the clock, in seconds. */
  #seconds(): number {
    return this.#clock.now() / 1000;
  }
}
