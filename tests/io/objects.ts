/**
 * What tests of objects share: a clip to write and to read, destinations and sources of every kind, and
 * objects that fail.
 */

import { ok, rejects, strictEqual } from "node:assert/strict";
import {
  type BytesReader,
  type BytesSource,
  type BytesWriter,
  MemoryFile,
  type StreamReader,
  StreamWriter,
} from "../../mod.ts";
import { madeOnce, pixels, SAMPLES, type TempDir } from "../support/helpers.ts";

export type Destination = BytesWriter | WritableStream<Uint8Array>;

export const SIZE = 64 * 48 * 3;
export const FRAMES = 50;
export const PIXELS = pixels(SIZE, FRAMES, 64 * 3);
export const TONE = SAMPLES.s16(16000 * FRAMES / 25, 1);

/** Equal from file to file; FLAC in MP4 was an experiment up to FFmpeg 4.3. */
export const BIT_EXACT = { fflags: "+bitexact", strict: "experimental" };

/** Encoders of sound without a delay, where the container takes one. */
export const SOUND: Readonly<Record<string, string>> = {
  mp4: "flac",
  matroska: "alac",
  nut: "pcm_s16le",
  mpegts: "mp2",
};

/** A writer of two seconds of video and sound. */
export function clipWriter(
  dst: string | Destination,
  format: string,
  options: object = {},
): StreamWriter {
  const writer = new StreamWriter(dst, { format, ...options });
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4", encoderOption: { flags: "+bitexact" } });
  writer.addAudioStream(16000, 1, { format: "s16", encoder: SOUND[format]! });
  return writer;
}

export function piece(i: number): [Uint8Array<ArrayBuffer>, Int16Array<ArrayBuffer>] {
  const [video, audio] = [SIZE * 5, 16000 / 5];
  return [
    PIXELS.subarray(i * video, (i + 1) * video),
    TONE.subarray(i * audio, (i + 1) * audio) as Int16Array<ArrayBuffer>,
  ];
}

export async function writeClip(
  dst: string | Destination,
  format: string,
  options = {},
): Promise<void> {
  await using out = await clipWriter(dst, format).open({ ...BIT_EXACT, ...options });
  for (let i = 0; i < FRAMES / 5; i++) {
    const [video, audio] = piece(i);
    await out.writeVideoChunk(0, video);
    await out.writeAudioChunk(1, audio);
  }
}

export function writeClipSync(dst: string | Destination, format: string, options = {}): void {
  using out = clipWriter(dst, format).openSync({ ...BIT_EXACT, ...options });
  for (let i = 0; i < FRAMES / 5; i++) {
    const [video, audio] = piece(i);
    out.writeVideoChunkSync(0, video);
    out.writeAudioChunkSync(1, audio);
  }
}

/** The same clip in a file. */
export const clipAtPath = (format: string) =>
  madeOnce(`clip.${format}`, (path) => writeClip(path, format));

