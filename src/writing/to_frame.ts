/**
 * Chunks to frames: the first stage of writing.
 *
 * @module
 */

import { abortable, type Sink, type Steps, yieldToEventLoop } from "../../ffi/call.ts";
import { type ChannelLayout, setLayout } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import {
  type CheckedAudio,
  type CheckedVideo,
  copySamples,
  takenAway,
  type VideoShape,
} from "../media/chunk.ts";
import { type AudioSamples, frameBytes, type SampleFormat } from "../media/formats.ts";
import { Frame } from "../media/frame.ts";

/** How many samples per channel a frame holds where the encoder leaves that open. */
const DEFAULT_FRAME_SIZE = 4096;

/** The frame that a stage fills and forwards, again and again. */
abstract class FrameStage implements Disposable {
  protected readonly frame: Frame = new Frame();
  /** When what has not been written yet is due, in units of the stream: samples or video frames. */
  nextPts = 0;

  /** Gives the frame memory; a stage calls it when it is made. */
  protected allocate(): void {
    try {
      this.renew();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Gives the frame new memory, as the encoder may still hold on to the old. */
  protected abstract renew(): void;

  /** Forwards the frame. */
  protected *send(next: Sink<Frame>): Steps<void> {
    try {
      const rest = next(this.frame);
      if (rest) yield* rest;
    } finally {
      if (!this.frame.writable) this.renew();
    }
  }

  /** Frees the frame. */
  [Symbol.dispose](): void {
    this.frame[Symbol.dispose]();
  }
}

/** Gathers samples into frames of the size that the encoder wants; times are in samples. */
export class AudioFrames extends FrameStage {
  readonly #format: SampleFormat;
  readonly #sampleRate: number;
  readonly #layout: ChannelLayout;
  readonly #size: number;
  /** Whether a frame must be full before it is forwarded. */
  readonly #fixed: boolean;
  /** Whether gaps are filled with silence, as the container does not keep times. */
  readonly #fillsGaps: boolean;
  readonly #least: number;
  #samples!: AudioSamples;
  #filled = 0;

  /**
   * Makes the stage.
   *
   * @param format The sample format, not planar.
   * @param sampleRate Samples per second.
   * @param layout The channels.
   * @param frameSize Samples per channel in each frame; 0: a frame for each chunk.
   * @param fillsGaps Whether gaps are filled with silence, as the container does not keep times.
   * @param least The fewest samples that the last frame may have; silence fills it up.
   */
  constructor(
    format: SampleFormat,
    sampleRate: number,
    layout: ChannelLayout,
    frameSize: number,
    fillsGaps: boolean,
    least = 1,
  ) {
    super();
    this.#fillsGaps = fillsGaps;
    this.#least = least;
    this.#format = format;
    this.#sampleRate = sampleRate;
    this.#layout = layout;
    this.#fixed = frameSize > 0;
    this.#size = frameSize || DEFAULT_FRAME_SIZE;
    this.allocate();
  }

  /** Takes a chunk whose first sample is due at `pts`, or right after the last one. */
  *push(chunk: CheckedAudio, pts: number | undefined, next: Sink<Frame>): Steps<void> {
    if (pts !== undefined && pts !== this.nextPts) yield* this.#jump(pts, next);
    const channels = this.#layout.channels;
    for (let from = 0; from < chunk.numFrames;) {
      const count = Math.min(chunk.numFrames - from, this.#size - this.#filled);
      copySamples(chunk, from, this.#samples, this.#filled, count, channels);
      this.#filled += count;
      this.nextPts += count;
      from += count;
      if (this.#filled === this.#size) {
        yield* this.#emit(next);
        yield* yieldToEventLoop();
      }
    }
    if (!this.#fixed) yield* this.finish(next);
  }

  /** Forwards what has been gathered, as a short frame. */
  *finish(next: Sink<Frame>): Steps<void> {
    if (this.#filled === 0) return;
    if (this.#filled < this.#least) this.#silence(this.#least - this.#filled);
    yield* this.#emit(next);
  }

  /** Goes on with so many sample frames of silence; there must be room for them. */
  #silence(count: number): void {
    const channels = this.#layout.channels;
    const [begin, end] = [this.#filled * channels, (this.#filled + count) * channels];
    this.#samples.fill(this.#format.silence as never, begin, end);
    this.#filled += count;
    this.nextPts += count;
  }

  /**
   * Goes on at a later time. A frame that has been begun is filled up with silence, as an encoder
   * takes short frames at the end only; so is the whole gap where the container does not keep times.
   */
  *#jump(pts: number, next: Sink<Frame>): Steps<void> {
    while (this.nextPts < pts && (this.#filled > 0 || this.#fillsGaps)) {
      this.#silence(Math.min(pts - this.nextPts, this.#size - this.#filled));
      if (this.#filled === this.#size) {
        yield* this.#emit(next);
        yield* yieldToEventLoop();
      }
    }
    this.nextPts = pts;
  }

  *#emit(next: Sink<Frame>): Steps<void> {
    const { fields } = this.frame;
    fields.nb_samples = this.#filled;
    fields.pts = this.nextPts - this.#filled;
    this.#filled = 0;
    yield* this.send(next);
  }

  protected override renew(): void {
    this.frame.unref();
    const { fields } = this.frame;
    fields.format = this.#format.id;
    fields.sample_rate = this.#sampleRate;
    fields.nb_samples = this.#size;
    setLayout(fields, this.#layout);
    this.frame.allocate();
    const { array } = this.#format;
    const bytes = this.#size * this.#layout.channels * array.BYTES_PER_ELEMENT;
    this.#samples = new array(this.frame.plane(0, bytes).buffer);
  }
}

/** Copies video frames into native ones; times are in frames. */
export class VideoFrames extends FrameStage {
  readonly #shape: VideoShape;
  readonly #size: number;
  #planes: { pointer: Pointer<"bytes">; stride: number }[] = [];

  /** Makes the stage for frames of a shape. */
  constructor(shape: VideoShape) {
    super();
    this.#shape = shape;
    this.#size = frameBytes(shape.planes);
    this.allocate();
  }

  /** Takes a chunk whose first frame is due at `pts`, or right after the last one. */
  *push(chunk: CheckedVideo, pts: number | undefined, next: Sink<Frame>): Steps<void> {
    this.nextPts = pts ?? this.nextPts;
    for (const piece of chunk.pieces) {
      const { length } = piece;
      for (let at = 0; at < length; at += this.#size) {
        if (at > 0) yield* abortable();
        this.#copy(piece, at);
        this.frame.fields.pts = this.nextPts++;
        yield* this.send(next);
      }
    }
  }

  #copy(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    const { avutil } = ffmpeg();
    this.#shape.planes.forEach(({ rowBytes, rows }, i) => {
      const { pointer, stride } = this.#planes[i]!;
      const end = at + rowBytes * rows;
      if (end > bytes.length) throw takenAway();
      avutil.av_image_copy_plane(
        pointer,
        stride,
        bytes.subarray(at, end),
        rowBytes,
        rowBytes,
        rows,
      );
      at = end;
    });
  }

  protected override renew(): void {
    this.frame.unref();
    const { fields } = this.frame;
    fields.format = this.#shape.format.id;
    fields.width = this.#shape.width;
    fields.height = this.#shape.height;
    this.frame.allocate();
    this.#planes = this.#shape.planes.map((_, i) => ({
      pointer: this.frame.planePointer(i),
      stride: this.frame.rowStride(i),
    }));
  }
}
