/**
 * Write, read, change and play audio and video from Deno: pixels and samples in your own TypeScript,
 * at the speed of FFmpeg's libraries, with nothing to compile.
 *
 * Sluice calls the FFmpeg libraries that are installed on your machine (4.3 to 9). Chunks of samples
 * and pixels are typed arrays, every call that may wait can be aborted, Deno's permissions hold for
 * what FFmpeg opens, and errors say what would work.
 *
 * - {@linkcode load}, {@linkcode save} and {@linkcode info}: the sound of a file in one call.
 * - {@linkcode StreamWriter} encodes chunks to a file, a URL, memory, a stream or a device;
 *   {@linkcode StreamReader} decodes them. Both keep the vocabulary of Python's `torchaudio.io`.
 * - {@linkcode playAudio} and {@linkcode playVideo} play on a sound device and in a window.
 * - {@linkcode Broadcast} encodes once for any number of viewers, browsers included.
 * - {@linkcode AudioEffector} changes sound by FFmpeg's filters and codecs.
 * - {@linkcode ffmpeg} describes the FFmpeg that is installed: encoders, filters, options, devices.
 *
 * `deno run -A jsr:@sluice/av/cli doctor` says which FFmpeg is found, and how to install one. Scripts
 * need `--allow-ffi`, and the permissions for what they read and write.
 *
 * [Getting started](https://jsr.io/@sluice/av/0.1.0/docs/getting_started.md) leads to the guides;
 * [coming from torchaudio](https://jsr.io/@sluice/av/0.1.0/docs/from_torchaudio.md) has every name,
 * and [troubleshooting](https://jsr.io/@sluice/av/0.1.0/docs/troubleshooting.md) the common errors.
 *
 * @example Sound: a file in one call
 * ```ts
 * import { load, save } from "@sluice/av";
 *
 * const dir = await Deno.makeTempDir();
 * await save(`${dir}/noise.mp3`, Float32Array.from({ length: 48000 }, Math.random), 48000);
 * const { data, sampleRate } = await load(`${dir}/noise.mp3`); // any sound file, or a video's sound
 * console.log(data.length / sampleRate, "seconds");
 * ```
 *
 * @example Pixels to a video, and a video to pixels
 * ```ts
 * import { StreamReader, StreamWriter } from "@sluice/av";
 *
 * const path = await Deno.makeTempDir() + "/fade.mp4";
 * const writer = new StreamWriter(path);
 * writer.addVideoStream(30, 320, 240); // frames per second, width, height
 * {
 *   await using out = await writer.open();
 *   const frame = new Uint8Array(320 * 240 * 3); // red, green, blue; row by row
 *   for (let i = 0; i < 60; i++) await out.writeVideoChunk(0, frame.fill(i * 4));
 * } // the end of the block completes the file
 *
 * await using reader = await StreamReader.open(path);
 * const video = reader.addBasicVideoStream(1, { width: 160, height: 120 }); // one frame in a chunk
 * for await (const [frame] of reader.stream([video])) console.log(frame?.pts, frame?.data[0]);
 * ```
 *
 * @example Live video for browsers
 * ```ts ignore
 * import { Broadcast } from "@sluice/av";
 *
 * const broadcast = new Broadcast({ realtime: true });
 * broadcast.addVideoStream(30, 320, 240, { encoderOption: { tune: "zerolatency" } });
 * await using live = await broadcast.open();
 * Deno.serve(() => live.response()); // what <video src="http://localhost:8000"> plays
 * const frame = new Uint8Array(320 * 240 * 3);
 * for (let i = 0; true; i++) await live.writeVideoChunk(0, frame.fill(i));
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
export type { CodecConfig } from "./src/writing/codec_config.ts";
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
export type { BytesDestination } from "./src/io/object_sink.ts";
export type { WaitOptions } from "./src/base/wait.ts";
