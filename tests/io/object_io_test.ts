/**
 * Destinations and sources that are objects: what is written to them and read from them is what is
 * written to and read from a path, and what they throw comes out where it was caused.
 */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  type BytesReader,
  type BytesSource,
  type BytesWriter,
  info,
  infoSync,
  load,
  loadSync,
  MemoryFile,
  save,
  saveSync,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../../mod.ts";
import { eventually } from "../support/desktop.ts";
import {
  decoded,
  ffprobe,
  framemd5,
  frameSync,
  madeOnce,
  media,
  noLiveHandles,
  packetList,
  pixels,
  run,
  runDeno,
  sameBytes,
  SAMPLES,
  type TempDir,
  tempDir,
  testPictures,
  testTone,
  threeTries,
} from "../support/helpers.ts";

type Destination = BytesWriter | WritableStream<Uint8Array>;

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
const SIZE = 64 * 48 * 3;
const FRAMES = 50;
const picture = pixels(SIZE, FRAMES, 64 * 3);
const tone = SAMPLES.s16(16000 * FRAMES / 25, 1);
const { Start, Current, End } = Deno.SeekMode;

/** Equal from file to file; FLAC in MP4 was an experiment up to FFmpeg 4.3. */
const BIT_EXACT = { fflags: "+bitexact", strict: "experimental" };

/** Encoders of sound without a delay, where the container takes one. */
const SOUND: Readonly<Record<string, string>> = {
  mp4: "flac",
  matroska: "alac",
  nut: "pcm_s16le",
  mpegts: "mp2",
};

/** A writer of two seconds of pictures and sound. */
function filmWriter(dst: string | Destination, format: string, options: object = {}): StreamWriter {
  const writer = new StreamWriter(dst, { format, ...options });
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4", encoderOption: { flags: "+bitexact" } });
  writer.addAudioStream(16000, 1, { format: "s16", encoder: SOUND[format]! });
  return writer;
}

function piece(i: number): [Uint8Array<ArrayBuffer>, Int16Array<ArrayBuffer>] {
  const [video, audio] = [SIZE * 5, 16000 / 5];
  return [
    picture.subarray(i * video, (i + 1) * video),
    tone.subarray(i * audio, (i + 1) * audio) as Int16Array<ArrayBuffer>,
  ];
}

async function writeFilm(dst: string | Destination, format: string, options = {}): Promise<void> {
  await using out = await filmWriter(dst, format).open({ ...BIT_EXACT, ...options });
  for (let i = 0; i < FRAMES / 5; i++) {
    const [video, audio] = piece(i);
    await out.writeVideoChunk(0, video);
    await out.writeAudioChunk(1, audio);
  }
}

function writeFilmSync(dst: string | Destination, format: string, options = {}): void {
  using out = filmWriter(dst, format).openSync({ ...BIT_EXACT, ...options });
  for (let i = 0; i < FRAMES / 5; i++) {
    const [video, audio] = piece(i);
    out.writeVideoChunkSync(0, video);
    out.writeAudioChunkSync(1, audio);
  }
}

/** The same film in a file of its own. */
const filmAtPath = (format: string) =>
  madeOnce(`film.${format}`, (path) => writeFilm(path, format));

