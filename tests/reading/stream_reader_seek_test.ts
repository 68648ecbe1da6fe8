/** Seeking: what is read after it is what a read of the whole file has there. */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { StreamReader } from "../../mod.ts";
import {
  ffmpegCli,
  hasEncoder,
  madeOnce,
  media,
  noLiveHandles,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import {
  bytesOf,
  type Chunk,
  drain,
  equalBytes,
  joined,
  type ProbedFrame,
  probedFrames,
} from "../support/reader_helpers.ts";

const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
const GOP = ["-g", "12", "-bf", "2"];
const X264_B = [...X264, ...GOP];
const MPEG4_B = ["-c:v", "mpeg4", ...GOP, "-q:v", "3"];
const MPEG2_B = ["-c:v", "mpeg2video", ...GOP, "-q:v", "3"];
const HEVC = ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "keyint=12:log-level=none"];

interface Film {
  readonly path: string;
  /** Every frame of a read of the whole file. */
  readonly pictures: readonly Chunk[];
  readonly frames: readonly ProbedFrame[];
}

const films = new Map<string, Promise<Film>>();

function film(name: string, ...args: string[]): Promise<Film> {
  let made = films.get(name);
  if (!made) films.set(name, made = makeFilm(name, args));
  return made;
}

async function makeFilm(name: string, args: string[]): Promise<Film> {
  const path = await media(name, ...args);
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  const frames = (await probedFrames(path)).filter(({ index }) => index === 0);
  return { path, pictures: drain(reader)[0]!, frames };
}

/** Four seconds of video and audio, a key frame every 12 frames, B frames between. */
function longGop(ending: string): Promise<Film> {
  const sound = ending === "mp4" || ending === "mkv" ? ["flac", "-strict", "-2"] : ["aac"];
  const source = [...testPictures("64x48", 25, 4), ...testTone(8000, 2, 4)];
  return film(`gop.${ending}`, ...source, ...X264, "-g", "12", "-bf", "2", "-c:a", ...sound);
}

function same(actual: Chunk | null | undefined, expected: Chunk | undefined, what: string): void {
  ok(actual && expected, `${what}: ${actual ? "nothing was expected" : "nothing came"}`);
  ok(
    Math.abs(actual.pts - expected.pts) < 1e-6,
    `${what}: due at ${actual.pts}, not ${expected.pts}`,
  );
  equalBytes(bytesOf(actual.data), bytesOf(expected.data), what);
}

const TIMES = [0, 0.04, 0.05, 0.479, 0.48, 0.5, 1.999, 2, 2.0004, 3.9, 3.96];

for (const ending of ["mp4", "mkv", "ts"]) {
  Deno.test(`StreamReader.seek() precise goes to the frame due at the time or next, in ${ending}`, async () => {
    const { path, pictures } = await longGop(ending);
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1, { format: null });
    for (const time of TIMES.map((time) => time + pictures[0]!.pts)) {
      reader.seekSync(time, "precise");
      const from = pictures.findIndex(({ pts }) => pts >= time - 0.0005);
      const after = drain(reader)[0]!;
      const what = `after seeking to ${time}`;
      strictEqual(after.length, pictures.length - from, what);
      after.forEach((chunk, i) => same(chunk, pictures[from + i], `frame ${i} ${what}`));
    }
  });

  Deno.test(`StreamReader.seek() key goes to the key frame before the time, in ${ending}`, async () => {
    const { path, pictures, frames } = await longGop(ending);
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1, { format: null });
    for (const time of TIMES.map((time) => time + pictures[0]!.pts)) {
      reader.seekSync(time, "key");
      const [first, second] = drain(reader)[0]!;
      // Without an index it may be the key frame before the last one.
      const latest = frames.filter((frame) => frame.key && frame.time <= time + 1e-6)
        .slice(ending === "ts" ? -2 : -1);
      const at = frames.findIndex((frame) => Math.abs(frame.time - first!.pts) < 2e-6);
      ok(latest.includes(frames[at]!), `came to ${first!.pts} for ${time}`);
      same(first, pictures[at], `after seeking to ${time}`);
      same(second, pictures[at + 1], `second after seeking to ${time}`);
    }
  });

  if (ending === "ts") continue; // no index, so no place but a key frame's is known

  Deno.test(`StreamReader.seek() any goes near the time, and not back to the key frame, in ${ending}`, async () => {
    const { path } = await longGop(ending);
    using reader = StreamReader.openSync(path);
    // The decoder waits for a key frame unless its options say otherwise.
    const decoderOption = { flags: "+output_corrupt", flags2: "+showall" };
    reader.addBasicVideoStream(1, { decoderOption });
    reader.seekSync(1.8, "any"); // the key frame before it is at 1.44
    const [first] = drain(reader)[0]!;
    ok(first!.pts > 1.6 && first!.pts <= 2.0, `came to ${first!.pts}`);
  });
}

