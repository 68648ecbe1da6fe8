/**
 * Chunk buffers: what has been decoded and not been taken yet, in chunks of the size asked for.
 *
 * @module
 */

import type { AudioChunk, VideoChunk } from "../media/chunk.ts";
import type { AudioSamples, PixelFormat, VideoPixels } from "../media/formats.ts";

/** How a buffer makes chunks. */
export interface BufferSettings {
  /** Samples per channel, or video frames, in a chunk; -1: whatever there is when it is taken. */
  readonly framesPerChunk: number;
  /** How many full chunks are kept; beyond that the oldest are dropped. -1: all. */
  readonly bufferChunkSize: number;
}

/** How much is reserved for a chunk at first: it may be larger than the whole source. */
const FIRST_SAMPLES = 1 << 20;
const FIRST_BYTES = 1 << 26;

/** How much room to make for `needed`, where `size` would fill a chunk. */
function capacity(needed: number, size: number, first: number): number {
  return Math.min(size, Math.max(first, 2 * needed));
}

/** A chunk whose memory can be returned to the reader. */
export type Reusable<T> = T & Disposable;

/** Chunks waiting to be taken, oldest first. */
class Queue<T> {
  readonly #limit: number;
  #chunks: T[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit < 0 ? Infinity : limit;
  }

  get length(): number {
    return this.#chunks.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(chunk: T): void {
    this.#chunks.push(chunk);
    if (this.#chunks.length > this.#limit) {
      this.#chunks.shift();
      this.#dropped++;
    }
  }

  shift(): T | undefined {
    return this.#chunks.shift();
  }

  /** Takes all chunks up to the first that can't be joined to the oldest. */
  takeAlike(alike: (a: T, b: T) => boolean): T[] {
    const other = this.#chunks.findIndex((chunk) => !alike(this.#chunks[0]!, chunk));
    return this.#chunks.splice(0, other < 0 ? this.#chunks.length : other);
  }

  clear(): void {
    this.#chunks = [];
  }
}

/** A buffer of samples or video frames: full chunks, and the one that is being filled. */
abstract class GrowingBuffer<T> {
  /** Frames in a chunk; -1: whatever there is when it is taken. */
  protected readonly size: number;
  /** The full chunks. */
  protected readonly queue: Queue<T>;
  /** How many frames the chunk has that is being filled. */
  protected filled = 0;
  /** When the first of them is due, in seconds. */
  protected pts = 0;

  /** Makes an empty buffer. */
  constructor({ framesPerChunk, bufferChunkSize }: BufferSettings) {
    this.size = framesPerChunk;
    this.queue = new Queue(framesPerChunk < 0 ? -1 : bufferChunkSize);
  }

  /** Whether a chunk can be taken. */
  get ready(): boolean {
    return this.queue.length > 0;
  }

  /** How many chunks were dropped, the oldest first. */
  get dropped(): number {
    return this.queue.dropped;
  }

  /** Takes the oldest chunk, or all that there is. */
  pop(): T | undefined {
    if (!this.ready) this.finish();
    if (this.size >= 0) return this.queue.shift();
    const chunks = this.queue.takeAlike((a, b) => this.alike(a, b));
    return chunks.length > 1 ? this.joined(chunks) : chunks[0];
  }

  /** Makes a last, short chunk of what there is. */
  finish(): void {
    if (this.filled > 0) this.queue.push(this.filledChunk());
    this.forget();
  }

  /** Forgets all. */
  clear(): void {
    this.queue.clear();
    this.forget();
  }

  /** Forgets the chunk that is being filled. */
  protected forget(): void {
    this.filled = 0;
  }

  /** The chunk that is being filled, as far as it is. */
  protected abstract filledChunk(): T;
  /** Whether two chunks can be joined. */
  protected abstract alike(a: T, b: T): boolean;
  /** One chunk of several that are alike. */
  protected abstract joined(chunks: T[]): T;
}

/** A buffer as those see it that take chunks. */
export type ChunkBuffer<T> = Pick<
  GrowingBuffer<T>,
  "ready" | "dropped" | "pop" | "finish" | "clear"
