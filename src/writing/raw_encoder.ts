/**
 * Raw formats: where the container takes samples or pixels as they are, chunks become packets
 * without going through an encoder.
 *
 * @module
 */

import {
  type Pending,
  shouldYield,
  type Sink,
  type Steps,
  yieldToEventLoop,
} from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { pointerTo, viewOf } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { type CheckedAudio, type CheckedVideo, copySamples, takenAway } from "../media/chunk.ts";
import type { Codec } from "../media/codec.ts";
import type { AudioSamples, PixelFormat, SampleFormat } from "../media/formats.ts";
import { Packet } from "../media/packet.ts";
import type { Output } from "../outputs/output.ts";

/** The largest number of samples per channel in one packet. */
const MAX_SAMPLES = 4096;

/** The encoders whose output is the samples themselves, on a little-endian machine. */
const RAW_AUDIO: Readonly<Record<string, string>> = {
  pcm_u8: "u8",
  pcm_s16le: "s16",
  pcm_s32le: "s32",
  pcm_s64le: "s64",
  pcm_f32le: "flt",
  pcm_f64le: "dbl",
};

/** Whether an audio encoder would only copy the samples of a chunk. */
export function isRawAudio(codec: Codec, format: SampleFormat): boolean {
  return RAW_AUDIO[codec.name] === format.name;
}

/** Whether a video encoder would only copy the pixels of a chunk. */
export function isRawVideo(codec: Codec, format: PixelFormat): boolean {
  // The rawvideo encoder rewrites the pixels of this one format for some containers' sake.
  return codec.name === "rawvideo" && format.name !== "yuyv422";
}

/** The packet that a stage forwards, again and again, and the native memory that it borrows. */
abstract class RawStage implements Disposable {
  readonly #packet: Packet = new Packet();
  #memory: Pointer<"bytes"> | null = null;
  #size = 0;
  #view: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** When what has not been written yet is due, in units of the stream: samples or video frames. */
  nextPts = 0;

  /** Memory of at least `size` bytes. */
  protected memory(size: number): Uint8Array<ArrayBuffer> {
    if (size > this.#size) {
      this.#release();
      this.#memory = ffmpeg().avutil.av_mallocz(BigInt(size));
      if (this.#memory === null) throw new Error(`Cannot allocate ${size} bytes: out of memory`);
      this.#view = viewOf(this.#memory, size);
      this.#size = size;
      this.#packet.fields.size = 0;
    }
    return this.#view;
  }

  /** Lets the next packet lie in memory that JavaScript owns; it must be done with at once. */
  protected borrow(bytes: Uint8Array<ArrayBuffer>): void {
    this.#packet.fields.data = pointerTo(bytes);
    this.#packet.fields.size = bytes.length;
  }

  /** A packet over the first `size` bytes of the memory, which lasts `duration`. */
  protected emit(size: number, duration: number, next: Sink<Packet>): Pending {
    const { fields } = this.#packet;
    if (fields.size === 0) fields.data = this.#memory; // the packet is new, or was handed over
    fields.size = size;
    fields.pts = this.nextPts;
    fields.dts = this.nextPts;
    fields.duration = duration;
    fields.flags = ffmpeg().layout.constants.AV_PKT_FLAG_KEY;
    this.nextPts += duration;
    return next(this.#packet);
  }

  #release(): void {
    if (this.#memory !== null) ffmpeg().avutil.av_free(this.#memory);
    this.#memory = null;
    this.#size = 0;
  }

  /** Frees the packet and the memory. */
  [Symbol.dispose](): void {
    this.#packet[Symbol.dispose]();
    this.#release();
  }
}

/** Samples straight into packets; times are in samples. */
export class RawAudio extends RawStage {
  readonly #channels: number;
  readonly #frameBytes: number;
  readonly #samples: AudioSamples;
  readonly #silence: CheckedAudio | undefined;

  /**
   * Makes the stage.
   *
   * @param format The sample format, not planar.
   * @param channels The number of channels.
   * @param fillsGaps Whether gaps are filled with silence, as the container does not keep times.
   */
  constructor(format: SampleFormat, channels: number, fillsGaps: boolean) {
    super();
    this.#channels = channels;
    this.#frameBytes = channels * format.array.BYTES_PER_ELEMENT;
    const memory = this.memory(MAX_SAMPLES * this.#frameBytes);
    this.#samples = new format.array(memory.buffer);
    if (fillsGaps) {
      const data = new format.array(MAX_SAMPLES * channels);
      data.fill(format.silence as never);
      this.#silence = { arrays: [data], planar: false, numFrames: MAX_SAMPLES };
    }
  }

  /** Takes a chunk whose first sample is due at `pts`, or right after the last one. */
  push(chunk: CheckedAudio, pts: number | undefined, next: Sink<Packet>): Pending {
    if (pts !== undefined && pts > this.nextPts && this.#silence) {
      return this.#afterGap(pts, chunk, next);
    }
    if (pts !== undefined) this.nextPts = pts;
    return this.#from(0, chunk, next);
  }

  *#afterGap(pts: number, chunk: CheckedAudio, next: Sink<Packet>): Steps<void> {
    while (this.nextPts < pts) {
      const numFrames = Math.min(MAX_SAMPLES, pts - this.nextPts);
      const rest = this.#from(0, { ...this.#silence!, numFrames }, next);
      if (rest) yield* rest;
      yield* yieldToEventLoop();
    }
    const rest = this.#from(0, chunk, next);
    if (rest) yield* rest;
  }

  #from(begin: number, chunk: CheckedAudio, next: Sink<Packet>): Pending {
    for (let from = begin; from < chunk.numFrames;) {
      const count = Math.min(chunk.numFrames - from, MAX_SAMPLES);
      copySamples(chunk, from, this.#samples, 0, count, this.#channels);
      let rest = this.emit(count * this.#frameBytes, count, next);
      from += count;
      if (!rest && from < chunk.numFrames && shouldYield()) rest = yieldToEventLoop();
      if (rest) return this.#after(rest, from, chunk, next);
    }
    return undefined;
  }

  *#after(rest: Steps<void>, from: number, chunk: CheckedAudio, next: Sink<Packet>): Steps<void> {
    yield* rest;
    const more = this.#from(from, chunk, next);
    if (more) yield* more;
  }
}

/** Video frames straight into packets; times are in frames. */
export class RawVideo extends RawStage {
  readonly #frameBytes: number;
  readonly #output: Pick<Output, "retainsPackets">;

  /**
   * Makes the stage.
   *
   * @param frameBytes The bytes of a video frame.
   * @param output Where the packets go: one that does not retain them may borrow the caller's memory.
   */
  constructor(frameBytes: number, output: Pick<Output, "retainsPackets">) {
    super();
    this.#frameBytes = frameBytes;
    this.#output = output;
  }

  /** Takes a chunk whose first frame is due at `pts`, or right after the last one. */
  *push(chunk: CheckedVideo, pts: number | undefined, next: Sink<Packet>): Steps<void> {
    if (pts !== undefined) this.nextPts = pts;
    const { retainsPackets } = this.#output;
    for (const piece of chunk.pieces) {
      const { length } = piece;
      for (let at = 0; at < length; at += this.#frameBytes) {
        const frame = piece.subarray(at, at + this.#frameBytes);
        if (frame.length < this.#frameBytes) throw takenAway();
        if (retainsPackets) this.memory(this.#frameBytes).set(frame);
        else this.borrow(frame);
        const rest = this.emit(this.#frameBytes, 1, next);
        if (rest) yield* rest;
      }
    }
  }
}
