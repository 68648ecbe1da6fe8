/**
 * `info`: what the sound of a file is, as `torchaudio.info` has it.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { EXIT, FFmpegError } from "../../ffi/error.ts";
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
      const stream = bestSound(reader, src);
      return infoOf(stream, yield* lengthOf(reader, stream));
    },
  };
}

/**
 * How many sample frames a stream has: by its container's header, if the last of them is there, as it is
 * not in a truncated file; else all are decoded and counted.
 */
function* lengthOf(reader: Reader, stream: SourceAudioStream): Steps<number> {
  const length = lengthInHeader(reader, stream);
  if (length !== undefined && !reader.container.seekable) return length;
  const { sampleRate } = stream;
  reader.addStream(basicAudio(PIECE, { format: null, sampleRate }));
  if (length !== undefined) {
    const end = yield* endFrom(reader, length - 1, sampleRate);
    if (end === length) return length;
    // What can't be sought from its beginning has no index, as it has no whole packet.
    if (!(yield* seeks(reader, 0))) return end;
  }
  let count = 0;
  let chunk: AudioChunk | undefined;
  while ((chunk = yield* nextChunk(reader)) !== undefined) count += chunk.numFrames;
  return count;
}

/** Where the sound ends that comes after a sample frame; 0 where nothing comes. */
function* endFrom(reader: Reader, frame: number, sampleRate: number): Steps<number> {
  if (!(yield* seeks(reader, Math.max(0, frame) / sampleRate))) return 0;
  let end = 0;
  let chunk: AudioChunk | undefined;
  while ((chunk = yield* nextChunk(reader)) !== undefined) {
    end = Math.round(chunk.pts * sampleRate) + chunk.numFrames;
  }
  return end;
}

/** Seeks to a time in seconds; returns whether that was possible. */
function* seeks(reader: Reader, timestamp: number): Steps<boolean> {
  try {
    yield* reader.seek(timestamp, "precise");
    return true;
  } catch (error) {
    if (error instanceof FFmpegError && error.code !== EXIT) return false;
    throw error;
  }
}

function infoOf(stream: SourceAudioStream, numFrames: number): AudioInfo {
  const { sampleRate, numChannels, codec, bitsPerSample } = stream;
  const pcm = pcmEncodingOf(codec);
  return {
    sampleRate,
    numFrames,
    numChannels,
    bitsPerSample: pcm?.bitsPerSample ?? bitsPerSample,
    encoding: encodingOf(codec),
  };
}
