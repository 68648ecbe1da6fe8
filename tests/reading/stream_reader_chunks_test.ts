/** How a reader cuts what it decodes into chunks: their sizes, order, times, filters and memory. */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { type FFmpegError, StreamReader } from "../../mod.ts";
import {
  ffmpegCli,
  frameSync,
  JUDGE_IS_SAME,
  madeOnce,
  media,
  noLiveHandles,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import {
  bytesOf,
  checkSizes,
  checkTimes,
  type Chunk,
  drain,
  equalBytes,
  ffmpegPixels,
  ffmpegSamples,
  joined,
  probedFrames,
  type VideoChunk,
} from "../support/reader_helpers.ts";

const CODECS = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "flac"];

/** 50 frames of video (B frames among them) and two seconds of stereo, 16 bits. */
function clip(): Promise<string> {
  const sound = ["-sample_fmt", "s16", "-strict", "-2"];
  const source = [...testPictures("64x48", 25, 2), ...testTone(16000, 2, 2)];
  return media("clip.mp4", ...source, ...CODECS, ...sound, "-g", "10", "-bf", "2");
}

const sum = (chunks: readonly Chunk[]) => chunks.reduce((all, { numFrames }) => all + numFrames, 0);

Deno.test("StreamReader returns chunks of framesPerChunk, the last one short", async () => {
  const path = await clip();
  const [pictures, samples, frames] = await Promise.all([
    ffmpegPixels(path, 0, "yuv420p"),
    ffmpegSamples(path, 1, "s16"),
    probedFrames(path),
  ]);
  for (
    const [video, audio] of [[1, 1], [10, 160], [7, 999], [49, 31999], [50, 32000], [51, 40000]]
  ) {
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(video!, { format: null });
    reader.addBasicAudioStream(audio!, { format: null });
    const what = `framesPerChunk ${video} and ${audio}`;
    const chunks = drain(reader);
    checkSizes(chunks[0]!, video!, what);
    checkSizes(chunks[1]!, audio!, what);
    equalBytes(joined(chunks[0]!), pictures, what);
    equalBytes(joined(chunks[1]!), samples, what);
    checkTimes(chunks[0]!, frames.filter(({ index }) => index === 0), undefined, what);
    checkTimes(chunks[1]!, frames.filter(({ index }) => index === 1), 16000, what);
    deepStrictEqual(reader.popChunks(), [null, null]);
  }
  noLiveHandles();
});

Deno.test("StreamReader takes a framesPerChunk far larger than the file", async () => {
  for (const framesPerChunk of [100_000, 1e9, 2147483647]) {
    using reader = StreamReader.openSync(await clip());
    reader.addBasicVideoStream(framesPerChunk);
    reader.addBasicAudioStream(framesPerChunk);
    const [video, audio] = drain(reader);
    deepStrictEqual(video!.map(({ numFrames }) => numFrames), [50]);
    deepStrictEqual(audio!.map(({ numFrames }) => numFrames), [32000]);
    strictEqual(video![0]!.data.length, 50 * 64 * 48 * 3);
    // No memory is kept that is not the chunk's.
    strictEqual(video![0]!.data.buffer.byteLength, video![0]!.data.byteLength);
    strictEqual(audio![0]!.data.buffer.byteLength, audio![0]!.data.byteLength);
  }
});

Deno.test("StreamReader with framesPerChunk -1 returns what there is at the time", async () => {
  const path = await clip();
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(-1, { format: null });
  reader.addBasicAudioStream(-1, { format: null });
  deepStrictEqual(reader.popChunks(), [null, null]);
  reader.processAllPacketsSync();
  const [video, audio] = reader.popChunks();
  deepStrictEqual([video!.numFrames, audio!.numFrames], [50, 32000]);
  deepStrictEqual([video!.pts, audio!.pts], [0, 0]);
  equalBytes(bytesOf(video!.data), await ffmpegPixels(path, 0, "yuv420p"), "pictures");
  equalBytes(bytesOf(audio!.data), await ffmpegSamples(path, 1, "s16"), "samples");
  deepStrictEqual(reader.popChunks(), [null, null]);
  reader.seekSync(0);
  const pieces = drain(reader);
  ok(pieces[0]!.length > 5 && pieces[1]!.length > 5, "stream() gives the pieces as they come");
  equalBytes(joined(pieces[0]!), bytesOf(video!.data), "pictures");
  equalBytes(joined(pieces[1]!), bytesOf(audio!.data), "samples");
});