/** A destination, and what has come there. */
export interface Sunk {
  readonly dst: Destination;
  bytes(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** An object on top of a file in memory. */
export function memoryObject(
  memory: MemoryFile,
  methods: (memory: MemoryFile) => BytesWriter,
): Sunk {
  return { dst: methods(memory), bytes: () => memory.bytes() };
}

export const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Destinations of every kind. */
export const DESTINATIONS: readonly {
  name: string;
  seeks: boolean;
  sync: boolean;
  async: boolean;
  make(dir: TempDir): Sunk;
}[] = [
  {
    name: "a Deno.FsFile",
    ...{ seeks: true, sync: true, async: true },
    make(dir) {
      const path = dir.file("clip");
      const dst = Deno.openSync(path, { write: true, create: true });
      const bytes = () => {
        dst.close(); // it has been left open
        return Deno.readFileSync(path);
      };
      return { dst, bytes };
    },
  },
  {
    name: "a Deno.FsFile in its middle",
    ...{ seeks: true, sync: true, async: true },
    make(dir) {
      const path = dir.file("clip");
      const dst = Deno.openSync(path, { write: true, create: true });
      dst.writeSync(new Uint8Array(1000).fill(7));
      const bytes = () => {
        dst.close();
        const all = Deno.readFileSync(path);
        ok(all.subarray(0, 1000).every((byte) => byte === 7));
        return all.slice(1000);
      };
      return { dst, bytes };
    },
  },
  {
    name: "a MemoryFile",
    ...{ seeks: true, sync: true, async: true },
    make: () => memoryObject(new MemoryFile(), (memory) => memory),
  },
  {
    name: "a WritableStream",
    ...{ seeks: false, sync: false, async: true },
    make() {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const bytes = new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
      return { dst: writable, bytes: () => bytes };
    },
  },
  {
    name: "an object with write",
    ...{ seeks: false, sync: true, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({ write: (bytes) => void memory.write(bytes) })),
  },
  {
    name: "an object with write that takes a part",
    ...{ seeks: false, sync: true, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({
        write: (bytes) => memory.write(bytes.subarray(0, 1 + bytes.length % 1000)),
      })),
  },
  {
    name: "an object with write and seek",
    ...{ seeks: true, sync: true, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({
        write: (bytes) => memory.write(bytes),
        seek: (offset, whence) => memory.seek(offset, whence),
      })),
  },
  {
    name: "an object with promises from write",
    ...{ seeks: false, sync: false, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({
        write: (bytes) => soon().then(() => memory.write(bytes.subarray(0, 5000))),
      })),
  },
  {
    name: "an object with promises from write and seek",
    ...{ seeks: true, sync: false, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({
        write: (bytes) => soon().then(() => memory.write(bytes)),
        seek: (offset, whence) => soon().then(() => memory.seek(offset, whence)),
      })),
  },
  {
    name: "an object with promises, and sync methods beside them",
    ...{ seeks: true, sync: true, async: true },
    make: () =>
      memoryObject(new MemoryFile(), (memory) => ({
        write: (bytes) => soon().then(() => memory.write(bytes)),
        writeSync: (bytes) => memory.write(bytes),
        seek: (offset, whence) => soon().then(() => memory.seek(offset, whence)),
        seekSync: (offset, whence) => memory.seek(offset, whence),
      })),
  },
];

/** An object that fails at one of its calls, and counts what else is called. */
export class Failing implements BytesWriter {
  readonly error = new Error("of my own");
  readonly memory = new MemoryFile();
  ended = 0;
  abandoned = 0;
  calls = 0;
  seek?: (offset: number, whence: Deno.SeekMode) => unknown;

  constructor(
    readonly what: "write" | "seek" | "end",
    readonly at: number,
    readonly fail: (error: Error) => unknown,
    seeks = what === "seek",
  ) {
    if (seeks) this.seek = (...args) => this.#call("seek", () => this.memory.seek(...args));
  }

  #call<T>(what: string, action: () => T): T | unknown {
    if (what !== this.what || this.calls++ < this.at) return action();
    return this.fail(this.error);
  }

  write(bytes: Uint8Array<ArrayBuffer>): unknown {
    return this.#call("write", () => this.memory.write(bytes));
  }

  end(): unknown {
    this.ended++;
    return this.#call("end", () => undefined);
  }

  abandon(): void {
    this.abandoned++;
  }
}

export const throwing = (error: Error): never => {
  throw error;
};
export const rejecting = (error: Error) => Promise.reject(error);
export const rejectingLater = (error: Error) => soon().then(() => throwing(error));

/** Fails unless the call throws this very error. */
export async function throwsVery(error: unknown, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (caught) {
    return strictEqual(caught, error);
  }
  ok(false, "nothing was thrown");
}

/** An object over bytes, read piece by piece, and what has become of it. */
export function reading(bytes: Uint8Array, { seeks = true, later = false, most = 1 << 20 } = {}) {
  let position = 0;
  const seen = { abandoned: 0, reads: 0, seeks: 0 };
  const result = (value: number | null) => later ? soon().then(() => value) : value;
  const src = {
    read(into: Uint8Array) {
      seen.reads++;
      const part = bytes.subarray(position, position + Math.min(into.length, most));
      into.set(part);
      position += part.length;
      return result(part.length || null);
    },
    ...(seeks && {
      seek(offset: number, whence: Deno.SeekMode) {
        seen.seeks++;
        position = [0, position, bytes.length][whence]! + offset;
        return result(position);
      },
    }),
    abandon: () => void seen.abandoned++,
  };
  return { src: src as BytesReader, seen };
}

export function memoryFileOf(bytes: Uint8Array<ArrayBuffer>): MemoryFile {
  const file = new MemoryFile();
  file.write(bytes);
  return file;
}

export function streamOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += size));
    },
  });
}

