/**
 * Destinations that are objects: what is written to them is what is written to a path, and what they
 * throw is thrown where it was caused.
 */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { type BytesWriter, MemoryFile, StreamWriter } from "../../mod.ts";
import {
  ffprobe,
  framemd5,
  noLiveHandles,
  packetList,
  run,
  sameBytes,
  tempDir,
} from "../support/helpers.ts";
import {
  BIT_EXACT,
  clipAtPath,
  clipWriter,
  DESTINATIONS,
  Failing,
  LIMIT,
  never,
  PIXELS,
  rejecting,
  rejectingLater,
  settles,
  SIZE,
  soon,
  SOUND,
  throwing,
  throwsVery,
  timesOut,
  TONE,
  writeClip,
  writeClipSync,
} from "./objects.ts";

for (const { name, seeks, make, ...modes } of DESTINATIONS) {
  for (const mode of ["sync", "async"] as const) {
    if (!modes[mode]) continue;
    for (const format of seeks ? ["matroska", "mp4"] : ["matroska", "nut"]) {
      Deno.test(`${format} written to ${name}, ${mode}, is that of a path`, async () => {
        using dir = tempDir();
        const { dst, bytes } = make(dir);
        if (mode === "sync") writeClipSync(dst, format);
        else await writeClip(dst, format);
        const [here, there] = [dir.file(`here.${format}`), await clipAtPath(format)];
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

Deno.test("mp4 to an unseekable destination is an error that names options, and these work", async () => {
  const rejected = /needs a seekable output.*movflags: "frag_keyframe\+empty_moov"/;
  let abandoned = 0;
  const unseekable = (): BytesWriter => ({
    write: () => {},
    abandon: () => void abandoned++,
    end: () => ok(false, "it could not be completed"),
  });
  await rejects(writeClip(unseekable(), "mp4"), rejected);
  throws(() => writeClipSync(unseekable(), "mp4"), rejected);
  strictEqual(abandoned, 2);
  const { writable } = new TransformStream();
  await rejects(writeClip(writable, "mp4"), rejected);
  using dir = tempDir();
  await run("mkfifo", [dir.file("pipe")]);
  using pipe = await Deno.open(dir.file("pipe"), { read: true, write: true });
  await rejects(writeClip(pipe, "mp4"), rejected);

  const memory = new MemoryFile();
  const movflags = "frag_keyframe+empty_moov";
  await writeClip({ write: (bytes) => memory.write(bytes) }, "mp4", { movflags });
  await Deno.writeFile(dir.file("a.mp4"), memory.bytes());
  const expected = await framemd5(await clipAtPath("mp4"), "-map", "0:v");
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
      await writer.writeVideoChunk(0, PIXELS.subarray(i * SIZE, (i + 1) * SIZE));
      ok(total >= (i - 1) * SIZE, `${total} bytes have been taken after ${i + 1} frames`);
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
    const writer = clipWriter({ write: (bytes) => void sizes.push(bytes.length) }, "nut", {
      bufferSize,
    });
    {
      await using out = await writer.open();
      for (let i = 0; i < 10; i++) {
        for (let k = 0; k < 5; k++) await out.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
        await out.writeAudioChunk(1, TONE.subarray(0, 3200));
      }
    }
    ok(sizes.slice(0, -1).every((size) => size >= least), sizes.join(" "));
    ok(bufferSize > 1 || sizes.length >= 10, `${sizes.length} calls`);
  }
});

for (const fail of [throwing, rejecting, rejectingLater]) {
  Deno.test(`what an object's methods throw is thrown unchanged: ${fail.name}`, async () => {
    // At the header
    const first = new Failing("write", 0, fail);
    await throwsVery(first.error, () => clipWriter(first, "nut", { bufferSize: 1 }).open());
    deepStrictEqual([first.ended, first.abandoned], [0, 1]);

    // In mid-clip, after which nothing but close() works, and that says nothing new
    const middle = new Failing("write", 5, fail);
    const writer = await clipWriter(middle, "nut", { bufferSize: 1 }).open();
    let written = 0;
    await throwsVery(middle.error, async () => {
      for (; written < 10; written++) {
        for (let i = 0; i < 5; i++) await writer.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
        await writer.writeAudioChunk(1, TONE.subarray(0, 3200));
      }
    });
    ok(written > 0 && written < 6, `${written}`);
    await writer.close();
    deepStrictEqual([middle.calls, middle.ended, middle.abandoned], [6, 0, 1]);

    // While it is flushed and closed
    const flushed = new Failing("write", 0, fail);
    const flushing = await clipWriter(flushed, "nut", { bufferSize: 1e6 }).open(BIT_EXACT);
    await throwsVery(flushed.error, () => flushing.flush());
    await flushing.close();
    deepStrictEqual([flushed.ended, flushed.abandoned], [0, 1]);
    const closed = new Failing("write", 0, fail);
    const closing = await clipWriter(closed, "nut", { bufferSize: 1e6 }).open(BIT_EXACT);
    await throwsVery(closed.error, () => closing.close());
    await closing.close();
    deepStrictEqual([closed.ended, closed.abandoned], [0, 1]);

    // In seek
    const sought = new Failing("seek", 0, fail);
    await throwsVery(sought.error, () => writeClip(sought, "mp4"));
    deepStrictEqual([sought.ended, sought.abandoned], [0, 1]);

    // In end, which has been told then
    const ended = new Failing("end", 0, fail);
    await throwsVery(ended.error, () => writeClip(ended, "nut"));
    deepStrictEqual([ended.ended, ended.abandoned], [1, 0]);

    // With latency it comes with a later call, or with close()
    const sent = new Failing("write", 3, fail);
    await throwsVery(sent.error, async () => {
      const live = await clipWriter(sent, "nut", { latency: 5, bufferSize: 1 }).open();
      try {
        for (let i = 0; i < 25; i++) {
          await live.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
          await live.writeAudioChunk(1, TONE.subarray(0, 640));
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

Deno.test("what an object's methods throw is thrown by sync calls, too", async () => {
  for (const what of ["write", "seek", "end"] as const) {
    const object = new Failing(what, 0, throwing);
    await throwsVery(object.error, () => writeClipSync(object, what === "seek" ? "mp4" : "nut"));
    deepStrictEqual([object.ended, object.abandoned], what === "end" ? [1, 0] : [0, 1]);
  }
  noLiveHandles();
});

Deno.test("a clip that was completed is ended, and one that was not is abandoned", async () => {
  const complete = new Failing("write", Infinity, throwing);
  await writeClip(complete, "nut");
  deepStrictEqual([complete.ended, complete.abandoned], [1, 0]);
  writeClipSync(complete, "nut");
  deepStrictEqual([complete.ended, complete.abandoned], [2, 0]);
  // The container can't be completed, though the object did nothing wrong.
  const half = new Failing("write", Infinity, throwing, true);
  const writer = new StreamWriter(half, { format: "mp4" });
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  await writer.open({ movflags: "+faststart" }); // reads the file again, which it can't
  await writer.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
  await rejects(writer.close(), { name: "FFmpegError" });
  deepStrictEqual([half.ended, half.abandoned], [0, 1]);
  // It was never begun: the object, and the stream, may still be used.
  const unused = new Failing("write", Infinity, throwing);
  await clipWriter(unused, "nut").close();
  deepStrictEqual([unused.ended, unused.abandoned], [0, 0]);
  const { writable } = new TransformStream();
  await clipWriter(writable, "nut").close();
  strictEqual(writable.locked, false);
  noLiveHandles();
});

Deno.test("a WritableStream that fails ends the clip with its error", async () => {
  const error = new Error("of my own");
  let aborted = false;
  const failing = new WritableStream<Uint8Array>({
    write: () => Promise.reject(error),
    abort: () => void (aborted = true),
  });
  await throwsVery(error, () => writeClip(failing, "nut"));
  strictEqual(aborted, false); // it has failed: there is nothing to abort
  const abandoned = new WritableStream<Uint8Array>({ abort: () => void (aborted = true) });
  await rejects(writeClip(abandoned, "mp4"), /movflags/);
  await soon();
  strictEqual(aborted, true);
  noLiveHandles();
});

Deno.test("a wrong result of write() is an error", async () => {
  for (const result of [0, -1, 1.5, 1e9, NaN, true, "all", {}, 5n]) {
    const object = { write: () => result };
    const expected = {
      name: "TypeError",
      message: /Expected write\(\) to return a number of bytes/,
    };
    await rejects(writeClip(object, "nut"), expected);
    throws(() => writeClipSync(object, "nut"), expected);
    await rejects(writeClip({ write: () => Promise.resolve(result) }, "nut"), expected);
  }
  const promisingWrite = { write: () => Promise.reject(new Error("not waited for")) };
  throws(() => writeClipSync(promisingWrite, "nut"), {
    name: "TypeError",
    message: /Expected write\(\) to return no promise in a sync call/,
  });
  await soon();
  noLiveHandles();
});

Deno.test("a write that never returns is abandoned at its time limit, and the writer can be closed", async () => {
  const opening = new Failing("write", 0, never);
  const openingWriter = clipWriter(opening, "nut", { bufferSize: 1 });
  await timesOut("open", () => openingWriter.open({}, LIMIT));
  await settles("close after open", () => openingWriter.close());
  deepStrictEqual([opening.ended, opening.abandoned], [0, 1]);
  noLiveHandles();

  const middle = new Failing("write", 3, never);
  const writer = await clipWriter(middle, "nut", { bufferSize: 1 }).open();
  await timesOut("write", async () => {
    for (let i = 0; i < 20; i++) {
      await writer.writeVideoChunk(0, PIXELS.subarray(0, SIZE), undefined, LIMIT);
      await writer.writeAudioChunk(1, TONE.subarray(0, 640), undefined, LIMIT);
    }
  });
  await settles("close after write", () => writer.close());
  deepStrictEqual([middle.ended, middle.abandoned], [0, 1]);
  noLiveHandles();

  for (const [what, format] of [["seek", "mp4"], ["end", "nut"], ["write", "nut"]] as const) {
    const object = new Failing(what, 0, never);
    const closing = await clipWriter(object, format, { bufferSize: 1e6 }).open(BIT_EXACT);
    await closing.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
    await timesOut(`close, in ${what}`, () => closing.close(LIMIT));
    await settles("close again", () => closing.close());
    strictEqual(object.ended + object.abandoned, 1);
    noLiveHandles();
  }

  const signal = AbortSignal.timeout(50);
  const stuck = new WritableStream<Uint8Array>({ write: () => never() });
  const toStream = clipWriter(stuck, "nut", { bufferSize: 1 });
  await rejects(toStream.open({}, { signal }), { name: "TimeoutError" });
  await settles("close of a stream's", () => toStream.close());
  noLiveHandles();
});

Deno.test("with latency, an object that never returns does not hold up close()", async () => {
  const stuck = new Failing("write", 2, never);
  const writer = await clipWriter(stuck, "nut", { bufferSize: 1, latency: 0.2 }).open();
  for (let i = 0; i < 50; i++) {
    await writer.writeVideoChunk(0, PIXELS.subarray(0, SIZE));
    await writer.writeAudioChunk(1, TONE.subarray(0, 640));
  }
  ok(writer.stats.dropped > 0);
  await rejects(settles("close", () => writer.close()), { codeName: "ETIMEDOUT" });
  deepStrictEqual([stuck.ended, stuck.abandoned], [0, 1]);
  noLiveHandles();
});