Deno.test("StreamReader drops nothing by default, whatever the lengths of chunks", async () => {
  const path = await clip();
  const samples = await ffmpegSamples(path, 1, "s16");
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(50, { format: null }); // one chunk, ready at the very end
  reader.addBasicAudioStream(10, { format: null }); // 3200 chunks
  const rounds = [...reader.streamSync()];
  strictEqual(rounds[0]![0]!.numFrames, 50);
  strictEqual(rounds.length, 3200);
  equalBytes(joined(rounds.map(([, audio]) => audio!)), samples, "samples");
  strictEqual(reader.stats.droppedChunks, 0);
});

Deno.test("StreamReader drops the oldest chunks with bufferChunkSize, and counts them", async () => {
  const path = await clip();
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(10, { format: null, bufferChunkSize: 2 });
  reader.addBasicAudioStream(3000, { format: null, bufferChunkSize: 3 });
  reader.processAllPacketsSync();
  // 5 chunks of 10 frames; 10 of 3000 samples and one of 2000.
  strictEqual(reader.stats.droppedChunks, 3 + 8);
  const rounds = [...reader.streamSync()];
  deepStrictEqual(rounds.map(([video]) => video?.pts), [1.2, 1.6, undefined]);
  deepStrictEqual(rounds.map(([, audio]) => audio!.pts), [
    24000 / 16000,
    27000 / 16000,
    30000 / 16000,
  ]);
  deepStrictEqual(rounds.map(([, audio]) => audio!.numFrames), [3000, 3000, 2000]);
  const pictures = await ffmpegPixels(path, 0, "yuv420p");
  const last = pictures.subarray(30 * 64 * 48 * 1.5);
  equalBytes(joined([rounds[0]![0]!, rounds[1]![0]!]), last, "the last twenty frames");
});

Deno.test("StreamReader keeps one chunk with bufferChunkSize 1, and no part of an older one", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(1, { bufferChunkSize: 1 });
  reader.processAllPacketsSync();
  deepStrictEqual([reader.popChunks()[0]!.pts, reader.popChunks()], [49 / 25, [null]]);
  strictEqual(reader.stats.droppedChunks, 49);
});

Deno.test("StreamReader returns null for a stream that is exhausted before others", async () => {
  const path = await media(
    "uneven.mkv",
    ...testPictures("64x48", 25, 0.4),
    ...testTone(16000, 1, 2),
    ...CODECS,
  );
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(4);
  reader.addBasicAudioStream(1600);
  const rounds = [...reader.streamSync()];
  deepStrictEqual(rounds.map(([video]) => video?.numFrames), [
    ...[4, 4, 2],
    ...Array(17).fill(undefined),
  ]);
  deepStrictEqual(rounds.map(([, audio]) => audio?.numFrames), Array(20).fill(1600));
});

Deno.test("StreamReader.stream() yields the same chunks as streamSync()", async () => {
  const path = await clip();
  const describe = (rounds: (Chunk | null)[][]) =>
    rounds.map((round) =>
      round.map((chunk) => chunk && { ...chunk, data: Array.from(chunk.data as Uint8Array) })
    );
  const add = (reader: StreamReader) => {
    reader.addBasicVideoStream(8, { format: "gray", width: 8, height: 6 });
    reader.addBasicAudioStream(800, { format: "s16" });
    reader.addVideoStream(3, { filterDesc: "fps=10,scale=8:6" });
  };
  using one = StreamReader.openSync(path);
  add(one);
  const sync = [...one.streamSync()];
  await using two = await StreamReader.open(path);
  add(two);
  const async = await Array.fromAsync(two.stream());
  deepStrictEqual(describe(async), describe(sync));
  deepStrictEqual({ ...two.stats, speed: 0 }, { ...one.stats, speed: 0 });
  ok(sync.length > 35);
});

