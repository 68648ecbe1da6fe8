/**
 * What the tests of `StreamWriter` share: parts of an input, and files written in one call.
 */

import { StreamWriter } from "../../mod.ts";
import { ffprobe, type SAMPLES } from "./helpers.ts";

export type AudioOptions = NonNullable<Parameters<StreamWriter["addAudioStream"]>[2]>;
export type VideoOptions = NonNullable<Parameters<StreamWriter["addVideoStream"]>[3]>;
export type AudioChunks = Iterable<Parameters<StreamWriter["writeAudioChunk"]>[1]>;
export type VideoChunks = Iterable<Parameters<StreamWriter["writeVideoChunk"]>[1]>;
export type OpenOptions = Parameters<StreamWriter["open"]>[0];
type Samples = ReturnType<(typeof SAMPLES)[keyof typeof SAMPLES]>;

/** `asm=0`: x264's AVX-512 code gives other bytes in every run. */
export const X264 = { "x264-params": "asm=0" };

/** Parts of an array of interleaved samples, of so many frames each; the last may be shorter. */
export function* parts<T extends Samples>(
  samples: T,
  channels: number,
  frames: number,
): Generator<T> {
  const step = frames * channels;
  for (let i = 0; i < samples.length; i += step) yield samples.subarray(i, i + step) as T;
}

/** Frames of a run of them, one by one. */
export function* single<T extends Uint8Array | Uint16Array>(
  pictures: T,
  count: number,
): Generator<T> {
  const size = pictures.length / count;
  for (let i = 0; i < pictures.length; i += size) yield pictures.subarray(i, i + size) as T;
}

export function writeAudio(
  path: string,
  rate: number,
  channels: number,
  chunks: AudioChunks,
  options: AudioOptions = {},
  open: OpenOptions = {},
): void {
  using writer = new StreamWriter(path);
  writer.addAudioStream(rate, channels, options);
  writer.openSync(open);
  for (const chunk of chunks) writer.writeAudioChunkSync(0, chunk);
}

export function writeVideo(
  path: string,
  [rate, width, height]: [rate: number, width: number, height: number],
  chunks: VideoChunks,
  options: VideoOptions = {},
  open: OpenOptions = {},
): void {
  using writer = new StreamWriter(path);
  writer.addVideoStream(rate, width, height, options);
  writer.openSync(open);
  for (const chunk of chunks) writer.writeVideoChunkSync(0, chunk);
}

/** The times of the packets of one stream, in seconds. */
export async function packetTimes(path: string, stream = 0): Promise<number[]> {
  const { packets } = await ffprobe(path, "-select_streams", `${stream}`, "-show_packets");
  return packets.map((packet: { pts_time: string }) => Number(packet.pts_time));
}
