/**
 * A stream of a writer whose packets come from a reader, as they are.
 *
 * @module
 */

import type { Sink, Steps } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { check } from "../base/failure.ts";
import { CodecContext, codecName } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { PacketSource, PacketStream } from "../media/packet_source.ts";
import { NOPTS, type Rational, toSeconds, toUnits, valueOf } from "../media/time.ts";
import { KeyGate } from "../outputs/key_gate.ts";
import type { Container } from "../outputs/output.ts";

/** What part of a source is copied, in seconds of it. */
export interface Cut {
  /** What begins before it is skipped, and it becomes time 0. */
  readonly start: number | undefined;
  /** What begins then or later is skipped. */
  readonly end: number;
}

/**
 * What is copied from one source into one writer: its streams share one time, and begin together, with
 * a key frame.
 */
export class Copying {
  /** Where the packets come from. */
  readonly source: PacketSource;
  readonly #isVideo: boolean[] = [];
  readonly #gate = new KeyGate(this.#isVideo);

  /** Makes one without streams. */
  constructor(source: PacketSource) {
    this.source = source;
    this.#gate.close({ restart: true });
  }

  /** Adds one of its streams; returns the index that it has here. */
  add({ type }: PacketStream): number {
    return this.#isVideo.push(type === "video") - 1;
  }

  /** A copy of a packet with the times that it has in the container; nothing for one that is skipped. */
  place(packet: Packet, index: number, timeBase: Rational, cut: Cut): Packet | undefined {
    const { start = -Infinity, end } = cut;
    const time = toSeconds(packet.decodeTime, timeBase);
    const early = !this.#gate.isOpen && time < start;
    const whole = cut.start === undefined && !this.source.sought;
    if (time >= end || (!whole && (early || !this.#gate.passes(packet, index, timeBase)))) return;
    const copy = packet.clone();
    if (whole) copy.shift(-toUnits(this.source.startTime, timeBase));
    else this.#gate.shift(copy, timeBase);
    return copy;
  }
}

/** A stream that is copied. */
export class CopiedStream implements Disposable {
  readonly type = "copy";
  /** Nothing is encoded: its frames are its packets. */
  readonly frames = undefined;
  readonly dropped = 0;
  /** What the container takes the stream's parameters from. */
  readonly context: CodecContext;
  /** The unit of the packets' times. */
  readonly packetTimeBase: Rational;
  readonly #stream: PacketStream;
  readonly #copying: Copying;
  readonly #index: number;
  readonly #cut: Cut;
  /** How long a packet lasts that does not say so. */
  readonly #frameDuration: number;
  /** When the next packet is due, if it does not say so. */
  #next = 0;
  #repaired = 0;
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
    const rate = valueOf(stream.frameRate);
    this.#frameDuration = rate > 0 ? toUnits(1 / rate, stream.timeBase) : 0;
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
    this.#index = copying.add(stream);
  }

  /** Takes packets from the source as long as the stream lives. */
  follow(sink: Sink<Packet>): void {
    this.#unsubscribe = this.#copying.source.subscribe(this.#stream.index, sink);
  }

  /** How many packets had no times, as in streams without a container, and were given some. */
  get repaired(): number {
    return this.#repaired;
  }

  /** A copy of a packet with the times that it has in the container; nothing for one that is skipped. */
  place(packet: Packet): Packet | undefined {
    const copy = this.#copying.place(packet, this.#index, this.packetTimeBase, this.#cut);
    if (copy) this.#complete(copy);
    return copy;
  }

  /** Lets a packet without times follow the one before it. */
  #complete({ fields, decodeTime }: Packet): void {
    fields.duration ||= this.#frameDuration;
    if (decodeTime === NOPTS) {
      fields.pts = fields.dts = this.#next;
      this.#repaired++;
    }
    this.#next = (decodeTime === NOPTS ? this.#next : decodeTime) + fields.duration;
  }

  /** Nothing is buffered. */
  *flush(): Steps<void> {}

  /** Lets go of the source. */
  [Symbol.dispose](): void {
    this.#unsubscribe?.();
    this.context[Symbol.dispose]();
  }
}
