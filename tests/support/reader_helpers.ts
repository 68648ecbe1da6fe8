/** What the tests of `StreamReader` share: reading all of a file, and FFmpeg's own decode of it. */

import { Buffer } from "node:buffer";
import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict";
import { StreamReader } from "../../mod.ts";
import { ffmpegCli, ffprobe, frameSync, programHasOption, tempDir } from "./helpers.ts";

/** What a round of a reader's `stream()` has for one stream. */
export type Chunk = NonNullable<ReturnType<StreamReader["popChunks"]>[number]>;
export type AudioChunk = Exclude<Chunk, { format: string }>;
export type VideoChunk = Extract<Chunk, { format: string }>;

/** The bytes of a typed array. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The bytes of chunks, one after the other. */
export function joined(chunks: readonly { data: ArrayBufferView }[]): Uint8Array {
  return Buffer.concat(chunks.map(({ data }) => bytesOf(data)));
}

/** Fails where bytes differ, and says where; a plain deepStrictEqual would print megabytes. */
export function equalBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const length = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < length && actual[at] === expected[at]) at++;
  fail(`${what}: got ${actual.length} bytes, expected ${expected.length}; equal up to byte ${at}`);
}

/** All chunks of each output stream, with no `null` between them. */
export function drain(reader: StreamReader, streams = reader.numOutStreams): Chunk[][] {
  const all: Chunk[][] = Array.from({ length: streams }, () => []);
  const ended = new Set<number>();
  for (const round of reader.streamSync()) {
    strictEqual(round.length, streams);
    round.forEach((chunk, i) => {
      if (chunk === null) return ended.add(i);
      ok(!ended.has(i), `stream ${i} returned a chunk after null`);
      all[i]!.push(chunk);
    });
  }
  return all;
}

/** What FFmpeg calls the packed form of a sample format in files of samples. */
const RAW_AUDIO: Readonly<Record<string, string>> = {
  u8: "u8",
  s16: "s16le",
  s32: "s32le",
  s64: "s64le",
  flt: "f32le",
  dbl: "f64le",
};

/** `ffmpeg`'s arguments for the samples of a stream, without any conversion but to the packed form. */
function samplesOutput(index: number, format: string): string[] {
  const codec = `pcm_${RAW_AUDIO[format]}`;
  return ["-map", `0:${index}`, "-c:a", codec, "-f", "data"];
}

/** Whether `ffmpeg` can forward frames whose size changes. */
export const CAN_KEEP_SIZE: boolean = await programHasOption("autoscale");

const KEEP_SIZE = CAN_KEEP_SIZE ? ["-noautoscale"] : [];

/**
 * `ffmpeg`'s arguments for the pixels of a stream. Conversions are those of the reader: bicubic, in one
 * thread, as swscale's results depend on the number of threads.
 */
function pixelsOutput(index: number, format: string): string[] {
  const asDecoded = [...frameSync("passthrough"), ...KEEP_SIZE, "-sws_flags", "bicubic"];
  return ["-map", `0:${index}`, ...asDecoded, "-pix_fmt", format, "-f", "rawvideo"];
}

/** The samples that `ffmpeg` decodes. */
export function ffmpegSamples(
  path: string,
  index: number,
  format: string,
  ...args: string[]
): Promise<Uint8Array> {
  return ffmpegCli("-i", path, ...samplesOutput(index, format), ...args, "-");
}

/** The pixels that `ffmpeg` decodes. */
export function ffmpegPixels(
  path: string,
  index: number,
  format: string,
  ...args: string[]
): Promise<Uint8Array> {
  const input = ["-filter_threads", "1", "-i", path];
  return ffmpegCli(...input, ...pixelsOutput(index, format), ...args, "-");
}

/** A frame as `ffprobe` sees it. */
export interface ProbedFrame {
  readonly index: number;
  readonly time: number;
  readonly samples: number;
  readonly key: boolean;
}

/** The frames of all streams. */
export async function probedFrames(path: string): Promise<ProbedFrame[]> {
  // FFmpeg 4 calls a frame's time pkt_pts_time.
  const times = "pts_time,pkt_pts_time,best_effort_timestamp_time";
  const entries = `frame=stream_index,${times},nb_samples,key_frame`;
  const { frames } = await ffprobe(path, "-show_entries", entries);
  return frames.map((frame: Record<string, string>) => ({
    index: Number(frame.stream_index),
    time: Number(
      frame.pts_time ?? frame.pkt_pts_time ?? frame.best_effort_timestamp_time,
    ),
    samples: Number(frame.nb_samples ?? 1),
    key: Number(frame.key_frame) === 1,
  }));
}

/** The frames of one stream. */
export async function frameTimes(path: string, index: number): Promise<ProbedFrame[]> {
  return (await probedFrames(path)).filter((frame) => frame.index === index);
}