/** A destination, and what has come there. */
interface Sunk {
  readonly dst: Destination;
  bytes(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** An object of its own on top of a file in memory. */
function memoryObject(memory: MemoryFile, methods: (memory: MemoryFile) => BytesWriter): Sunk {
  return { dst: methods(memory), bytes: () => memory.bytes() };
}

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** What each kind of destination can do, and how to make one. */
const DESTINATIONS: readonly {
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
      const path = dir.file("film");
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
      const path = dir.file("film");
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

for (const { name, seeks, make, ...modes } of DESTINATIONS) {
  for (const mode of ["sync", "async"] as const) {
    if (!modes[mode]) continue;
    for (const format of seeks ? ["matroska", "mp4"] : ["matroska", "nut"]) {
      Deno.test(`${format} written to ${name}, ${mode}, is that of a path`, async () => {
        using dir = tempDir();
        const { dst, bytes } = make(dir);
        if (mode === "sync") writeFilmSync(dst, format);
        else await writeFilm(dst, format);
        const [here, there] = [dir.file(`here.${format}`), await filmAtPath(format)];
        const written = await bytes();
        await Deno.writeFile(here, written);
        if (seeks) sameBytes(written, await Deno.readFile(there), format);
        deepStrictEqual(await packetList(here), await packetList(there));
        deepStrictEqual(await framemd5(here), await framemd5(there));
        const { streams } = await ffprobe(here);
        deepStrictEqual(
          streams.map((stream: { codec_name: string }) => stream.codec_name),
          ["mpeg4", SOUND[format]],
        );
        noLiveHandles();
      });
    }
  }
}

Deno.test("mp4 to what can't be sought in says what would do, and that does", async () => {
  const refused = /goes back to its beginning.*movflags: "frag_keyframe\+empty_moov"/;
  let abandoned = 0;
  const unseekable = (): BytesWriter => ({
    write: () => {},
    abandon: () => void abandoned++,
    end: () => ok(false, "it could not be completed"),
  });
  await rejects(writeFilm(unseekable(), "mp4"), refused);
  throws(() => writeFilmSync(unseekable(), "mp4"), refused);
  strictEqual(abandoned, 2);
  const { writable } = new TransformStream();
  await rejects(writeFilm(writable, "mp4"), refused);
  using dir = tempDir();
  await run("mkfifo", [dir.file("pipe")]);
  using pipe = await Deno.open(dir.file("pipe"), { read: true, write: true });
  await rejects(writeFilm(pipe, "mp4"), refused);

  const memory = new MemoryFile();
  const movflags = "frag_keyframe+empty_moov";
  await writeFilm({ write: (bytes) => memory.write(bytes) }, "mp4", { movflags });
  await Deno.writeFile(dir.file("a.mp4"), memory.bytes());
  const expected = await framemd5(await filmAtPath("mp4"), "-map", "0:v");
  deepStrictEqual(await framemd5(dir.file("a.mp4"), "-map", "0:v"), expected);
  noLiveHandles();
});

Deno.test("a slow WritableStream is waited for: no more waits there than it wants", async () => {
  for (const highWaterMark of [1, 3]) {
    let [pending, most, total] = [0, 0, 0];
    const slow = new WritableStream<Uint8Array>({
      async write(bytes) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        total += bytes.length;
        pending--;
      },
    }, {
      highWaterMark,
      size() {
        most = Math.max(most, ++pending);
        return 1;
      },
    });
    const writer = new StreamWriter(slow, { format: "nut" });
    writer.addVideoStream(25, 64, 48, { encoder: "rawvideo", encoderFormat: "rgb24" });
    await writer.open();
    for (let i = 0; i < 20; i++) {
      await writer.writeVideoChunk(0, picture.subarray(i * SIZE, (i + 1) * SIZE));
      ok(total >= (i - 1) * SIZE, `${total} bytes have been taken after ${i + 1} pictures`);
    }
    await writer.close();
    ok(most >= 1 && most <= highWaterMark, `${most} chunks were pending`);
    ok(total > 20 * SIZE);
  }
  noLiveHandles();
});

Deno.test("bufferSize says how many bytes an object is called for at least", async () => {
  for (const [bufferSize, least] of [[1, 1], [4096, 4096], [100_000, 100_000]] as const) {
    const sizes: number[] = [];
    const writer = filmWriter({ write: (bytes) => void sizes.push(bytes.length) }, "nut", {
      bufferSize,
    });
    {
      await using out = await writer.open();
      for (let i = 0; i < 10; i++) {
        for (let k = 0; k < 5; k++) await out.writeVideoChunk(0, picture.subarray(0, SIZE));
        await out.writeAudioChunk(1, tone.subarray(0, 3200));
      }
    }
    ok(sizes.slice(0, -1).every((size) => size >= least), sizes.join(" "));
    ok(bufferSize > 1 || sizes.length >= 10, `${sizes.length} calls`);
  }
});

/** An object that fails at one of its calls, and counts what else is called. */
class Failing implements BytesWriter {
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

const throwing = (error: Error): never => {
  throw error;
};
const rejecting = (error: Error) => Promise.reject(error);
const rejectingLater = (error: Error) => soon().then(() => throwing(error));

/** Fails unless the call throws this very error. */
async function throwsVery(error: unknown, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (caught) {
    return strictEqual(caught, error);
  }
  ok(false, "nothing was thrown");
}

for (const fail of [throwing, rejecting, rejectingLater]) {
  Deno.test(`what an object's methods throw comes out unchanged: ${fail.name}`, async () => {
    // At the header
    const first = new Failing("write", 0, fail);
    await throwsVery(first.error, () => filmWriter(first, "nut", { bufferSize: 1 }).open());
    deepStrictEqual([first.ended, first.abandoned], [0, 1]);

    // In mid-film, after which nothing but close() works, and that says nothing new
    const middle = new Failing("write", 5, fail);
    const writer = await filmWriter(middle, "nut", { bufferSize: 1 }).open();
    let written = 0;
    await throwsVery(middle.error, async () => {
      for (; written < 10; written++) {
        for (let i = 0; i < 5; i++) await writer.writeVideoChunk(0, picture.subarray(0, SIZE));
        await writer.writeAudioChunk(1, tone.subarray(0, 3200));
      }
    });
    ok(written > 0 && written < 6, `${written}`);
    await writer.close();
    deepStrictEqual([middle.calls, middle.ended, middle.abandoned], [6, 0, 1]);

    // While it is flushed and closed
    const flushed = new Failing("write", 0, fail);
    const flushing = await filmWriter(flushed, "nut", { bufferSize: 1e6 }).open(BIT_EXACT);
    await throwsVery(flushed.error, () => flushing.flush());
    await flushing.close();
    deepStrictEqual([flushed.ended, flushed.abandoned], [0, 1]);
    const closed = new Failing("write", 0, fail);
    const closing = await filmWriter(closed, "nut", { bufferSize: 1e6 }).open(BIT_EXACT);
    await throwsVery(closed.error, () => closing.close());
    await closing.close();
    deepStrictEqual([closed.ended, closed.abandoned], [0, 1]);

    // In seek
    const sought = new Failing("seek", 0, fail);
    await throwsVery(sought.error, () => writeFilm(sought, "mp4"));
    deepStrictEqual([sought.ended, sought.abandoned], [0, 1]);

    // In end, which has been told then
    const ended = new Failing("end", 0, fail);
    await throwsVery(ended.error, () => writeFilm(ended, "nut"));
    deepStrictEqual([ended.ended, ended.abandoned], [1, 0]);

    // With latency it comes with a later call, or with close()
    const sent = new Failing("write", 3, fail);
    await throwsVery(sent.error, async () => {
      const live = await filmWriter(sent, "nut", { latency: 5, bufferSize: 1 }).open();
      try {
        for (let i = 0; i < 25; i++) {
          await live.writeVideoChunk(0, picture.subarray(0, SIZE));
          await live.writeAudioChunk(1, tone.subarray(0, 640));
        }
        await live.flush();
      } finally {
        await live.close().catch(() => {});
      }
    });
    deepStrictEqual([sent.ended, sent.abandoned], [0, 1]);
    noLiveHandles();
  });
}

Deno.test("what an object's methods throw comes out of sync calls, too", async () => {
  for (const what of ["write", "seek", "end"] as const) {
    const object = new Failing(what, 0, throwing);
    await throwsVery(object.error, () => writeFilmSync(object, what === "seek" ? "mp4" : "nut"));
    deepStrictEqual([object.ended, object.abandoned], what === "end" ? [1, 0] : [0, 1]);
  }
  noLiveHandles();
});

Deno.test("a film that was completed is ended, and one that was not is abandoned", async () => {
  const complete = new Failing("write", Infinity, throwing);
  await writeFilm(complete, "nut");
  deepStrictEqual([complete.ended, complete.abandoned], [1, 0]);
  writeFilmSync(complete, "nut");
  deepStrictEqual([complete.ended, complete.abandoned], [2, 0]);
  // The container can't be completed, though the object did nothing wrong.
  const half = new Failing("write", Infinity, throwing, true);
  const writer = new StreamWriter(half, { format: "mp4" });
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  await writer.open({ movflags: "+faststart" }); // reads the file again, which it can't
  await writer.writeVideoChunk(0, picture.subarray(0, SIZE));
  await rejects(writer.close(), { name: "FFmpegError" });
  deepStrictEqual([half.ended, half.abandoned], [0, 1]);
  // It was never begun: the object, and the stream, may still be used.
  const unused = new Failing("write", Infinity, throwing);
  await filmWriter(unused, "nut").close();
  deepStrictEqual([unused.ended, unused.abandoned], [0, 0]);
  const { writable } = new TransformStream();
  await filmWriter(writable, "nut").close();
  strictEqual(writable.locked, false);
  noLiveHandles();
});

Deno.test("a WritableStream that fails ends the film with its error", async () => {
  const error = new Error("of my own");
  let aborted = false;
  const failing = new WritableStream<Uint8Array>({
    write: () => Promise.reject(error),
    abort: () => void (aborted = true),
  });
  await throwsVery(error, () => writeFilm(failing, "nut"));
  strictEqual(aborted, false); // it has failed: there is nothing to abort
  const abandoned = new WritableStream<Uint8Array>({ abort: () => void (aborted = true) });
  await rejects(writeFilm(abandoned, "mp4"), /movflags/);
  await soon();
  strictEqual(aborted, true);
  noLiveHandles();
});

Deno.test("wrong results of an object's methods are errors", async () => {
  for (const result of [0, -1, 1.5, 1e9, NaN, true, "all", {}, 5n]) {
    const object = { write: () => result };
    const expected = {
      name: "TypeError",
      message: /Expected write\(\) to return a number of bytes/,
    };
    await rejects(writeFilm(object, "nut"), expected);
    throws(() => writeFilmSync(object, "nut"), expected);
    await rejects(writeFilm({ write: () => Promise.resolve(result) }, "nut"), expected);
  }
  const film = await Deno.readFile(await filmAtPath("nut"));
  for (const result of [-1, 1.5, 1e9, NaN, true, undefined, "all", {}, 5n]) {
    const expected = {
      name: "TypeError",
      message: /Expected read\(\) to return a number of bytes/,
    };
    const object = { read: () => result as number };
    await rejects(StreamReader.open(object), expected);
    await rejects(StreamReader.open({ read: () => Promise.resolve(result as number) }), expected);
    throws(() => StreamReader.openSync(object), expected);
    if (result === 1e9) continue; // a place to be
    const places = {
      name: "TypeError",
      message: /Expected seek\(\) to return a position in bytes/,
    };
    const seeking = { ...reading(film).src as BytesReader, seek: () => result as number };
    await rejects(StreamReader.open(seeking), places);
    throws(() => StreamReader.openSync(seeking), places);
  }
  const promising = { read: () => Promise.resolve(0), seek: () => Promise.resolve(0) };
  throws(() => StreamReader.openSync(promising), { name: "TypeError", message: /only open\(\)/ });
  const promisingRead = { read: () => Promise.reject(new Error("not waited for")) };
  throws(() => StreamReader.openSync(promisingRead), {
    name: "TypeError",
    message: /only open\(\)/,
  });
  const promisingWrite = { write: () => Promise.reject(new Error("not waited for")) };
  throws(() => writeFilmSync(promisingWrite, "nut"), {
    name: "TypeError",
    message: /Expected write\(\) to return no promise in a sync call/,
  });
  const texts = new ReadableStream({
    start: (controller) => controller.enqueue("text" as never),
  }) as ReadableStream<Uint8Array>;
  await rejects(StreamReader.open(texts), { name: "TypeError", message: /Uint8Array, got "text"/ });
  await soon();
  noLiveHandles();
});

Deno.test("what is no destination or source is refused with what would do", async () => {
  for (const wrong of [undefined, null, 3, true, {}, { write: 1 }, [], () => {}, Symbol.iterator]) {
    throws(() => new StreamWriter(wrong as never, { format: "nut" }), {
      name: "TypeError",
      message:
        /Expected dst to be a string, a URL, a WritableStream or an object with a method wri/,
    });
    await rejects(StreamReader.open(wrong as never), {
      name: "TypeError",
      message: /Expected src to be a string, a URL, bytes in memory, a ReadableStream or an object/,
    });
  }
  const object = { write: () => {} };
  throws(() => new StreamWriter(object), { name: "TypeError", message: /format: "matroska"/ });
  throws(() => new StreamWriter(object, { format: "hls" }), /one stream of bytes, got "hls"/);
  throws(() => new StreamWriter(object, { format: "nut", reconnect: true }), /Expected a URL/);
  for (const bufferSize of [0, -1, 1.5, "a"]) {
    throws(() => new StreamWriter(object, { format: "nut", bufferSize } as never), /bufferSize/);
    await rejects(StreamReader.open(new Uint8Array(1), { bufferSize } as never), /bufferSize/);
  }
  const { readable, writable } = new TransformStream();
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  throws(() => new StreamWriter(writable, { format: "nut" }), /WritableStream that nobody writes/);
  await rejects(StreamReader.open(readable), /ReadableStream that nobody reads/);
  writer.releaseLock();
  reader.releaseLock();
  throws(() => StreamReader.openSync(readable), /got a ReadableStream: use open\(\)/);
  throws(() => StreamReader.openSync(new Blob([])), /got a Blob: use open\(\)/);
  await rejects(StreamReader.open(readable, { format: "nonsense" }), /Unknown container/);
  strictEqual(readable.locked, false);
  await rejects(StreamReader.open(new Uint8Array(10), { format: "lavfi" }), /device "lavfi"/);
  await rejects(StreamReader.open(new Uint8Array(10)), { codeName: "AVERROR_INVALIDDATA" });
  await rejects(StreamReader.open(new Uint8Array(0)), { name: "FFmpegError" });
  await rejects(StreamReader.open({ read: () => Promise.resolve(null) }), { name: "FFmpegError" });
  const film = await Deno.readFile(await filmAtPath("nut"));
  await using open = await StreamReader.open(new Blob([film]).stream());
  open.addBasicVideoStream(1);
  throws(() => open.fillBufferSync(), /use the async calls/);
  await open.close();
  noLiveHandles();
});

/** An object over bytes, read piece by piece, and what has become of it. */
function reading(bytes: Uint8Array, { seeks = true, later = false, most = 1 << 20 } = {}) {
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

function memoryFileOf(bytes: Uint8Array<ArrayBuffer>): MemoryFile {
  const file = new MemoryFile();
  file.write(bytes);
  return file;
}

function streamOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += size));
    },
  });
}

