/**
 * `load`: the sound of a file as a whole, as `torchaudio.load` has it.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { flag, given, optionalText, optionsObject, wholeNumber } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk, Waveform } from "../media/chunk.ts";
import { type AudioSamples, type SampleFormat, sampleFormat } from "../media/formats.ts";
import type { SourceAudioStream } from "../reading/demuxer.ts";
import type { Reader } from "../reading/reader.ts";
import { basicAudio } from "../reading/stream_request.ts";
import {
  type AnySource,
  bestSound,
  nameOf,
  nextChunk,
  PIECE,
  readSound,
  readSoundSync,
  seeksExactly,
  type SoundTask,
} from "./sound_reading.ts";
import { joined } from "./waveform.ts";

/** Which part of a file is loaded, and in what shape. */
export interface LoadOptions {
  /** How many sample frames (samples per channel) are skipped at the beginning. @default {0} */
  readonly frameOffset?: number;
  /** How many sample frames are loaded at most; -1: all. @default {-1} */
  readonly numFrames?: number;
  /**
   * Whether the samples become 32-bit floating point numbers from -1 to 1. `false` leaves them as
   * they are decoded: whole numbers from most files that are not compressed with loss.
   *
   * @default {true}
   */
  readonly normalize?: boolean;
  /** (channel, frame) order, or else (frame, channel). @default {true} */
  readonly channelsFirst?: boolean;
  /** The container, by FFmpeg's demuxer name. Default: what the data shows. */
  readonly format?: string;
}

/**
 * Loads the sound of a file: of any container that FFmpeg reads, videos among them.
 *
 * @param src A path or a URL, or what a `StreamReader` takes beside these.
 * @param options Which part of it, and in what shape.
 * @returns The samples: a `Float32Array` with all of the first channel, then all of the next. Where
 * `frameOffset` is beyond the end there are none.
 * @throws {TypeError} For a source without sound.
 * @throws {FFmpegError} When the source can't be opened, or its sound can't be decoded.
 * @throws {Deno.errors.NotCapable} When the script has no permission for the source.
 *
 * @example Half a second, from one second on
 * ```ts
 * import { load, save } from "@sluice/av";
 *
 * const path = await Deno.makeTempFile({ suffix: ".flac" });
 * await save(path, new Float32Array(16000 * 3), 16000);
 *
 * const waveform = await load(path, { frameOffset: 16000, numFrames: 8000 });
 * console.log(waveform.numFrames, waveform.numChannels, waveform.sampleRate); // 8000 1 16000
 * ```
 */
export function load(
  src: string | URL | BytesSource,
  options?: LoadOptions & WaitOptions & { readonly normalize?: true },
): Promise<Waveform<Float32Array<ArrayBuffer>>>;
/** Loads the sound of a file with its samples as they are decoded. */
export function load(
  src: string | URL | BytesSource,
  options?: LoadOptions & WaitOptions,
): Promise<Waveform>;
export async function load(
  src: string | URL | BytesSource,
  options?: LoadOptions & WaitOptions,
): Promise<Waveform> {
  const { signal, timeout, ...rest } = optionsObject("the options of load", options, [
    ...LOAD_KEYS,
    "signal",
    "timeout",
  ]);
  return await readSound(src, loading(loadRequest(rest)), given({ signal, timeout }));
}

/** The same as {@linkcode load}, blocking. */
export function loadSync(
  src: string | URL | BytesSource,
  options?: LoadOptions & { readonly normalize?: true },
): Waveform<Float32Array<ArrayBuffer>>;
/** The same as {@linkcode load}, blocking, with samples as they are decoded. */
export function loadSync(src: string | URL | BytesSource, options?: LoadOptions): Waveform;
export function loadSync(src: string | URL | BytesSource, options?: LoadOptions): Waveform {
  const checked = optionsObject("the options of loadSync", options, LOAD_KEYS);
  return readSoundSync(src, loading(loadRequest(checked)));
}

function loading(request: LoadRequest): SoundTask<Waveform> {
  return {
    format: request.format,
    *steps(reader, src) {
      const builder = new WaveformBuilder(reader, src, request);
      if (builder.start > 0) yield* reader.seek(builder.start, "precise");
      while (builder.take(yield* nextChunk(reader)));
      return yield* builder.waveform();
    },
  };
}

