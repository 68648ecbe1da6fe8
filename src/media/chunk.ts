/**
 * Chunks: the samples and pixels that go into a writer and come out of a reader.
 *
 * @module
 */

import { article, shown } from "../base/text.ts";
import {
  type AudioSamples,
  frameBytes,
  pixelArrayName,
  type PixelFormat,
  type Plane,
  type SampleFormat,
  type VideoPixels,
} from "./formats.ts";

/**
 * Samples of one stretch of time. A `StreamReader` returns them, a `StreamWriter` takes them.
 *
 * @typeParam T The typed array that holds the samples: `Float32Array` where the format is `flt`.
 */
export interface AudioChunk<T extends AudioSamples = AudioSamples> {
  /** The samples in (frame, channel) order: those of one sample frame lie beside each other. */
  readonly data: T;
  /** How many sample frames (samples per channel) there are. */
  readonly numFrames: number;
  /** How many channels there are. */
  readonly numChannels: number;
  /** When the first sample is to be heard, in seconds. */
  readonly pts: number;
}

/**
 * Sound as a whole: `load` and `AudioEffector` return it, and whatever takes samples takes it as it
 * is: `save`, `AudioEffector`, `playAudio`, `writeAudioChunk`.
 *
 * All samples lie in one array, as a tensor's do, so that it can be passed on (or posted to a worker)
 * in one piece; `channelsFirst` says in which order.
 */
export interface Waveform<T extends AudioSamples = AudioSamples> {
  /** The samples of all channels, in the order that `channelsFirst` says. */
  readonly data: T;
  /** How many sample frames (samples per channel) there are. */
  readonly numFrames: number;
  /** How many channels there are. */
  readonly numChannels: number;
  /** Samples per second. */
  readonly sampleRate: number;
  /**
   * `true`: (channel, frame) order, the channels one after the other, so that channel `c` is
   * `data.subarray(c * numFrames, (c + 1) * numFrames)`. `false`: (frame, channel) order, the samples
   * of one sample frame beside each other.
   */
  readonly channelsFirst: boolean;
}

/**
 * One or more video frames. A `StreamReader` returns them, a `StreamWriter` takes them.
 *
 * @typeParam T The typed array that holds the pixels: `Uint8Array` where a component has 8 bits.
 */
export interface VideoChunk<T extends VideoPixels = VideoPixels> {
  /**
   * The pixels. Packed formats (`rgb24`, `rgba`, `gray8`) in (frame, height, width, channel) order;
   * planar ones (`yuv420p`, `nv12`) frame by frame in FFmpeg's plane order without row padding.
   */
  readonly data: T;
  /** How many video frames there are. */
  readonly numFrames: number;
  /** The height in pixels. */
  readonly height: number;
  /** The width in pixels. */
  readonly width: number;
  /** How many channels a pixel has. */
  readonly numChannels: number;
  /** When the first video frame is to be seen, in seconds. */
  readonly pts: number;
  /** The pixel format, by FFmpeg's name. */
  readonly format: string;
}

/**
 * What `writeAudioChunk` takes: a typed array in (frame, channel) order, an array with one typed
 * array per channel (as WebAudio has them), a chunk from a reader, or a waveform from `load`.
 */
export type AudioInput = AudioSamples | readonly AudioSamples[] | AudioChunk | Waveform;

/** Pixels with the order of their dimensions: `"NCHW"` is that of PyTorch's tensors. */
export interface VideoTensor {
  /** The elements. */
  readonly data: VideoPixels;
  /** (frame, channel, height, width), or (frame, height, width, channel) as everywhere else. */
  readonly layout: "NCHW" | "NHWC";
}

/** One video frame in `rgba`, as an `ImageData` of a canvas from npm and the like have it. */
export interface ImageLike {
  /** The pixels, row by row. */
  readonly data: Uint8ClampedArray | Uint8Array;
  /** The width in pixels. */
  readonly width: number;
  /** The height in pixels. */
  readonly height: number;
}

