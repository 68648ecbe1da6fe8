/**
 * Decoding a file and re-encoding it.
 *
 * @module
 */

import {
  type AudioChunk,
  type Chunk,
  type SourceStream,
  type SourceVideoStream,
  StreamReader,
  StreamWriter,
  type StreamWriterStats,
  type VideoChunk,
} from "../mod.ts";
import { given } from "../src/base/arguments.ts";
import { CommandError } from "./command.ts";
import { asked, askedLater, wording } from "./failures.ts";
import { describe } from "./info.ts";
import { note } from "./terminal.ts";

/** What is to be converted, and how. */
export interface ConversionOptions {
  /** The container; `undefined`: by the name of the new file. */
  readonly format: string | undefined;
  /** How audio is encoded; `false` drops it. */
  readonly audio: false | {
    readonly encoder: string | undefined;
    readonly sampleRate: number | undefined;
  };
  /** How video is encoded; `false` drops it. */
  readonly video: false | {
    readonly encoder: string | undefined;
    readonly size: { readonly width: number; readonly height: number } | undefined;
    readonly rate: number | undefined;
  };
  /** Options of the encoders: without a type, of the video encoder if there is one. */
  readonly encoderOptions: readonly {
    readonly type: "audio" | "video" | undefined;
    readonly name: string;
    readonly value: string;
  }[];
  /** Where to begin, in seconds. */
  readonly start: number;
  /** How many seconds; `undefined`: all. */
  readonly duration: number | undefined;
}

/** Audio files, where a picture would at best be a cover, and only one stream is expected. */
const SOUND_ONLY = /\.(mp3|flac|wav|aac|ac3|aiff?|m4a|m4b|oga|opus|spx|wma|mka|w64|au|caf)$/i;

/** How many seconds of media are decoded at most to learn the format of each stream. */
const LOOK = 10;

/** Frames per second above which a rate is taken for a unit of time. */
const MAX_RATE = 240;
/** Frames per second where the old file has no rate. */
const USUAL_RATE = 25;

/** Chunks that are further apart in time than this, in seconds, do not follow on each other. */
const GAP = 0.02;

/** Metadata that describe the old file as a file. */
const OF_CONTAINER = /^(major_brand|minor_version|compatible_brands|encoder|creation_time)$/i;

/** One stream that is being converted. */
interface Track {
  readonly source: SourceStream;
  readonly index: number;
  /** Where its chunks go. */
  write(chunk: Chunk): Promise<void>;
  /** Whether nothing more of it is wanted. */
  done: boolean;
}

/** A file that is being converted. */
export class Conversion implements AsyncDisposable {
  readonly #reader: StreamReader;
  readonly #options: ConversionOptions;
  #tracks: Track[] = [];
  #writer: StreamWriter | undefined;

