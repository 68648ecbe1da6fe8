/** One broadcast and many viewers: what each gets, slow ones, and some that go away. */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Broadcast, type VideoStreamOptions, type Viewer } from "../../mod.ts";
import { eventually } from "../support/desktop.ts";
import {
  allFreed,
  ffmpegCli,
  ffprobe,
  framemd5,
  noLiveHandles,
  pixels,
  runDeno,
  tempDir,
} from "../support/helpers.ts";
import { freePort } from "../support/network_peers.ts";
import { framesIn, TcpPeers } from "../support/tcp_peers.ts";

const SIZE = 64 * 48 * 3;

/** An open broadcast of small video frames, 25 a second. */
async function broadcastOf(
  format: string,
  encoder: string,
  options: VideoStreamOptions = {},
): Promise<Broadcast> {
  const broadcast = new Broadcast({ format });
  broadcast.addVideoStream(25, 64, 48, { encoder, ...options });
  return await broadcast.open();
}

const md5s = (frames: readonly string[]) => frames.map((line) => line.split(",").at(-1));

Deno.test("each viewer of a broadcast gets its own container, from a key frame on", async () => {
  using dir = tempDir();
  const broadcast = new Broadcast();
  const codec = {
    encoderFormat: "yuv420p",
    encoderOption: { preset: "ultrafast", tune: "zerolatency" },
  };
  const video = broadcast.addVideoStream(25, 64, 48, codec);
  const audio = broadcast.addAudioStream(48000, 1);
  broadcast.setMetadata({ title: "Live" });
  const live = await broadcast.open();
  const write = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      await live.writeVideoChunk(video, pixels(SIZE, 1).map((it) => (it + i) & 255));
      await live.writeAudioChunk(audio, new Float32Array(1920).fill(i / 1000));
    }
  };
  await live.add(dir.file("first.mp4"));
  await write(0, 40);
  strictEqual(live.numViewers, 1);
  const [late, short] = [
    await live.add(dir.file("late.mkv")),
    await live.add(dir.file("short.ts")),
  ];
  const streams = Object.fromEntries(
    ["mp4", "matroska", "mpegts", "flv"].map((format) => [
      format,
      new Response(live.readable({ format })).bytes(),
    ]),
  );
  const response = live.response({ headers: { "x-more": "1" } });
  strictEqual(response.headers.get("content-type"), "video/mp4");
  strictEqual(response.headers.get("cache-control"), "no-store");
  strictEqual(response.headers.get("x-more"), "1");
  const body = response.bytes();
  await write(40, 90);
  strictEqual(live.numViewers, 8);
  await short.close();
  strictEqual(await short.ended, undefined);
  await write(90, 140);
  await live.close();
  strictEqual(await late.ended, undefined);
  deepStrictEqual([late.stats.queued, short.stats.queued], [0, 0]);

  const whole = await framemd5(dir.file("first.mp4"), "-map", "0:v");
  strictEqual(whole.length, 140);
  const check = async (path: string, count: number) => {
    const frames = await framemd5(path, "-map", "0:v");
    // A key frame is made for those that come: at once, or a second after the last one.
    strictEqual(frames.length, count, path);
    const { streams, format } = await ffprobe(path);
    for (const { start_time } of streams) ok(Number(start_time) < 0.05, `${path}: ${start_time}`);
    strictEqual(streams.length, 2, path);
    return format;
  };
  const format = await check(dir.file("late.mkv"), 100);
  strictEqual(format.tags.title, "Live");
  await check(dir.file("short.ts"), 50);
  for (const [name, bytes] of Object.entries({ ...streams, response: body })) {
    await Deno.writeFile(dir.file(name), await bytes);
    await check(dir.file(name), 100);
  }
  noLiveHandles();
});