Deno.test("StreamReader.processPacket() reads one packet, and returns 1 at the end, again and again", async () => {
  const path = await clip();
  await using reader = await StreamReader.open(path);
  reader.addBasicVideoStream(1);
  let packets = 0;
  while ((await reader.processPacket()) === 0) {
    packets++;
    strictEqual(reader.stats.packets, packets);
  }
  // Audio packets are skipped, except those that were read to find the streams.
  ok(packets >= 50 && packets < 55, `${packets} packets`);
  strictEqual(reader.stats.frames, 50);
  strictEqual(await reader.processPacket(), 1);
  strictEqual(reader.processPacketSync(), 1);
  strictEqual(reader.fillBufferSync(), 0);
  strictEqual(reader.isBufferReady(), true);
  strictEqual(sum(drain(reader)[0]!), 50);
  strictEqual(reader.fillBufferSync(), 1);
  strictEqual(reader.isBufferReady(), false);
  strictEqual(await reader.fillBuffer(), 1);
  await reader.processAllPackets();
});

Deno.test("StreamReader.fillBuffer() reads until each stream has a chunk, and no further", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(5);
  reader.addBasicAudioStream(1000);
  strictEqual(reader.isBufferReady(), false);
  strictEqual(reader.fillBufferSync(), 0);
  strictEqual(reader.isBufferReady(), true);
  const { packets } = reader.stats;
  ok(packets < 60, `${packets} packets`);
  strictEqual(reader.fillBufferSync(), 0);
  strictEqual(reader.stats.packets, packets);
  const [video, audio] = reader.popChunks();
  deepStrictEqual([video!.numFrames, audio!.numFrames], [5, 1000]);
});

Deno.test("StreamReader.popChunks() returns what there is of a chunk that is not full", async () => {
  const path = await clip();
  const pictures = await ffmpegPixels(path, 0, "yuv420p");
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(30, { format: null });
  while (reader.stats.frames < 12) reader.processPacketSync();
  strictEqual(reader.isBufferReady(), false);
  const [first] = reader.popChunks();
  const [second, third] = drain(reader)[0]!;
  const { numFrames } = first!;
  ok(numFrames >= 12 && numFrames < 30, `${numFrames} pictures`);
  strictEqual(second!.pts, numFrames / 25);
  strictEqual(numFrames + second!.numFrames + (third?.numFrames ?? 0), 50);
  equalBytes(joined([first!, second!, ...(third ? [third] : [])]), pictures, "pictures");
});

Deno.test("StreamReader decodes one source stream into two output streams", async () => {
  const path = await clip();
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: "gray" });
  reader.addBasicVideoStream(5, { format: null });
  reader.addBasicVideoStream(50, { format: "rgb24", decoderOption: { threads: "1" } });
  const [gray, asIs, rgb] = drain(reader);
  equalBytes(joined(gray!), await ffmpegPixels(path, 0, "gray"), "gray");
  equalBytes(joined(asIs!), await ffmpegPixels(path, 0, "yuv420p"), "yuv420p");
  equalBytes(joined(rgb!), await ffmpegPixels(path, 0, "rgb24"), "rgb24");
  deepStrictEqual([gray!.length, asIs!.length, rgb!.length], [50, 10, 1]);
});

Deno.test("StreamReader.removeStream() removes a stream, and keeps its counts", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(1);
  reader.addBasicAudioStream(100, { format: "s16" });
  reader.addBasicVideoStream(1, { format: "gray" });
  reader.fillBufferSync();
  const { frames } = reader.stats;
  reader.removeStream(0);
  strictEqual(reader.numOutStreams, 2);
  strictEqual(reader.stats.frames, frames);
  deepStrictEqual(reader.popChunks().map((chunk) => chunk!.numChannels), [2, 1]);
  strictEqual(reader.getOutStreamInfo(0).mediaType, "audio");
  reader.removeStream(1);
  // The video packets are no longer read: those of two seconds of audio are about 30.
  const before = reader.stats.packets;
  reader.processAllPacketsSync();
  ok(reader.stats.packets - before < 40, `${reader.stats.packets - before} packets`);
  reader.removeStream(0);
  strictEqual(reader.numOutStreams, 0);
  reader.seekSync(0);
  throws(() => reader.processPacketSync(), /^Error: Cannot read without an output stream/);
  throws(() => reader.removeStream(0), /^RangeError: Expected an output stream index/);
});

Deno.test("StreamReader decodes a stream that is added in mid-file from there on", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicAudioStream(1600);
  for (let i = 0; i < 10; i++) reader.fillBufferSync(), reader.popChunks();
  reader.addBasicVideoStream(1);
  const [audio, video] = drain(reader);
  strictEqual(audio!.at(-1)!.pts + audio!.at(-1)!.numFrames / 16000, 2);
  ok(video![0]!.pts > 0.5 && video!.at(-1)!.pts === 49 / 25, `from ${video![0]!.pts}`);
});