/** Fails unless each chunk's time is that of its first frame (or sample). */
export function checkTimes(
  chunks: readonly Chunk[],
  frames: readonly ProbedFrame[],
  rate: number | undefined,
  what: string,
): void {
  let frame = 0;
  let before = 0; // samples in the frames up to this one
  let at = 0;
  for (const [i, chunk] of chunks.entries()) {
    while (frame < frames.length && before + frames[frame]!.samples <= at) {
      before += frames[frame++]!.samples;
    }
    ok(frame < frames.length, `${what}: more frames than ffprobe has`);
    const expected = frames[frame]!.time + (rate === undefined ? 0 : (at - before) / rate);
    const message = `${what}: chunk ${i} is due at ${chunk.pts}, expected ${expected}`;
    ok(Math.abs(chunk.pts - expected) < 2e-6, message);
    at += chunk.numFrames;
  }
  strictEqual(at, frames.reduce((sum, { samples }) => sum + samples, 0), `${what}: frames`);
}

/** Fails unless all chunks have the size asked for, but for the last, which has the rest. */
export function checkSizes(chunks: readonly Chunk[], size: number, what: string): void {
  const sizes = chunks.map(({ numFrames }) => numFrames);
  const last = sizes.pop()!;
  deepStrictEqual(sizes, sizes.map(() => size), `${what}: sizes of chunks`);
  ok(last > 0 && last <= size, `${what}: the last chunk has ${last} frames`);
}

/** What is expected of a file. */
export interface Expected {
  /** The pixel format of the chunks of video streams that are read as they are decoded. */
  readonly video?: string;
  /** The sample format of the chunks of audio streams that are read as they are decoded. */
  readonly audio?: string;
  /** Whether times are compared with those of ffprobe. */
  readonly times?: boolean;
}

/**
 * Reads all audio and video streams of a file as they are decoded, and fails where anything differs
 * from what `ffmpeg` and `ffprobe` make of it.
 */
export async function likeFFmpeg(path: string, expected: Expected): Promise<void> {
  using reader = StreamReader.openSync(path);
  const infos = Array.from({ length: reader.numSrcStreams }, (_, i) => reader.getSrcStreamInfo(i));
  const read: Track[] = [];
  for (const [index, info] of infos.entries()) {
    if ("sampleRate" in info) {
      ok(expected.audio, `stream ${index} is audio`);
      reader.addBasicAudioStream(1000, { format: null, streamIndex: index });
      read.push({ index, rate: info.sampleRate, format: expected.audio, video: false });
    } else if ("width" in info) {
      ok(expected.video, `stream ${index} is video`);
      reader.addBasicVideoStream(7, { format: null, streamIndex: index });
      read.push({ index, rate: undefined, format: expected.video, video: true });
    }
  }
  ok(read.length > 0, "no audio or video");
  const judging = Promise.all([ffmpegDecodes(path, read), probedFrames(path)]);
  const chunks = drain(reader);
  const [theirs, frames] = await judging;
  strictEqual(reader.stats.skippedPackets, 0, "skipped packets");
  strictEqual(reader.stats.droppedChunks, 0, "dropped chunks");
  for (const [i, track] of read.entries()) {
    const what = `stream ${track.index}`;
    checkSizes(chunks[i]!, track.video ? 7 : 1000, what);
    for (const chunk of chunks[i]!) checkShape(chunk, track, what);
    equalBytes(joined(chunks[i]!), theirs[i]!, what);
    if (expected.times === false) continue;
    const own = frames.filter(({ index }) => index === track.index);
    checkTimes(chunks[i]!, own, track.rate, what);
  }
}

interface Track {
  readonly index: number;
  readonly rate: number | undefined;
  readonly format: string;
  readonly video: boolean;
}

/** What one run of `ffmpeg` decodes from several streams. */
async function ffmpegDecodes(path: string, tracks: readonly Track[]): Promise<Uint8Array[]> {
  using dir = tempDir();
  const outputs = tracks.flatMap(({ index, format, video }) => [
    ...(video ? pixelsOutput : samplesOutput)(index, format),
    dir.file(String(index)),
  ]);
  await ffmpegCli("-filter_threads", "1", "-i", path, ...outputs);
  return tracks.map(({ index }) => Deno.readFileSync(dir.file(String(index))));
}

const ARRAYS: Readonly<Record<string, string>> = {
  u8: "Uint8Array",
  s16: "Int16Array",
  s32: "Int32Array",
  s64: "BigInt64Array",
  flt: "Float32Array",
  dbl: "Float64Array",
};

function checkShape(chunk: Chunk, { format, video }: Track, what: string): void {
  if (video) return strictEqual((chunk as VideoChunk).format, format, what);
  strictEqual(chunk.data.constructor.name, ARRAYS[format], what);
  strictEqual(chunk.data.length, chunk.numFrames * chunk.numChannels, what);
}
