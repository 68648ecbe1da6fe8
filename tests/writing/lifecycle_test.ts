/**
 * From `open()` to `close()`: sync and async calls, several at once, errors on the way, signals and
 * timeouts.
 */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import type { Twin } from "../../ffi/call.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { StreamWriter } from "../../mod.ts";
import {
  decoded,
  ffprobe,
  noLiveHandles,
  pixels,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";
import { parts, single, writeAudio, writeVideo, X264 } from "../support/writer_helpers.ts";

Deno.test("the Sync calls and the async ones write the same bytes", async () => {
  using dir = tempDir();
  const samples = SAMPLES.flt(44100, 2);
  const pictures = pixels(9216, 25);
  const open = { fflags: "+bitexact" };
  const add = (path: string) => {
    const writer = new StreamWriter(path);
    writer.setMetadata({ title: "Night" });
    writer.addVideoStream(25, 64, 48, { encoderOption: { ...X264, threads: 1 } });
    writer.addAudioStream(44100, 2);
    return writer;
  };
  for (const container of ["mp4", "mkv", "mov"]) {
    {
      using out = add(dir.file(`sync.${container}`)).openSync(open);
      const sounds = parts(samples, 2, 1764);
      for (const picture of single(pictures, 25)) {
        out.writeVideoChunkSync(0, picture);
        out.writeAudioChunkSync(1, sounds.next().value!);
      }
      out.flushSync();
      out.closeSync();
    }
    {
      await using out = await add(dir.file(`async.${container}`)).open(open);
      const sounds = parts(samples, 2, 1764);
      for (const picture of single(pictures, 25)) {
        await out.writeVideoChunk(0, picture);
        await out.writeAudioChunk(1, sounds.next().value!);
      }
      await out.flush();
      await out.close();
    }
    const [one, other] = ["sync", "async"].map((it) =>
      Deno.readFileSync(dir.file(`${it}.${container}`))
    );
    ok(one!.length > 1000);
    sameBytes(other!, one!, `async and sync to ${container}`);
  }
  noLiveHandles();
});

Deno.test("async writes that are not awaited keep their order", async () => {
  using dir = tempDir();
  const pictures = pixels(9216, 20);
  const samples = SAMPLES.s16(16000, 1);
  const writer = new StreamWriter(dir.file("a.mkv"));
  writer.addVideoStream(10, 64, 48, { encoder: "png" });
  writer.addAudioStream(8000, 1, { format: "s16", encoder: "flac" });
  await writer.open();
  const sounds = [...parts(samples, 1, 800)];
  const writes = [...single(pictures, 20)].flatMap((picture, i) => [
    writer.writeVideoChunk(0, picture),
    writer.writeAudioChunk(1, sounds[i]!),
  ]);
  const closing = writer.close();
  await Promise.all([...writes, closing]);
  noLiveHandles();
  const path = dir.file("a.mkv");
  const [video, audio] = await Promise.all([
    decoded(path, "-map", "0:0", "-f", "rawvideo", "-pix_fmt", "rgb24"),
    decoded(path, "-map", "0:1", "-f", "s16le"),
  ]);
  sameBytes(video, pictures, "pictures");
  sameBytes(audio, samples, "samples");
});

Deno.test("writes may follow an open() that is not awaited", async () => {
  using dir = tempDir();
  const samples = SAMPLES.s16(800, 1);
  const writer = new StreamWriter(dir.file("a.wav"));
  writer.addAudioStream(8000, 1, { format: "s16" });
  await Promise.all([writer.open(), writer.writeAudioChunk(0, samples), writer.close()]);
  sameBytes(Deno.readFileSync(dir.file("a.wav")).subarray(-1600), samples, "samples");
});

Deno.test("a Sync call while an async one is in flight is an error that disturbs nothing", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.mkv"));
  writer.addVideoStream(10, 64, 48, { encoder: "png" });
  await writer.open();
  const pictures = pixels(9216, 2);
  const writing = writer.writeVideoChunk(0, pictures);
  const message = /async/;
  throws(() => writer.writeVideoChunkSync(0, pictures), message);
  throws(() => writer.flushSync(), message);
  throws(() => writer.closeSync(), message);
  throws(() => writer[Symbol.dispose](), message);
  await writing;
  writer.closeSync();
  noLiveHandles();
  const output = await decoded(dir.file("a.mkv"), "-f", "rawvideo", "-pix_fmt", "rgb24");
  sameBytes(output, pictures, "pictures");
});