/** What `ffmpeg` makes of chains of filters: a folder with a file for each. */
function filtered(
  name: string,
  path: Promise<string>,
  filters: readonly string[],
  outputs: (filter: string) => string[],
): Promise<string> {
  return madeOnce(name, async (folder) => {
    await Deno.mkdir(folder);
    // One by one: with many outputs that end at different times, FFmpeg 9 waits for ever.
    for (const [i, filter] of filters.entries()) {
      const args = ["-filter_threads", "1", "-i", await path, ...outputs(filter)];
      await ffmpegCli(...args, `${folder}/${i}`);
    }
  });
}

const VIDEO_FILTERS = [
  "fps=10",
  "fps=60",
  "fps=30000/1001",
  "fps=7:round=up",
  "scale=32:24",
  "scale=-2:30,format=rgb24",
  "format=yuv444p",
  "hflip,vflip",
  "crop=33:21:3:5",
  "select='not(mod(n,3))'",
  "trim=start=0.5:end=1",
  "setpts=PTS*2",
  "telecine",
  "minterpolate=fps=30:mi_mode=dup",
  "tpad=stop_duration=1",
  "reverse",
  "split[a][b];[a]hflip[c];[b][c]hstack",
];

for (const [i, filterDesc] of VIDEO_FILTERS.entries()) {
  Deno.test(`StreamReader.addVideoStream() filters with ${filterDesc} as ffmpeg does`, async () => {
    const native = [...frameSync("passthrough"), "-sws_flags", "bicubic", "-f", "rawvideo"];
    const outputs = (filter: string) => ["-map", "0:v", "-vf", filter, ...native];
    const folder = await filtered("video-filters", clip(), VIDEO_FILTERS, outputs);
    using reader = StreamReader.openSync(await clip());
    reader.addVideoStream(6, { filterDesc });
    const chunks = drain(reader)[0]!;
    equalBytes(joined(chunks), await Deno.readFile(`${folder}/${i}`), filterDesc);
    ok(chunks.length > 0);
  });
}

const AUDIO_FILTERS: Readonly<Record<string, string>> = {
  "atempo=1.5": "pcm_s16le",
  "aformat=s32": "pcm_s32le",
  "aresample=22050": "pcm_s16le",
  "aresample=44100,aformat=sample_fmts=flt:channel_layouts=mono": "pcm_f32le",
  "volume=0.5,aformat=s16": "pcm_s16le",
  "pan=3c|c0=c0|c1=c1|c2=c0,aformat=dbl": "pcm_f64le",
  "adelay=100|200,aformat=s16": "pcm_s16le",
  "apad=pad_dur=0.5": "pcm_s16le",
  "areverse": "pcm_s16le",
  "atrim=start_sample=100:end_sample=5000": "pcm_s16le",
};

for (const [i, [filterDesc, codec]] of Object.entries(AUDIO_FILTERS).entries()) {
  Deno.test({
    name: `StreamReader.addAudioStream() filters with ${filterDesc} as ffmpeg does`,
    ignore: !JUDGE_IS_SAME && filterDesc.includes("aresample"),
    fn: async () => {
      const output = (filter: string) => {
        return ["-map", "0:a", "-af", filter, "-c:a", AUDIO_FILTERS[filter]!, "-f", "data"];
      };
      const names = Object.keys(AUDIO_FILTERS);
      const folder = await filtered("audio-filters", clip(), names, output);
      using reader = StreamReader.openSync(await clip());
      reader.addAudioStream(777, { filterDesc });
      const chunks = drain(reader)[0]!;
      equalBytes(joined(chunks), await Deno.readFile(`${folder}/${i}`), `${filterDesc}, ${codec}`);
      ok(chunks.length > 0);
    },
  });
}

const RATED: Readonly<Record<string, readonly string[]>> = {
  "2 frames/s": testPictures("16x16", 2, 3),
  "25 frames/s": testPictures("16x16", 25, 1.24),
  "30000/1001 frames/s": testPictures("16x16", "30000/1001", 1),
  "a variable rate": [
    ...testPictures("16x16", 25, 2),
    ...["-vf", "select='lt(mod(n,13),5)'", ...frameSync("vfr")],
  ],
};

