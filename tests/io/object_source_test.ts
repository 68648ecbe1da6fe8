/**
 * Sources that are objects: what is read from them is what is read from a path, and what they throw is
 * thrown where it was caused.
 */

import { ok, rejects, strictEqual, throws } from "node:assert/strict";
import { type BytesReader, load, MemoryFile, StreamReader, type VideoChunk } from "../../mod.ts";
import {
  allFreed,
  decoded,
  frameSync,
  media,
  noLiveHandles,
  run,
  sameBytes,
  tempDir,
  testPictures,
} from "../support/helpers.ts";
import {
  addStreams,
  clipAtPath,
  closeFile,
  FRAMES,
  LIMIT,
  never,
  reading,
  rejecting,
  rejectingLater,
  settles,
  soon,
  SOURCES,
  throwing,
  throwsVery,
  timesOut,
  writeClip,
} from "./objects.ts";

const { Start } = Deno.SeekMode;

for (const { name, seeks, sync, make } of SOURCES) {
  for (const mode of sync ? ["sync", "async"] : ["async"]) {
    for (const format of seeks ? ["mp4", "nut"] : ["nut", "matroska"]) {
      Deno.test(`${format} read from ${name}, ${mode}, is what ffmpeg decodes`, async () => {
        const path = await clipAtPath(format);
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
        sameBytes(video!.data, raw, "video");
        sameBytes(audio!.data, await decoded(path, "-map", "0:a", "-f", "s16le"), "sound");
        noLiveHandles();
      });
    }
  }
  if (!seeks) continue;
  for (const format of ["mp4", "matroska", "mpegts"]) {
    Deno.test(`${format} is sought in through ${name}`, async () => {
      const path = await clipAtPath(format);
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
          sameBytes(a!.data, b!.data, `frames at ${time} s`);
        }
      }
      await soon(); // an object's read that was under way ends
      closeFile(src);
    });
  }
}

Deno.test("a source is read from where it is, and a MemoryFile from its beginning", async () => {
  const path = await clipAtPath("mp4");
  const clip = await Deno.readFile(path);
  const behind = new Uint8Array(clip.length + 999);
  behind.set(clip, 999);
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
  await writeClip(memory, "mp4");
  for (let i = 0; i < 2; i++) {
    using reader = StreamReader.openSync(memory);
    strictEqual(reader.numSrcStreams, 2);
  }
  noLiveHandles();
});

Deno.test("a named pipe that was opened as a file is read from its beginning to its end", async () => {
  using dir = tempDir();
  await run("mkfifo", [dir.file("pipe")]);
  const path = await clipAtPath("nut");
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

Deno.test("what a source's methods throw is thrown unchanged, and it is abandoned", async () => {
  const video = [...testPictures("64x48", 25, 20), "-c:v", "mpeg4", "-b:v", "2M"];
  const clip = await Deno.readFile(await media("long.mp4", ...video)); // the index is at its end
  const long = await Deno.readFile(await media("long.nut", ...video));
  for (const fail of [throwing, rejecting, rejectingLater]) {
    for (const what of ["read", "seek"] as const) {
      for (let at = 0; at < 5; at++) {
        const error = new Error("of my own");
        const make = () => {
          const bytes = what === "seek" ? clip : long;
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
  await allFreed();
});

Deno.test("a wrong result of read() or seek() is an error", async () => {
  const clip = await Deno.readFile(await clipAtPath("nut"));
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
    const seeking = { ...reading(clip).src as BytesReader, seek: () => result as number };
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
  const texts = new ReadableStream({
    start: (controller) => controller.enqueue("text" as never),
  }) as ReadableStream<Uint8Array>;
  await rejects(StreamReader.open(texts), { name: "TypeError", message: /Uint8Array, got "text"/ });
  await soon();
  noLiveHandles();
});

Deno.test("a read that never returns is abandoned at its time limit, and the reader can be closed", async () => {
  const clip = await Deno.readFile(
    await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4", "-b:v", "2M"),
  );
  const mp4 = await Deno.readFile(await clipAtPath("mp4"));

  let abandoned = 0;
  const abandon = () => void abandoned++;
  await timesOut("open", () => StreamReader.open({ read: never<number>, abandon }, LIMIT));
  await allFreed();
  strictEqual(abandoned, 1);
  const seeking = { read: never<number>, seek: never<number>, abandon };
  await timesOut("open, in seek", () => StreamReader.open(seeking, LIMIT));
  await allFreed();
  strictEqual(abandoned, 2);
  let cancelled = false;
  const silent = new ReadableStream({ cancel: () => void (cancelled = true) });
  await timesOut("open of a stream", () => StreamReader.open(silent, LIMIT));
  await allFreed();
  strictEqual(cancelled, true);

  for (const what of ["fillBuffer", "seek"] as const) {
    const { src, seen } = reading(what === "seek" ? mp4 : clip, { later: true, most: 30_000 });
    let stuck = false;
    const object = {
      ...src,
      read: (into: Uint8Array<ArrayBuffer>) => stuck ? never<number>() : src.read(into),
    };
    const reader = await StreamReader.open(object);
    reader.addBasicVideoStream(10);
    await reader.fillBuffer();
    stuck = true;
    await timesOut(what, async () => {
      const signal = AbortSignal.timeout(100);
      if (what === "seek") await reader.seek(1, "precise", { signal });
      while (true) {
        await reader.fillBuffer({ signal });
        reader.popChunks();
      }
    });
    await settles(`close after ${what}`, () => reader.close());
    await allFreed();
    strictEqual(seen.abandoned, 1);
  }
  await timesOut("load", () => load({ read: never<number> }, LIMIT));
  await allFreed();
});

Deno.test("a read that was given up goes on where it was", async () => {
  const path = await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4");
  const clip = await Deno.readFile(path);
  const gate = Promise.withResolvers<void>();
  let [at, waits] = [0, true];
  const src: BytesReader = {
    async read(into) {
      if (waits && at > clip.length / 2) await gate.promise;
      const part = clip.subarray(at, at + Math.min(into.length, 20_000));
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
    "video",
  );
});