Deno.test("StreamReader.seek() any goes to the exact frame where all are key frames", async () => {
  const { path, pictures } = await film(
    "intra.mkv",
    ...testPictures("64x48", 25, 4),
    ...["-c:v", "ffv1", "-g", "1"],
  );
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  for (const [time, at] of [[0, 0], [1, 25], [3.2, 80]]) {
    reader.seekSync(time!, "any");
    reader.fillBufferSync();
    same(reader.popChunks()[0], pictures[at!], `after seeking to ${time}`);
  }
});

/** Containers and codecs that are sought in differently: B frames, decoding times alone, no index. */
const REORDERED: Readonly<Record<string, readonly string[]>> = {
  "h264.avi": X264_B,
  "h264.flv": X264_B,
  "h264.mp4": X264_B,
  "h264.ts": X264_B,
  "mpeg4.avi": MPEG4_B,
  "mpeg4.mp4": MPEG4_B,
  "mpeg4.nut": MPEG4_B,
  "mpeg2.mpg": MPEG2_B,
  "mpeg2.mkv": MPEG2_B,
  ...(await hasEncoder("libx265") ? { "hevc.mp4": HEVC } : {}),
};

for (const [name, codec] of Object.entries(REORDERED)) {
  Deno.test(`StreamReader.seek() precise goes to each frame of ${name}, there and back`, async () => {
    const { path, pictures } = await film(name, ...testPictures("64x48", 25, 3), ...codec);
    strictEqual(pictures.length, 75);
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1, { format: null });
    for (let k = 0; k < pictures.length; k++) {
      const i = (k * 31) % pictures.length;
      reader.seekSync(pictures[i]!.pts);
      reader.fillBufferSync();
      same(reader.popChunks()[0], pictures[i], `frame ${i}`);
    }
  });
}

/** Files of sound whose samples can be compared one by one. */
const SOUNDS: Readonly<Record<string, readonly string[]>> = {
  "sound.wav": ["-c:a", "pcm_s16le"],
  "sound.flac": ["-sample_fmt", "s16"],
  "sound.mka": ["-c:a", "pcm_s16le"],
  "sound.m4a": ["-c:a", "alac", "-sample_fmt", "s16p"],
};

for (const [name, codec] of Object.entries(SOUNDS)) {
  Deno.test(`StreamReader.seek() precise goes to the exact sample of ${name}`, async () => {
    const path = await media(name, ...testTone(44100, 2, 5), ...codec);
    using reader = StreamReader.openSync(path);
    reader.addBasicAudioStream(4410, { format: null });
    const whole = joined(drain(reader)[0]!);
    for (const time of [0, 0.1, 1 / 3, 1, 2.000001, 4.999, 2]) {
      reader.seekSync(time);
      const chunks = drain(reader)[0]!;
      const at = Math.round(time * 44100);
      const { pts } = chunks[0]!;
      // Matroska's times are whole milliseconds.
      const grace = name.endsWith("mka") ? 0.00051 : 0.5 / 44100 + 1e-9;
      ok(Math.abs(pts - time) < grace, `${name}: came to ${pts} for ${time}`);
      const from = name.endsWith("mka") ? whole.length - joined(chunks).length : at * 4;
      equalBytes(joined(chunks), whole.subarray(from), `${name} from ${time}`);
      ok(Math.abs(from - at * 4) <= 4 * 23, `${name}: ${from / 4} for ${at}`);
    }
  });
}

/** Codecs whose decoders need what came before, and by how much samples may differ. */
/** How much a sample may differ, by how many samples a time may be rounded, how it is encoded. */
const LOSSY: Readonly<Record<string, readonly [number, number, string[]]>> = {
  "lossy.mp3": [1e-4, 1, []],
  "lossy.m4a": [1e-4, 1, ["-aac_pns", "0"]], // else its decoder adds noise of its own
  "lossy.mka": [0.01, 48, ["-c:a", "ac3"]], // the same; its times are in whole milliseconds
  ...(await hasEncoder("libvorbis") ? { "lossy.ogg": [1e-4, 1, ["-c:a", "libvorbis"]] } : {}),
  "lossy.opus": [0.05, 1, ["-c:a", "libopus"]], // its decoder never quite forgets how it began
};