>;

/** What is offered to an audio buffer. */
interface Samples {
  readonly data: AudioSamples;
  readonly numFrames: number;
  readonly numChannels: number;
}

type ArrayClass = new (length: number) => AudioSamples;

/** A buffer of samples. */
export class AudioChunkBuffer extends GrowingBuffer<Reusable<AudioChunk>> {
  #data: AudioSamples | undefined;
  #numChannels = 0;
  #sampleRate = 0;
  #class: unknown;

  /** Takes samples of which the first `skip` sample frames are dropped; `pts` is that of the next. */
  push(samples: Samples, skip: number, pts: number, sampleRate: number): void {
    const { data, numFrames, numChannels } = samples;
    const alike = numChannels === this.#numChannels && sampleRate === this.#sampleRate &&
      data.constructor === this.#class;
    if (!alike) this.finish();
    this.#numChannels = numChannels;
    this.#sampleRate = sampleRate;
    this.#class = data.constructor;
    for (let from = skip; from < numFrames;) {
      const room = this.size < 0 ? numFrames - from : this.size - this.filled;
      const count = Math.min(numFrames - from, room);
      if (this.filled === 0) this.pts = pts + (from - skip) / sampleRate;
      this.#reserve(data, this.filled + count);
      const part = data.subarray(from * numChannels, (from + count) * numChannels);
      this.#data!.set(part as never, this.filled * numChannels);
      this.filled += count;
      from += count;
      if (this.size < 0 || this.filled === this.size) this.finish();
    }
  }

