/**
 * A stream of a writer whose packets come from a reader, as they are.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { check } from "../base/failure.ts";
import { CodecContext, codecName } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { PacketSource, PacketStream } from "../media/packet_source.ts";
import { NOPTS, type Rational, toSeconds, toUnits } from "../media/time.ts";
import type { Container } from "../outputs/output.ts";

/** What part of a source is copied, in seconds of it. */
export interface Cut {
  /** What begins before it is skipped, and it becomes time 0. */
  readonly start: number | undefined;
  /** What begins then or later is skipped. */
  readonly end: number;
}

/** What is copied from one source into one writer: its streams have one time. */
export class Copying {
  readonly #source: PacketSource;
  #hasVideo = false;
  #begun = false;
  /** What becomes time 0, in seconds. */
  #origin: number | undefined;

  /** Makes one without streams. */
  constructor(source: PacketSource) {
    this.#source = source;
  }

  /** Called for each of its streams. */
  add({ type }: PacketStream): void {
    this.#hasVideo ||= type === "video";
  }

  /** What a packet's time is to be counted from, in seconds; `undefined` for one that is skipped. */
  originFor(packet: Packet, stream: PacketStream, { start, end }: Cut): number | undefined {
    const { pts, dts } = packet.fields;
    const time = toSeconds(dts === NOPTS ? pts : dts, stream.timeBase);
    if (time >= end) return undefined;
    if (start === undefined && !this.#source.sought) return this.#source.startTime;
    if (!this.#begun && !this.#begins(packet, stream, time, start ?? -Infinity)) return undefined;
    // Sound from before the first video frame would have no place.
    const shown = pts === NOPTS ? time : toSeconds(pts, stream.timeBase);
    return shown < this.#origin! ? undefined : this.#origin;
  }

  /** Whether copying begins with a packet: with a key frame, where there is video. */
  #begins(packet: Packet, { type }: PacketStream, time: number, start: number): boolean {
    if (time < start || !packet.isKey || (this.#hasVideo && type !== "video")) return false;
    this.#begun = true;
    this.#origin = time;
    return true;
  }
}

/** A stream that is copied. */
export class CopiedStream implements Disposable {
  readonly type = "copy";
  /** Nothing is encoded: its frames are its packets. */
  readonly frames = undefined;
  /** What the container takes the stream's parameters from. */
  readonly context: CodecContext;
  /** The unit of the packets' times. */
  readonly packetTimeBase: Rational;
  readonly #stream: PacketStream;
  readonly #copying: Copying;
  readonly #cut: Cut;
  #unsubscribe: (() => void) | undefined;

  /** Makes one; throws a `TypeError` where the container can't hold it. */
  constructor(container: Container, stream: PacketStream, copying: Copying, cut: Cut) {
    const { codec_id } = ffmpeg().view("AVCodecParameters", stream.parameters);
    if (container.canHold(codec_id) === false) {
      throw new TypeError(
        `The container "${container.name}" cannot hold ${codecName(codec_id)}: re-encode it, or ` +
          "use another container, such as matroska",
      );
    }
    this.#stream = stream;
    this.#copying = copying;
    this.#cut = cut;
    this.packetTimeBase = stream.timeBase;
    this.context = new CodecContext(undefined, stream.displayMatrix);
    try {
      const { avcodec } = ffmpeg();
      check(
        avcodec.avcodec_parameters_to_context(this.context.pointer, stream.parameters),
        "copy a stream's parameters",
      );
    } catch (error) {
      this.context[Symbol.dispose]();
      throw error;
    }
    this.context.fields.time_base = stream.timeBase;
    copying.add(stream);
  }

  /** Takes packets from the source as long as the stream lives. */
  follow(source: PacketSource, sink: (packet: Packet) => Pending): void {
    this.#unsubscribe = source.subscribe(this.#stream.index, sink);
  }

  /** A copy of a packet with the times that it has in the container; nothing for one that is skipped. */
  place(packet: Packet): Packet | undefined {
    const origin = this.#copying.originFor(packet, this.#stream, this.#cut);
    if (origin === undefined) return undefined;
    const copy = packet.clone();
    copy.shift(-toUnits(origin, this.packetTimeBase));
    return copy;
  }

  /** Nothing is buffered. */
  *flush(): Steps<void> {}

  /** Lets go of the source. */
  [Symbol.dispose](): void {
    this.#unsubscribe?.();
    this.context[Symbol.dispose]();
  }
}