for (const [name, [grace, rounding, codec]] of Object.entries(LOSSY)) {
  Deno.test(`StreamReader.seek() precise returns the samples of a whole read in ${name}`, async () => {
    // A tone whose pitch rises shows the position.
    const chirp = "aevalsrc=0.4*sin(2*PI*(300*t+100*t*t)):s=48000:d=6";
    const path = await media(name, "-f", "lavfi", "-i", chirp, ...codec);
    using reader = StreamReader.openSync(path);
    reader.addBasicAudioStream(-1, { format: "flt" });
    reader.processAllPacketsSync();
    const whole = reader.popChunks()[0]!;
    for (const time of [1, 2.5, 4.2, 0.5, 0]) {
      reader.seekSync(time);
      reader.processAllPacketsSync();
      const { data, pts, numFrames } = reader.popChunks()[0]!;
      ok(Math.abs(pts - Math.max(time, whole.pts)) < 0.001, `came to ${pts} for ${time}`);
      const at = Math.round((pts - whole.pts) * 48000);
      const over = Math.abs(at + numFrames - whole.numFrames);
      ok(over <= rounding, `${numFrames} samples after ${time}`);
      const from = whole.numFrames - numFrames;
      let most = 0;
      for (let i = Math.max(0, -from); i < numFrames; i++) {
        most = Math.max(most, Math.abs(Number(data[i]) - Number(whole.data[from + i])));
      }
      ok(most < grace, `${name} at ${time}: differs by ${most}`);
    }
  });
}

Deno.test("StreamReader.seek() precise starts audio and video at the same time", async () => {
  const { path, pictures } = await longGop("mp4");
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(10, { format: null });
  reader.addBasicAudioStream(800, { format: "s32" });
  const whole = drain(reader)[1]!;
  for (const time of [2.5, 0.9, 3.3]) {
    reader.seekSync(time);
    const [video, audio] = drain(reader);
    ok(Math.abs(audio![0]!.pts - time) < 1 / 8000, `sound from ${audio![0]!.pts}`);
    const first = pictures.findIndex(({ pts }) => pts >= time - 0.0005);
    equalBytes(joined(video!), joined(pictures.slice(first)), `pictures from ${time}`);
    const from = Math.round(time * 8000) * 8;
    equalBytes(joined(audio!), joined(whole).subarray(from), `sound from ${time}`);
  }
});

Deno.test("StreamReader.seek() forgets half a chunk, full chunks, and the end", async () => {
  const { path, pictures } = await longGop("mp4");
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(10, { format: null });
  reader.addBasicAudioStream(3000);
  for (let i = 0; i < 21; i++) reader.processPacketSync();
  reader.seekSync(2); // with half a chunk of each
  strictEqual(reader.isBufferReady(), false);
  deepStrictEqual(reader.popChunks(), [null, null]);
  reader.fillBufferSync();
  const [video, audio] = reader.popChunks();
  equalBytes(bytesOf(video!.data), joined(pictures.slice(50, 60)), "pictures from 2 s");
  deepStrictEqual([video!.pts, audio!.pts], [2, 2]);
  reader.processAllPacketsSync();
  reader.seekSync(1); // with full chunks, and after the end
  deepStrictEqual(reader.popChunks(), [null, null]);
  strictEqual(reader.processPacketSync(), 0);
  const rest = drain(reader)[0]!;
  equalBytes(joined(rest), joined(pictures.slice(25)), "pictures from 1 s");
});

Deno.test("StreamReader.seek() to after the end leaves nothing to read", async () => {
  for (const ending of ["mp4", "mkv"]) {
    const { path, pictures } = await longGop(ending);
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(5, { format: null });
    reader.addBasicAudioStream(100);
    for (const time of [4.01, 100, 1e6]) {
      reader.seekSync(time);
      deepStrictEqual([...reader.streamSync()], [], `${time} s`);
    }
    reader.seekSync(0);
    equalBytes(joined(drain(reader)[0]!), joined(pictures), "all from the start again");
  }
});