Deno.test("two writers at once do not disturb each other", async () => {
  using dir = tempDir();
  const pictures = pixels(9216, 20);
  const write = async (name: string) => {
    const writer = new StreamWriter(dir.file(name));
    writer.addVideoStream(10, 64, 48, { encoderOption: { ...X264, threads: 1 } });
    await using out = await writer.open({ fflags: "+bitexact" });
    for (const picture of single(pictures, 20)) await out.writeVideoChunk(0, picture);
  };
  await write("alone.mp4");
  await Promise.all(["a.mp4", "b.mp4", "c.mp4"].map(write));
  noLiveHandles();
  const alone = Deno.readFileSync(dir.file("alone.mp4"));
  for (const name of ["a.mp4", "b.mp4", "c.mp4"]) {
    sameBytes(Deno.readFileSync(dir.file(name)), alone, name);
  }
});

/** Notes in which form the functions of an encoder are called, until the end of the block. */
function notedForms(): Record<string, string[]> & Disposable {
  const twins = ffmpeg().encoding as Record<string, Twin<unknown[], unknown>>;
  const before = { ...twins };
  const notes: Record<string, string[]> = {};
  for (const [name, twin] of Object.entries(before)) {
    const noted = <T>(form: string, result: T) => ((notes[name] ??= []).push(form), result);
    twins[name] = {
      sync: (...args) => noted("sync", twin.sync(...args)),
      async: (...args) => noted("async", twin.async(...args)),
    };
  }
  return Object.assign(notes, { [Symbol.dispose]: () => void Object.assign(twins, before) });
}

for (const form of ["sync", "async"]) {
  Deno.test(`${form} calls encode video on ${form === "sync" ? "the same" : "another"} thread`, async () => {
    using dir = tempDir();
    const writer = new StreamWriter(dir.file("a.mkv"));
    writer.addVideoStream(10, 64, 48, { encoder: "mpeg4", codecConfig: { maxBFrames: 2 } });
    writer.openSync();
    using forms = notedForms();
    for (const picture of single(pixels(9216, 12), 12)) {
      if (form === "sync") writer.writeVideoChunkSync(0, picture);
      else await writer.writeVideoChunk(0, picture);
    }
    if (form === "sync") writer.closeSync();
    else await writer.close();
    deepStrictEqual(forms["avcodec_send_frame"], Array(13).fill(form)); // the last is the end
    const drained = forms["avcodec_receive_packet"]!;
    deepStrictEqual(drained, drained.map(() => form));
  });
}

Deno.test("close() may be called again, also at once", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.wav"));
  writer.addAudioStream(8000, 1);
  await writer.open();
  await writer.writeAudioChunk(0, new Float32Array(800));
  await Promise.all([writer.close(), writer.close()]);
  await writer.close();
  writer.closeSync();
  writer[Symbol.dispose]();
  await writer[Symbol.asyncDispose]();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.100000");
  noLiveHandles();
});

