/**
 * Writes to objects and reads from them, some hundred times, a third of them broken on purpose, and
 * prints as JSON by how many megabytes the resident memory has grown: `object_loop.ts CLIP`.
 */

import { liveHandles } from "../../ffi/handle.ts";
import { type BytesReader, MemoryFile, StreamReader, StreamWriter } from "../../mod.ts";

const ROUNDS = 600;

const clip = Deno.readFileSync(Deno.args[0]!);
const frame = new Uint8Array(64 * 48 * 3);
const never = <T>() => new Promise<T>(() => {});

/** An object over the clip whose reads return promises. */
function slow(read: (into: Uint8Array) => number | Promise<number>, at: { position: number }) {
  return {
    read: async (into) => await read(into),
    seek: async (offset, whence) =>
      at.position = await [0, at.position, clip.length][whence]! + offset,
  } satisfies BytesReader;
}

function clipObject(failsAt = Infinity, fail: () => number | Promise<number> = () => 0) {
  const at = { position: 0 };
  let reads = 0;
  return slow((into) => {
    if (reads++ >= failsAt) return fail();
    const part = clip.subarray(at.position, at.position + Math.min(into.length, 8192));
    into.set(part);
    at.position += part.length;
    return part.length;
  }, at);
}

async function readAll(src: Parameters<typeof StreamReader.open>[0]): Promise<void> {
  await using reader = await StreamReader.open(src, { timeout: 2000 });
  reader.addBasicVideoStream(10);
  await reader.fillBuffer();
  await reader.seek(1);
  for await (const _ of reader.stream({ reuse: true }));
}

async function write(dst: ConstructorParameters<typeof StreamWriter>[0], timeout = 5000) {
  const writer = new StreamWriter(dst, { format: "matroska", bufferSize: 1 });
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  await using out = await writer.open({}, { timeout });
  for (let i = 0; i < 5; i++) {
    frame.forEach((_, k) => frame[k] = (k * 31 + i * 57) % 251);
    await out.writeVideoChunk(0, frame, undefined, { timeout });
  }
}

const fails = (promise: Promise<unknown>) => promise.then(() => Deno.exit(3), () => {});
const broken = () => {
  throw new Error("thrown by the user");
};

const JOBS: readonly (() => unknown)[] = [
  () => write(new MemoryFile()),
  () => write(new WritableStream()),
  () => write({ write: async () => await undefined }),
  () => readAll(clip),
  () => readAll(new Blob([clip])),
  () => readAll(clipObject()),
  () => fails(write({ write: broken })),
  () => fails(write({ write: () => Promise.reject(new Error("rejected by the user")) })),
  () => fails(write({ write: never<number> }, 5)),
  () => fails(readAll(clipObject(1, broken))),
  () => fails(readAll(clipObject(0, broken))),
  () => fails(StreamReader.open(clipObject(1, never<number>), { timeout: 5 })),
  async () => {
    const reader = await StreamReader.open(clipObject());
    reader.addBasicVideoStream(1);
    await reader.fillBuffer();
    await reader.close();
  },
];

const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;

async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

const memory: number[] = [];
let before = 0;
for (let i = 0; i < ROUNDS; i++) {
  if (i === JOBS.length * 4) before = openFiles();
  await JOBS[i % JOBS.length]!();
  if (i % 10 !== 9) continue;
  await collect();
  memory.push(Deno.memoryUsage().rss / (1 << 20));
}
for (let i = 0; i < 20 && Object.keys(liveHandles()).length > 0; i++) await collect();
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const quarter = memory.length / 4;
const growth = median(memory.slice(3 * quarter)) - median(memory.slice(quarter, 2 * quarter));
const course = memory.filter((_, i) => i % 5 === 4).map(Math.round).join(" ");
console.log(JSON.stringify({ growth, files: openFiles() - before, live: liveHandles(), course }));
Deno.exit(0); // what never returns is not waited for