for (const [i, [name, make]] of Object.entries(RATED).entries()) {
  Deno.test(`StreamReader's fps filter makes of ${name} the frames that ffmpeg's makes`, async () => {
    const path = await media(`rated-${i}.mkv`, ...make, "-c:v", "ffv1");
    const rates = ["1", "5", "24", "30", "30000/1001", "100"].map((rate) => `fps=${rate}`);
    const outputs = (fps: string) => ["-vf", fps, ...frameSync("passthrough"), "-f", "rawvideo"];
    const folder = await filtered(`rated-${i}`, Promise.resolve(path), rates, outputs);
    for (const [k, filterDesc] of rates.entries()) {
      using reader = StreamReader.openSync(path);
      reader.addVideoStream(1, { filterDesc });
      const theirs = await Deno.readFile(`${folder}/${k}`);
      equalBytes(joined(drain(reader)[0]!), theirs, filterDesc);
    }
  });
}

Deno.test({
  name: "StreamReader.addBasicVideoStream() converts rate, size and format as ffmpeg does",
  ignore: !JUDGE_IS_SAME,
  fn: async () => {
    const path = await clip();
    const settings = [
      [{ format: "rgb24" }, "null"],
      [{ width: 32 }, "scale=32:ih"],
      [{ height: 24, format: "bgra" }, "scale=iw:24"],
      [{ width: 99, height: 33, format: "gray" }, "scale=99:33"],
      [{ frameRate: 12.5, width: 20, height: 20, format: "yuv420p" }, "fps=25/2,scale=20:20"],
      [{ frameRate: 30000 / 1001, format: "nv12" }, "fps=30000/1001"],
      [{ format: "yuv420p10le" }, "null"],
      [{ format: "gbrp" }, "null"],
      [{ format: "rgb48le" }, "null"],
    ] as const;
    for (const [options, filters] of settings) {
      using reader = StreamReader.openSync(path);
      reader.addBasicVideoStream(10, options);
      const format = "format" in options ? options.format : "rgb24";
      const chain = `${filters},format=${format}`;
      const chunks = drain(reader)[0] as VideoChunk[];
      const theirs = await ffmpegPixels(path, 0, format, "-vf", chain);
      equalBytes(joined(chunks), theirs, JSON.stringify(options));
      strictEqual(chunks[0]!.format, format);
      if ("frameRate" in options) {
        strictEqual(reader.getOutStreamInfo(0).frameRate, options.frameRate);
      }
    }
  },
});

Deno.test("StreamReader returns more than 8 bits per component as a Uint16Array", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(1, { format: "yuv420p10le" });
  reader.addBasicVideoStream(1, { format: "gray16le" });
  reader.fillBufferSync();
  const [ten, sixteen] = reader.popChunks();
  ok(ten!.data instanceof Uint16Array && sixteen!.data instanceof Uint16Array);
  deepStrictEqual([ten!.data.length, sixteen!.data.length], [64 * 48 * 1.5, 64 * 48]);
  ok(Math.max(...ten!.data) > 255 && Math.max(...ten!.data) < 1024);
});

Deno.test({
  name: "StreamReader.addBasicAudioStream() converts rate, channels and format as ffmpeg does",
  ignore: !JUDGE_IS_SAME,
  fn: async () => {
    const path = await clip();
    const settings = [
      [{ format: "s16" }, "pcm_s16le", "anull"],
      [{ format: "u8" }, "pcm_u8", "aformat=u8"],
      [{ format: "s32p" }, "pcm_s32le", "aformat=s32p"],
      [{ format: "dbl" }, "pcm_f64le", "aformat=dbl"],
      [{ format: "s64" }, "pcm_s64le", "aformat=s64"],
      [{}, "pcm_f32le", "aformat=fltp"],
      [{ format: "s16", sampleRate: 11025 }, "pcm_s16le", "aresample=11025,aformat=s16"],
      [{ format: "s16", numChannels: 1 }, "pcm_s16le", "aformat=channel_layouts=mono"],
      [{ format: "flt", numChannels: 6 }, "pcm_f32le", "aformat=flt,aformat=channel_layouts=6c"],
    ] as const;
    for (const [options, codec, filters] of settings) {
      using reader = StreamReader.openSync(path);
      reader.addBasicAudioStream(1000, options);
      const output = ["-map", "0:a", "-af", filters, "-c:a", codec, "-f", "data", "-"];
      const theirs = ffmpegCli("-i", path, ...output);
      equalBytes(joined(drain(reader)[0]!), await theirs, JSON.stringify(options));
    }
  },
});