const SOURCES: readonly {
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

/** Everything that a reader gives, as one array for pictures and one for sound. */
function addStreams(reader: StreamReader): void {
  reader.addBasicVideoStream(-1, { format: "yuv420p" });
  reader.addBasicAudioStream(-1, { format: "s16p" });
}

function closeFile(src: BytesSource): void {
  if (src instanceof Deno.FsFile) src.close(); // it has been left open
}

for (const { name, seeks, sync, make } of SOURCES) {
  for (const mode of sync ? ["sync", "async"] : ["async"]) {
    for (const format of seeks ? ["mp4", "nut"] : ["nut", "matroska"]) {
      Deno.test(`${format} read from ${name}, ${mode}, is what ffmpeg decodes`, async () => {
        const path = await filmAtPath(format);
        const src = make(await Deno.readFile(path), path);
        let chunks;
        if (mode === "sync") {
          using reader = StreamReader.openSync(src);
          addStreams(reader);
          reader.processAllPacketsSync();
          chunks = reader.popChunks();
        } else {
          await using reader = await StreamReader.open(src);
          addStreams(reader);
          await reader.processAllPackets();
          chunks = reader.popChunks();
        }
        const [video, audio] = chunks;
        closeFile(src);
        const planes = ["-f", "rawvideo", "-pix_fmt", "yuv420p"];
        const raw = await decoded(path, "-map", "0:v", ...frameSync("passthrough"), ...planes);
        sameBytes(video!.data, raw, "pictures");
        sameBytes(audio!.data, await decoded(path, "-map", "0:a", "-f", "s16le"), "sound");
        noLiveHandles();
      });
    }
  }
  if (!seeks) continue;
  for (const format of ["mp4", "matroska", "mpegts"]) {
    Deno.test(`${format} is sought in through ${name}`, async () => {
      const path = await filmAtPath(format);
      const src = make(await Deno.readFile(path), path);
      await using there = await StreamReader.open(path);
      {
        await using here = await StreamReader.open(src);
        for (const reader of [here, there]) reader.addBasicVideoStream(3);
        strictEqual(here.duration, there.duration);
        for (const time of [1.5, 0.52, 1.9, 0]) {
          const [a, b] = await Promise.all([here, there].map(async (reader) => {
            await reader.seek(time, "precise");
            await reader.fillBuffer();
            return reader.popChunks<[VideoChunk]>()[0]!;
          }));
          strictEqual(a!.pts, b!.pts);
          ok(Math.abs(a!.pts - time) < 0.04, `${a!.pts} s, asked for ${time} s`);
          sameBytes(a!.data, b!.data, `pictures at ${time} s`);
        }
      }
      await soon(); // an object's read that was under way ends
      closeFile(src);
    });
  }
}

Deno.test("a source is read from where it is, and a MemoryFile from its beginning", async () => {
  const path = await filmAtPath("mp4");
  const film = await Deno.readFile(path);
  const behind = new Uint8Array(film.length + 999);
  behind.set(film, 999);
  using dir = tempDir();
  await Deno.writeFile(dir.file("behind"), behind);
  using file = await Deno.open(dir.file("behind"));
  const [sync, later] = [reading(behind).src, reading(behind, { later: true }).src];
  for (const src of [file, sync, later]) {
    await src.seek!(999, Start);
    await using reader = await StreamReader.open(src);
    strictEqual(reader.numSrcStreams, 2);
  }
  const memory = new MemoryFile();
  await writeFilm(memory, "mp4");
  for (let i = 0; i < 2; i++) {
    using reader = StreamReader.openSync(memory);
    strictEqual(reader.numSrcStreams, 2);
  }
  noLiveHandles();
});

Deno.test("a named pipe that was opened as a file is read from its beginning to its end", async () => {
  using dir = tempDir();
  await run("mkfifo", [dir.file("pipe")]);
  const path = await filmAtPath("nut");
  const sending = run("sh", ["-c", `cat ${path} > ${dir.file("pipe")}`]);
  {
    using pipe = await Deno.open(dir.file("pipe"));
    await using reader = await StreamReader.open(pipe);
    addStreams(reader);
    await reader.processAllPackets();
    strictEqual(reader.popChunks<[VideoChunk]>()[0]!.numFrames, FRAMES);
  }
  await sending;
});

Deno.test("a MemoryFile is a file", () => {
  const file = new MemoryFile();
  strictEqual(file.read(new Uint8Array(4)), null);
  strictEqual(file.write(Uint8Array.of(1, 2, 3, 4)), 4);
  strictEqual(file.seek(-2, End), 2);
  strictEqual(file.write(Uint8Array.of(9)), 1);
  strictEqual(file.seek(1, Current), 4);
  const into = new Uint8Array(8);
  strictEqual(file.seekSync(1, Start), 1);
  strictEqual(file.readSync(into), 3);
  deepStrictEqual([...into], [2, 9, 4, 0, 0, 0, 0, 0]);
  strictEqual(file.readSync(into), null);
  file.seek(100_000, Start);
  file.write(Uint8Array.of(5));
  strictEqual(file.length, 100_001);
  const bytes = file.bytes();
  deepStrictEqual([...bytes.subarray(0, 6)], [1, 2, 9, 4, 0, 0]);
  strictEqual(bytes[100_000], 5);
  bytes[0] = 77; // a copy
  strictEqual(file.bytes()[0], 1);
});

Deno.test("what a source's methods throw comes out unchanged, and it is abandoned", async () => {
  const pictures = [...testPictures("64x48", 25, 20), "-c:v", "mpeg4", "-b:v", "2M"];
  const film = await Deno.readFile(await media("long.mp4", ...pictures)); // the index is at its end
  const long = await Deno.readFile(await media("long.nut", ...pictures));
  for (const fail of [throwing, rejecting, rejectingLater]) {
    for (const what of ["read", "seek"] as const) {
      for (let at = 0; at < 5; at++) {
        const error = new Error("of my own");
        const make = () => {
          const bytes = what === "seek" ? film : long;
          const { src, seen } = reading(bytes, { later: fail !== throwing, most: 20_000 });
          const original = src[what]!.bind(src) as (...args: unknown[]) => unknown;
          let calls = 0;
          const instead = (...args: unknown[]) => calls++ === at ? fail(error) : original(...args);
          return { failing: { ...src, [what]: instead } as BytesReader, seen };
        };
        const { failing, seen } = make();
        await throwsVery(error, async () => {
          await using reader = await StreamReader.open(failing);
          reader.addBasicVideoStream(-1);
          await reader.processAllPackets();
          await reader.seek(0.5);
          await reader.fillBuffer();
          await reader.seek(1);
          await reader.fillBuffer();
        });
        strictEqual(seen.abandoned, 1, `${fail.name} in ${what}, call ${at}`);
        if (fail !== throwing) continue;
        await throwsVery(error, () => {
          using reader = StreamReader.openSync(make().failing);
          reader.addBasicVideoStream(-1);
          reader.processAllPacketsSync();
          reader.seekSync(0.5);
          reader.fillBufferSync();
          reader.seekSync(1);
          reader.fillBufferSync();
        });
      }
    }
  }
  const error = new Error("of my own");
  let at = 0;
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at > 300_000) controller.error(error);
      else controller.enqueue(long.subarray(at, at += 10_000));
    },
  });
  await throwsVery(error, async () => {
    await using reader = await StreamReader.open(broken);
    reader.addBasicVideoStream(-1);
    await reader.processAllPackets();
  });
  await eventually("all handles freed", () => tryIt(noLiveHandles));
});

