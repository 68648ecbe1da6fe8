/**
 * Opens, uses and closes writers and readers, a third of them broken on purpose, and prints the
 * resident memory along the way as JSON: `leak_loop.ts ROUNDS FOLDER FILE…`.
 */

import { liveHandles } from "../../ffi/handle.ts";
import { StreamReader, StreamWriter } from "../../mod.ts";

const [rounds, folder, film, sound, damaged, truncated] = Deno.args as [string, ...string[]];
const total = Number(rounds);

const picture = new Uint8Array(64 * 48 * 3);
const samples = new Float32Array(2000);
const unexpected = new Set<string>();

/** Runs what must fail. */
async function fails(name: string, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch {
    return;
  }
  unexpected.add(`${name} did not fail`);
}

function writerTo(name: string, options: Record<string, unknown> = {}): StreamWriter {
  const writer = new StreamWriter(`${folder}/${name}`);
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4", ...options });
  writer.addAudioStream(8000, 1, { encoder: "aac" });
  return writer;
}

/** Writers that do what they should. */
const GOOD_WRITERS: readonly (() => unknown)[] = [
  async () => {
    await using out = await writerTo("async.mkv").open();
    for (let i = 0; i < 3; i++) {
      await out.writeVideoChunk(0, picture);
      await out.writeAudioChunk(1, samples);
    }
  },
  () => {
    using out = writerTo("sync.mp4").openSync();
    for (let i = 0; i < 3; i++) out.writeVideoChunkSync(0, picture);
    out.writeAudioChunkSync(1, samples);
  },
  () => {
    const writer = new StreamWriter(`${folder}/filtered.wav`);
    writer.addAudioStream(8000, 1, { filterDesc: "atempo=2" });
    using out = writer.openSync();
    out.writeAudioChunkSync(0, samples);
  },
  () => {
    const writer = new StreamWriter(`${folder}/scaled.mkv`);
    writer.addVideoStream(25, 64, 48, { encoder: "ffv1", encoderWidth: 32, encoderHeight: 24 });
    using out = writer.openSync({ fflags: "+bitexact" });
    out.writeVideoChunkSync(0, picture);
    out.flushSync();
    out.closeSync();
  },
];

/** Writers that come to grief, each in its own way. */
const BROKEN_WRITERS: readonly (() => unknown)[] = [
  () => fails("option", () => writerTo("x.mp4").openSync({ nonsense: 1 })),
  () => fails("encoder option", () => writerTo("x.mp4", { encoderOption: { bf: "many" } })),
  () => fails("encoder", () => writerTo("x.mp4", { encoder: "nonsense" })),
  () => fails("filter", () => writerTo("x.mp4", { filterDesc: "nonsense" })),
  () => fails("folder", () => writerTo("missing/x.mp4").openSync()),
  () => fails("folder, async", () => writerTo("missing/x.mp4").open()),
  () =>
    fails("chunk", () => {
      using out = writerTo("x.mp4").openSync();
      out.writeVideoChunkSync(0, picture);
      out.writeVideoChunkSync(0, samples as never);
    }),
  () =>
    fails("exception", async () => {
      await using out = await writerTo("x.mkv").open();
      await out.writeAudioChunk(1, samples);
      throw new Error("thrown by the user");
    }),
  () =>
    fails("device that is full", () => {
      const writer = new StreamWriter("/dev/full", { format: "wav" });
      writer.addAudioStream(8000, 1);
      using out = writer.openSync();
      for (let i = 0; i < 50; i++) out.writeAudioChunkSync(0, samples);
    }),
  () => fails("abort", () => writerTo("x.mkv").open({}, { signal: AbortSignal.abort() })),
  () => void writerTo("forgotten.mkv"),
  () => void writerTo("forgotten.mkv").openSync().writeVideoChunkSync(0, picture),
];