  private constructor(reader: StreamReader, options: ConversionOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  /** Opens the old file. */
  static async open(input: string, options: ConversionOptions): Promise<Conversion> {
    return new Conversion(await StreamReader.open(input), options);
  }

  /** How many seconds there are to convert, as far as that is known. */
  get total(): number | undefined {
    const { start, duration = Infinity } = this.#options;
    const total = Math.min((this.#reader.duration ?? Infinity) - start, duration);
    return Number.isFinite(total) ? Math.max(0, total) : undefined;
  }

  /** What has been done so far. */
  get stats(): StreamWriterStats {
    return this.#writer!.stats;
  }

  /** Where the part that is wanted begins, in the old file's seconds. */
  get #begin(): number {
    return Math.max(0, this.#reader.startTime) + this.#options.start;
  }

  /** Learns the formats that the old file decodes to, and opens the new one for them. */
  async start(output: string, options: ConversionOptions): Promise<void> {
    const { duration: whole = Infinity } = this.#reader;
    if (options.start >= whole) {
      throw new CommandError(`Cannot begin at ${options.start} s, as the file lasts ${whole} s`);
    }
    this.#choose(output);
    if (options.start > 0) await this.#reader.seek(this.#begin);
    await this.#look();
    const { format } = options;
    this.#writer = asked(() => new StreamWriter(output, given({ format })));
    this.#addTracks(this.#writer);
    const metadata = Object.entries(this.#reader.getMetadata())
      .filter(([name]) => !OF_CONTAINER.test(name));
    this.#writer.setMetadata(Object.fromEntries(metadata));
    await askedLater(() => this.#writer!.open());
  }

  /** Asks the reader for the streams that are wanted. */
  #choose(output: string): void {
    const reader = this.#reader;
    for (let index = 0; index < reader.numSrcStreams; index++) {
      const source = reader.getSrcStreamInfo(index);
      const why = this.#whyNot(source, index, SOUND_ONLY.test(output));
      if (why !== undefined) {
        if (why !== "") note(`Skipped: #${index} ${describe(source)}: ${why}`);
        continue;
      }
      asked(() => this.#read(source, index));
      this.#tracks.push({ source, index, done: false, write: () => Promise.resolve() });
    }
    if (this.#tracks.length === 0) {
      throw new CommandError("There is nothing to convert: the file has no stream that is wanted");
    }
  }

  /** Why a stream is not converted; an empty text where the user has said so. */
  #whyNot(source: SourceStream, index: number, soundOnly: boolean): string | undefined {
    const { audio, video } = this.#options;
    switch (source.mediaType) {
      case "audio":
        if (!audio) return "";
        return soundOnly && index !== this.#reader.defaultAudioStream
          ? "the new file holds one audio stream"
          : undefined;
      case "video":
        if (!video) return "";
        return soundOnly && video.encoder === undefined
          ? "the new file is an audio file"
          : undefined;
      default:
        return "only audio and video are converted";
    }
  }

  #read(source: SourceStream, streamIndex: number): void {
    const common = { streamIndex, format: null };
    if (source.mediaType === "audio") {
      const { sampleRate, numChannels } = source;
      const known = sampleRate > 0 && numChannels > 0 && numChannels < 64;
      this.#reader.addBasicAudioStream(-1, {
        ...common,
        ...(known ? { sampleRate, numChannels } : {}),
      });
    } else if (source.mediaType === "video") {
      const { size: wanted, rate } = this.#options.video || {};
      const { width, height } = wanted ?? upright(source);
      const frameRate = rate ?? ownRate(source);
      this.#reader.addBasicVideoStream(1, {
        ...common,
        ...given({ frameRate }),
        ...(width > 0 && height > 0 ? { width, height } : {}),
      });
    }
  }

  /** Decodes until the format of each stream is known; drops those from which nothing is decoded. */
  async #look(): Promise<void> {
    const reader = this.#reader;
    const isKnown = (i: number) => reader.getOutStreamInfo(i).format !== undefined;
    while (!this.#tracks.every((_, i) => isKnown(i)) && reader.stats.seconds < LOOK) {
      if (await reader.processPacket() === 1) break;
    }
    for (let i = this.#tracks.length - 1; i >= 0; i--) {
      if (!isKnown(i)) this.#drop(i, "nothing could be decoded");
    }
    if (this.#tracks.length === 0) {
      throw new CommandError("There is nothing to convert: no audio and no video could be decoded");
    }
  }

  #drop(i: number, why: string): void {
    const { index, source } = this.#tracks[i]!;
    note(`Skipped: #${index} ${describe(source)}: ${why}`);
    this.#reader.removeStream(i);
    this.#tracks.splice(i, 1);
  }

  /** Adds the new file's streams; drops those that its container does not hold. */
  #addTracks(writer: StreamWriter): void {
    for (let i = 0; i < this.#tracks.length;) {
      const track = this.#tracks[i]!;
      try {
        this.#addTrack(writer, track, i);
        i++;
      } catch (error) {
        const { mediaType } = track.source;
        const chosen = (this.#options[mediaType as "audio" | "video"] || {}).encoder !== undefined;
        const unfit = error instanceof TypeError && / does not take /.test(error.message);
        if (!unfit || chosen || this.#tracks.length === 1) throw wording(error);
        this.#drop(i, error.message);
      }
    }
  }

  #addTrack(writer: StreamWriter, track: Track, i: number): void {
    const info = this.#reader.getOutStreamInfo(i);
    const encoderOption = this.#optionsFor(info.mediaType);
    if (info.mediaType === "audio") {
      const { encoder, sampleRate } = this.#options.audio || {};
      const stream = writer.addAudioStream(info.sampleRate!, info.numChannels!, {
        format: info.format!.replace(/p$/, ""),
        encoderOption,
        ...given({ encoder, encoderSampleRate: sampleRate }),
      });
      track.write = this.#audioTo(writer, stream, track, info.sampleRate!);
    } else {
      const { encoder, rate } = this.#options.video || {};
      const frameRate = rate ?? ownRate(track.source as SourceVideoStream) ?? USUAL_RATE;
      const common = { encoderOption, ...given({ encoder }) };
      const stream = this.#addVideo(writer, { ...info, frameRate } as FrameFormat, common);
      track.write = this.#videoTo(writer, stream, track, frameRate);
    }
  }

  /** Adds a video stream: in its own format where the encoder takes that, else in the nearest. */
  #addVideo(
    writer: StreamWriter,
    { frameRate, width, height, format }: FrameFormat,
    common: Readonly<Record<string, unknown>>,
  ): number {
    const even = { encoderWidth: width & ~1, encoderHeight: height & ~1 };
    const isOdd = width > 1 && height > 1 && (width % 2 === 1 || height % 2 === 1);
    const mayChange = isOdd && this.#options.video && this.#options.video.size === undefined;
    const ways = [{ encoderFormat: format }, {}, ...(mayChange ? [even] : [])];
    let failure: unknown;
    for (const way of ways) {
      try {
        const stream = writer.addVideoStream(frameRate, width, height, {
          ...common,
          format,
          ...way,
        });
        if (way === even) {
          note("The video loses a row or a column: its encoder takes even sizes");
        }
        return stream;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #optionsFor(type: "audio" | "video"): Record<string, string> {
    const usual = this.#tracks.some(({ source }) => source.mediaType === "video")
      ? "video"
      : "audio";
    const own = this.#options.encoderOptions.filter((each) => (each.type ?? usual) === type);
    return Object.fromEntries(own.map(({ name, value }) => [name, value]));
  }

  /** Writes audio where it belongs: what was written already is cut off, gaps stay. */
  #audioTo(writer: StreamWriter, stream: number, track: Track, rate: number): Track["write"] {
    let next = 0;
    const end = (this.#options.duration ?? Infinity) * rate;
    return async (chunk) => {
      const { data, numChannels, numFrames, pts } = chunk as AudioChunk;
      const due = Math.round((pts - this.#begin) * rate);
      const follows = Math.abs(due - next) <= GAP * rate && due > -GAP * rate && next > 0;
      const first = follows ? next : due;
      const from = Math.max(0, next - first);
      const to = Math.min(numFrames, Math.round(end - first));
      track.done = first + numFrames >= end;
      if (to <= from) return;
      const part = data.subarray(from * numChannels, to * numChannels) as AudioChunk["data"];
      await writer.writeAudioChunk(stream, part, follows ? undefined : (first + from) / rate);
      next = first + to;
    };
  }

  /** Writes video frames, each at its place in the new file's constant frame rate. */
  #videoTo(writer: StreamWriter, stream: number, track: Track, rate: number): Track["write"] {
    let [first, place, last]: [number | undefined, number, number] = [undefined, 0, -1];
    const end = this.#options.duration ?? Infinity;
    return async (chunk) => {
      const frame = chunk as VideoChunk & Disposable;
      const due = frame.pts - this.#begin;
      track.done = due >= end - 1e-6; // what a time may be off by rounding
      if (first === undefined) {
        first = due;
        place = Math.max(0, Math.round(due * rate));
      }
      const at = place + Math.round((due - first) * rate);
      if (track.done || at <= last) return;
      last = at;
      await writer.writeVideoChunk(stream, frame, at / rate);
    };
  }

  /** Converts, until all is done or the signal is aborted, and completes the new file. */
  async run(signal: AbortSignal, report: (stats: StreamWriterStats) => void): Promise<void> {
    const reader = this.#reader;
    let ended = false;
    while (!ended && !signal.aborted && !this.#tracks.every(({ done }) => done)) {
      await this.#forward();
      report(this.stats);
      ended = await reader.processPacket() === 1;
    }
    if (!signal.aborted) await this.#forward();
    await this.#writer!.close();
  }

  /** Writes all that has been decoded. */
  async #forward(): Promise<void> {
    while (true) {
      const chunks = this.#reader.popChunks();
      if (chunks.every((chunk) => chunk === null)) return;
      for (const [i, chunk] of chunks.entries()) {
        if (chunk === null) continue;
        const track = this.#tracks[i]!;
        if (!track.done) await track.write(chunk);
        chunk[Symbol.dispose]();
      }
    }
  }

  /** Closes both files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.close().catch(() => {}); // the first error says what happened
    await this.#reader.close();
  }
}

/** What video frames a stream decodes to. */
interface FrameFormat {
  readonly frameRate: number;
  readonly width: number;
  readonly height: number;
  readonly format: string;
}

/** The size of the frames once they are upright. */
function upright({ width, height, rotation }: SourceVideoStream): {
  width: number;
  height: number;
} {
  return Math.abs(rotation) % 180 === 90 ? { width: height, height: width } : { width, height };
}

/** A stream's frame rate; `undefined` where it has none, as the cover of a song. */
function ownRate({ frameRate }: SourceVideoStream): number | undefined {
  return frameRate > 0 && frameRate <= MAX_RATE ? frameRate : undefined;
}
