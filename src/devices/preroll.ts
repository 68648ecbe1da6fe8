/**
 * The beginning of a sound, gathered: a device that starts with the first few samples runs out of them
 * before the next ones come.
 *
 * @module
 */

import type { Sink, Steps } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { viewOf } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { Packet } from "../media/packet.ts";
import { type Rational, toSeconds } from "../media/time.ts";

/** How much sound is gathered, in seconds. */
export const PREROLL = 0.1;

/** Packets of samples of one stream, which become one. */
export class Preroll {
  /** The unit of its packets' times. */
  readonly timeBase: Rational;
  readonly #parts: Uint8Array[] = [];
  #pts: number | undefined;
  #duration = 0;

  /** Makes an empty one for packets whose times are in units of `timeBase`. */
  constructor(timeBase: Rational) {
    this.timeBase = timeBase;
  }

  /** How long it lasts, in seconds. */
  get seconds(): number {
    return toSeconds(this.#duration, this.timeBase);
  }

  /** Adds a copy of a packet's samples. */
  add({ fields }: Packet): void {
    this.#parts.push(viewOf(fields.data!, fields.size).slice());
    this.#pts ??= fields.pts;
    this.#duration += fields.duration;
  }

  /** Forwards all of it as one packet, which is freed afterwards. */
  *forward(next: Sink<Packet>): Steps<void> {
    const size = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const memory = ffmpeg().avutil.av_mallocz(BigInt(size));
    if (memory === null) throw new Error(`Cannot allocate ${size} bytes: out of memory`);
    const packet = new Packet();
    try {
      this.#fill(packet, memory, size);
      const rest = next(packet);
      if (rest) yield* rest;
    } finally {
      packet[Symbol.dispose]();
      ffmpeg().avutil.av_free(memory);
    }
  }

  #fill({ fields }: Packet, memory: Pointer<"bytes">, size: number): void {
    const bytes = viewOf(memory, size);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    fields.data = memory;
    fields.size = size;
    fields.pts = this.#pts!;
    fields.dts = this.#pts!;
    fields.duration = this.#duration;
    fields.flags = ffmpeg().layout.constants.AV_PKT_FLAG_KEY;
  }
}