/** Readers that do what they should. */
const GOOD_READERS: readonly (() => unknown)[] = [
  async () => {
    await using reader = await StreamReader.open(film!);
    reader.addBasicVideoStream(2);
    reader.addBasicAudioStream(500);
    for await (const [video, audio] of reader.stream()) void [video, audio];
  },
  () => {
    using reader = StreamReader.openSync(film!);
    reader.addVideoStream(3, { filterDesc: "scale=32:24,fps=10" });
    reader.addBasicVideoStream(-1, { format: "gray" });
    reader.processAllPacketsSync();
    reader.popChunks();
    reader.seekSync(0.1);
    reader.removeStream(0);
    for (const _ of reader.streamSync({ reuse: true }));
  },
  () => {
    using reader = StreamReader.openSync(sound!);
    reader.addBasicAudioStream(100, { sampleRate: 11025, numChannels: 1 });
    for (const _ of reader.streamSync()) break;
    reader.getMetadata();
    reader.getSrcStreamInfo(0);
    reader.getOutStreamInfo(0);
  },
  () => {
    const reader = StreamReader.openSync(truncated!);
    reader.addBasicVideoStream(1);
    for (const [chunk] of reader.streamSync()) chunk![Symbol.dispose]();
    reader.closeSync();
  },
];

/** Readers that come to grief. */
const BROKEN_READERS: readonly (() => unknown)[] = [
  () => fails("missing file", () => StreamReader.openSync(`${folder}/missing.mp4`)),
  () => fails("missing file, async", () => StreamReader.open(`${folder}/missing.mp4`)),
  () => fails("option", () => StreamReader.openSync(film!, { option: { nonsense: 1 } })),
  () => fails("damaged", () => StreamReader.openSync(damaged!)),
  () => fails("aborted", () => StreamReader.open(film!, { signal: AbortSignal.abort() })),
  () =>
    fails("decoder", () => {
      using reader = StreamReader.openSync(film!);
      reader.addBasicVideoStream(1, { decoderOption: { threads: "many" } });
    }),
  () =>
    fails("filters", () => {
      using reader = StreamReader.openSync(film!);
      reader.addVideoStream(1, { filterDesc: "crop=1000:1000" });
      reader.fillBufferSync();
    }),
  () =>
    fails("exception", async () => {
      await using reader = await StreamReader.open(film!);
      reader.addBasicVideoStream(1);
      for await (const _ of reader.stream()) throw new Error("thrown by the user");
    }),
  () =>
    fails("abort in mid-file", async () => {
      await using reader = await StreamReader.open(film!);
      reader.addBasicVideoStream(1);
      const abort = new AbortController();
      const reading = reader.processAllPackets({ signal: abort.signal });
      abort.abort();
      await reading;
    }),
  () => void StreamReader.openSync(film!),
  () => {
    const reader = StreamReader.openSync(film!);
    reader.addBasicVideoStream(1);
    reader.addVideoStream(1, { filterDesc: "hflip" });
    reader.fillBufferSync(); // and forgotten, with chunks in its buffers
  },
  async () => {
    const reader = await StreamReader.open(sound!);
    reader.addBasicAudioStream(100);
    for await (const _ of reader.stream()) break;
  },
];

const memory: number[] = [];

/** How many files this process has open; 0 where the system does not say. */
function openFiles(): number {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return 0;
  }
}

/** Lets what was forgotten be found: collected first, freed in a later task. */
async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

console.warn = () => {}; // each forgotten writer says so

let filesBefore = 0;
for (let i = 0; i < total; i++) {
  if (i === 200) filesBefore = openFiles();
  const broken = i % 3 === 2;
  const turn = Math.floor(i / 3);
  const [writers, readers] = broken
    ? [BROKEN_WRITERS, BROKEN_READERS]
    : [GOOD_WRITERS, GOOD_READERS];
  const at = broken ? turn : turn * 2 + (i % 3);
  await writers[at % writers.length]!();
  await readers[at % readers.length]!();
  if (i % 20 === 19) {
    await collect();
    memory.push(Deno.memoryUsage().rss);
  }
}
for (let i = 0; i < 20 && Object.keys(liveHandles()).length > 0; i++) await collect();
const files = openFiles() - filesBefore;
console.log(JSON.stringify({ memory, files, live: liveHandles(), unexpected: [...unexpected] }));
