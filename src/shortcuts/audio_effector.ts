/**
 * `AudioEffector`: filters and codecs as effects on samples, as `torchaudio.io.AudioEffector` has
 * them.
 *
 * @module
 */

import { abortable, runAsync, runSync, type Steps, yieldToEventLoop } from "../../ffi/call.ts";
import { defaultLayout, layoutName } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString } from "../../ffi/memory.ts";
import { hasOption } from "../../ffi/options.ts";
import {
  flag,
  given,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  wholeNumber,
} from "../base/arguments.ts";
import { requireFilters } from "../base/permissions.ts";
import { signalOf, type WaitOptions } from "../base/wait.ts";
import { MemoryFile } from "../io/memory_file.ts";
import {
  type AudioChunk,
  type AudioInput,
  checkAudio,
  type CheckedAudio,
  type Waveform,
} from "../media/chunk.ts";
import { codecById, codecByName, nearestLayout, nearestRate, supportedBy } from "../media/codec.ts";
import { checkFilterNames, checkTempo } from "../media/filter_graph.ts";
import { Opening } from "../reading/opening.ts";
import { Reader } from "../reading/reader.ts";
import { filteredAudio } from "../reading/stream_request.ts";
import { MAX_SAMPLE_RATE } from "../writing/choose_encoder.ts";
import { checkConfig, type CodecConfig } from "../writing/codec_config.ts";
import { checkedOptions, objectParts } from "../writing/destinations.ts";
import { Writer } from "../writing/writer.ts";
import { EffectStream } from "./effect_stream.ts";
import { nextChunk, PIECE } from "./sound_reading.ts";
import { joined, type Sound, soundOf } from "./waveform.ts";

/** What an effector does. */
export interface AudioEffectorOptions {
  /** Filters, in FFmpeg's syntax: `"atempo=1.5,lowpass=f=3000"`. Default: none. */
  readonly effect?: string;
  /**
   * The container or raw format to encode to and decode again, by FFmpeg's name: `"mp3"`, `"ogg"`,
   * `"mulaw"`. Default: none, the samples are only filtered.
   */
  readonly format?: string;
  /** The encoder, by FFmpeg's name. Default: the usual one of `format`. */
  readonly encoder?: string;
  /** Settings of the encoder, such as `{ bitRate: 16000 }`. */
  readonly codecConfig?: CodecConfig;
  /** Whether a result that is shorter than the input is padded with silence. @default {true} */
  readonly padEnd?: boolean;
}

/** The rate of what an effector yields, and ways to give up waiting. */
export interface EffectStreamOptions extends WaitOptions {
  /** Samples per second of the result. Default: as many as go in. */
  readonly outputSampleRate?: number;
}

/** How many bytes of encoded sound are buffered before they are written to memory. */
const BUFFER_SIZE = 1 << 16;

/**
 * Changes samples by FFmpeg's filters, by encoding and decoding them, or by both: to make them
 * sound as over a telephone, for instance, or to make many different examples of one recording.
 *
 * The filters come first, then the samples are encoded and decoded again. The result has the
 * same class of samples, number of channels and order as the input, and its rate unless another is
 * asked for. With a `format`, the encoded sound is kept in memory meanwhile.
 *
 * @example An echo, and a bad telephone line
 * ```ts
 * import { AudioEffector } from "@sluice/av";
 *
 * const tone = Float32Array.from({ length: 16000 }, (_, i) => 0.3 * Math.sin(i * 0.0627));
 *
 * const echo = new AudioEffector({ effect: "aecho=0.8:0.88:60:0.4" });
 * const { data } = await echo.apply(tone, 16000);
 * console.log(data.length >= 16000); // the echo lasts longer
 *
 * const line = new AudioEffector({ effect: "highpass=f=300,lowpass=f=3400", format: "mulaw" });
 * const call = line.applySync(tone, 16000, 8000);
 * console.log(call.sampleRate, call.numFrames); // 8000 8000
 * ```
 */
export class AudioEffector {
  readonly #settings: Settings;

  /**
   * Makes an effector. One can be used many times, for sound of any kind.
   *
   * @param options What it does. Default: nothing.
   * @throws {TypeError} For a filter that this FFmpeg does not have, or an encoder without a format.
   */
  constructor(options?: AudioEffectorOptions) {
    const given = optionsObject("the options of AudioEffector", options, [
      "effect",
      "format",
      "encoder",
      "codecConfig",
      "padEnd",
    ]);
    const format = optionalText("format", given.format);
    const encoder = optionalText("encoder", given.encoder);
    if (format === undefined && (encoder ?? given.codecConfig) !== undefined) {
      throw new TypeError(
        "Expected a format for the encoder and codecConfig, got none: name the container that the " +
          'sound is to be encoded to, such as "mp3"',
      );
    }
    this.#settings = {
      effect: optionalText("effect", given.effect)?.trim() ?? "",
      format,
      encoder,
      codecConfig: checkConfig(given.codecConfig),
      padEnd: flag("padEnd", given.padEnd, true),
    };
    checkFilterNames(this.#settings.effect);
  }

