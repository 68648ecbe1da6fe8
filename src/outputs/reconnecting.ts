/**
 * Reconnecting: when a viewer has gone, packets go to the next one, from a key frame on.
 *
 * @module
 */

import { sleep, type Steps } from "../../ffi/call.ts";
import { EXIT, FFmpegError } from "../../ffi/error.ts";
import { failure } from "../base/failure.ts";
import type { CodecContext } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";
import { KeyGate } from "./key_gate.ts";
import type { Output, OutputCounts } from "./output.ts";
import { Wrapper } from "./wrapper.ts";

/** How long to wait before the next attempt, in milliseconds: at first, and at most. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 2000;

/** An output that is reopened when its viewer has gone. */
export class ReconnectingOutput extends Wrapper {
  readonly #make: () => Output;
  readonly #gate: KeyGate;
  readonly #streams: (readonly [CodecContext, Rational | undefined])[] = [];
  #metadata: Readonly<Record<string, string>> | undefined;
  #options: Readonly<Record<string, string>> = {};
  #connected = false;
  #givenUp = false;
  #dropped = 0;
  #reconnects = 0;

  /** Makes one around an output, which `make` recreates for the next viewer. */
  constructor(inner: Output, make: () => Output) {
    super(inner);
    this.#make = make;
    this.#gate = new KeyGate(this.isVideo);
  }

  /** It stays open while it waits for the next viewer. */
  override get opened(): boolean {
    return this.#connected || this.#reconnects > 0;
  }

  override get keyRequests(): number {
    return this.#gate.requests + super.keyRequests;
  }

  override get counts(): OutputCounts {
    const dropped = this.#dropped + super.counts.dropped;
    return { ...super.counts, dropped, reconnects: this.#reconnects };
  }

  override addStream(context: CodecContext, frameRate?: Rational): number {
    const index = super.addStream(context, frameRate);
    this.#streams.push([context, frameRate]);
    return index;
  }

  override setMetadata(entries: Readonly<Record<string, string>>): void {
    super.setMetadata(entries);
    this.#metadata = entries;
  }

  override setOptions(options: Readonly<Record<string, string>>): void {
    super.setOptions(options);
    this.#options = options;
  }

  override *open(options: Record<string, string>): Steps<void> {
    yield* super.open(options);
    this.#connected = true;
  }

  override *write(packet: Packet, index: number, timeBase: Rational): Steps<void> {
    if (!this.#connected) yield* this.#reconnect();
    if (!this.#gate.passes(packet, index, timeBase)) {
      this.#dropped++;
      return;
    }
    this.#gate.shift(packet, timeBase);
    try {
      const rest = this.inner.write(packet, index, timeBase);
      if (rest) yield* rest;
    } catch (error) {
      if (!hasGone(error)) throw error;
      this.#dropped++;
      this.#connected = false;
      this.#gate.close({ restart: true });
      yield* this.#reconnect();
    }
  }

  /** Waits for the next viewer, for as long as it takes. */
  *#reconnect(): Steps<void> {
    this.#reconnects++;
    for (let wait = FIRST_WAIT;; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      if (this.#givenUp) throw failure(EXIT, "wait for a viewer", "the writer is being closed");
      yield* this.#renew();
      try {
        yield* this.inner.open({ ...this.#options });
        this.#connected = true;
        return;
      } catch (error) {
        if (!hasGone(error)) throw error;
      }
      yield* sleep(wait);
    }
  }

  /** Replaces the inner output by a new one. */
  *#renew(): Steps<void> {
    yield* super.abandon();
    const { triggered } = this.inner.interrupt;
    this.inner[Symbol.dispose]();
    this.inner = this.#make();
    if (triggered) this.inner.interrupt.trigger();
    for (const [context, frameRate] of this.#streams) this.inner.addStream(context, frameRate);
    if (this.#metadata) this.inner.setMetadata(this.#metadata);
    this.inner.setOptions(this.#options);
  }

  /** Ends the wait for a viewer: the writer is being closed. */
  override giveUp(): void {
    this.#givenUp = true;
    if (!this.#connected) this.inner.interrupt.trigger();
  }

  override *flush(): Steps<void> {
    if (this.#connected) yield* super.flush();
  }

  override *finish(complete?: boolean): Steps<void> {
    if (this.#connected) yield* super.finish(complete);
    this.#connected = false;
  }
}

/** Errors that the next viewer would cause as well: an abort, or what the container can't take. */
const PERMANENT: ReadonlySet<string> = new Set(["AVERROR_EXIT", "EINVAL", "ENOMEM", "ENOSYS"]);

/** Whether an error means that the viewer has gone. */
function hasGone(error: unknown): boolean {
  return error instanceof FFmpegError && !PERMANENT.has(error.codeName);
}
