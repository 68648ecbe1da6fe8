/**
 * `info`: what the sound of a file is, as `torchaudio.info` has it.
 *
 * @module
 */

import { given, optionalText, optionsObject } from "../base/arguments.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk } from "../media/chunk.ts";
import type { SourceAudioStream } from "../reading/demuxer.ts";
import type { Reader } from "../reading/reader.ts";
import { basicAudio } from "../reading/stream_request.ts";
import type { LoadOptions } from "./load.ts";
import { encodingOf, pcmEncodingOf } from "./pcm_encoding.ts";
import {
  type AnySource,
  bestSound,
  lengthInHeader,
  nextChunk,
  PIECE,
  readSound,
  readSoundSync,
  type SoundTask,
} from "./sound_reading.ts";

/** The properties of a file's sound. */
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

/**
 * Returns the properties of a file's sound.
 *
 * `numFrames` is exactly what `load` returns. The header has it where samples are uncompressed or
 * compressed without loss; all other files are decoded to count the samples, which takes a while for
 * long ones (`StreamReader.duration` is there at once, but not exact).
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
  return await readSound(src, inquiring(format), given({ signal, timeout }));
}

/** The same as {@linkcode info}, blocking. */
export function infoSync(
  src: string | URL | BytesSource,
  options?: Pick<LoadOptions, "format">,
): AudioInfo {
  const { format } = optionsObject("the options of infoSync", options, ["format"]);
  return readSoundSync(src, inquiring(format));
}

function inquiring(format: string | undefined): SoundTask<AudioInfo> {
  return {
    format: optionalText("format", format),
    *steps(reader, src) {
      const inquiry = new Inquiry(reader, src);
      while (!inquiry.isKnown) inquiry.count(yield* nextChunk(reader));
      return inquiry.info;
    },
  };
}

/** Finds the properties of a source's sound. */
class Inquiry {
  readonly #stream: SourceAudioStream;
  #numFrames: number;
  #isKnown: boolean;

  constructor(reader: Reader, src: AnySource) {
    this.#stream = bestSound(reader, src);
    const length = lengthInHeader(reader, this.#stream);
    this.#numFrames = length ?? 0;
    this.#isKnown = length !== undefined;
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
