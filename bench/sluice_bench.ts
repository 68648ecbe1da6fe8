/**
 * The jobs of the benchmark with Sluice: `sluice_bench.ts MODE JOB key=value...`
 *
 * The modes: `sync`; `async`, the same with the calls that do not block; `fresh`, which is `sync` with
 * a new buffer for every frame that is read.
 *
 * @module
 */

import process from "node:process";
import { StreamReader, StreamWriter, type VideoChunk } from "../mod.ts";

type Work = (count: number) => number | Promise<number>;

const [mode = "", job = "", ...rest] = Deno.args;
const values = new Map(rest.map((it) => it.split(/=(.*)/s, 2) as [string, string]));

/** The works by mode and job. */
const WORKS: Record<string, Record<string, () => Work>> = {
  sync: {
    encode: () => encodeSync(readPictures()),
    audio: () => writeAudioSync(readSamples()),
    decode: () => (count) => decodeSync(count, true),
    transcode: () => transcodeSync,
  },
  async: {
    encode: () => encode(readPictures()),
    audio: () => writeAudio(readSamples()),
    decode: () => decode,
    transcode: () => transcode,
  },
  fresh: { decode: () => (count) => decodeSync(count, false) },
};

const work = WORKS[mode]?.[job];
if (!work) throw new TypeError(`Unknown mode or job: "${mode}" "${job}"`);
await measure(work());

/** Once in small to load and warm what is needed, then the whole job by the clock. */
async function measure(work: Work) {
  await work(number("warmup"));
  const cpu = process.cpuUsage();
  const start = performance.now();
  const frames = await work(number("count"));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ frames, seconds, cpuSeconds: (user + system) / 1e6 }));
}

function text(key: string): string {
  const value = values.get(key);
  if (value === undefined) throw new TypeError(`Expected ${key}=... on the command line`);
  return value;
}

function number(key: string): number {
  return Number(text(key));
}

function readPictures(): Uint8Array[] {
  const bytes = Deno.readFileSync(text("input"));
  const size = number("width") * number("height") * 3;
  const starts = Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => i * size);
  return starts.map((start) => bytes.subarray(start, start + size));
}

function readSamples(): Int16Array[] {
  const samples = new Int16Array(Deno.readFileSync(text("input")).slice().buffer);
  const size = number("frames") * 2;
  const starts = Array.from({ length: Math.floor(samples.length / size) }, (_, i) => i * size);
  return starts.map((start) => samples.subarray(start, start + size));
}

function videoWriter(format: string): StreamWriter {
  const writer = new StreamWriter(text("output"), { format: text("container") });
  writer.addVideoStream(30, number("width"), number("height"), {
    format,
    encoder: text("encoder"),
    encoderOption: Object.fromEntries(text("options").split(":").map((it) => it.split("="))),
    encoderFormat: values.get("encoderFormat") ?? "yuv420p",
  });
  return writer;
}

function audioWriter(): StreamWriter {
  const writer = new StreamWriter(text("output"), { format: text("container") });
  writer.addAudioStream(number("rate"), 2, { format: "s16" });
  return writer;
}

function addPictures(reader: StreamReader) {
  const decoderOption = { threads: text("threads") };
  const { format = "rgb24" } = Object.fromEntries(values);
  const [width, height] = [number("width"), number("height")];
  // A size that the frames have already costs nothing to ask for.
  reader.addBasicVideoStream(1, { format, width, height, decoderOption });
}

function encodeSync(frames: readonly Uint8Array[]): Work {
  return (count) => {
    const writer = videoWriter("rgb24");
    writer.openSync();
    for (let i = 0; i < count; i++) writer.writeVideoChunkSync(0, frames[i % frames.length]!);
    writer.flushSync();
    writer.closeSync();
    return count;
  };
}

function encode(frames: readonly Uint8Array[]): Work {
  return async (count) => {
    const writer = videoWriter("rgb24");
    await writer.open();
    for (let i = 0; i < count; i++) await writer.writeVideoChunk(0, frames[i % frames.length]!);
    await writer.flush();
    await writer.close();
    return count;
  };
}

function writeAudioSync(chunks: readonly Int16Array[]): Work {
  return (count) => {
    const writer = audioWriter();
    writer.openSync();
    for (let i = 0; i < count; i++) writer.writeAudioChunkSync(0, chunks[i % chunks.length]!);
    writer.flushSync();
    writer.closeSync();
    return count;
  };
}

function writeAudio(chunks: readonly Int16Array[]): Work {
  return async (count) => {
    const writer = audioWriter();
    await writer.open();
    for (let i = 0; i < count; i++) await writer.writeAudioChunk(0, chunks[i % chunks.length]!);
    await writer.flush();
    await writer.close();
    return count;
  };
}

function decodeSync(most: number, reuse: boolean): number {
  using reader = StreamReader.openSync(text("input"));
  addPictures(reader);
  let read = 0;
  for (const [video] of reader.streamSync({ reuse })) {
    read += video?.numFrames ?? 0;
    if (read === most) break;
  }
  return read;
}

async function decode(most: number): Promise<number> {
  using reader = await StreamReader.open(text("input"));
  addPictures(reader);
  let read = 0;
  for await (const [video] of reader.stream({ reuse: true })) {
    read += video?.numFrames ?? 0;
    if (read === most) break;
  }
  return read;
}

function transcodeSync(most: number): number {
  using reader = StreamReader.openSync(text("input"));
  addPictures(reader);
  const writer = videoWriter(text("format"));
  writer.openSync();
  let read = 0;
  for (const [video] of reader.streamSync({ reuse: true })) {
    writer.writeVideoChunkSync(0, video as VideoChunk);
    if (++read === most) break;
  }
  writer.flushSync();
  writer.closeSync();
  return read;
}

async function transcode(most: number): Promise<number> {
  using reader = await StreamReader.open(text("input"));
  addPictures(reader);
  const writer = videoWriter(text("format"));
  await writer.open();
  let read = 0;
  for await (const [video] of reader.stream({ reuse: true })) {
    await writer.writeVideoChunk(0, video as VideoChunk);
    if (++read === most) break;
  }
  await writer.flush();
  await writer.close();
  return read;
}