Deno.test("StreamReader keeps ten channels that no speakers are known for", async () => {
  const source = testTone(8000, 10, 0.5);
  const path = await media("ten.wav", ...source, "-c:a", "pcm_s16le");
  using reader = StreamReader.openSync(path);
  reader.addBasicAudioStream(1000, { format: null });
  reader.addBasicAudioStream(1000); // to planes and back
  const [asIs, float] = drain(reader);
  strictEqual(asIs![0]!.numChannels, 10);
  equalBytes(joined(asIs!), await ffmpegSamples(path, 0, "s16"), "samples");
  const samples = joined(asIs!);
  const whole = new Int16Array(samples.buffer, samples.byteOffset, samples.length / 2);
  const converted = float!.flatMap(({ data }) => Array.from(data as Float32Array));
  deepStrictEqual(converted, Array.from(whole, (sample) => sample / 32768));
});

Deno.test("StreamReader decodes with the decoder and its options that are asked for", async () => {
  const path = await clip();
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { decoder: "h264", decoderOption: { skip_frame: "nokey" } });
  reader.addBasicVideoStream(1, { decoderOption: { threads: 1, flags: "+gray" } });
  const [keys, all] = drain(reader);
  deepStrictEqual(keys!.map(({ pts }) => pts), [0, 0.4, 0.8, 1.2, 1.6]);
  strictEqual(all!.length, 50);
});

Deno.test("StreamReader's chunks can be kept, and posted to a worker", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(2);
  reader.addBasicAudioStream(100);
  const chunks = drain(reader);
  const buffers = new Set(chunks.flat().map(({ data }) => data.buffer));
  strictEqual(buffers.size, chunks.flat().length);
  for (const chunk of [chunks[0]![0]!, chunks[1]![0]!]) {
    const posted = structuredClone(chunk);
    deepStrictEqual({ ...posted }, { ...chunk });
    deepStrictEqual(Object.keys(posted).sort(), Object.keys(chunk).sort());
  }
});

Deno.test("StreamReader.stream({ reuse: true }) reuses memory, never that of the round at hand", async () => {
  const path = await clip();
  const theirs = await ffmpegPixels(path, 0, "rgb24");
  const size = 64 * 48 * 3;
  for (const framesPerChunk of [1, 7]) {
    await using reader = await StreamReader.open(path);
    reader.addBasicVideoStream(framesPerChunk);
    const buffers = new Set<ArrayBufferLike>();
    let at = 0;
    for await (const [chunk] of reader.stream({ reuse: true })) {
      const expected = theirs.subarray(at, at += chunk!.numFrames * size);
      equalBytes(bytesOf(chunk!.data), expected, "a chunk in its round");
      buffers.add(chunk!.data.buffer);
    }
    strictEqual(at, theirs.length);
    ok(buffers.size <= 4, `${buffers.size} pieces of memory`);
  }
});

Deno.test("StreamReader reuses the memory of a chunk after `using chunk`", async () => {
  const path = await clip();
  const theirs = await ffmpegPixels(path, 0, "yuv420p");
  const size = 64 * 48 * 1.5;
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  const buffers = new Set<ArrayBufferLike>();
  const kept: Chunk[] = [];
  let i = 0;
  for (const [round] of reader.streamSync()) {
    if (i % 10 === 9) {
      kept.push(round!);
      i++;
      continue;
    }
    using chunk = round!;
    equalBytes(bytesOf(chunk.data), theirs.subarray(i * size, (i + 1) * size), `frame ${i}`);
    buffers.add(chunk.data.buffer);
    chunk[Symbol.dispose](); // again, which has no effect: no two chunks get the same memory
    i++;
  }
  strictEqual(i, 50);
  ok(buffers.size <= 12, `${buffers.size} pieces of memory`);
  kept.forEach((chunk, k) => {
    const at = (k * 10 + 9) * size;
    equalBytes(bytesOf(chunk.data), theirs.subarray(at, at + size), `kept frame ${k}`);
  });
});

Deno.test("StreamReader does not reuse memory that was transferred away", async () => {
  using reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(1);
  let count = 0;
  for (const [chunk] of reader.streamSync({ reuse: true })) {
    strictEqual(chunk!.data.length, 64 * 48 * 3);
    structuredClone(chunk!.data.buffer, { transfer: [chunk!.data.buffer as ArrayBuffer] });
    count++;
  }
  strictEqual(count, 50);
});