  /** Makes room for so many sample frames in the chunk that is being filled. */
  #reserve(like: AudioSamples, frames: number): void {
    const room = this.#data ? this.#data.length / this.#numChannels : 0;
    if (frames <= room) return;
    const wanted = this.size < 0 ? frames : capacity(frames, this.size, FIRST_SAMPLES);
    const data = new (like.constructor as ArrayClass)(wanted * this.#numChannels);
    if (this.#data) data.set(this.#data as never);
    this.#data = data;
  }

  protected override filledChunk(): Reusable<AudioChunk> {
    const data = this.#data!;
    const used = this.filled * this.#numChannels;
    const whole = used === data.length ? data : data.slice(0, used);
    return new DecodedAudio(whole, this.filled, this.#numChannels, this.pts);
  }

  protected override forget(): void {
    super.forget();
    this.#data = undefined;
  }

  protected override alike(a: AudioChunk, b: AudioChunk): boolean {
    return a.numChannels === b.numChannels && a.data.constructor === b.data.constructor;
  }

  protected override joined(chunks: AudioChunk[]): Reusable<AudioChunk> {
    const { numChannels, pts } = chunks[0]!;
    const data = concatenated(chunks.map((chunk) => chunk.data)) as AudioSamples;
    return new DecodedAudio(data, data.length / numChannels, numChannels, pts);
  }
}

/** A chunk's fields are its own, so that it can be posted to a worker. */
class DecodedAudio implements Reusable<AudioChunk> {
  constructor(
    readonly data: AudioSamples,
    readonly numFrames: number,
    readonly numChannels: number,
    readonly pts: number,
  ) {}

  /** Samples are small: their memory is not worth keeping. */
  [Symbol.dispose](): void {}
}

/** One array of several of the same class. */
function concatenated(arrays: (AudioSamples | VideoPixels)[]): AudioSamples | VideoPixels {
  const Class = arrays[0]!.constructor as new (length: number) => AudioSamples;
  const data = new Class(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    data.set(array as never, at);
    at += array.length;
  }
  return data;
}

/** What is offered to a video buffer. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly size: number;
  copyTo(target: Uint8Array<ArrayBuffer>): void;
}

/** Memory of video frames that was returned, to be used again. */
class Pool {
  #size = 0;
  #free: ArrayBuffer[] = [];

  take(size: number): ArrayBuffer {
    if (size !== this.#size) {
      this.#size = size;
      this.#free = [];
    }
    return this.#free.pop() ?? new ArrayBuffer(size);
  }

  put(memory: ArrayBuffer): void {
    const usable = memory.byteLength === this.#size && !memory.detached;
    if (usable && this.#free.length < 8) this.#free.push(memory);
  }
}

/** A buffer of video frames. */
export class VideoChunkBuffer extends GrowingBuffer<DecodedVideo> {
  readonly #pool = new Pool();
  #memory: ArrayBuffer | undefined;
  #shape: Picture | undefined;

  /** Takes a video frame. */
  push(picture: Picture, pts: number): void {
    if (this.filled > 0 && !sameShape(picture, this.#shape!)) this.finish();
    if (this.filled === 0) this.pts = pts;
    this.#shape = picture;
    const perChunk = Math.max(1, this.size);
    this.#reserve(picture.size, perChunk);
    picture.copyTo(new Uint8Array(this.#memory!, this.filled * picture.size, picture.size));
    if (++this.filled === perChunk) this.finish();
  }

  /** Makes room for one more frame in the chunk that is being filled. */
  #reserve(pictureSize: number, perChunk: number): void {
    const needed = this.filled + 1;
    if (this.#memory && needed * pictureSize <= this.#memory.byteLength) return;
    const first = Math.max(1, Math.floor(FIRST_BYTES / pictureSize));
    const memory = this.#pool.take(capacity(needed, perChunk, first) * pictureSize);
    if (this.#memory) new Uint8Array(memory).set(new Uint8Array(this.#memory));
    this.#memory = memory;
  }

  protected override filledChunk(): DecodedVideo {
    const [memory, shape] = [this.#memory!, this.#shape!];
    const used = this.filled * shape.size;
    const whole = used === memory.byteLength ? memory : memory.slice(0, used);
    const pixels = pixelsIn(whole, shape.format);
    return new DecodedVideo(pixels, shape, this.filled, this.pts, this.#pool);
  }

  protected override forget(): void {
    super.forget();
    this.#memory = undefined;
  }

  protected override alike(a: DecodedVideo, b: DecodedVideo): boolean {
    return sameShape(a.shape, b.shape);
  }

  protected override joined(chunks: DecodedVideo[]): DecodedVideo {
    const { shape, pts } = chunks[0]!;
    const data = concatenated(chunks.map((chunk) => chunk.data)) as VideoPixels;
    const numFrames = chunks.reduce((sum, chunk) => sum + chunk.numFrames, 0);
    return new DecodedVideo(data, shape, numFrames, pts);
  }
}

type Shape = Pick<Picture, "width" | "height" | "format" | "size">;

function sameShape(a: Shape, b: Shape): boolean {
  return a.width === b.width && a.height === b.height && a.format === b.format;
}

/** Video frames in memory that may belong to a pool. */
class DecodedVideo implements Reusable<VideoChunk> {
  readonly data: VideoPixels;
  readonly numFrames: number;
  readonly height: number;
  readonly width: number;
  readonly numChannels: number;
  readonly pts: number;
  readonly format: string;
  readonly #shape: Shape;
  #pool: Pool | undefined;

  constructor(data: VideoPixels, shape: Shape, numFrames: number, pts: number, pool?: Pool) {
    this.data = data;
    this.numFrames = numFrames;
    this.height = shape.height;
    this.width = shape.width;
    this.numChannels = shape.format.numChannels;
    this.pts = pts;
    this.format = shape.format.name;
    this.#shape = shape;
    this.#pool = pool;
  }

  get shape(): Shape {
    return this.#shape;
  }

  /** Returns the memory, once. */
  [Symbol.dispose](): void {
    this.#pool?.put(this.data.buffer as ArrayBuffer);
    this.#pool = undefined;
  }
}

function pixelsIn(memory: ArrayBuffer, { bytesPerElement }: PixelFormat): VideoPixels {
  if (bytesPerElement === 4) return new Float32Array(memory);
  return bytesPerElement === 2 ? new Uint16Array(memory) : new Uint8Array(memory);
}
