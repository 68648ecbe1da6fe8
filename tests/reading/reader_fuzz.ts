/**
 * Calls of a `StreamReader` at random, always the same ones: `reader_fuzz.ts SEQUENCES FILE…`. Prints
 * how many calls succeeded and how many were rejected; fails when an error is not a clear one. A
 * crash of the process is what the test that runs this looks for.
 */

import { liveHandles } from "../../ffi/handle.ts";
import { StreamReader } from "../../mod.ts";
import { isClear } from "../support/wild_values.ts";

const [sequences, ...files] = Deno.args;

let seed = 20240607;

/** A number from 0 to below 1; the same row of them each time. */
function random(): number {
  seed = (seed * 48271) % 2147483647;
  return seed / 2147483647;
}

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

const WILD = [NaN, -1, 1e9, 0.5, "3", null, {}, Symbol("s"), undefined, [], true, 1n, Infinity];

/** Mostly one of these values, now and then something else. */
// deno-lint-ignore no-explicit-any -- wrong on purpose
function mostly(...values: unknown[]): any {
  return random() < 0.93 ? pick(values) : pick(WILD);
}

const VIDEO_FILTERS = [
  "null",
  "fps=7",
  "scale=20:10",
  "hflip",
  "trim=end=0.3",
  "nonsense",
  "split",
];
const AUDIO_FILTERS = [
  "anull",
  "atempo=2",
  "aresample=9000",
  "aformat=u8",
  "nonsense=1",
  "scale=3:3",
];
const OPTIONS = { streamIndex: [0, 1, 2, 3], bufferChunkSize: [-1, 1, 3] };

function someOptions(choices: Record<string, unknown[]>): Record<string, unknown> {
  const entries = Object.entries({ ...choices, ...OPTIONS }).filter(() => random() < 0.25);
  return Object.fromEntries(entries.map(([name, values]) => [name, mostly(...values)]));
}

const sizes = () => mostly(1, 2, 5, 50, 1000, -1, 1e7);

/** Keeps a promise for later; that it rejects before it is awaited must not end the process. */
function keep(promises: Promise<unknown>[], promise: Promise<unknown>): void {
  promise.catch(() => {});
  promises.push(promise);
}

/** What may be called. Promises are kept and awaited later, or not before the reader is closed. */
const CALLS: readonly ((reader: StreamReader, promises: Promise<unknown>[]) => unknown)[] = [
  (reader) =>
    reader.addBasicVideoStream(
      sizes(),
      someOptions({
        format: ["rgb24", "gray", null, "yuv420p", "pal8", "rgb9"],
        width: [2, 33, 64],
        height: [2, 33],
        frameRate: [1, 29.97, 100],
        autorotate: [true, false],
      }),
    ),
  (reader) =>
    reader.addBasicAudioStream(
      sizes(),
      someOptions({
        format: ["s16", "fltp", null, "s64", "f99"],
        sampleRate: [8000, 44100, 1],
        numChannels: [1, 2, 6],
      }),
    ),
  (reader) => reader.addVideoStream(sizes(), someOptions({ filterDesc: VIDEO_FILTERS })),
  (reader) => reader.addAudioStream(sizes(), someOptions({ filterDesc: AUDIO_FILTERS })),
  (reader) =>
    reader.addVideoStream(5, {
      decoder: mostly("h264", "gif", "mp3", "nonsense"),
      decoderOption: mostly({ threads: "1" }, { threads: "many" }, { nonsense: 1 }, {}),
    }),
  (reader) => reader.removeStream(mostly(0, 1, 2)),
  (reader) => reader.getSrcStreamInfo(mostly(0, 1, 7)),
  (reader) => reader.getOutStreamInfo(mostly(0, 1, 7)),
  (reader) => [reader.getMetadata(), reader.stats, reader.duration, reader.format],
  (reader) => [reader.numSrcStreams, reader.defaultAudioStream, reader.defaultVideoStream],
  (reader) => reader.seekSync(mostly(0, 0.3, 0.77, 5), mostly("precise", "key", "any")),
  (reader) => reader.processPacketSync(),
  (reader) => reader.processPacketSync(mostly({ timeout: 1, backoff: 1 }, {})),
  (reader) => reader.fillBufferSync(),
  (reader) => reader.processAllPacketsSync(),
  (reader) => reader.isBufferReady(),
  (reader) => reader.popChunks(),
  (reader) => reader.popChunks().forEach((chunk) => chunk?.[Symbol.dispose]()),
  (reader) => {
    let rounds = 0;
    for (const _ of reader.streamSync(mostly({ reuse: true }, {}))) if (++rounds > 20) break;
  },
  (reader, promises) => {
    keep(promises, reader.processPacket());
  },
  (reader, promises) => {
    keep(promises, reader.fillBuffer(mostly({}, { signal: AbortSignal.abort() })));
  },
  (reader, promises) => {
    const abort = new AbortController();
    keep(promises, reader.processAllPackets({ signal: abort.signal }));
    if (random() < 0.5) abort.abort();
  },
  (reader, promises) => {
    keep(promises, reader.seek(mostly(0, 0.5), mostly("precise", "key", "any")));
  },
  async (reader) => {
    let rounds = 0;
    for await (const _ of reader.stream(mostly({ reuse: true }, {}))) if (++rounds > 5) break;
  },
  (reader, promises) => {
    keep(promises, reader.close());
  },
  (reader) => {
    if (random() < 0.3) reader.closeSync();
  },
];

const count = { through: 0, refused: 0 };
const unclear = new Set<string>();

async function attempt(call: () => unknown): Promise<void> {
  try {
    await call();
    count.through++;
  } catch (error) {
    count.refused++;
    const isAbort = error instanceof DOMException && error.name === "AbortError";
    if (!isAbort && !isClear(error)) unclear.add((error as Error)?.stack ?? String(error));
  }
}

async function sequence(): Promise<void> {
  let reader: StreamReader | undefined;
  await attempt(async () => {
    const options = random() < 0.1 ? { format: mostly("mp4", "mp3", "s16le", "nonsense") } : {};
    const path = mostly(...files);
    reader = random() < 0.5
      ? StreamReader.openSync(path, options)
      : await StreamReader.open(path, options);
  });
  if (reader === undefined) return;
  const own = reader;
  const promises: Promise<unknown>[] = [];
  if (random() < 0.9) await attempt(() => CALLS[Math.floor(random() * 4)]!(own, promises));
  for (let calls = Math.floor(random() * 12); calls > 0; calls--) {
    await attempt(() => pick(CALLS)(own, promises));
    if (random() < 0.5) { for (const each of promises.splice(0)) await attempt(() => each); }
  }
  await Promise.all([...promises.map((each) => attempt(() => each)), attempt(() => own.close())]);
}

for (let i = 0; i < Number(sequences); i++) await sequence();
console.log(JSON.stringify({ ...count, unclear: [...unclear], live: liveHandles() }));