Deno.test("close() before open() writes nothing and frees all", () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.mp4"));
  writer.addVideoStream(25, 64, 48, { filterDesc: "hflip" });
  writer.addAudioStream(8000, 1);
  writer.closeSync();
  noLiveHandles();
  deepStrictEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("close() without any chunk makes a complete file", async () => {
  using dir = tempDir();
  for (const name of ["a.wav", "a.flac", "a.caf"]) {
    writeAudio(dir.file(name), 8000, 1, []);
    const { streams } = await ffprobe(dir.file(name));
    strictEqual(streams.length, 1, name);
  }
  writeVideo(dir.file("b.mp4"), [25, 64, 48], []); // there are no tracks in such a file
  strictEqual((await ffprobe(dir.file("b.mp4"))).streams.length, 0);
  noLiveHandles();
});

for (const kind of ["using", "await using"]) {
  Deno.test(`an error inside the ${kind} block leaves a readable file`, async () => {
    using dir = tempDir();
    const path = dir.file("a.mp4");
    const writer = new StreamWriter(path);
    writer.addVideoStream(25, 64, 48);
    writer.addAudioStream(44100, 1);
    const mine = new Error("mine");
    await rejects(async () => {
      if (kind === "using") {
        using out = writer.openSync();
        out.writeVideoChunkSync(0, pixels(9216, 10));
        out.writeAudioChunkSync(1, SAMPLES.flt(10000, 1));
        throw mine;
      } else {
        await using out = await writer.open();
        await out.writeVideoChunk(0, pixels(9216, 10));
        out.writeAudioChunk(1, SAMPLES.flt(10000, 1)); // not awaited
        throw mine;
      }
    }, mine);
    noLiveHandles();
    const { streams: [video, audio] } = await ffprobe(path, "-count_frames", "-show_streams");
    strictEqual(Number(video.nb_read_frames), 10);
    // The file's times are in milliseconds.
    ok(Number(audio.duration_ts) >= 10000 - 44, `${audio.duration_ts} samples`);
  });
}

Deno.test("a call whose signal is already aborted does nothing", async () => {
  using dir = tempDir();
  const path = dir.file("a.wav");
  const samples = SAMPLES.s16(800, 1);
  const writer = new StreamWriter(path);
  writer.addAudioStream(8000, 1, { format: "s16" });
  const reason = new Error("enough");
  const wait = { signal: AbortSignal.abort(reason) };
  await rejects(writer.open({}, wait), reason);
  throws(() => Deno.statSync(path), Deno.errors.NotFound);
  await writer.open({}, { signal: new AbortController().signal });
  await writer.writeAudioChunk(0, samples.subarray(0, 400));
  await rejects(writer.writeAudioChunk(0, samples, undefined, wait), reason);
  await rejects(writer.flush(wait), reason);
  await rejects(writer.close(wait), reason);
  await writer.writeAudioChunk(0, samples.subarray(400));
  await writer.close();
  sameBytes(Deno.readFileSync(path).subarray(-1600), samples, "samples");
  noLiveHandles();
});

Deno.test("a timeout that does not expire changes nothing", async () => {
  using dir = tempDir();
  const path = dir.file("a.wav");
  const samples = SAMPLES.s16(800, 1);
  const writer = new StreamWriter(path);
  writer.addAudioStream(8000, 1, { format: "s16" });
  const wait = { timeout: 60_000, signal: new AbortController().signal };
  await writer.open({}, wait);
  await writer.writeAudioChunk(0, samples, 0, wait);
  await writer.flush(wait);
  await writer.close(wait);
  sameBytes(Deno.readFileSync(path).subarray(-1600), samples, "samples");
});

for (const how of ["timeout", "signal"]) {
  Deno.test(`open() gives up waiting for a silent server by a ${how}`, async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `rtmp://127.0.0.1:${silent.addr.port}/live/a`;
    const writer = new StreamWriter(url, { format: "flv" });
    writer.addAudioStream(44100, 1);
    const reason = new Error("enough");
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(reason), 100);
    const start = performance.now();
    if (how === "signal") await rejects(writer.open({}, { signal: abort.signal }), reason);
    else await rejects(writer.open({}, { timeout: 100 }), { name: "TimeoutError" });
    const waited = performance.now() - start;
    clearTimeout(timer);
    ok(waited > 50 && waited < 3000, `it waited ${waited} ms`);
    await writer.close(); // FFmpeg itself may take 100 ms to notice
    noLiveHandles();
  });
}

Deno.test("a write gives up waiting for a peer that does not read", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const writer = new StreamWriter(`tcp://127.0.0.1:${listener.addr.port}`, { format: "wav" });
  writer.addAudioStream(48000, 2, { format: "s16" });
  const [peer] = await Promise.all([listener.accept(), writer.open()]);
  const large = new Int16Array(2 * 48000 * 60);
  const start = performance.now();
  await rejects(writer.writeAudioChunk(0, large, undefined, { timeout: 200 }), {
    name: "TimeoutError",
  });
  ok(performance.now() - start < 3000);
  peer.close();
  await writer.close().catch(() => {}); // the rest can't be delivered
  noLiveHandles();
});
