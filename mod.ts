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

export { Broadcast } from "./src/broadcast/broadcast.ts";
export { FFmpegError, LibraryError } from "./ffi/error.ts";
export {
  AudioEffector,
  type AudioEffectorOptions,
  type EffectStreamOptions,
} from "./src/shortcuts/audio_effector.ts";
export type {
  AudioChunk,
  AudioInput,
  ImageLike,
  VideoChunk,
  VideoInput,
  VideoTensor,
  Waveform,
} from "./src/media/chunk.ts";
export type { Reusable } from "./src/reading/chunk_buffer.ts";
export type { MediaType } from "./src/media/codec.ts";
export type { CopySource } from "./src/media/packet_source.ts";
export type {
  SourceAudioStream,
  SourceOtherStream,
  SourceStream,
  SourceStreamBase,
  SourceVideoStream,
} from "./src/reading/demuxer.ts";
export { downloadAsset, type DownloadOptions } from "./src/shortcuts/download.ts";
export * as ffmpeg from "./src/capabilities/ffmpeg.ts";
export type {
  AudioSamples,
  Pixels8,
  PixelsOf,
  SamplesByName,
  SamplesOf,
  VideoPixels,
} from "./src/media/formats.ts";
export { MemoryFile } from "./src/io/memory_file.ts";
export type { BytesSource } from "./src/io/object_source.ts";
export type { OutputInfo } from "./src/reading/input_stream.ts";
export { type AudioInfo, info, infoSync } from "./src/shortcuts/info.ts";
export { load, type LoadOptions, loadSync } from "./src/shortcuts/load.ts";
export { save, type SaveOptions, saveSync } from "./src/shortcuts/save.ts";
export type { PcmEncoding } from "./src/shortcuts/pcm_encoding.ts";
export {
  playAudio,
  type PlayAudioOptions,
  playVideo,
  type PlayVideoOptions,
  type PlayVideoResult,
} from "./src/shortcuts/play.ts";
export { StreamReader } from "./src/reading/stream_reader.ts";
export {
  type BasicAudioOptions,
  type BasicVideoOptions,
  type Chunk,
  type Chunks,
  type ChunksAt,
  type FilteredAudioOptions,
  type FilteredVideoOptions,
  type InputStreamOptions,
  type RetryOptions,
  type SeekMode,
  type StreamIndex,
  type StreamOptions,
  type StreamReaderOptions,
  type StreamReaderStats,
} from "./src/reading/options.ts";
export { StreamWriter } from "./src/writing/stream_writer.ts";
export type {
  AudioStreamOptions,
  CloseOptions,
  CopyOptions,
  OutputStreamOptions,
  StreamWriterOptions,
  VideoStreamOptions,
} from "./src/writing/options.ts";
export type { CodecConfig } from "./src/writing/encoder_setup.ts";
export type { StreamWriterStats } from "./src/writing/packet_counter.ts";
export type {
  BroadcastOptions,
  ReadableOptions,
  ResponseOptions,
  Viewer,
  ViewerOptions,
  ViewerStats,
} from "./src/broadcast/options.ts";
export type { BytesReader, BytesWriter } from "./src/io/bytes.ts";
export type { WaitOptions } from "./src/base/wait.ts";