Deno.test("StreamReader continues where a loop over stream() was left", async () => {
  await using reader = await StreamReader.open(await clip());
  reader.addBasicVideoStream(10);
  for await (const [chunk] of reader.stream()) {
    strictEqual(chunk!.pts, 0);
    break;
  }
  const times: number[] = [];
  for (const [chunk] of reader.streamSync()) {
    times.push(chunk!.pts);
    if (times.length === 2) break;
  }
  for await (const [chunk] of reader.stream()) times.push(chunk!.pts);
  deepStrictEqual(times, [0.4, 0.8, 1.2, 1.6]);
});

Deno.test("what is thrown in a loop over StreamReader.stream() leaves it usable", async () => {
  await using reader = await StreamReader.open(await clip());
  reader.addBasicVideoStream(10);
  const loop = async () => {
    for await (const _ of reader.stream()) throw new Error("enough");
  };
  await rejects(loop, /enough/);
  strictEqual(reader.processPacketSync(), 0);
});

Deno.test("StreamReader's async operations run in the order in which they were called", async () => {
  await using reader = await StreamReader.open(await clip());
  reader.addBasicVideoStream(1);
  const log: string[] = [];
  const note = (name: string) => () => void log.push(name);
  const calls = [
    reader.processPacket().then(note("packet")),
    reader.fillBuffer().then(note("fill")),
    reader.processAllPackets().then(note("all")),
    reader.seek(1).then(note("seek")),
    reader.fillBuffer().then(note("fill again")),
  ];
  throws(() => reader.processPacketSync(), /^Error: Cannot make a sync call while an async one/);
  throws(() => reader.seekSync(0), /^Error: Cannot make a sync call while an async one/);
  throws(() => reader.closeSync(), /^Error: Cannot make a sync call while an async one/);
  throws(() => reader.removeStream(0), /^Error: Cannot make a sync call while an async one/);
  await Promise.all(calls);
  deepStrictEqual(log, ["packet", "fill", "all", "seek", "fill again"]);
  strictEqual(reader.popChunks()[0]!.pts, 1);
});

/** Five minutes of silence, which take half a second or so to decode. */
function long(): Promise<string> {
  return media("long.flac", "-f", "lavfi", "-i", "aevalsrc=0:s=48000:d=300", "-c:a", "flac");
}

/** Counts the turns that the event loop gives to timers, until the end of the block. */
function countTurns(): { count: number } & Disposable {
  const turns = { count: 0, [Symbol.dispose]: () => clearTimeout(timer) };
  const again = () => {
    turns.count++;
    timer = setTimeout(again, 0);
  };
  let timer = setTimeout(again, 0);
  return turns;
}

Deno.test("StreamReader's async calls let timers run, also where nothing waits", async () => {
  await using reader = await StreamReader.open(await long());
  reader.addBasicAudioStream(4800);
  {
    using turns = countTurns();
    await reader.processAllPackets();
    ok(turns.count >= 10, `${turns.count} turns during processAllPackets()`);
  }
  await reader.seek(0);
  using turns = countTurns();
  for await (const _ of reader.stream());
  ok(turns.count >= 10, `${turns.count} turns during stream()`);
});

Deno.test("StreamReader gives up when a signal is aborted, and can be used after it", async () => {
  await using reader = await StreamReader.open(await long());
  reader.addBasicAudioStream(4800);
  const reason = new Error("changed my mind");
  await rejects(reader.processAllPackets({ signal: AbortSignal.abort(reason) }), reason);
  strictEqual(reader.stats.packets, 0);
  const abort = new AbortController();
  let before = 0;
  const timer = setInterval(() => {
    if (reader.stats.packets < 100 || abort.signal.aborted) return;
    before = reader.stats.packets;
    abort.abort(reason);
  }, 0);
  await rejects(reader.processAllPackets({ signal: abort.signal }), reason);
  clearInterval(timer);
  const more = reader.stats.packets - before;
  ok(before >= 100 && more <= 1, `it read ${more} packets after the ${before} before the signal`);
  // Nothing of what was decoded is lost.
  let at = 0;
  for await (const [chunk] of reader.stream()) {
    ok(Math.abs(chunk!.pts - at / 48000) < 1e-6, `a gap at ${at / 48000} s`);
    at += chunk!.numFrames;
    if (at > 48000 * 20) break;
  }
  ok(at > 48000 * 20, `only ${at / 48000} s were read`);
});