/**
 * What `writeVideoChunk` takes: the pixels of one or more video frames, pixels with a layout, a chunk
 * from a reader, or, where the stream's format is `rgba`, one `ImageData` or several.
 */
export type VideoInput =
  | VideoPixels
  | VideoTensor
  | VideoChunk
  | ImageData
  | ImageLike
  | readonly (ImageData | ImageLike)[];

/** An audio chunk that has passed the checks. */
export interface CheckedAudio {
  /** One array in (frame, channel) order, or one array per channel. */
  readonly arrays: readonly AudioSamples[];
  /** Whether there is one array per channel. */
  readonly planar: boolean;
  /** How many sample frames it holds. */
  readonly numFrames: number;
}

/** What an audio stream expects of its chunks. */
export interface AudioShape {
  /** The sample format, not planar. */
  readonly format: SampleFormat;
  /** Channels. */
  readonly numChannels: number;
  /** Samples per second. */
  readonly sampleRate: number;
}

/** Checks an audio chunk against its stream; throws a `TypeError` that names what would fit. */
export function checkAudio(chunk: AudioInput, shape: AudioShape): CheckedAudio {
  const { format, numChannels } = shape;
  if (Array.isArray(chunk)) return checkChannels(chunk, format, numChannels);
  const own = isChunk(chunk) ? chunk as AudioChunk & Partial<Waveform> : undefined;
  const data = (own ? own.data : chunk) as AudioSamples;
  checkArray(data, format.array.name, `a chunk of ${numChannels}-channel ${format.name} audio`);
  if (own) checkOwnShape(own, shape);
  if (data.length % numChannels !== 0) {
    throw new TypeError(
      `Expected a whole number of frames of ${numChannels} channels, got ${data.length} samples`,
    );
  }
  const numFrames = data.length / numChannels;
  return own?.channelsFirst
    ? { arrays: channelsIn(data, numChannels), planar: true, numFrames }
    : { arrays: [data], planar: false, numFrames };
}

/** Checks a chunk or a waveform against its own description. */
function checkOwnShape(
  own: AudioChunk & Partial<Waveform>,
  { numChannels, sampleRate }: AudioShape,
): void {
  if (own.numChannels !== numChannels) {
    throw new TypeError(
      `Expected a chunk of ${numChannels} channels, got one of ${own.numChannels}`,
    );
  }
  if (own.sampleRate === undefined) return;
  if (own.sampleRate !== sampleRate) {
    throw new TypeError(
      `Expected a waveform of ${sampleRate} Hz, got one of ${own.sampleRate} Hz: add the stream ` +
        `with the waveform's rate, and let encoderSampleRate resample it`,
    );
  }
  if (own.data.length !== own.numFrames * own.numChannels) {
    throw new TypeError(
      `Expected a waveform of ${own.numChannels} channels of ${own.numFrames} samples each, got ` +
        `${own.data.length} samples`,
    );
  }
}

/** The channels of samples in (channel, frame) order. */
export function channelsIn(data: AudioSamples, numChannels: number): AudioSamples[] {
  const numFrames = data.length / numChannels;
  return Array.from(
    { length: numChannels },
    (_, channel) => data.subarray(channel * numFrames, (channel + 1) * numFrames),
  );
}

function checkChannels(
  channels: readonly AudioSamples[],
  format: SampleFormat,
  numChannels: number,
): CheckedAudio {
  if (channels.length !== numChannels) {
    throw new TypeError(
      `Expected one ${format.array.name} for each of ${numChannels} channels, got an array of ` +
        `${channels.length}`,
    );
  }
  for (const data of channels) {
    checkArray(data, format.array.name, `one channel of ${format.name} audio`);
    if (data.length !== channels[0]!.length) {
      throw new TypeError(
        `Expected channels of equal length, got ${channels.map((each) => each.length).join(", ")}`,
      );
    }
  }
  return { arrays: channels, planar: true, numFrames: channels[0]!.length };
}