const LOAD_KEYS = ["frameOffset", "numFrames", "normalize", "channelsFirst", "format"] as const;

interface LoadRequest {
  readonly format: string | undefined;
  readonly frameOffset: number;
  readonly numFrames: number;
  readonly normalize: boolean;
  readonly channelsFirst: boolean;
}

function loadRequest(options: LoadOptions): LoadRequest {
  const { frameOffset = 0, numFrames = -1, normalize, channelsFirst } = options;
  const all = { min: 0, max: Number.MAX_SAFE_INTEGER };
  return {
    format: optionalText("format", options.format),
    frameOffset: wholeNumber("frameOffset", frameOffset, all),
    numFrames: numFrames === -1
      ? Infinity
      : wholeNumber("numFrames (-1 for all)", numFrames, { ...all, min: 1 }),
    normalize: flag("normalize", normalize, true),
    channelsFirst: flag("channelsFirst", channelsFirst, true),
  };
}

/** Builds a waveform from chunks: skips what comes before it, and joins the rest. */
class WaveformBuilder {
  /** Where in the source reading begins, in seconds. */
  readonly start: number;
  readonly #reader: Reader;
  readonly #src: AnySource;
  readonly #request: LoadRequest;
  readonly #stream: SourceAudioStream;
  readonly #arrays: AudioSamples[] = [];
  #skip: number;
  #left: number;

  constructor(reader: Reader, src: AnySource, request: LoadRequest) {
    this.#reader = reader;
    this.#src = src;
    this.#request = request;
    this.#stream = bestSound(reader, src);
    const { sampleRate } = this.#stream;
    // Else what is skipped must be decoded.
    const seeks = reader.container.seekable && seeksExactly(reader, this.#stream);
    this.start = seeks ? request.frameOffset / sampleRate : 0;
    this.#skip = seeks ? 0 : request.frameOffset;
    this.#left = request.numFrames;
    const size = Math.min(PIECE, request.numFrames);
    const format = request.normalize ? "flt" : null;
    reader.addStream(basicAudio(size, { format, sampleRate })); // the rate may change in mid-stream
  }

  /** Takes a chunk; returns whether more are wanted. */
  take(chunk: AudioChunk | undefined): boolean {
    if (chunk === undefined) return false;
    this.#checkUnchanged(chunk);
    const { data, numFrames, numChannels } = chunk;
    const from = Math.min(this.#skip, numFrames);
    const to = Math.min(from + this.#left, numFrames);
    this.#skip -= from;
    this.#left -= to - from;
    if (to > from) this.#arrays.push(data.subarray(from * numChannels, to * numChannels));
    return this.#left > 0;
  }

  /** All chunks of one waveform must have the same channels and class of samples. */
  #checkUnchanged({ data, numChannels }: AudioChunk): void {
    const expected = this.#stream.numChannels;
    const first = this.#arrays[0] ?? data;
    if (numChannels === expected && data.constructor === first.constructor) return;
    throw new TypeError(
      `Expected ${expected} channels throughout, but ${nameOf(this.#src)} changes in mid-stream: ` +
        `read it with a StreamReader, and say what it is to be converted to`,
    );
  }

  /** All that has been taken, as one waveform. */
  waveform(): Steps<Waveform> {
    const { frames, skippedPackets } = this.#reader.stats;
    if (frames === 0 && skippedPackets > 0) throw undecodable(this.#src);
    const { numChannels, sampleRate, format } = this.#stream;
    const { normalize, channelsFirst } = this.#request;
    const first = this.#arrays[0]?.constructor as SampleFormat["array"] | undefined;
    const array = first ?? sampleFormat(normalize ? "flt" : format ?? "flt").array;
    return joined({ arrays: this.#arrays, array, numChannels, sampleRate }, channelsFirst);
  }
}

function undecodable(src: AnySource): Error {
  const { AVERROR_INVALIDDATA } = ffmpeg().layout.constants;
  return failure(AVERROR_INVALIDDATA, `decode the sound of ${nameOf(src)}`);
}
