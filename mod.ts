/**
 * Sluice writes, reads and plays audio and video through the FFmpeg libraries installed here.
 *
 * `StreamWriter` encodes chunks of samples and pixels to a file or wherever FFmpeg reaches;
 * `StreamReader` does the reverse. Both keep the vocabulary of Python's `torchaudio.io`.
 *
 * @example A round trip
 * ```ts
 * import { StreamReader, StreamWriter } from "@sluice/av";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".flac" });
 * const samples = Int16Array.from({ length: 16000 }, (_, i) => 8000 * Math.sin(i / 9));
 *
 * const writer = new StreamWriter(path);
 * writer.addAudioStream(16000, 1, { format: "s16" });
 * {
 *   await using out = await writer.open();
 *   await out.writeAudioChunk(0, samples);
 * }
 *
 * await using reader = await StreamReader.open(path);
 * reader.addBasicAudioStream(-1, { format: "s16" });
 * await reader.processAllPackets();
 * const [chunk] = reader.popChunks();
 * assert.deepEqual(chunk!.data, samples);
 * ```
 *
 * @module
 */

export { Broadcast } from "./src/broadcast.ts";
export { FFmpegError, LibraryError } from "./ffi/error.ts";
export {
  AudioEffector,
  type AudioEffectorOptions,
  type EffectStreamOptions,
} from "./src/audio_effector.ts";
export type {
  AudioChunk,
  AudioInput,
  VideoChunk,
  VideoInput,
  VideoTensor,
  Waveform,
} from "./src/chunk.ts";
export type { Reusable } from "./src/chunk_buffer.ts";
export type { MediaType } from "./src/codec.ts";
export type {
  SourceAudioStream,
  SourceOtherStream,
  SourceStream,
  SourceStreamBase,
  SourceVideoStream,
} from "./src/demuxer.ts";
export { downloadAsset, type DownloadOptions } from "./src/download.ts";
export * as ffmpeg from "./src/ffmpeg.ts";
export type { AudioSamples, VideoPixels } from "./src/formats.ts";
export { MemoryFile } from "./src/memory_file.ts";
export type { BytesSource } from "./src/object_source.ts";
export type { OutputInfo } from "./src/input_stream.ts";
export {
  type AudioInfo,
  info,
  infoSync,
  load,
  type LoadOptions,
  loadSync,
  save,
  type SaveOptions,
  saveSync,
} from "./src/load.ts";
export type { PcmEncoding } from "./src/save_settings.ts";
export {
  playAudio,
  type PlayAudioOptions,
  playVideo,
  type PlayVideoOptions,
  type PlayVideoResult,
} from "./src/play.ts";
export {
  type BasicAudioOptions,
  type BasicVideoOptions,
  type Chunk,
  type Chunks,
  type FilteredAudioOptions,
  type FilteredVideoOptions,
  type InputStreamOptions,
  type RetryOptions,
  type SeekMode,
  type StreamOptions,
  StreamReader,
  type StreamReaderOptions,
  type StreamReaderStats,
} from "./src/stream_reader.ts";
export { StreamWriter } from "./src/stream_writer.ts";
export type {
  AudioStreamOptions,
  BroadcastOptions,
  BytesReader,
  BytesWriter,
  CloseOptions,
  CodecConfig,
  CopyOptions,
  OutputStreamOptions,
  ReadableOptions,
  ResponseOptions,
  StreamWriterOptions,
  StreamWriterStats,
  VideoStreamOptions,
  Viewer,
  ViewerOptions,
  ViewerStats,
  WaitOptions,
} from "./src/types.ts";
export type { Writer } from "./src/writer.ts";