Deno.test("StreamReader gives up after a timeout, with a TimeoutError", async () => {
  await using reader = await StreamReader.open(await long());
  reader.addBasicAudioStream(4800);
  await rejects(reader.processAllPackets({ timeout: 20 }), { name: "TimeoutError" });
  await reader.seek(1);
  strictEqual(await reader.fillBuffer(), 0);
  strictEqual(reader.popChunks()[0]!.pts, 1);
});

Deno.test("StreamReader says that it is closed, in all its methods", async () => {
  const reader = StreamReader.openSync(await clip());
  reader.addBasicVideoStream(1);
  const started = reader.streamSync();
  started.next();
  reader.closeSync();
  reader.closeSync();
  await reader.close();
  const calls: Record<string, () => unknown> = {
    numSrcStreams: () => reader.numSrcStreams,
    defaultAudioStream: () => reader.defaultAudioStream,
    defaultVideoStream: () => reader.defaultVideoStream,
    duration: () => reader.duration,
    format: () => reader.format,
    getMetadata: () => reader.getMetadata(),
    getSrcStreamInfo: () => reader.getSrcStreamInfo(0),
    getOutStreamInfo: () => reader.getOutStreamInfo(0),
    addBasicAudioStream: () => reader.addBasicAudioStream(1),
    addBasicVideoStream: () => reader.addBasicVideoStream(1),
    addAudioStream: () => reader.addAudioStream(1),
    addVideoStream: () => reader.addVideoStream(1),
    removeStream: () => reader.removeStream(0),
    seekSync: () => reader.seekSync(0),
    processPacketSync: () => reader.processPacketSync(),
    processAllPacketsSync: () => reader.processAllPacketsSync(),
    fillBufferSync: () => reader.fillBufferSync(),
    isBufferReady: () => reader.isBufferReady(),
    popChunks: () => reader.popChunks(),
    streamSync: () => [...reader.streamSync()],
    "streamSync, begun before": () => started.next(),
  };
  for (const [name, call] of Object.entries(calls)) {
    throws(call, /^Error: Cannot use the reader for ".*clip.mp4", as it is closed/, name);
  }
  const promises: Record<string, () => Promise<unknown>> = {
    seek: () => reader.seek(0),
    processPacket: () => reader.processPacket(),
    processAllPackets: () => reader.processAllPackets(),
    fillBuffer: () => reader.fillBuffer(),
    stream: () => Array.fromAsync(reader.stream()),
  };
  for (const [name, call] of Object.entries(promises)) {
    await rejects(call, /^Error: Cannot use the reader for ".*clip.mp4", as it is closed/, name);
  }
  strictEqual(typeof reader.stats.packets, "number");
  noLiveHandles();
});

Deno.test("StreamReader.open() fails with the signal's reason, and leaves nothing behind", async () => {
  const path = await clip();
  const reason = new Error("too late");
  await rejects(StreamReader.open(path, { signal: AbortSignal.abort(reason) }), reason);
  noLiveHandles();
});

Deno.test("StreamReader.open() reports what FFmpeg rejects, with its code", async () => {
  using dir = tempDir();
  await Deno.writeTextFile(dir.file("text.mp4"), "This is no film. ".repeat(1000));
  await Deno.writeFile(dir.file("empty.mp4"), new Uint8Array());
  const cases: [string, string, RegExp][] = [
    [dir.file("missing.mp4"), "ENOENT", /No such file/],
    [dir.path, "EISDIR", /it is a folder, not a file/],
    [dir.file("text.mp4"), "AVERROR_INVALIDDATA", /not a media file .* damaged/],
    [dir.file("empty.mp4"), "AVERROR_INVALIDDATA", /not a media file .* damaged/],
    ["nonsense://x", "AVERROR_PROTOCOL_NOT_FOUND", /no such protocol/],
  ];
  for (const [path, codeName, message] of cases) {
    const check = (error: FFmpegError) => {
      strictEqual(error.name, "FFmpegError");
      strictEqual(error.codeName, codeName, error.message);
      ok(message.test(error.message) && error.message.includes(path), error.message);
      return true;
    };
    throws(() => StreamReader.openSync(path), check);
    await rejects(StreamReader.open(path), check);
  }
  noLiveHandles();
});
