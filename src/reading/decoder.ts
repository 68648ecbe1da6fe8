/**
 * Decoders: packets in, frames out.
 *
 * @module
 */

import { call, type Sink, type Steps } from "../../ffi/call.ts";
import { EAGAIN, EOF } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import type { Struct } from "../../ffi/struct.ts";
import { check, failure } from "../base/failure.ts";
import { applyOptions } from "../base/options.ts";
import { type Codec, CodecContext } from "../media/codec.ts";
import { Frame } from "../media/frame.ts";
import type { Packet } from "../media/packet.ts";
import { NOPTS, type Rational } from "../media/time.ts";

/** What a decoder is set up with. */
export interface DecoderSettings {
  /** The decoder. */
  readonly codec: Codec;
  /** Whether it decodes video. */
  readonly video: boolean;
  /** The stream's parameters. */
  readonly parameters: Struct<"AVCodecParameters">;
  /** The unit of the packets' times. */
  readonly timeBase: Rational;
  /** The decoder's own options. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether a packet that can't be decoded is an error; else it is skipped and counted. */
  readonly strict: boolean;
}

/** An open decoder. */
export class Decoder implements Disposable {
  readonly #context: CodecContext;
  readonly #frame = new Frame();
  readonly #settings: DecoderSettings;
  #skipped = 0;

  /** Opens a decoder. */
  constructor(settings: DecoderSettings) {
    const { codec, parameters, options } = settings;
    const { avcodec } = ffmpeg();
    this.#settings = settings;
    this.#context = new CodecContext(codec);
    try {
      const context = this.#context.pointer;
      check(
        avcodec.avcodec_parameters_to_context(context, parameters.$pointer),
        "set up a decoder",
      );
      this.#context.fields.pkt_timebase = settings.timeBase;
      this.#context.fields.thread_count = 0; // as many as FFmpeg sees fit
      const classes = [codec.optionClass, avcodec.avcodec_get_class()];
      applyOptions(context, options, classes, `decoder "${codec.name}"`);
      const code = avcodec.avcodec_open2(context, codec.pointer, null);
      if (code < 0) throw failure(code, `open decoder "${codec.name}"`);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** How many packets could not be decoded. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Decodes a packet; `null` makes it push out the frames that it has buffered. */
  *push(packet: Packet | null, next: Sink<Frame>): Steps<void> {
    const { avcodec, encoding } = ffmpeg();
    const [context, pointer] = [this.#context.pointer, packet?.pointer ?? null];
    const code: number = this.#settings.video
      ? yield* call(encoding.avcodec_send_packet, context, pointer)
      : avcodec.avcodec_send_packet(context, pointer);
    if (code < 0 && code !== EOF) this.#skip(code);
    yield* this.#receive(next);
  }

  /**
   * When a frame is due. The times of video may be in a wrong order, which FFmpeg's guess puts right;
   * that guess of FFmpeg 4 forgets the samples that are skipped at the beginning of a sound.
   */
  #timeOf({ fields }: Frame): number {
    if (this.#settings.video || fields.pts === NOPTS) return fields.best_effort_timestamp;
    return fields.pts;
  }

  *#receive(next: Sink<Frame>): Steps<void> {
    const { avcodec, encoding } = ffmpeg();
    const [context, frame] = [this.#context.pointer, this.#frame];
    while (true) {
      const code: number = this.#settings.video
        ? yield* call(encoding.avcodec_receive_frame, context, frame.pointer)
        : avcodec.avcodec_receive_frame(context, frame.pointer);
      if (code === EAGAIN || code === EOF) return;
      if (code < 0) {
        this.#skip(code);
        continue;
      }
      try {
        frame.fields.pts = this.#timeOf(frame);
        const rest = next(frame);
        if (rest) yield* rest;
      } finally {
        frame.unref();
      }
    }
  }

  #skip(code: number): void {
    if (this.#settings.strict || code === ffmpeg().layout.constants.AVERROR_EXIT) {
      throw failure(code, `decode a packet with "${this.#settings.codec.name}"`);
    }
    this.#skipped++;
  }

  /** Forgets what is buffered, before reading goes on elsewhere. */
  reset(): void {
    ffmpeg().avcodec.avcodec_flush_buffers(this.#context.pointer);
  }

  /** Frees the decoder. */
  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
    this.#frame[Symbol.dispose]();
  }
}