Deno.test("a broadcast's viewers decode what was written, bit by bit", async () => {
  using dir = tempDir();
  using peers = new TcpPeers();
  const live = await broadcastOf("matroska", "ffv1", { encoderFormat: "bgr0" });
  const frames = Array.from(
    { length: 30 },
    (_, i) => pixels(SIZE, 1).map((it) => (it + 7 * i) & 255),
  );
  const [viewer, peer] = await Promise.all([live.add(peers.url), peers.accept()]);
  const received = peer.read();
  const read = new Response(live.readable()).bytes();
  for (const frame of frames) await live.writeVideoChunk(0, frame);
  await live.close();
  strictEqual(viewer.stats.packets, 30);
  strictEqual(viewer.stats.dropped, 0);
  await Deno.writeFile(dir.file("frames.rgb"), new Blob(frames).stream());
  const raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", "25"];
  const list = await ffmpegCli(...raw, "-i", dir.file("frames.rgb"), "-f", "framemd5", "-");
  const expected = md5s(
    new TextDecoder().decode(list).split("\n").filter((it) => /^[^#]/.test(it)),
  );
  deepStrictEqual(md5s(await framesIn(await received, dir, "tcp.mkv")), expected);
  deepStrictEqual(md5s(await framesIn(await read, dir, "readable.mkv")), expected);
  noLiveHandles();
});

Deno.test("a stalled viewer loses frames, nine others none, and memory stays flat", async () => {
  const FRAMES = 20_000;
  using dir = tempDir();
  using peers = new TcpPeers();
  const live = await broadcastOf("mpegts", "mpeg4", { codecConfig: { gopSize: 50 } });
  const viewers: Viewer[] = [];
  const received: Promise<unknown>[] = [];
  let whole: Promise<Uint8Array<ArrayBuffer>> | undefined;
  for (let i = 0; i < 4; i++) {
    const [viewer, peer] = await Promise.all([live.add(peers.url), peers.accept()]);
    viewers.push(viewer);
    const bytes = peer.read();
    whole ??= bytes;
    received.push(bytes);
  }
  const [stalled] = await Promise.all([live.add(peers.url), peers.accept()]);
  const lengths: Promise<number>[] = [];
  for (let i = 0; i < 5; i++) {
    lengths.push(lengthOf(live.readable()));
  }
  await eventually("ten viewers", () => live.numViewers === 10 || undefined);
  const frame = pixels(SIZE, 1);
  const memory: number[] = [];
  for (let i = 0; i < FRAMES; i++) {
    crypto.getRandomValues(frame.subarray(0, 3000)); // keeps packets at 2 KB or so
    await live.writeVideoChunk(0, frame);
    // The frames come faster than 25 a second: as fast as those who read can take them.
    if (i % 20 === 0) {
      await eventually(
        "viewers that keep up",
        () => viewers.every(({ stats }) => stats.queued < 10) || undefined,
        20,
      );
    }
    if (i % 500 === 499) memory.push(Deno.memoryUsage().rss);
  }
  ok(stalled!.stats.dropped > FRAMES / 4, `${stalled!.stats.dropped} were dropped`);
  const closing = performance.now();
  await live.close();
  ok(performance.now() - closing < 8000, "the stalled viewer held up the end");
  match((await stalled!.ended)!.message, /too slow/);
  for (const { stats } of viewers) {
    deepStrictEqual([stats.packets, stats.dropped], [FRAMES, 0]);
  }
  const sizes = await Promise.all(lengths);
  strictEqual(new Set(sizes).size, 1, `${sizes}`);
  await Promise.all(received);
  strictEqual((await framesIn(await whole!, dir, "whole.ts")).length, FRAMES);
  const half = memory.length / 2;
  const [early, late] = [Math.max(...memory.slice(0, half)), Math.max(...memory.slice(half))];
  // What the test itself keeps of one viewer's bytes grows with them.
  const kept = sizes[0]! * 4;
  ok(late - early < kept + 30e6, `grew by ${(late - early) / 1e6} MB, of them ${kept / 1e6} ours`);
  noLiveHandles();
});

async function lengthOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const bytes of stream) length += bytes.length;
  return length;
}

Deno.test("a viewer that fails, or does not come, leaves the others alone", async () => {
  using dir = tempDir();
  using peers = new TcpPeers();
  const live = await broadcastOf("mpegts", "mpeg2video");
  await live.add(dir.file("good.ts"));
  const [gone, peer] = await Promise.all([live.add(peers.url), peers.accept()]);
  const listening = live.add(`tcp://127.0.0.1:${freePort()}?listen=1`);
  listening.catch(() => {});
  await rejects(live.add(`tcp://127.0.0.1:${freePort()}`), { name: "FFmpegError" });
  await rejects(live.add("nowhere.xyz", { format: "nonsense" }), TypeError);
  await rejects(live.add(dir.file("a.ts"), { option: { nonsense: 1 } }), /nonsense/);
  throws(() => live.readable({ format: "hls" }), /one stream of bytes/);
  peer.close();
  const cancelled = live.readable().getReader();
  for (let i = 0; i < 200; i++) {
    await live.writeVideoChunk(0, pixels(SIZE, 1).fill(i));
    if (i === 100) await cancelled.cancel();
    if (i === 150) await eventually("an end", () => gone.ended);
  }
  strictEqual((await gone.ended as Error).name, "FFmpegError");
  strictEqual(live.numViewers, 1);
  await live.close();
  await rejects(listening, /closed/);
  strictEqual((await framemd5(dir.file("good.ts"))).length, 200);
  noLiveHandles();
});

