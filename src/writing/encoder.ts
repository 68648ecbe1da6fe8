/**
 * Encoders: frames in, packets out.
 *
 * @module
 */

import { call, type Sink, type Steps } from "../../ffi/call.ts";
import { EAGAIN, EOF, posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { check, failure } from "../base/failure.ts";
import { type Codec, CodecContext } from "../media/codec.ts";
import type { Frame } from "../media/frame.ts";
import { Packet } from "../media/packet.ts";
import { NOPTS, type Rational, rescale, valueOf } from "../media/time.ts";
import {
  type AudioEncoderSettings,
  configure,
  openFailure,
  type VideoEncoderSettings,
} from "./encoder_setup.ts";

/** An open encoder. */
export class Encoder implements Disposable {
  /** The encoder's context, from which the muxer takes the stream's parameters. */
  readonly context: CodecContext;
  /** The unit of the packets' times. */
  readonly timeBase: Rational;
  readonly #codec: Codec;
  readonly #video: boolean;
  readonly #packet: Packet;
  /** Constant quality: some encoders take it from the context, others from each frame. */
  readonly #quality: number | undefined;
  #frames = 0;
  #dropped = 0;
  #lastPts = -Infinity;
  #drained = false;
  /** Some encoders say that they can be reset, and take nothing more after it all the same. */
  #reset = false;
  /** A short frame is the last: encoders with a fixed frame size take no other after it. */
  #short = false;

  /** How often a key frame has been asked for, and how many of these requests have been met. */
  readonly #keyRequests: () => number;
  #keysMade = 0;
  #nextKey = 0;

  /**
   * Opens an encoder.
   *
   * @param settings What it is set up with.
   * @param keyRequests How often a key frame has been asked for, by now.
   */
  constructor(settings: AudioEncoderSettings | VideoEncoderSettings, keyRequests = () => 0) {
    this.#codec = settings.codec;
    this.#keyRequests = keyRequests;
    this.#video = settings.type === "video";
    this.#packet = new Packet();
    this.context = new CodecContext(settings.codec);
    try {
      configure(this.context, settings);
      const code = ffmpeg().avcodec.avcodec_open2(
        this.context.pointer,
        settings.codec.pointer,
        null,
      );
      if (code < 0) throw openFailure(code, settings);
      this.timeBase = this.context.fields.time_base;
      const { qscale } = settings.config;
      this.#quality = qscale === undefined ? undefined : this.context.fields.global_quality;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** How many samples each frame must have; 0 for any number. */
  get frameSize(): number {
    const { capabilities } = this.#codec;
    const { AV_CODEC_CAP_VARIABLE_FRAME_SIZE } = ffmpeg().layout.constants;
    if ((capabilities & AV_CODEC_CAP_VARIABLE_FRAME_SIZE) !== 0) return 0;
    return this.context.fields.frame_size;
  }

  /** How many frames have been encoded. */
  get frames(): number {
    return this.#frames;
  }

  /** How many frames were dropped, as they were not later than the one before. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether frames may still be written: after draining, most encoders take no more. */
  get drained(): boolean {
    return this.#drained || this.#short;
  }

  /** Encodes a frame whose times are in units of `timeBase`. */
  *push(frame: Frame, timeBase: Rational, next: Sink<Packet>): Steps<void> {
    const { fields } = frame;
    if (fields.pts !== NOPTS) fields.pts = rescale(fields.pts, timeBase, this.timeBase);
    if (this.#video && !this.#advances(fields.pts)) return;
    if (!this.#video && fields.nb_samples < this.frameSize) this.#short = true;
    fields.pict_type = this.#pictureType(fields.pts); // a decoder's choice is not to be repeated
    if (this.#quality !== undefined) fields.quality = this.#quality;
    let code = yield* this.#send(frame);
    if (code === EAGAIN) {
      yield* this.#receive(next);
      code = yield* this.#send(frame);
    }
    if (code < 0) {
      throw failure(code, `encode a frame with "${this.#codec.name}"`, this.#hint(code));
    }
    this.#frames++;
    yield* this.#receive(next);
  }

  /** Whether a frame is later than the last one: filters may set times that the frame rate is too low for. */
  #advances(pts: number): boolean {
    if (pts !== NOPTS && pts <= this.#lastPts) {
      this.#dropped++;
      return false;
    }
    this.#lastPts = pts;
    return true;
  }

  /** The next frame's type: a key frame where one is wanted, once a second at most. */
  #pictureType(pts: number): number {
    const requests = this.#keyRequests();
    if (requests === this.#keysMade || pts < this.#nextKey) return 0;
    this.#keysMade = requests;
    this.#nextKey = pts + 1 / valueOf(this.timeBase);
    return ffmpeg().layout.constants.AV_PICTURE_TYPE_I;
  }

  #hint(code: number): string {
    if (this.#reset) {
      return "this encoder may take nothing more after flush(): flush only before close()";
    }
    if (this.#video || code !== posixCode("EINVAL")) return "";
    return "a sample may be NaN or infinite, which this encoder does not take";
  }

  /** Forwards the packets that the encoder has buffered. It takes frames again only if it can reset. */
  *finish(next: Sink<Packet>): Steps<void> {
    if (this.#drained || !this.#delays()) return;
    const { avcodec, encoding, layout: { constants } } = ffmpeg();
    const code = yield* call(encoding.avcodec_send_frame, this.context.pointer, null);
    if (code !== EOF) check(code, `finish encoding with "${this.#codec.name}"`);
    this.#drained = true;
    yield* this.#receive(next, true);
    const flag = constants.AV_CODEC_CAP_ENCODER_FLUSH ?? 0;
    if ((this.#codec.capabilities & flag) !== 0) {
      avcodec.avcodec_flush_buffers(this.context.pointer);
      this.#drained = false;
      this.#reset = true;
    }
  }

  /** Whether the encoder may hold packets back: else there is nothing to drain. */
  #delays(): boolean {
    const { constants } = ffmpeg().layout;
    return (this.#codec.capabilities & constants.AV_CODEC_CAP_DELAY) !== 0 ||
      (this.context.fields.active_thread_type & constants.FF_THREAD_FRAME) !== 0;
  }

  *#send(frame: Frame): Steps<number> {
    const { avcodec, encoding } = ffmpeg();
    if (!this.#video) return avcodec.avcodec_send_frame(this.context.pointer, frame.pointer);
    return yield* call(encoding.avcodec_send_frame, this.context.pointer, frame.pointer);
  }

  /** Takes all packets that are ready; while draining, each may be long in coming. */
  *#receive(next: Sink<Packet>, draining = false): Steps<void> {
    const { avcodec, encoding } = ffmpeg();
    const [context, packet] = [this.context.pointer, this.#packet];
    while (true) {
      const code: number = draining && this.#video
        ? yield* call(encoding.avcodec_receive_packet, context, packet.pointer)
        : avcodec.avcodec_receive_packet(context, packet.pointer);
      if (code === EAGAIN || code === EOF) return;
      check(code, `encode with "${this.#codec.name}"`);
      try {
        // A video packet lasts one frame, unless the encoder knows better.
        if (this.#video && packet.fields.duration === 0) packet.fields.duration = 1;
        const rest = next(packet);
        if (rest) yield* rest;
      } finally {
        packet.unref();
      }
    }
  }

  /** Frees the encoder. */
  [Symbol.dispose](): void {
    this.context?.[Symbol.dispose]();
    this.#packet[Symbol.dispose]();
  }
}