/** The error for a chunk that was transferred or shrunk while its write was under way. */
export function takenAway(): TypeError {
  return new TypeError(
    "Expected the chunk to stay as it is until its write is done, but its memory was transferred or " +
      "shrunk: pass a copy, or await the write",
  );
}

/** Copies samples of one or more arrays into an interleaved one; counts are in sample frames. */
export function copySamples(
  { arrays, planar }: Pick<CheckedAudio, "arrays" | "planar">,
  from: number,
  to: AudioSamples,
  at: number,
  count: number,
  channels: number,
): void {
  const needed = planar ? from + count : (from + count) * channels;
  if (arrays.some((source) => source.length < needed)) throw takenAway();
  if (!planar) {
    const source = arrays[0]!;
    const whole = from === 0 && count * channels === source.length;
    const part = whole ? source : source.subarray(from * channels, (from + count) * channels);
    to.set(part as never, at * channels);
    return;
  }
  arrays.forEach((source, channel) => {
    let place = at * channels + channel;
    for (let i = from; i < from + count; i++, place += channels) to[place] = source[i]!;
  });
}

function isChunk(chunk: unknown): chunk is { data: unknown; numFrames: number } {
  return typeof chunk === "object" && chunk !== null && !ArrayBuffer.isView(chunk) &&
    "numFrames" in chunk && "data" in chunk;
}

/** Checks the class of a typed array, and that its memory is its own and still there. */
function checkArray(data: unknown, expected: string, what: string): void {
  const name = (data as { constructor?: { name?: string } } | null)?.constructor?.name;
  const clamped = expected === "Uint8Array" && data instanceof Uint8ClampedArray;
  const buffer = expected === "Uint8Array" && data instanceof Uint8Array; // Node's Buffer
  if (!ArrayBuffer.isView(data) || (name !== expected && !clamped && !buffer)) {
    throw new TypeError(`Expected ${article(expected)} for ${what}, got ${shown(data)}`);
  }
  if (!(data.buffer instanceof ArrayBuffer)) {
    throw new TypeError(
      `Expected ${what} in memory of its own, got a ${expected} over a SharedArrayBuffer, which ` +
        `may change while it is read: pass a copy (data.slice())`,
    );
  }
  if (data.buffer.detached) {
    throw new TypeError(`Expected ${what}, got a ${expected} whose memory was transferred away`);
  }
}

/** What a video stream expects of its chunks. */
export interface VideoShape {
  /** The pixel format. */
  readonly format: PixelFormat;
  /** The width in pixels. */
  readonly width: number;
  /** The height in pixels. */
  readonly height: number;
  /** The planes of one frame. */
  readonly planes: readonly Plane[];
}

/** A video chunk that has passed the checks: each frame's bytes without padding. */
export interface CheckedVideo {
  /** The frames' bytes, one after the other, in one or more pieces of whole frames. */
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
  /** How many frames there are. */
  readonly numFrames: number;
}

/** Checks a video chunk against its stream; throws a `TypeError` that names what would fit. */
export function checkVideo(chunk: VideoInput, shape: VideoShape): CheckedVideo {
  const images = Array.isArray(chunk) ? chunk : isImage(chunk) ? [chunk] : undefined;
  if (images) return checkImages(images, shape);
  if (isTensor(chunk)) return checkTensor(chunk, shape);
  if (isChunk(chunk)) checkChunkShape(chunk as unknown as VideoChunk, shape);
  const data = (isChunk(chunk) ? chunk.data : chunk) as VideoPixels;
  return checkPixels(data, shape);
}

function checkPixels(data: VideoPixels, shape: VideoShape): CheckedVideo {
  const { format, width, height } = shape;
  const array = pixelArrayName(format);
  checkArray(data, array, `${width}x${height} ${format.name} frames`);
  const size = frameBytes(shape.planes);
  if (data.byteLength % size !== 0) {
    throw new TypeError(
      `Expected whole ${width}x${height} ${format.name} frames of ` +
        `${size / format.bytesPerElement} elements each, got ${data.length} elements`,
    );
  }
  return { pieces: [bytesOf(data)], numFrames: data.byteLength / size };
}