/** Gives `true` unless it throws. */
function tryIt(fn: () => void): true | undefined {
  try {
    fn();
    return true;
  } catch {
    return undefined;
  }
}

const never = <T>() => new Promise<T>(() => {});

/** Fails unless the call ends by its time limit, and soon. */
async function endsInTime(what: string, call: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await rejects(call(), { name: "TimeoutError" });
  const took = performance.now() - began;
  ok(took < 100 + 100, `${what} took ${took} ms`);
}

async function settlesInTime(what: string, call: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await call();
  const took = performance.now() - began;
  ok(took < 300, `${what} took ${took} ms`);
}

const LIMIT = { timeout: 100 };

Deno.test(
  "a write that never comes back is left in time, and the writer can be closed",
  threeTries(async () => {
    const opening = new Failing("write", 0, never);
    const openingWriter = filmWriter(opening, "nut", { bufferSize: 1 });
    await endsInTime("open", () => openingWriter.open({}, LIMIT));
    await settlesInTime("close after open", () => openingWriter.close());
    deepStrictEqual([opening.ended, opening.abandoned], [0, 1]);
    noLiveHandles();

    const middle = new Failing("write", 3, never);
    const writer = await filmWriter(middle, "nut", { bufferSize: 1 }).open();
    await endsInTime("write", async () => {
      for (let i = 0; i < 20; i++) {
        await writer.writeVideoChunk(0, picture.subarray(0, SIZE), undefined, LIMIT);
        await writer.writeAudioChunk(1, tone.subarray(0, 640), undefined, LIMIT);
      }
    });
    await settlesInTime("close after write", () => writer.close());
    deepStrictEqual([middle.ended, middle.abandoned], [0, 1]);
    noLiveHandles();

    for (const [what, format] of [["seek", "mp4"], ["end", "nut"], ["write", "nut"]] as const) {
      const object = new Failing(what, 0, never);
      const closing = await filmWriter(object, format, { bufferSize: 1e6 }).open(BIT_EXACT);
      await closing.writeVideoChunk(0, picture.subarray(0, SIZE));
      await endsInTime(`close, in ${what}`, () => closing.close(LIMIT));
      await settlesInTime("close again", () => closing.close());
      strictEqual(object.ended + object.abandoned, 1);
      noLiveHandles();
    }

    const signal = AbortSignal.timeout(50);
    const stuck = new WritableStream<Uint8Array>({ write: () => never() });
    const toStream = filmWriter(stuck, "nut", { bufferSize: 1 });
    await rejects(toStream.open({}, { signal }), { name: "TimeoutError" });
    await settlesInTime("close of a stream's", () => toStream.close());
    noLiveHandles();
  }),
);

