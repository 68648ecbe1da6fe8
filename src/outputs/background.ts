/**
 * Sending in the background: a slow viewer loses packets and does not block the writer.
 *
 * @module
 */

import { type Pending, runAsync, type Steps } from "../../ffi/call.ts";
import { posixCode } from "../../ffi/error.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { failure } from "../base/failure.ts";
import type { Packet } from "../media/packet.ts";
import { type Rational, toSeconds } from "../media/time.ts";
import { KeyGate } from "./key_gate.ts";
import type { Output, OutputCounts } from "./output.ts";
import { Wrapper } from "./wrapper.ts";

/** A packet that waits to be sent. */
interface Waiting {
  readonly packet: Packet;
  readonly index: number;
  readonly timeBase: Rational;
  /** When it is due, in seconds. */
  readonly time: number;
}

/** How packets are sent to a viewer. */
export interface BackgroundSettings {
  /** How many seconds of media may be queued: beyond that, all of them are dropped. */
  readonly latency: number;
  /** Whether it joins when others are watching already: its times then begin with 0. */
  readonly comesLate: boolean;
}

/** What has been sent. */
export interface Sent {
  /** Packets. */
  readonly packets: number;
  /** Bytes of them, before the container's own. */
  readonly bytes: number;
}

/** The time, in milliseconds, between two looks at whether everything has been sent. */
const LOOK = 10;
/** The least time, in milliseconds, that a viewer has for what it has not taken yet. */
const SHORTEST_WAIT = 1000;

/** An output that is written to in the background. */
export class BackgroundOutput extends Wrapper {
  readonly #settings: BackgroundSettings;
  readonly #clock: Clock;
  readonly #gate: KeyGate;
  readonly #queue: Waiting[] = [];
  /** Interrupts calls that only wait for the queue: they must not interrupt what is being sent. */
  readonly #own: Interrupt;
  /** Aborts a call that waits for an object that takes the bytes. */
  readonly #end = new AbortController();
  #direct = false;
  #sending = false;
  #failure: { readonly error: unknown } | undefined;
  #freed = false;
  #dropped = 0;
  #packets = 0;
  #bytes = 0;

  /** Makes one; the output belongs to it from here on. */
  constructor(inner: Output, settings: BackgroundSettings, clock: Clock = systemClock) {
    super(inner);
    this.#settings = settings;
    this.#clock = clock;
    this.#gate = new KeyGate(this.isVideo);
    this.#own = new Interrupt();
    if (settings.comesLate) this.#gate.close({ restart: true });
  }

  override get asyncOnly(): boolean {
    return true;
  }

  override get interrupt(): Interrupt {
    return this.#direct ? this.inner.interrupt : this.#own;
  }

  override get freed(): boolean {
    return this.#freed;
  }

  override get opened(): boolean {
    return !this.#freed && this.inner.opened;
  }

  override get keyRequests(): number {
    return this.#gate.requests + super.keyRequests;
  }

  /** What has been sent so far. */
  get sent(): Sent {
    return { packets: this.#packets, bytes: this.#bytes };
  }

  override get counts(): OutputCounts {
    const queued = this.#queue.length + (this.#sending ? 1 : 0);
    return { ...super.counts, queued, dropped: this.#dropped + super.counts.dropped };
  }

  override *open(options: Record<string, string>): Steps<void> {
    yield* this.#directly(super.open(options));
  }

  /** Queues a packet. Throws the error that sending an earlier one has met. */
  override write(packet: Packet, index: number, timeBase: Rational): Pending {
    if (this.#failure) throw this.#failure.error;
    const time = toSeconds(packet.decodeTime, timeBase);
    if (time - (this.#queue[0]?.time ?? time) > this.#settings.latency) this.#fallBehind();
    if (!this.#gate.passes(packet, index, timeBase)) {
      this.#dropped++;
      return undefined;
    }
    const copy = packet.clone();
    this.#gate.shift(copy, timeBase);
    this.#queue.push({ packet: copy, index, timeBase, time });
    if (!this.#sending) this.#send();
    return undefined;
  }

  /** Drops everything up to the next key frame. */
  #fallBehind(): void {
    this.#dropped += this.#queue.length;
    this.#clear();
    this.#gate.close();
  }

  #clear(): void {
    for (const { packet } of this.#queue.splice(0)) packet[Symbol.dispose]();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      let next: Waiting | undefined;
      while ((next = this.#queue.shift()) !== undefined) {
        using packet = next.packet;
        const { size } = packet.fields; // the container may take the packet over
        const rest = this.inner.write(packet, next.index, next.timeBase);
        if (rest) await runAsync(rest, this.#end.signal);
        this.#packets++;
        this.#bytes += size;
      }
    } catch (error) {
      this.#failure = { error };
      this.#clear();
    } finally {
      this.#sending = false;
      if (this.#freed) super[Symbol.dispose]();
    }
  }

  /** Waits until everything has been sent, but not longer than packets may be queued. */
  *#allSent(): Steps<void> {
    const limit = this.#clock.now() + Math.max(this.#settings.latency * 1000, SHORTEST_WAIT);
    while (this.#sending) {
      yield* this.#clock.sleep(LOOK);
      if (this.#clock.now() > limit) yield* this.#giveUp();
    }
    if (this.#failure) throw this.#failure.error;
  }

  /** Interrupts what is being sent, which leaves the viewer with half a packet. */
  *#giveUp(): Steps<void> {
    this.#dropped += this.#queue.length;
    this.#clear();
    this.#interruptSending();
    while (this.#sending) yield* this.#clock.sleep(LOOK);
    throw failure(posixCode("ETIMEDOUT"), "send what is left", "the viewer is too slow");
  }

  #interruptSending(): void {
    this.inner.interrupt.trigger();
    this.#end.abort();
  }

  /** Runs steps that wait for the viewer themselves, and so may be interrupted. */
  *#directly(steps: Steps<void>): Steps<void> {
    this.#direct = true;
    try {
      yield* steps;
    } finally {
      this.#direct = false;
    }
  }

  override *flush(): Steps<void> {
    yield* this.#allSent();
    yield* this.#directly(super.flush());
  }

  override *finish(complete?: boolean): Steps<void> {
    yield* this.#allSent();
    yield* this.#directly(super.finish(complete));
  }

  /** Cannot tell: the device may be in use on another thread, so it is not asked. */
  override heard(): undefined {}

  /** Drops nothing: what is queued has its time all the same. */
  override drop(): void {}

  /** Frees it; what is being sent is interrupted first. */
  override [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#clear();
    this.#own[Symbol.dispose]();
    if (this.#sending) this.#interruptSending(); // `#send` frees the rest when it returns
    else super[Symbol.dispose]();
  }
}