Deno.test("a viewer that is waited for can be given up, and closed twice", async () => {
  const live = await broadcastOf("mpegts", "mpeg2video");
  const reason = new Error("enough");
  const url = () => `tcp://127.0.0.1:${freePort()}?listen=1`;
  await rejects(live.add(url(), {}, { timeout: 50 }), { name: "TimeoutError" });
  await rejects(live.add(url(), {}, { signal: AbortSignal.abort(reason) }), reason);
  using dir = tempDir();
  const viewer = await live.add(dir.file("a.ts"));
  await live.writeVideoChunk(0, pixels(SIZE, 1));
  await Promise.all([viewer.close(), viewer.close()]);
  await viewer.close();
  strictEqual(await viewer.ended, undefined);
  await live.close();
  // FFmpeg looks every 100 ms whether to give up.
  await allFreed();
});

Deno.test("a broadcast asks for the permission to write where a viewer is", async () => {
  using dir = tempDir();
  const script = `
    import { Broadcast } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const broadcast = new Broadcast({ format: "wav" });
    broadcast.addAudioStream(8000, 1);
    const live = await broadcast.open();
    const told = (it) => it.add(...arguments_).then(() => "opened", (error) => error.name);
    let arguments_;
    for (arguments_ of ${
    JSON.stringify([
      [dir.file("allowed/a.wav")],
      [dir.file("denied.wav")],
      ["tcp://127.0.0.1:1"],
      ["data.m3u8", { format: "hls" }],
    ])
  }) console.log(await told(live));
    await live.close();`;
  await Deno.mkdir(dir.file("allowed"));
  await Deno.writeTextFile(dir.file("script.js"), script);
  const { text, stderr } = await runDeno(dir.file("script.js"), {
    permissions: [
      ...["--no-prompt", "--allow-ffi", "--allow-env", "--allow-import"],
      ...["--allow-sys", `--allow-write=${dir.file("allowed")}`],
    ],
  });
  deepStrictEqual(text.trim().split("\n"), [
    "opened",
    "NotCapable",
    "NotCapable",
    "NotCapable",
  ], stderr);
});

Deno.test("a broadcast at the wrong time, or with the wrong calls, is a clear error", async () => {
  const broadcast = new Broadcast({ format: "mpegts" });
  await rejects(broadcast.add("a.ts"), /not open: call open\(\) first/);
  throws(() => broadcast.readable(), /not open/);
  await rejects(broadcast.open(), /without streams/);
  broadcast.addAudioStream(8000, 1, { encoder: "mp2", encoderSampleRate: 16000 });
  throws(() => broadcast.openSync(), /in the background.*async/);
  await rejects(broadcast.open({ muxrate: 1 }), /no options for a broadcast.*muxrate/);
  await broadcast.open();
  throws(() => broadcast.closeSync(), /in the background/);
  throws(() => broadcast.readable({ latency: -1 }), RangeError);
  throws(() => broadcast.readable({ latecny: 1 } as never), TypeError);
  throws(() => new Broadcast({ format: "nonsense" }), TypeError);
  await broadcast.close();
  throws(() => broadcast.response(), /not open/);
  const unused = new Broadcast();
  await unused.close();
  noLiveHandles();
});

Deno.test("broadcasts and live writers called in random orders leave nothing behind", async () => {
  const script = new URL("broadcast_fuzz.ts", import.meta.url).pathname;
  const seed = String(Math.floor(Math.random() * 1e6));
  const { code, text, stderr } = await runDeno(script, { args: ["20", seed], timeout: 120_000 });
  strictEqual(code, 0, `seed ${seed}: ${stderr.slice(-2000)}`);
  strictEqual(text.trim(), "{}", `seed ${seed}`);
});