Deno.test("with latency, an object that never comes back does not hold up close()", async () => {
  const stuck = new Failing("write", 2, never);
  const writer = await filmWriter(stuck, "nut", { bufferSize: 1, latency: 0.2 }).open();
  for (let i = 0; i < 50; i++) {
    await writer.writeVideoChunk(0, picture.subarray(0, SIZE));
    await writer.writeAudioChunk(1, tone.subarray(0, 640));
  }
  ok(writer.stats.dropped > 0);
  const began = performance.now();
  await rejects(writer.close(), { codeName: "ETIMEDOUT" });
  ok(performance.now() - began < 3000);
  deepStrictEqual([stuck.ended, stuck.abandoned], [0, 1]);
  noLiveHandles();
});

Deno.test(
  "a read that never comes back is left in time, and the reader can be closed",
  threeTries(async () => {
    const film = await Deno.readFile(
      await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4", "-b:v", "2M"),
    );
    const mp4 = await Deno.readFile(await filmAtPath("mp4"));
    const allFreed = () => eventually("all handles freed", () => tryIt(noLiveHandles), 1);

    let abandoned = 0;
    const abandon = () => void abandoned++;
    await endsInTime("open", () => StreamReader.open({ read: never<number>, abandon }, LIMIT));
    await allFreed();
    strictEqual(abandoned, 1);
    const seeking = { read: never<number>, seek: never<number>, abandon };
    await endsInTime("open, in seek", () => StreamReader.open(seeking, LIMIT));
    await allFreed();
    strictEqual(abandoned, 2);
    let cancelled = false;
    const silent = new ReadableStream({ cancel: () => void (cancelled = true) });
    await endsInTime("open of a stream", () => StreamReader.open(silent, LIMIT));
    await allFreed();
    strictEqual(cancelled, true);

    for (const what of ["fillBuffer", "seek"] as const) {
      const { src, seen } = reading(what === "seek" ? mp4 : film, { later: true, most: 30_000 });
      let stuck = false;
      const object = {
        ...src,
        read: (into: Uint8Array<ArrayBuffer>) => stuck ? never<number>() : src.read(into),
      };
      const reader = await StreamReader.open(object);
      reader.addBasicVideoStream(10);
      await reader.fillBuffer();
      stuck = true;
      await endsInTime(what, async () => {
        const signal = AbortSignal.timeout(100);
        if (what === "seek") await reader.seek(1, "precise", { signal });
        while (true) {
          await reader.fillBuffer({ signal });
          reader.popChunks();
        }
      });
      await settlesInTime(`close after ${what}`, () => reader.close());
      await allFreed();
      strictEqual(seen.abandoned, 1);
    }
    await endsInTime("load", () => load({ read: never<number> }, LIMIT));
    await allFreed();
  }),
);

