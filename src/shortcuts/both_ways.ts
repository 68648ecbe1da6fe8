/**
 * What readers and writers do, as steps: for functions that are made of them, so that these are
 * written once for sync and async.
 *
 * @module
 */

import { call, type Steps } from "../../ffi/call.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk, AudioInput } from "../media/chunk.ts";
import type { StreamReaderOptions } from "../reading/options.ts";
import { StreamReader } from "../reading/stream_reader.ts";
import type { StreamWriter } from "../writing/stream_writer.ts";

/** What breaks off async calls: one signal for all of them, so that a time limit holds for the sum. */
export interface Wait {
  readonly signal?: AbortSignal;
}

/** The options for waiting that a signal stands for. */
export function waitFor(signal: AbortSignal | undefined): Wait {
  return signal ? { signal } : {};
}

/** Opens a reader. */
export function* openReader(
  src: string | URL | BytesSource,
  options: StreamReaderOptions,
  { signal }: Wait,
): Steps<StreamReader> {
  const reader: StreamReader = yield* call({
    sync: () => StreamReader.openSync(src, options),
    async: () => StreamReader.open(src, { ...options, ...waitFor(signal) }),
  });
  if (!signal?.aborted) return reader;
  reader.closeSync(); // FFmpeg may have been broken off while it looked at the streams
  throw signal.reason;
}

/** Closes a reader; a call that was aborted does not hold that up. */
export function closeReader(reader: StreamReader, { signal }: Wait): Steps<void> {
  return call({
    sync: () => reader.closeSync(),
    async: async () => signal?.aborted ? reader.closeSync() : await reader.close(),
  });
}

/** The next chunk of a reader's first output stream; `undefined` at the end. */
export function* nextChunk(reader: StreamReader, wait: Wait): Steps<AudioChunk | undefined> {
  yield {
    idle: true, // decoding goes on where it is made: it does not give other work its turn
    now: () => reader.fillBufferSync(),
    later: () => reader.fillBuffer(wait),
  };
  return reader.popChunks<[AudioChunk]>()[0] ?? undefined;
}

/** Goes to a time of a reader's source, in seconds. */
export function seekTo(reader: StreamReader, seconds: number, wait: Wait): Steps<void> {
  return call({
    sync: () => reader.seekSync(seconds),
    async: () => reader.seek(seconds, "precise", wait),
  });
}

/** Sets a writer up; closes it if that fails. */
export function setUp(writer: StreamWriter, addStreams: (writer: StreamWriter) => void): void {
  try {
    addStreams(writer);
  } catch (error) {
    writer.closeSync();
    throw error;
  }
}

/** Opens a writer, writes all samples of its one stream, and closes it. */
export function* writeAll(writer: StreamWriter, samples: AudioInput, wait: Wait): Steps<void> {
  yield* call({ sync: () => writer.openSync(), async: () => writer.open({}, wait) });
  try {
    yield* call({
      sync: () => writer.writeAudioChunkSync(0, samples),
      async: () => writer.writeAudioChunk(0, samples, undefined, wait),
    });
  } catch (error) {
    yield* call({ sync: () => writer.closeSync(), async: () => writer.close().catch(() => {}) });
    throw error;
  }
  yield* call({ sync: () => writer.closeSync(), async: () => writer.close(wait) });
}
