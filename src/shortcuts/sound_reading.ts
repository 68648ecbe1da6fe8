/**
 * Reading the sound of a source: opens it, decodes its best audio stream, and closes it.
 *
 * @module
 */

import { abortable, runSync, type Steps } from "../../ffi/call.ts";
import { given } from "../base/arguments.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk } from "../media/chunk.ts";
import type { SourceAudioStream } from "../reading/demuxer.ts";
import { Opening } from "../reading/opening.ts";
import { Reader } from "../reading/reader.ts";

/** What sound is read from. */
export type AnySource = string | URL | BytesSource;

/** What is done with the sound of a source. */
export interface SoundTask<T> {
  /** The container of the source. */
  readonly format: string | undefined;
  /** Does it with the source open. */
  steps(reader: Reader, src: AnySource): Steps<T>;
}

/** How many sample frames are decoded at a time. */
export const PIECE: number = 1 << 16;

/** Containers whose header has the number of samples. */
const HEADER_HAS_LENGTH = new Set(["wav", "w64", "aiff", "au", "caf", "flac", "tta", "wv"]);

/** Opens a source, does something with its sound, and closes it, all as one operation. */
export async function readSound<T>(
  src: AnySource,
  task: SoundTask<T>,
  wait: WaitOptions,
): Promise<T> {
  const reader = new Reader(new Opening(src, given({ format: task.format }), false));
  try {
    return await new SerialQueue(reader).run(() => whileOpen(reader, src, task), wait);
  } catch (error) {
    reader.abort(); // the operation may have been abandoned while it waits for bytes
    throw error;
  }
}

/** The same, blocking. */
export function readSoundSync<T>(src: AnySource, task: SoundTask<T>): T {
  const reader = new Reader(new Opening(src, given({ format: task.format }), true));
  return runSync(whileOpen(reader, src, task));
}

function* whileOpen<T>(reader: Reader, src: AnySource, task: SoundTask<T>): Steps<T> {
  yield* reader.open();
  try {
    yield* abortable(); // FFmpeg may have been interrupted while it looked at the streams
    return yield* task.steps(reader, src);
  } finally {
    reader.close();
  }
}

/** The audio stream that FFmpeg thinks best in a source. */
export function bestSound(reader: Reader, src: AnySource): SourceAudioStream {
  if (reader.container.bestStream("audio") !== undefined) return reader.infoOf("audio");
  throw noSound(src);
}

/** Whether each sample stands for itself, so that seeking is exact and cheap. */
export function seeksExactly(reader: Reader, { codec }: SourceAudioStream): boolean {
  return codec.startsWith("pcm_") && HEADER_HAS_LENGTH.has(reader.container.name);
}

/** The number of samples by a container's header, where that can be relied upon. */
export function lengthInHeader(reader: Reader, stream: SourceAudioStream): number | undefined {
  const { name } = reader.container;
  const { codec, duration, sampleRate } = stream;
  if (duration === undefined || !HEADER_HAS_LENGTH.has(name)) return undefined;
  const lossless = codec.startsWith("pcm_") || codec === name || codec === "wavpack";
  return lossless ? Math.round(duration * sampleRate) : undefined;
}

/** The name of a source, for messages. */
export function nameOf(source: unknown): string {
  return typeof source === "string" || source instanceof URL ? `"${source}"` : "an object";
}

/** The error for a source without sound. */
export function noSound(source: unknown): TypeError {
  return new TypeError(`Expected a source with sound, got ${nameOf(source)}, which has none`);
}

/** Decodes the next chunk of a reader with one output stream, of audio; `undefined` at the end. */
export function* nextChunk(reader: Reader): Steps<AudioChunk | undefined> {
  yield* reader.fillBuffer();
  yield* abortable(); // FFmpeg may take an interrupted call for the end
  const [chunk] = reader.popChunks();
  return (chunk ?? undefined) as AudioChunk | undefined;
}