Deno.test("a read that was given up goes on where it was", async () => {
  const path = await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4");
  const film = await Deno.readFile(path);
  const gate = Promise.withResolvers<void>();
  let [at, waits] = [0, true];
  const src: BytesReader = {
    async read(into) {
      if (waits && at > film.length / 2) await gate.promise;
      const part = film.subarray(at, at + Math.min(into.length, 20_000));
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
  await using reader = await StreamReader.open(src);
  reader.addBasicVideoStream(-1, { format: "yuv420p" });
  await rejects(reader.processAllPackets({ timeout: 200 }), { name: "TimeoutError" });
  waits = false;
  gate.resolve();
  await reader.processAllPackets();
  const [chunk] = reader.popChunks<[VideoChunk]>();
  sameBytes(
    chunk!.data,
    await decoded(path, ...frameSync("passthrough"), "-f", "rawvideo"),
    "pictures",
  );
});

Deno.test("a script ends although its objects never come back", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const film = await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4");
  await Deno.writeTextFile(
    script,
    `import { StreamReader, StreamWriter } from ${MOD};
     const never = () => new Promise<number>(() => {});
     const writer = new StreamWriter({ write: never }, { format: "wav", bufferSize: 1 });
     writer.addAudioStream(8000, 1);
     await writer.open({}, { timeout: 50 }).catch((error) => console.log(error.name));
     await writer.close();
     await StreamReader.open({ read: never, seek: never }, { timeout: 50 })
       .catch((error) => console.log(error.name));
     await StreamReader.open({ read: never }, { timeout: 50 })
       .catch((error) => console.log(error.name));
     const film = await Deno.readFile(Deno.args[0]);
     let at = 0;
     const reader = await StreamReader.open({
       async read(into) {
         if (at > film.length / 2) await never();
         const part = film.subarray(at, at += into.length);
         into.set(part);
         return part.length;
       },
     });
     reader.addBasicVideoStream(1);
     await reader.processAllPackets({ timeout: 50 }).catch((error) => console.log(error.name));
     await reader.close();
     const early = await StreamReader.open(new Blob([film]).stream());
     early.addBasicVideoStream(1);
     await early.fillBuffer();
     await early.close();
     console.log("end");`,
  );
  const ran = await runDeno(script, { args: [film], timeout: 20_000 });
  deepStrictEqual(ran.text.split("\n"), [...Array(4).fill("TimeoutError"), "end", ""], ran.stderr);
  ok(ran.success, ran.stderr);
});

Deno.test("load(), info() and save() take the same objects", async () => {
  const path = await media("tone.wav", ...testTone(8000, 2, 1), "-c:a", "pcm_s16le");
  const bytes = await Deno.readFile(path);
  const [expected, known] = [await load(path), await info(path)];
  for (const { name, sync, make } of SOURCES) {
    const once = async <T>(use: (src: BytesSource) => T): Promise<Awaited<T>> => {
      const src = make(bytes.slice(), path);
      try {
        return await use(src);
      } finally {
        closeFile(src);
      }
    };
    sameBytes((await once((src) => load(src))).data, expected.data, name);
    deepStrictEqual(await once((src) => info(src)), known, name);
    if (!sync) continue;
    sameBytes((await once(loadSync)).data, expected.data, name);
    deepStrictEqual(await once(infoSync), known);
  }
  using dir = tempDir();
  for (const { name, seeks, make, ...modes } of DESTINATIONS) {
    const format = seeks ? "wav" : "au";
    for (const mode of ["sync", "async"] as const) {
      if (!modes[mode]) continue;
      const { dst, bytes } = make(dir);
      const options = { format, encoding: "PCM_S", bitsPerSample: 16 } as const;
      if (mode === "sync") saveSync(dst, expected, undefined, options);
      else await save(dst, expected, undefined, options);
      await Deno.writeFile(dir.file("saved"), await bytes());
      const raw = await decoded(dir.file("saved"), "-f", "s16le");
      sameBytes(raw, await decoded(path, "-f", "s16le"), name);
      await Deno.remove(dir.file("saved"));
    }
  }
  const mp3 = new MemoryFile();
  await save(mp3, expected, undefined, { format: "mp3", compression: 64 });
  await Deno.writeFile(dir.file("a.mp3"), mp3.bytes());
  const { streams: [stream] } = await ffprobe(dir.file("a.mp3"));
  deepStrictEqual([stream.codec_name, stream.bit_rate], ["mp3", "64000"]);
  deepStrictEqual(await info(mp3), { ...await info(dir.file("a.mp3")) });
  noLiveHandles();
});

Deno.test("load(), info() and save() of objects say what is wrong", async () => {
  await rejects(save(new MemoryFile(), new Float32Array(8), 8000), /Cannot tell the container/);
  const error = new Error("of my own");
  const write = () => throwing(error);
  await throwsVery(error, () => save({ write }, new Float32Array(80), 8000, { format: "au" }));
  throws(() => saveSync({ write }, new Float32Array(80), 8000, { format: "au" }), error);
  const read = () => throwing(error);
  await throwsVery(error, () => load({ read }));
  await throwsVery(error, () => info({ read: () => rejecting(error) }));
  throws(() => loadSync(new Blob([])), /got a Blob: use open\(\)/);
  const mute = await Deno.readFile(await media("mute.mp4", ...testPictures()));
  await rejects(load(mute), /Expected a source with sound, got an object, which has none/);
  match(String(await load(new Uint8Array(9)).catch(String)), /FFmpegError/);
  noLiveHandles();
});

/** Scripts with processes of their own, and by how many megabytes they may grow. */
const SCRIPTS = [
  ["hundreds of writers and readers", "object_loop.ts", 15],
  ["a gigabyte", "object_gigabyte.ts", 64], // JavaScript's own heap takes its time to settle
] as const;

for (const [name, script, most] of SCRIPTS) {
  Deno.test(`${name} of objects leave memory and files as they were`, async () => {
    const film = await filmAtPath("mp4");
    const path = new URL(script, import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", path, film];
    const ran = await run(Deno.execPath(), args, { timeout: 120_000 });
    ok(ran.success, `exit code ${ran.code}: ${ran.stderr.slice(-2000)}`);
    const { growth, files, live, course } = JSON.parse(ran.text);
    deepStrictEqual(live, {});
    ok(files <= 0, `${files} files were left open`);
    ok(growth < most, `grew by ${growth} MB: ${course}`);
  });
}
