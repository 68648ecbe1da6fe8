/**
 * `load`, `save` and `info`: a file's sound as a whole, as `torchaudio.load`, `.save` and `.info`
 * have it.
 *
 * @module
 */

import { abortable, runSync, type Steps } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { flag, given, optionalText, optionsObject, wholeNumber } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { signalOf, type WaitOptions } from "../base/wait.ts";
import type { BytesWriter } from "../io/bytes.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk, AudioInput, Waveform } from "../media/chunk.ts";
import { type AudioSamples, type SampleFormat, sampleFormat } from "../media/formats.ts";
import type { SourceAudioStream } from "../reading/demuxer.ts";
import { Opening } from "../reading/opening.ts";
import { Reader } from "../reading/reader.ts";
import { basicAudio } from "../reading/stream_request.ts";
import type { CodecConfig } from "../writing/encoder_setup.ts";
import { StreamWriter } from "../writing/stream_writer.ts";
import { encodingOf, type PcmEncoding, pcmEncodingOf, saveSettings } from "./pcm_encoding.ts";
import { joined, nameOf, nextChunk, noSound, type Sound, soundOf } from "./waveform.ts";

/** What of a file is loaded, and how. */
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

/** How a waveform is saved. */
export interface SaveOptions {
  /** Channels of samples that are handed over in one typed array. @default {1} */
  readonly numChannels?: number;
  /** Whether samples in one typed array are in (channel, frame) order. @default {true} */
  readonly channelsFirst?: boolean;
  /** The container, by FFmpeg's muxer name. Default: what the destination's name says. */
  readonly format?: string;
  /**
   * How samples are written in containers for uncompressed sound (`wav`, `aiff`, `au`, `caf`, `w64`,
   * `mov`, …). Default: by `bitsPerSample`, else by the class of the samples.
   */
  readonly encoding?: PcmEncoding;
  /** Bits of a sample in such containers, and in `flac`. Default: by `encoding`. */
  readonly bitsPerSample?: 8 | 16 | 24 | 32 | 64;
  /**
   * How hard to compress. A number is in torchaudio's scale: for `mp3` the bit rate in kbit/s, or
   * minus the quality from 0 (best) to 9, with the effort from 0 (best) to 9 as the first decimal
   * (default -4.5); for `flac` the level from 0 to 12 (default 8); for `ogg` with Vorbis the quality
   * from -1 to 10 (default 3).
   */
  readonly compression?: number | CodecConfig;
}

/** What is known of a file's sound. */
export interface AudioInfo {
  /** Samples per second. */
  readonly sampleRate: number;
  /** How many sample frames (samples per channel) there are. */
  readonly numFrames: number;
  /** How many channels there are. */
  readonly numChannels: number;
  /** Bits of a sample; 0 where the samples are compressed with loss. */
  readonly bitsPerSample: number;
  /**
   * `"PCM_S"`, `"PCM_U"` (whole numbers with and without sign), `"PCM_F"` (floating point), `"ULAW"`,
   * `"ALAW"`, or the name of the codec, such as `"FLAC"`, `"MP3"`, `"AAC"`.
   */
  readonly encoding: string;
}

/** How many sample frames are decoded at a time. */
const PIECE = 1 << 16;

/** Containers whose header tells the number of samples. */
const TELLS_LENGTH = new Set(["wav", "w64", "aiff", "au", "caf", "flac", "tta", "wv"]);

/**
 * Loads the sound of a file: of any container that FFmpeg reads, videos among them.
 *
 * @param src A path or a URL, or what a `StreamReader` takes beside these.
 * @param options Which part of it, and in what shape.
 * @returns The samples: a `Float32Array` with all of the first channel, then all of the next. Where
 * `frameOffset` lies behind the end there are none.
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
  return await reading(src, loading(loadRequest(rest)), given({ signal, timeout }));
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
  return readingSync(src, loading(loadRequest(checked)));
}

/** Something that is done with the sound of a source. */
interface Reading<T> {
  /** The container of the source. */
  readonly format: string | undefined;
  /** Does it with the source open. */
  steps(reader: Reader, src: AnySource): Steps<T>;
}

type AnySource = string | URL | BytesSource;

/** Opens a source, does something with its sound, and closes it, all as one operation. */
async function reading<T>(src: AnySource, what: Reading<T>, wait: WaitOptions): Promise<T> {
  const reader = new Reader(new Opening(src, given({ format: what.format }), false));
  try {
    return await new SerialQueue(reader).run(() => whileOpen(reader, src, what), wait);
  } catch (error) {
    reader.abort(); // if it was abandoned
    throw error;
  }
}

/** The same, blocking. */
function readingSync<T>(src: AnySource, what: Reading<T>): T {
  const reader = new Reader(new Opening(src, given({ format: what.format }), true));
  return runSync(whileOpen(reader, src, what));
}