export const SOURCES: readonly {
  name: string;
  seeks: boolean;
  sync: boolean;
  make(bytes: Uint8Array<ArrayBuffer>, path: string): BytesSource;
}[] = [
  { name: "a Uint8Array", seeks: true, sync: true, make: (bytes) => bytes },
  { name: "an ArrayBuffer", seeks: true, sync: true, make: (bytes) => bytes.buffer },
  { name: "a Blob", seeks: true, sync: false, make: (bytes) => new Blob([bytes]) },
  { name: "a MemoryFile", seeks: true, sync: true, make: memoryFileOf },
  { name: "a Deno.FsFile", seeks: true, sync: true, make: (_, path) => Deno.openSync(path) },
  {
    name: "a ReadableStream",
    ...{ seeks: false, sync: false },
    make: (bytes) => streamOf(bytes, 10_000),
  },
  {
    name: "a ReadableStream of large chunks",
    ...{ seeks: false, sync: false },
    make: (bytes) => streamOf(bytes, 1e6),
  },
  {
    name: "an object with read",
    ...{ seeks: false, sync: true },
    make: (bytes) => reading(bytes, { seeks: false }).src,
  },
  {
    name: "an object with read and seek",
    ...{ seeks: true, sync: true },
    make: (bytes) => reading(bytes, { most: 777 }).src,
  },
  {
    name: "an object with readSync and seekSync",
    ...{ seeks: true, sync: true },
    make(bytes) {
      const { read, seek } = reading(bytes).src;
      const never = () => Promise.reject(new Error("not to be called"));
      return { read: never, seek: never, readSync: read, seekSync: seek } as BytesReader;
    },
  },
  {
    name: "an object with read, readSync and a seek that returns promises",
    ...{ seeks: true, sync: false },
    make(bytes) {
      const { read, seek } = reading(bytes).src;
      const later = (offset: number, whence: Deno.SeekMode) =>
        Promise.resolve(seek!(offset, whence));
      return { read, seek: later, readSync: read } as BytesReader;
    },
  },
  {
    name: "an object with promises from read",
    ...{ seeks: false, sync: false },
    make: (bytes) => reading(bytes, { seeks: false, later: true, most: 5000 }).src,
  },
  {
    name: "an object with promises from read and seek",
    ...{ seeks: true, sync: false },
    make: (bytes) => reading(bytes, { later: true }).src,
  },
];

/** Adds streams that yield all video frames in one chunk, and all sound in another. */
export function addStreams(reader: StreamReader): void {
  reader.addBasicVideoStream(-1, { format: "yuv420p" });
  reader.addBasicAudioStream(-1, { format: "s16p" });
}

export function closeFile(src: BytesSource): void {
  if (src instanceof Deno.FsFile) src.close(); // it has been left open
}

export const never = <T>() => new Promise<T>(() => {});

/** How long, in milliseconds, a call that waits for nothing else may take on a busy machine. */
const HANGS = 20_000;

/** The result of a call; fails where it hangs, as it would if it waited for a promise of `never`. */
export async function settles<T>(what: string, call: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hanging = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), HANGS);
  });
  try {
    return await Promise.race([call(), hanging]);
  } finally {
    clearTimeout(timer);
  }
}

/** Fails unless a call is ended by its time limit. */
export async function timesOut(what: string, call: () => Promise<unknown>): Promise<void> {
  await rejects(settles(what, call), { name: "TimeoutError" });
}

/** A time limit for calls that would never end without one. */
export const LIMIT = { timeout: 100 };
