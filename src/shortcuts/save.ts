/**
 * `save`: sound to a file as a whole, as `torchaudio.save` has it.
 *
 * @module
 */

import { given, optionsObject } from "../base/arguments.ts";
import { signalOf, type WaitOptions } from "../base/wait.ts";
import type { BytesDestination } from "../io/object_sink.ts";
import type { AudioInput } from "../media/chunk.ts";
import type { CodecConfig } from "../writing/codec_config.ts";
import { StreamWriter } from "../writing/stream_writer.ts";
import { type PcmEncoding, saveSettings } from "./pcm_encoding.ts";
import { type Sound, soundOf } from "./waveform.ts";

/** How a waveform is saved. */
export interface SaveOptions {
  /** Channels of samples in one typed array. @default {1} */
  readonly numChannels?: number;
  /** Whether samples in one typed array are in (channel, frame) order. @default {true} */
  readonly channelsFirst?: boolean;
  /** The container, by FFmpeg's muxer name. Default: by the destination's name. */
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
  dst: string | URL | BytesDestination,
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
  dst: string | URL | BytesDestination,
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

/** A writer for samples of any shape, and the samples as its one stream takes them. */
function writerFor(
  dst: string | URL | BytesDestination,
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

/** Adds the stream with the first settings that the container takes. */
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