  /**
   * Applies the effect to a whole waveform.
   *
   * @param waveform A waveform from `load`; or one typed array per channel; or one typed array of one
   * channel; or a chunk from a `StreamReader`. Leave it as it is until the promise resolves.
   * @param sampleRate Its samples per second. Default: the waveform's own.
   * @param outputSampleRate Samples per second of the result. Default: the same.
   * @param wait Ways to give up waiting.
   * @returns The result, with channels in the order of the input. It may be longer, and with
   * `padEnd: false` shorter.
   * @throws {TypeError | RangeError} For samples or settings that do not fit.
   * @throws {FFmpegError} For filters or an encoder that FFmpeg can't apply.
   */
  async apply(
    waveform: AudioInput,
    sampleRate?: number,
    outputSampleRate?: number,
    wait?: WaitOptions,
  ): Promise<Waveform> {
    const signal = signalOf(wait);
    using job = new Job(this.#settings, waveform, sampleRate, outputSampleRate, PIECE);
    return await runAsync(job.all(), signal);
  }

  /** The same as {@linkcode apply}, blocking. */
  applySync(waveform: AudioInput, sampleRate?: number, outputSampleRate?: number): Waveform {
    using job = new Job(this.#settings, waveform, sampleRate, outputSampleRate, PIECE);
    return runSync(job.all());
  }

  /**
   * Applies the effect to a waveform, and yields the result piece by piece.
   *
   * @param waveform As for `apply`.
   * @param sampleRate Its samples per second. Default (`undefined`): the waveform's own.
   * @param framesPerChunk Samples per channel in each piece; the last one may be shorter.
   * @param options The rate of the result, and ways to give up waiting.
   */
  async *stream(
    waveform: AudioInput,
    sampleRate: number | undefined,
    framesPerChunk: number,
    options?: EffectStreamOptions,
  ): AsyncGenerator<Waveform, void, void> {
    const { outputSampleRate, ...wait } = optionsObject("the options of stream", options, [
      "outputSampleRate",
      "signal",
      "timeout",
    ]);
    const signal = signalOf(wait);
    const size = wholeNumber("framesPerChunk", framesPerChunk);
    using job = new Job(this.#settings, waveform, sampleRate, outputSampleRate, size);
    for (let piece; (piece = await runAsync(job.next(), signal)) !== undefined;) yield piece;
  }

  /** The same as {@linkcode stream}, blocking. */
  *streamSync(
    waveform: AudioInput,
    sampleRate: number | undefined,
    framesPerChunk: number,
    options?: Pick<EffectStreamOptions, "outputSampleRate">,
  ): Generator<Waveform, void, void> {
    const { outputSampleRate } = optionsObject("the options of streamSync", options, [
      "outputSampleRate",
    ]);
    const size = wholeNumber("framesPerChunk", framesPerChunk);
    using job = new Job(this.#settings, waveform, sampleRate, outputSampleRate, size);
    for (let piece; (piece = runSync(job.next())) !== undefined;) yield piece;
  }
}

interface Settings {
  readonly effect: string;
  readonly format: string | undefined;
  readonly encoder: string | undefined;
  readonly codecConfig: CodecConfig;
  readonly padEnd: boolean;
}

/** The result of an effect, chunk by chunk. */
interface Result extends Disposable {
  next(): Steps<AudioChunk | undefined>;
}

/** Applies an effect to one waveform. */
class Job implements Disposable {
  readonly #settings: Settings;
  readonly #sound: Sound;
  readonly #checked: CheckedAudio;
  readonly #rate: number;
  readonly #size: number;
  #result: Result | undefined;

  constructor(
    settings: Settings,
    waveform: AudioInput,
    sampleRate: number | undefined,
    outputSampleRate: number | undefined,
    size: number,
  ) {
    this.#settings = settings;
    this.#sound = soundOf(waveform, { sampleRate });
    this.#checked = checkAudio(this.#sound.input, this.#sound);
    const limits = { max: MAX_SAMPLE_RATE };
    this.#rate = optionalWholeNumber("outputSampleRate", outputSampleRate, limits) ??
      this.#sound.sampleRate;
    this.#size = size;
    requireFilters(settings.effect);
    checkTempo(settings.effect, this.#sound.sampleRate);
  }

  /** The whole result. */
  *all(): Steps<Waveform> {
    const arrays = [];
    for (let chunk; (chunk = yield* this.#next()) !== undefined;) arrays.push(chunk.data);
    return yield* this.#joined(arrays);
  }

  /** The next piece of the result; `undefined` at the end. */
  *next(): Steps<Waveform | undefined> {
    const chunk = yield* this.#next();
    return chunk && (yield* this.#joined([chunk.data]));
  }

  #joined(arrays: AudioChunk["data"][]): Steps<Waveform> {
    const { numChannels, format: { array }, channelsFirst } = this.#sound;
    return joined({ arrays, array, numChannels, sampleRate: this.#rate }, channelsFirst);
  }

  *#next(): Steps<AudioChunk | undefined> {
    if (this.#checked.numFrames === 0) return undefined;
    yield* abortable();
    yield* yieldToEventLoop();
    this.#result ??= yield* this.#open();
    return yield* this.#result.next();
  }

  *#open(): Steps<Result> {
    const { effect, format } = this.#settings;
    if (format !== undefined) return yield* this.#throughCodec(format);
    const filters = `${effect || "anull"},${this.#ending()}`;
    return new EffectStream(this.#sound, this.#checked, filters, this.#size);
  }

  /** The filters that set the result's rate, format, channels and length. */
  #ending(): string {
    const { format, numChannels, sampleRate } = this.#sound;
    const { mask } = defaultLayout(numChannels);
    const layout = mask === 0n ? "" : `:channel_layouts=0x${mask.toString(16)}`;
    const length = Math.ceil(this.#checked.numFrames * this.#rate / sampleRate);
    return `aresample=${this.#rate},` +
      `aformat=sample_fmts=${format.name}${layout}` +
      (this.#settings.padEnd ? `,apad=whole_len=${length}` : "");
  }

  /** Encodes the whole waveform; returns what decodes it again. */
  *#throughCodec(format: string): Steps<Result> {
    const { sampleRate, numChannels } = this.#sound;
    const encoded = encodedShape(format, this.#settings.encoder, sampleRate, numChannels);
    const medium = new MemoryFile();
    yield* this.#encode(medium, format, encoded);
    const reader = new Reader(new Opening(medium, readerOptions(format, encoded), true));
    yield* reader.open();
    return new Decoded(reader, this.#size, this.#ending());
  }

  *#encode(medium: MemoryFile, format: string, encoded: EncodedShape): Steps<void> {
    const { input, format: { name }, sampleRate, numChannels } = this.#sound;
    const { effect: filterDesc, encoder, codecConfig } = this.#settings;
    const parts = objectParts(medium, checkedOptions({ format, bufferSize: BUFFER_SIZE }));
    const writer = new Writer({ name: "AudioEffector", ...parts });
    try {
      writer.addAudioStream(sampleRate, numChannels, {
        format: name,
        filterDesc,
        codecConfig,
        encoderSampleRate: encoded.sampleRate,
        encoderNumChannels: encoded.numChannels,
        ...given({ encoder }),
      });
      yield* writer.open(writer.startOpening({}));
      const stream = writer.stream(0, "audio");
      const rest = writer.write(stream, stream.check(input), undefined);
      if (rest) yield* rest;
    } catch (error) {
      yield* writer.abandon();
      throw error;
    }
    yield* writer.close(true);
  }

  [Symbol.dispose](): void {
    this.#result?.[Symbol.dispose]();
  }
}

/** Encoded sound that is decoded piece by piece. */
class Decoded implements Result {
  readonly #reader: Reader;

  constructor(reader: Reader, framesPerChunk: number, filterDesc: string) {
    this.#reader = reader;
    try {
      reader.addStream(filteredAudio(framesPerChunk, { filterDesc }));
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  next(): Steps<AudioChunk | undefined> {
    return nextChunk(this.#reader);
  }

  [Symbol.dispose](): void {
    this.#reader.close();
  }
}

/** The rate and channels of encoded sound. */
interface EncodedShape {
  readonly sampleRate: number;
  readonly numChannels: number;
}

/** The nearest to the sound that an encoder supports. */
function encodedShape(
  format: string,
  encoder: string | undefined,
  sampleRate: number,
  numChannels: number,
): EncodedShape {
  const muxer = ffmpeg().avformat.av_guess_format(cString(format), null, null);
  const codec = encoder !== undefined
    ? codecByName("encoder", "audio", encoder)
    : muxer && codecById("encoder", ffmpeg().view("AVOutputFormat", muxer).audio_codec);
  if (!codec) return { sampleRate, numChannels };
  const supported = supportedBy(codec);
  const layout = nearestLayout(defaultLayout(numChannels), supported.channelLayouts);
  return {
    sampleRate: nearestRate(sampleRate, supported.sampleRates),
    numChannels: layout.channels,
  };
}

/** How encoded sound is read again: raw formats tell neither their rate nor their channels. */
function readerOptions(format: string, { sampleRate, numChannels }: EncodedShape) {
  const demuxer = ffmpeg().avformat.av_find_input_format(cString(format));
  if (demuxer === null) return {}; // some containers go by another name when they are read
  const { priv_class } = ffmpeg().view("AVInputFormat", demuxer);
  const option: Record<string, string | number> = {};
  if (hasOption(priv_class, "sample_rate")) option.sample_rate = sampleRate;
  if (hasOption(priv_class, "ch_layout")) option.ch_layout = layoutName(defaultLayout(numChannels));
  else if (hasOption(priv_class, "channels")) option.channels = numChannels;
  return { format, option };
}
