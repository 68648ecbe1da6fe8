/**
 * A sound device as it should be used: it has enough samples to begin with, its underruns are counted,
 * and it is drained at the end.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { EXIT } from "../../ffi/error.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { failure } from "../base/failure.ts";
import { attemptAll } from "../base/steps.ts";
import type { Packet } from "../media/packet.ts";
import { PacketTimes } from "../media/packet_times.ts";
import type { Rational } from "../media/time.ts";
import type { Output, OutputCounts } from "../outputs/output.ts";
import { Wrapper } from "../outputs/wrapper.ts";
import { PREROLL, Preroll } from "./preroll.ts";

/** The longest time, in milliseconds, between two looks at a device that is being drained. */
const LOOK = 50;
/** A device whose time advances by less than this, in seconds, between two looks has stopped. */
const STOPPED = 0.01;
/** The longest delay, in milliseconds, of a device that has run empty. */
const MAX_DELAY = 500;
/** By how many milliseconds a device may be later than it says before that is an underrun. */
const TOLERANCE = 30;
/** How long, in seconds, a device may take longer than its sound lasts. */
const GRACE = 2;

/** Plays a sound from its first sample to its last. */
export class SoundOutput extends Wrapper {
  readonly #clock: Clock;
  readonly #times = new PacketTimes();
  /** How much the device buffers before it plays the first sample, in seconds. */
  readonly #buffers: number;
  /** Whether the beginning is still being gathered, and what has been. */
  #gathers: boolean;
  #preroll: Preroll | undefined;
  /** When the first samples came, in milliseconds by the clock. */
  #began: number | undefined;
  /** Until when the device has samples, in milliseconds by the clock. */
  #lastsUntil = Infinity;
  #underruns = 0;
  /** Where the sound ends and the silence after it begins, in seconds. */
  #end: number | undefined;
  #dropped = false;

  /** Makes one around a sound device. */
  constructor(inner: Output, clock: Clock = systemClock) {
    super(inner);
    this.#clock = clock;
    const { startsAtOnce = false, buffers = 0 } = inner.container;
    // In the background nothing is gathered or padded: many packets at once would be dropped as late.
    this.#gathers = startsAtOnce && !inner.asyncOnly;
    this.#buffers = inner.asyncOnly ? 0 : buffers;
  }

  override get counts(): OutputCounts {
    return { ...super.counts, underruns: this.#underruns };
  }

  override write(packet: Packet, index: number, timeBase: Rational): Pending {
    this.#listen(index);
    this.#times.add(packet, index, timeBase);
    if (!this.#gathers) return this.inner.write(packet, index, timeBase);
    this.#preroll ??= new Preroll(timeBase);
    this.#preroll.add(packet);
    return this.#preroll.seconds < PREROLL ? undefined : this.#begin();
  }

  /** Plays what has been gathered. */
  *#begin(): Steps<void> {
    const preroll = this.#preroll;
    if (!preroll) return;
    this.#gathers = false;
    this.#preroll = undefined;
    yield* preroll.forward((packet) => this.inner.write(packet, 0, preroll.timeBase));
  }

  /**
   * Counts an underrun where the device has run out of samples before the next ones came: by the
   * clock, since a device that has run out stops and does not say so.
   */
  #listen(index: number): void {
    const now = this.#clock.now();
    this.#began ??= now;
    if (this.interrupt.triggered) throw failure(EXIT, "play the sound");
    if (now > this.#lastsUntil) this.#underruns++;
    const end = this.#times.endOf(index);
    const begun = !this.#gathers && end > this.#buffers;
    const left = (end - this.#heard(index)) * 1000;
    this.#lastsUntil = begun ? now + left + TOLERANCE : Infinity;
  }

  /** How much of the sound has been heard, in seconds: estimated where the device cannot tell. */
  override heard(index: number): number {
    return this.#began === undefined || !this.opened ? 0 : this.#heard(index);
  }

  #heard(index: number): number {
    const now = this.#clock.now();
    return super.heard(index) ?? (now - (this.#began ?? now)) / 1000;
  }

  override pad(): number {
    this.#end = this.#times.end;
    return this.#began === undefined ? 0 : Math.max(0, this.#buffers - this.#end);
  }

  override drop(): void {
    this.#dropped = true;
    super.drop();
  }

  override *flush(): Steps<void> {
    yield* this.#begin();
    yield* super.flush();
  }

  override *finish(complete?: boolean): Steps<void> {
    const hear = [() => this.#begin(), () => this.#drain(this.#end ?? this.#times.end)];
    yield* attemptAll(...(this.#dropped ? [] : hear), () => super.finish(complete));
  }

  /**
   * Waits until the device has played everything up to `end`. A device that has run empty still
   * counts its own delay as sound that is to be heard: when its time stops, that is what is left.
   */
  *#drain(end: number): Steps<void> {
    if (this.#began === undefined) return;
    const limit = this.#clock.now() + (end - this.#heard(0) + GRACE) * 1000;
    let last = -Infinity;
    while (this.#clock.now() < limit && !this.interrupt.triggered) {
      const heard = this.#heard(0);
      const left = (end - heard) * 1000;
      if (left <= 0) return;
      const stopped = heard - last < STOPPED;
      yield* this.#clock.sleep(Math.min(stopped ? left : LOOK, MAX_DELAY));
      if (stopped) return;
      last = heard;
    }
  }
}
