/**
 * Writes a gigabyte of raw frames to a Web stream and reads it from there at the same time, and
 * prints as JSON by how many megabytes the resident memory has grown.
 */

import { liveHandles } from "../../ffi/handle.ts";
import { StreamReader, StreamWriter } from "../../mod.ts";

const GIGABYTE = 1 << 30;
const [WIDTH, HEIGHT] = [1280, 720];
const SIZE = WIDTH * HEIGHT * 3;
const count = Math.ceil(GIGABYTE / SIZE);

/** How many pipes are open; Deno opens some other files when it needs them. */
function openPipes(): number {
  const entries = [...Deno.readDirSync("/proc/self/fd")];
  return entries.filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith("pipe:");
    } catch {
      return false; // the folder that is being read
    }
  }).length;
}

const memory: number[] = [];
let files = 0;

const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();

async function send(): Promise<void> {
  const writer = new StreamWriter(writable, { format: "nut" });
  writer.addVideoStream(25, WIDTH, HEIGHT, { encoder: "rawvideo", encoderFormat: "rgb24" });
  await using out = await writer.open();
  const frame = new Uint8Array(SIZE);
  for (let i = 0; i < count; i++) {
    await out.writeVideoChunk(0, frame.fill(i));
    if (i % 10 !== 9) continue;
    (globalThis as unknown as { gc(): void }).gc();
    memory.push(Deno.memoryUsage().rss / (1 << 20));
  }
}

async function receive(): Promise<number> {
  await using reader = await StreamReader.open(readable);
  reader.addBasicVideoStream(1, { format: "rgb24" });
  let received = 0;
  for await (const [chunk] of reader.stream({ reuse: true })) {
    const { data } = chunk!;
    if (data[0] !== received % 256 || data[SIZE - 1] !== received % 256) {
      throw new Error("mixed up");
    }
    received++;
  }
  return received;
}

files = openPipes();
const [received] = await Promise.all([receive(), send()]);
if (received !== count) throw new Error(`Expected ${count} frames, got ${received}`);
const quarter = memory.length >> 2;
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const growth = median(memory.slice(3 * quarter)) - median(memory.slice(quarter, 2 * quarter));
const course = memory.map(Math.round).join(" ");
console.log(
  JSON.stringify({ growth, files: openPipes() - files, live: liveHandles(), course }),
);