function bytesOf(data: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

function checkChunkShape(chunk: VideoChunk, { format, width, height }: VideoShape): void {
  const fits = chunk.format === format.name && chunk.width === width && chunk.height === height;
  if (fits) return;
  throw new TypeError(
    `Expected ${width}x${height} ${format.name} frames, got ${chunk.width}x${chunk.height} ` +
      `${chunk.format}`,
  );
}

function isImage(chunk: unknown): chunk is ImageLike {
  return typeof chunk === "object" && chunk !== null && !ArrayBuffer.isView(chunk) &&
    !("numFrames" in chunk) && "width" in chunk && "height" in chunk && "data" in chunk;
}

function checkImages(images: readonly unknown[], shape: VideoShape): CheckedVideo {
  const { format, width, height } = shape;
  const pieces = images.map((image) => {
    if (!isImage(image)) {
      const array = pixelArrayName(format);
      throw new TypeError(
        `Expected ${article(array)} of ${format.name} pixels, or ImageData, got an array with ` +
          `${shown(image)} in it`,
      );
    }
    if (format.name !== "rgba") {
      throw new TypeError(
        `Expected ${format.name} pixels, got an ImageData: add the stream with format: "rgba"`,
      );
    }
    if (image.width !== width || image.height !== height) {
      throw new TypeError(
        `Expected a ${width}x${height} ImageData, got one of ${image.width}x${image.height}`,
      );
    }
    return checkPixels(image.data, shape).pieces[0]!;
  });
  return { pieces, numFrames: pieces.length };
}

function isTensor(chunk: unknown): chunk is VideoTensor {
  return typeof chunk === "object" && chunk !== null && "layout" in chunk && "data" in chunk;
}

function checkTensor(chunk: VideoTensor, shape: VideoShape): CheckedVideo {
  const { layout, data } = chunk;
  if (layout !== "NCHW" && layout !== "NHWC") {
    throw new TypeError(`Expected layout "NCHW" or "NHWC", got ${shown(layout)}`);
  }
  const { format } = shape;
  if (!format.elementwise || (layout === "NHWC" && !format.packed)) {
    throw new TypeError(
      `Expected ${format.name} frames in FFmpeg's plane order, got layout "${layout}", which this ` +
        `format does not have: omit the layout, or use another format, such as "rgb24"`,
    );
  }
  // Planes of one size lie as (channel, height, width), pixels of one plane as (…, channel).
  const asTheyAre = layout === "NHWC" || !format.packed;
  return asTheyAre ? checkPixels(data, shape) : packTensor(data, shape);
}

/** Turns (frame, channel, height, width) into the packed order that encoders want. */
function packTensor(data: VideoPixels, shape: VideoShape): CheckedVideo {
  const { format, width, height } = shape;
  const channels = format.numChannels;
  const area = width * height;
  checkArray(data, pixelArrayName(format), `${format.name} frames in layout "NCHW"`);
  if (data.length % (area * channels) !== 0) {
    throw new TypeError(
      `Expected whole ${channels}x${height}x${width} frames of ${area * channels} ` +
        `elements each, got ${data.length} elements`,
    );
  }
  const numFrames = data.length / (area * channels);
  const Pixels = data.constructor as new (length: number) => VideoPixels;
  const packed = new Pixels(numFrames * area * channels);
  for (let frame = 0; frame < numFrames; frame++) {
    for (let channel = 0; channel < channels; channel++) {
      let from = (frame * channels + channel) * area;
      let to = frame * area * channels + channel;
      for (const end = from + area; from < end; from++, to += channels) packed[to] = data[from]!;
    }
  }
  return { pieces: [bytesOf(packed)], numFrames };
}