function* whileOpen<T>(reader: Reader, src: AnySource, what: Reading<T>): Steps<T> {
  yield* reader.open();
  try {
    yield* abortable(); // FFmpeg may have been interrupted while it looked at the streams
    return yield* what.steps(reader, src);
  } finally {
    reader.close();
  }
}

function loading(request: LoadRequest): Reading<Waveform> {
  return {
    format: request.format,
    *steps(reader, src) {
      const gathering = new Gathering(reader, src, request);
      if (gathering.start > 0) yield* reader.seek(gathering.start, "precise");
      while (gathering.take(yield* nextChunk(reader)));
      return yield* gathering.waveform();
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

/** The sound that FFmpeg thinks best in a source. */
function bestSound(reader: Reader, src: AnySource): SourceAudioStream {
  if (reader.container.bestStream("audio") !== undefined) return reader.infoOf("audio");
  throw noSound(src);
}

/** The number of samples that a container's header tells, where that can be relied upon. */
function toldLength(reader: Reader, stream: SourceAudioStream): number | undefined {
  const { name } = reader.container;
  if (stream.duration === undefined || !TELLS_LENGTH.has(name)) return undefined;
  const plain = stream.codec.startsWith("pcm_") || stream.codec === name;
  const lossless = plain || stream.codec === "wavpack";
  return lossless ? Math.round(stream.duration * stream.sampleRate) : undefined;
}

/** Gathers a source's sound for a waveform. */
class Gathering {
  /** Where in the source reading is to begin, in seconds. */
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
    const { codec, sampleRate } = this.#stream;
    // Where each sample stands for itself, those before the wanted ones need not be decoded.
    const seeks = codec.startsWith("pcm_") && TELLS_LENGTH.has(reader.container.name);
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
    const { data, numFrames, numChannels } = chunk;
    const first = this.#arrays[0];
    if (numChannels !== this.#stream.numChannels || (first && !isLike(data, first))) {
      throw new TypeError(
        `Expected ${this.#stream.numChannels} channels throughout, but ${
          nameOf(this.#src)
        } changes in ` +
          `mid-stream: read it with a StreamReader, and say what it is to be converted to`,
      );
    }
    const from = Math.min(this.#skip, numFrames);
    const to = Math.min(from + this.#left, numFrames);
    this.#skip -= from;
    this.#left -= to - from;
    if (to > from) this.#arrays.push(data.subarray(from * numChannels, to * numChannels));
    return this.#left > 0;
  }

  /** All that has been taken. */
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

function isLike(a: AudioSamples, b: AudioSamples): boolean {
  return a.constructor === b.constructor;
}

function undecodable(src: AnySource): Error {
  const { AVERROR_INVALIDDATA } = ffmpeg().layout.constants;
  return failure(AVERROR_INVALIDDATA, `decode the sound of ${nameOf(src)}`);
}

/**
 * Tells what the sound of a file is.
 *
 * `numFrames` is exactly what `load` returns. Files that are not compressed, or without loss, tell it;
 * all others are decoded to count them, which takes a while for long ones (`StreamReader.duration`
 * tells at once about how long they are).
 *
 * @param src A path or a URL, or what a `StreamReader` takes beside these.
 * @param options The container, where the data does not show it, and ways to give up waiting.
 * @throws {TypeError} For a source without sound.
 * @throws {FFmpegError} When the source can't be opened.
 * @throws {Deno.errors.NotCapable} When the script has no permission for the source.
 *
 * @example
 * ```ts
 * import { info, save } from "@sluice/av";
 *
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * await save(path, new Int16Array(8000), 8000);
 * console.log(await info(path));
 * // { sampleRate: 8000, numFrames: 8000, numChannels: 1, bitsPerSample: 16, encoding: "PCM_S" }
 * ```
 */
export async function info(
  src: string | URL | BytesSource,
  options?: Pick<LoadOptions, "format"> & WaitOptions,
): Promise<AudioInfo> {
  const { format, signal, timeout } = optionsObject("the options of info", options, [
    "format",
    "signal",
    "timeout",
  ]);
  return await reading(src, inquiring(format), given({ signal, timeout }));
}

/** The same as {@linkcode info}, blocking. */
export function infoSync(
  src: string | URL | BytesSource,
  options?: Pick<LoadOptions, "format">,
): AudioInfo {
  const { format } = optionsObject("the options of infoSync", options, ["format"]);
  return readingSync(src, inquiring(format));
}

function inquiring(format: string | undefined): Reading<AudioInfo> {
  return {
    format: optionalText("format", format),
    *steps(reader, src) {
      const inquiry = new Inquiry(reader, src);
      while (!inquiry.isKnown) inquiry.count(yield* nextChunk(reader));
      return inquiry.info;
    },
  };
}

/** What is found out about a source's sound. */
class Inquiry {
  readonly #stream: SourceAudioStream;
  #numFrames: number;
  #isKnown: boolean;

  constructor(reader: Reader, src: AnySource) {
    this.#stream = bestSound(reader, src);
    const told = toldLength(reader, this.#stream);
    this.#numFrames = told ?? 0;
    this.#isKnown = told !== undefined;
    const { sampleRate } = this.#stream;
    if (!this.#isKnown) reader.addStream(basicAudio(PIECE, { format: null, sampleRate }));
  }

  /** Whether nothing more must be decoded to know the length. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Counts the samples of the next chunk; there is none at the end. */
  count(chunk: AudioChunk | undefined): void {
    this.#numFrames += chunk?.numFrames ?? 0;
    this.#isKnown = chunk === undefined;
  }

  get info(): AudioInfo {
    const { sampleRate, numChannels, codec, bitsPerSample } = this.#stream;
    const pcm = pcmEncodingOf(codec);
    return {
      sampleRate,
      numFrames: this.#numFrames,
      numChannels,
      bitsPerSample: pcm?.bitsPerSample ?? bitsPerSample,
      encoding: encodingOf(codec),
    };
  }
}

/**
 * Saves sound to a file: in any container that FFmpeg writes.
 *
 * @param dst A path or a URL; or, with a `format`, what a `StreamWriter` takes beside these.
 * @param waveform A waveform from `load`; or one typed array per channel; or one typed array, of one
 * channel unless `numChannels` says otherwise; or a chunk from a `StreamReader`.
 * @param sampleRate Samples per second. Default: the waveform's own.
 * @param options The container, and how to encode.
 * @throws {TypeError | RangeError} For arguments that do not fit together, or that the container can't
 * take: nothing is written.
 * @throws {FFmpegError} When it can't be encoded or written.
 * @throws {Deno.errors.NotCapable} When the script has no permission for the destination.
 *
 * @example One file in three others
 * ```ts
 * import { load, save } from "@sluice/av";
 *
 * const dir = await Deno.makeTempDir();
 * const tone = Float32Array.from({ length: 44100 }, (_, i) => 0.3 * Math.sin(i * 0.0627));
 * await save(dir + "/tone.wav", tone, 44100);
 *
 * const waveform = await load(dir + "/tone.wav");
 * await save(dir + "/tone.flac", waveform);
 * await save(dir + "/tone.mp3", waveform, undefined, { compression: 192 });
 * await save(dir + "/phone.wav", waveform, undefined, { encoding: "ULAW" });
 * ```
 */
export async function save(
  dst: string | URL | BytesWriter | WritableStream<Uint8Array>,
  waveform: AudioInput,
  sampleRate?: number,
  options?: SaveOptions & WaitOptions,
): Promise<void> {
  const { signal, timeout, ...rest } = optionsObject("the options of save", options, [
    ...SAVE_KEYS,
    "signal",
    "timeout",
  ]);
  const wait = given({ signal: signalOf(given({ signal, timeout })) }); // one limit for all of it
  const { writer, input } = writerFor(dst, waveform, sampleRate, rest);
  await writer.open({}, wait);
  try {
    await writer.writeAudioChunk(0, input, undefined, wait);
  } catch (error) {
    await writer.close().catch(() => {}); // the first error says what happened
    throw error;
  }
  await writer.close(wait);
}

/** The same as {@linkcode save}, blocking. */
export function saveSync(
  dst: string | URL | BytesWriter | WritableStream<Uint8Array>,
  waveform: AudioInput,
  sampleRate?: number,
  options?: SaveOptions,
): void {
  const checked = optionsObject("the options of saveSync", options, SAVE_KEYS);
  const { writer, input } = writerFor(dst, waveform, sampleRate, checked);
  writer.openSync();
  try {
    writer.writeAudioChunkSync(0, input);
  } finally {
    writer.closeSync();
  }
}

const SAVE_KEYS = [
  "numChannels",
  "channelsFirst",
  "format",
  "encoding",
  "bitsPerSample",
  "compression",
] as const;

/** A writer for samples of any shape, and these as its one stream takes them. */
function writerFor(
  dst: string | URL | BytesWriter | WritableStream<Uint8Array>,
  waveform: AudioInput,
  sampleRate: number | undefined,
  options: SaveOptions,
): { writer: StreamWriter; input: AudioInput } {
  const { numChannels, channelsFirst } = options;
  const sound = soundOf(waveform, { sampleRate, numChannels, channelsFirst });
  const name = typeof dst === "string" || dst instanceof URL ? String(dst) : "";
  const { format, candidates } = saveSettings(name, sound.format.name, options);
  const writer = new StreamWriter(dst, given({ format }));
  try {
    addFirstThatFits(writer, sound, candidates);
  } catch (error) {
    writer.closeSync();
    throw error;
  }
  return { writer, input: sound.input };
}

/** Adds the stream with the first of some settings that the container takes. */
function addFirstThatFits(
  writer: StreamWriter,
  { format, numChannels, sampleRate }: Sound,
  candidates: ReturnType<typeof saveSettings>["candidates"],
): void {
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      writer.addAudioStream(sampleRate, numChannels, { format: format.name, ...candidate });
      return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}