Deno.test("StreamReader.seek() seeks back and forth 200 times", async () => {
  const { path, pictures } = await longGop("mkv");
  await using reader = await StreamReader.open(path);
  reader.addBasicVideoStream(1, { format: null });
  reader.addBasicAudioStream(100);
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let i = 0; i < 200; i++) {
    const time = random() * 3.9;
    const mode = random() < 0.8 ? "precise" : "key";
    if (i % 2) await reader.seek(time, mode);
    else reader.seekSync(time, mode);
    reader.fillBufferSync();
    const [video, audio] = reader.popChunks();
    if (mode === "key") {
      ok(video!.pts <= time && video!.pts > time - 0.5, `${video!.pts} for ${time}`);
      continue;
    }
    same(video, pictures.find(({ pts }) => pts >= time - 0.0005), `seek ${i} to ${time}`);
    ok(Math.abs(audio!.pts - time) < 0.001, `sound at ${audio!.pts} for ${time}`);
  }
});

Deno.test("StreamReader.seek() trims what goes through filters too", async () => {
  const { path } = await longGop("mp4");
  using reader = StreamReader.openSync(path);
  reader.addVideoStream(1, { filterDesc: "fps=10,scale=8:6" });
  reader.addAudioStream(100, { filterDesc: "aresample=16000" });
  reader.seekSync(2);
  const [video, audio] = drain(reader);
  deepStrictEqual(video!.map(({ pts }) => pts), Array.from({ length: 20 }, (_, i) => 2 + i / 10));
  ok(Math.abs(audio![0]!.pts - 2) < 0.001, `sound from ${audio![0]!.pts}`);
  const samples = audio!.reduce((all, { numFrames }) => all + numFrames, 0);
  ok(Math.abs(samples - 32000) <= 16, `${samples} samples`);
});

Deno.test("StreamReader.seek() reaches the first key frame where times do not begin at 0", async () => {
  const { path, pictures } = await film(
    "late.ts",
    ...testPictures("64x48", 25, 2),
    ...["-c:v", "mpeg2video", "-g", "10", "-output_ts_offset", "10"],
  );
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  for (const mode of ["precise", "key"] as const) {
    for (const time of [0, 5]) {
      reader.seekSync(time, mode);
      reader.fillBufferSync();
      same(reader.popChunks()[0], pictures[0], `${mode} to ${time} s, before the first picture`);
    }
  }
  const [, , , , , , , , , , , , target] = pictures;
  reader.seekSync(target!.pts);
  reader.fillBufferSync();
  same(reader.popChunks()[0], target, "precise");
});

Deno.test("StreamReader.seek() says that a source can't be sought in", () => {
  const reader = StreamReader.openSync("aevalsrc=0:d=1", { format: "lavfi" });
  reader.addBasicAudioStream(100);
  reader.fillBufferSync();
  throws(() => reader.seekSync(0.5), /^FFmpegError: Cannot seek to 0.5 s in "aevalsrc=0:d=1"/);
  strictEqual(reader.fillBufferSync(), 0); // what was there is still there
  reader.closeSync();
  noLiveHandles();
});

Deno.test("StreamReader.seek() rejects invalid times and modes", async () => {
  const { path } = await longGop("mp4");
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1);
  for (const time of [-1, NaN, Infinity, -Infinity, -1e-9]) {
    throws(() => reader.seekSync(time), {
      name: "RangeError",
      message: `Expected timestamp to be zero or more and finite, got ${time}`,
    });
    await rejects(reader.seek(time), RangeError);
  }
  for (const time of ["3", null, undefined, {}, Symbol("t"), 1n] as never[]) {
    throws(() => reader.seekSync(time), /^TypeError: Expected timestamp to be a number, got/);
  }
  for (const mode of ["fast", 1, null, {}] as never[]) {
    throws(() => reader.seekSync(1, mode), /^TypeError: Expected mode "key", "any" or "precise"/);
  }
  // Times that do not fit into C's 64 bits of microseconds must not wrap around to the beginning.
  for (const time of [1e13, Number.MAX_SAFE_INTEGER, 1e300, Number.MAX_VALUE]) {
    throws(() => reader.seekSync(time), /^RangeError: Expected timestamp up to \d+ seconds, got/);
  }
});

Deno.test("StreamReader reads the whole of a cover again after seek()", async () => {
  const cover = await media("cover.png", ...testPictures("32x32"), "-frames:v", "1");
  const path = await madeOnce("covered.mp3", async (path) => {
    const sound = await media("plain.mp3", ...testTone(44100, 2, 2));
    const maps = ["-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy"];
    await ffmpegCli(...maps, "-disposition:v", "attached_pic", path);
  });
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  reader.addBasicAudioStream(1000);
  for (const time of [0, 1, 0]) {
    reader.seekSync(time, "key");
    const [video, audio] = drain(reader);
    strictEqual(video!.length, 1, `covers after seeking to ${time}`);
    ok(audio!.length > 30, `${audio!.length} chunks of sound`);
  }
});
