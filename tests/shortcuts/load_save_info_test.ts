/**
 * `load`, `save` and `info`, with torchaudio 0.13, `ffmpeg` and `ffprobe` as the judges.
 *
 * @module
 */

import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import {
  FFmpegError,
  info,
  infoSync,
  load,
  type LoadOptions,
  loadSync,
  playAudio,
  save,
  type SaveOptions,
  saveSync,
  StreamReader,
  StreamWriter,
  type Waveform,
} from "../../mod.ts";
import { PIECE } from "../../src/shortcuts/sound_reading.ts";
import {
  bytesOf,
  decoded,
  ffmpegCli,
  ffprobe,
  hasEncoder,
  media,
  mediaPath,
  noLiveHandles,
  run,
  sameBytes,
  SAMPLES,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import { withSlowClock } from "../support/slow_clock.ts";
import { decodesAlike, peerFor } from "../support/torchaudio.ts";

const RATE = 44100;
const TONE = testTone(RATE, 2, 1);
/** The same length of sound that no block of any codec divides evenly. */
const ODD = testTone(RATE, 2, 0.77777);

const VORBIS = await hasEncoder("libvorbis");

/** Files of many kinds: how `ffmpeg` makes each. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "u8.wav": [...TONE, "-c:a", "pcm_u8"],
  "s16.wav": ODD,
  "s24.wav": [...TONE, "-c:a", "pcm_s24le"],
  "s32.wav": [...TONE, "-c:a", "pcm_s32le"],
  "f32.wav": [...TONE, "-c:a", "pcm_f32le"],
  "f64.wav": [...TONE, "-c:a", "pcm_f64le"],
  "mulaw.wav": [...ODD, "-c:a", "pcm_mulaw"],
  "alaw.wav": [...TONE, "-c:a", "pcm_alaw"],
  "adpcm.wav": [...ODD, "-c:a", "adpcm_ima_wav"],
  "six.wav": testTone(48000, 6, 0.3),
  "a.aiff": [...TONE, "-c:a", "pcm_s24be"],
  "a.au": ODD,
  "a.w64": ODD,
  "a16.flac": [...ODD, "-sample_fmt", "s16"],
  "a24.flac": [...TONE, "-sample_fmt", "s32"],
  "a.wv": ODD,
  "a.tta": ODD,
  "a.mp3": ODD,
  "mono.mp3": [...testTone(22050, 1, 0.7), "-q:a", "4"],
  ...(VORBIS ? { "a.ogg": [...ODD, "-c:a", "libvorbis"] } : {}),
  "a.opus": [...testTone(48000, 2, 0.6), "-c:a", "libopus"],
  "a.m4a": [...ODD, "-c:a", "aac"],
  "video.mp4": [...testPictures(), ...TONE],
  "video.mkv": [...testPictures(), ...ODD, "-c:a", "libopus"],
  "video.avi": [...testPictures(), ...ODD, "-c:a", "libmp3lame"],
};

const file = (name: string) => media(name, ...FILES[name]!);

interface Loaded {
  readonly type: string;
  readonly shape: readonly number[];
  readonly sampleRate: number;
}

const TYPES: Readonly<Record<string, string>> = {
  Uint8Array: "uint8",
  Int16Array: "int16",
  Int32Array: "int32",
  Float32Array: "float32",
  Float64Array: "float64",
};

function described({ data, channelsFirst, ...waveform }: Waveform): Loaded {
  const { numChannels, numFrames, sampleRate } = waveform;
  return {
    type: TYPES[data.constructor.name]!,
    shape: channelsFirst ? [numChannels, numFrames] : [numFrames, numChannels],
    sampleRate,
  };
}

// Beside torchaudio

interface LoadCase {
  readonly name: string;
  readonly options: LoadOptions;
  /**
   * Whether torchaudio reads the file through SoX, whose samples have 32 bits: of numbers with more,
   * and of floating point ones, the last bit is another.
   */
  readonly throughFfmpeg: boolean;
}

const THROUGH_FFMPEG = new Set(["s32.wav", "f32.wav", "f64.wav", "adpcm.wav"]);

const LOAD_CASES: readonly LoadCase[] = Object.keys(FILES).flatMap((name) => {
  const throughFfmpeg = THROUGH_FFMPEG.has(name);
  return [
    { name, options: {}, throughFfmpeg },
    // What SoX reads as floating point numbers in any case, FFmpeg decodes to 16 bits.
    { name, options: { normalize: false }, throughFfmpeg: true },
    { name, options: { frameOffset: 5000, numFrames: 12345 }, throughFfmpeg },
    { name, options: { frameOffset: 6000, channelsFirst: false }, throughFfmpeg },
  ];
});

const loadPeer = peerFor<Loaded>(
  "load",
  () =>
    Promise.all(LOAD_CASES.map(async ({ name, options, throughFfmpeg }, i) => ({
      kind: "load",
      path: await file(name),
      options,
      throughFfmpeg,
      output: mediaPath(`load-${i}.raw`),
    }))),
);

LOAD_CASES.forEach(({ name, options }, i) => {
  Deno.test({
    name: `load("${name}", ${JSON.stringify(options)}) returns torchaudio's numbers`,
    ignore: !decodesAlike,
    async fn() {
      const expected = await loadPeer(i);
      const waveform = await load(await file(name), options);
      deepStrictEqual(described(waveform), expected);
      sameBytes(waveform.data, await Deno.readFile(mediaPath(`load-${i}.raw`)), name);
      const again = loadSync(await file(name), options);
      deepStrictEqual(described(again), expected);
      sameBytes(again.data, waveform.data, `${name}, sync`);
      noLiveHandles();
    },
  });
});

const NAMES = Object.keys(FILES);
const infoPeer = peerFor<Record<string, unknown>>(
  "info",
  () => Promise.all(NAMES.map(async (name) => ({ kind: "info", path: await file(name) }))),
);

/**
 * Where torchaudio 0.13 counts packets and not samples, or does not know what later ones tell just as
 * Sluice does.
 */
const INFO_DIFFERS: Readonly<Record<string, readonly string[]>> = {
  "a.m4a": ["numFrames"],
  "video.mp4": ["numFrames"],
  "video.avi": ["numFrames"],
  "a.w64": ["encoding", "bitsPerSample"],
  "adpcm.wav": ["encoding", "bitsPerSample"],
};

NAMES.forEach((name, i) => {
  Deno.test({
    name: `info("${name}") is torchaudio's`,
    ignore: !decodesAlike,
    async fn() {
      const expected = { ...await infoPeer(i) };
      const actual: Record<string, unknown> = { ...await info(await file(name)) };
      deepStrictEqual(infoSync(await file(name)), actual);
      for (const key of INFO_DIFFERS[name] ?? []) delete expected[key], delete actual[key];
      deepStrictEqual(actual, expected);
      noLiveHandles();
    },
  });
});

for (const name of NAMES) {
  Deno.test(`info("${name}").numFrames is what load() returns`, async () => {
    const path = await file(name);
    strictEqual((await info(path)).numFrames, (await load(path)).numFrames);
  });
}

interface SaveCase {
  readonly format: keyof typeof SAMPLES;
  readonly file: string;
  readonly options: SaveOptions;
}

/** What can't be compared: SoX has no FLAC here, and writes PCM_S with 32 bits, not the documented 16. */
const SAVE_CASES: readonly SaveCase[] = [
  { format: "flt", file: "a.wav", options: {} },
  { format: "s16", file: "a.wav", options: {} },
  { format: "s32", file: "a.wav", options: {} },
  { format: "u8", file: "a.wav", options: {} },
  { format: "flt", file: "a.wav", options: { bitsPerSample: 8 } },
  { format: "flt", file: "a.wav", options: { bitsPerSample: 24 } },
  { format: "flt", file: "a.wav", options: { encoding: "PCM_S", bitsPerSample: 32 } },
  { format: "s16", file: "a.wav", options: { encoding: "PCM_U" } },
  { format: "s16", file: "a.wav", options: { encoding: "PCM_F" } },
  { format: "s16", file: "a.wav", options: { encoding: "ULAW" } },
  { format: "s16", file: "a.wav", options: { encoding: "ALAW" } },
  { format: "flt", file: "a", options: { format: "wav", bitsPerSample: 16 } },
];

function savedBy(who: string, i: number): string {
  return mediaPath(`saved-${i}-by-${who}-${SAVE_CASES[i]!.file}`);
}

const savePeer = peerFor<object>(
  "save",
  () =>
    Promise.all(SAVE_CASES.map(async ({ format, options }, i) => {
      const input = mediaPath(`save-${i}.raw`);
      await Deno.writeFile(input, bytesOf(SAMPLES[format](20000, 1)));
      const common = { kind: "save", numChannels: 2, sampleRate: RATE };
      return { ...common, input, format, options, path: savedBy("torchaudio", i) };
    })),
);

SAVE_CASES.forEach(({ format, file, options }, i) => {
  Deno.test({
    name: `save() of ${format} to ${file} with ${JSON.stringify(options)} is torchaudio's`,
    ignore: !decodesAlike,
    async fn() {
      await savePeer(i);
      const samples = SAMPLES[format](20000, 1);
      await save(savedBy("Sluice", i), samples, RATE, { numChannels: 2, ...options });
      const [ours, theirs] = [savedBy("Sluice", i), savedBy("torchaudio", i)];
      deepStrictEqual(await info(ours), await info(theirs));
      const [a, b] = [(await load(ours)).data, (await load(theirs)).data];
      // SoX rounds down, FFmpeg to the nearest; of those a mu-law or A-law step is the largest.
      const { bitsPerSample, encoding } = await info(ours);
      const step = encoding.endsWith("LAW") ? 2 ** -5 : 2 ** (1 - Math.min(bitsPerSample, 24));
      const far = a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
      ok(far <= 1.01 * step, `${far} is more than ${step}`);
      noLiveHandles();
    },
  });
});

// What is loaded

Deno.test("load() returns nothing where frameOffset is beyond the end", async () => {
  for (const name of ["s16.wav", "a.opus", "a.m4a"]) {
    const waveform = await load(await file(name), { frameOffset: 1e6 });
    deepStrictEqual(described(waveform), {
      type: "float32",
      shape: [2, 0],
      sampleRate: name === "a.opus" ? 48000 : RATE,
    });
  }
  const plain = loadSync(await file("s24.wav"), { frameOffset: 1e9, normalize: false });
  ok(plain.data instanceof Int32Array);
  noLiveHandles();
});

Deno.test("load() of each part of a file returns the whole of it", async () => {
  for (const name of ["s16.wav", "a.au", "a24.flac", "a.mp3", ...(VORBIS ? ["a.ogg"] : [])]) {
    const whole = await load(await file(name), { channelsFirst: false });
    const parts: number[] = [];
    for (let at = 0; at < whole.numFrames; at += 10007) {
      const options = { frameOffset: at, numFrames: 10007, channelsFirst: false };
      for (const sample of loadSync(await file(name), options).data) parts.push(sample);
    }
    sameBytes(Float32Array.from(parts), whole.data, name);
  }
});

Deno.test("load() decodes no more than it needs", async () => {
  const path = await media("long.mp3", ...testTone(RATE, 1, 60));
  const spent = (options: LoadOptions) => {
    const before = performance.now();
    loadSync(path, options);
    return performance.now() - before;
  };
  spent({});
  const whole = Math.min(spent({}), spent({}));
  const part = Math.min(spent({ numFrames: 1000 }), spent({ numFrames: 1000 }));
  ok(part < whole / 3, `${part} ms for a part, ${whole} ms for the whole`);
});

Deno.test("load() takes the container's name for data without a header", async () => {
  const path = await media("mulaw", ...testTone(RATE, 1, 0.5), "-f", "mulaw");
  const waveform = await load(path, { format: "mulaw" });
  strictEqual(waveform.numFrames, RATE / 2);
  strictEqual((await info(path, { format: "mulaw" })).encoding, "ULAW");
  await rejects(load(path), FFmpegError);
});

Deno.test("load() goes on through a change of the rate in mid-stream", async () => {
  const [a, b] = [await media("first.ogg", ...ODD), await media("next.ogg", ...testTone(22050))];
  const path = mediaPath("chained.ogg");
  await Deno.writeFile(
    path,
    new Uint8Array([...await Deno.readFile(a), ...await Deno.readFile(b)]),
  );
  // FFmpeg 8 and later say that this is not implemented yet.
  if (!(await run("ffmpeg", ["-v", "error", "-xerror", "-i", path, "-f", "null", "-"])).success) {
    return await rejects(load(path), { codeName: "AVERROR_PATCHWELCOME" });
  }
  const { numFrames, sampleRate } = await load(path);
  strictEqual(sampleRate, RATE);
  const expected = (await decoded(path, "-f", "f32le")).length / 8;
  ok(Math.abs(numFrames - expected) < 100, `${numFrames} frames, of ffmpeg's ${expected}`);
});

Deno.test("load() and info() say what is wrong with a source", async () => {
  const mute = await media("mute.mp4", ...testPictures());
  await rejects(load(mute), { name: "TypeError", message: /source with sound/ });
  await rejects(info(mute), { name: "TypeError", message: /source with sound/ });
  await rejects(load(mediaPath("none.wav")), { name: "FFmpegError", codeName: "ENOENT" });
  const path = await file("s16.wav");
  const rejected = (options: LoadOptions, error: object) => {
    throws(() => loadSync(path, options), error);
    return rejects(load(path, options), error);
  };
  await rejected({ numFrames: 0 }, { name: "RangeError", message: /numFrames/ });
  await rejected({ numFrames: -2 }, { name: "RangeError", message: /numFrames/ });
  await rejected({ frameOffset: -1 }, { name: "RangeError", message: /frameOffset/ });
  await rejected({ frameOffset: 0.5 }, { name: "RangeError", message: /frameOffset/ });
  await rejected({ normalise: true } as LoadOptions, { message: /did you mean "normalize"/ });
  await rejected({ format: "wave" }, { name: "TypeError", message: /Unknown container/ });
  noLiveHandles();
});

Deno.test("load() of damaged sound is an error where nothing can be decoded", async () => {
  const bytes = await Deno.readFile(await file("a.m4a"));
  const text = new TextDecoder("latin1").decode(bytes);
  const [from, to] = [text.indexOf("mdat") + 4, text.indexOf("moov") - 4];
  const path = mediaPath("damaged.m4a");
  await Deno.writeFile(path, bytes.fill(0xff, from, to));
  await rejects(load(path), { name: "FFmpegError", codeName: "AVERROR_INVALIDDATA" });
  noLiveHandles();
});

Deno.test("load() and info() are aborted by a signal or a time limit", async () => {
  const path = await media("long.mp3", ...testTone(RATE, 1, 60));
  await rejects(load(path, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await rejects(load(path, { timeout: 1 }), { name: "TimeoutError" });
  await rejects(info(path, { timeout: 1 }), { name: "TimeoutError" });
  noLiveHandles();
});

Deno.test("load() yields to the event loop between the pieces that it decodes and joins", async () => {
  const path = await media("seconds.wav", ...testTone(RATE, 2, 5));
  const pieces = Math.floor(5 * RATE / PIECE);
  const turns = await withSlowClock(async () => void await load(path));
  ok(turns >= 2 * pieces, `${turns} turns, expected one after each of ${2 * pieces}`);
});

// What is saved

interface Wanted {
  readonly codec_name: string;
  readonly sample_fmt?: string;
  readonly bits_per_raw_sample?: string;
}

const FORMATS: readonly (readonly [name: string, options: SaveOptions, wanted: Wanted])[] = [
  ["a.wav", { encoding: "PCM_F", bitsPerSample: 64 }, { codec_name: "pcm_f64le" }],
  ["a.wav", { encoding: "PCM_S", bitsPerSample: 64 }, { codec_name: "pcm_s64le" }],
  ["a.amb", {}, { codec_name: "pcm_f32le" }],
  ["a.aiff", {}, { codec_name: "pcm_f32be" }],
  ["a.aiff", { bitsPerSample: 24 }, { codec_name: "pcm_s24be" }],
  ["a.aiff", { encoding: "PCM_S", bitsPerSample: 8 }, { codec_name: "pcm_s8" }],
  ["a.au", { encoding: "ULAW" }, { codec_name: "pcm_mulaw" }],
  ["a.caf", { bitsPerSample: 16 }, { codec_name: "pcm_s16le" }],
  ["a.w64", { bitsPerSample: 32 }, { codec_name: "pcm_s32le" }],
  ["a.mov", { encoding: "PCM_S" }, { codec_name: "pcm_s16le" }],
  ["a.flac", {}, { codec_name: "flac", sample_fmt: "s32", bits_per_raw_sample: "24" }],
  ["a.flac", { bitsPerSample: 16 }, { codec_name: "flac", sample_fmt: "s16" }],
  ["a.mp3", {}, { codec_name: "mp3" }],
  ["a.ogg", {}, { codec_name: VORBIS ? "vorbis" : "flac" }],
  ...(VORBIS
    ? [
      ["a.vorbis", {}, { codec_name: "vorbis" }],
      ["a.sound", { format: "vorbis" }, { codec_name: "vorbis" }],
    ] as const
    : []),
  ["a.opus", { compression: { bitRate: 64000 } }, { codec_name: "opus" }],
  ["a.m4a", { compression: { bitRate: 64000 } }, { codec_name: "aac" }],
];

for (const [name, options, wanted] of FORMATS) {
  Deno.test(`save() to ${name} with ${JSON.stringify(options)} makes ${wanted.codec_name}`, async () => {
    using dir = tempDir();
    const samples = SAMPLES.flt(48000, 2);
    await save(dir.file(name), samples, 48000, { numChannels: 2, ...options });
    const { streams: [stream] } = await ffprobe(dir.file(name));
    for (const [key, value] of Object.entries(wanted)) strictEqual(stream[key], value);
    deepStrictEqual([stream.channels, stream.sample_rate], [2, "48000"]);
    saveSync(dir.file(`sync-${name}`), samples, 48000, { numChannels: 2, ...options });
    const [a, b] = [await load(dir.file(name)), await load(dir.file(`sync-${name}`))];
    sameBytes(a.data, b.data, name);
    noLiveHandles();
  });
}

Deno.test("save() of samples as they were loaded keeps every bit", async () => {
  using dir = tempDir();
  for (const name of ["u8.wav", "s16.wav", "s24.wav", "s32.wav", "f32.wav", "f64.wav"]) {
    const waveform = await load(await file(name), { normalize: false });
    for (const ending of ["wav", ...(name === "s16.wav" ? ["flac", "aiff", "m4a"] : [])]) {
      const path = dir.file(`again.${ending}`);
      if (ending === "m4a") {
        await save(path, waveform, undefined, { format: "mov", bitsPerSample: 16 });
      } else await save(path, waveform);
      const again = await load(path, { normalize: false });
      deepStrictEqual(described(again), described(waveform));
      sameBytes(again.data, waveform.data, `${name} to ${ending}`);
    }
  }
});

Deno.test("save() takes samples in each shape", async () => {
  using dir = tempDir();
  const [left, right] = [Int16Array.of(1, 2, 3), Int16Array.of(-1, -2, -3)];
  const inTurn = Int16Array.of(1, -1, 2, -2, 3, -3);
  const common = { numFrames: 3, numChannels: 2, sampleRate: 8000 };
  const shapes: [Parameters<typeof save>[1], SaveOptions?][] = [
    [[left, right]],
    [Int16Array.of(...left, ...right), { numChannels: 2 }],
    [inTurn, { numChannels: 2, channelsFirst: false }],
    [{ data: inTurn, numFrames: 3, numChannels: 2, pts: 0 }],
    [{ data: inTurn, ...common, channelsFirst: false }],
    [{ data: Int16Array.of(...left, ...right), ...common, channelsFirst: true }],
  ];
  for (const [samples, options] of shapes) {
    await save(dir.file("a.wav"), samples, 8000, options);
    const written = await decoded(dir.file("a.wav"), "-f", "s16le");
    sameBytes(written, inTurn, "the samples");
  }
});

Deno.test("save() compresses as much as it is asked to", async () => {
  using dir = tempDir();
  const samples = SAMPLES.flt(4 * RATE, 1);
  const size = async (name: string, compression: SaveOptions["compression"]) => {
    await save(dir.file(name), samples, RATE, compression === undefined ? {} : { compression });
    return (await Deno.stat(dir.file(name))).size;
  };
  ok(await size("a.mp3", -0.2) > await size("a.mp3", undefined));
  ok(await size("a.mp3", undefined) > await size("a.mp3", -9.2));
  strictEqual(await size("a.mp3", undefined), await size("a.mp3", -4.5));
  await size("a.mp3", 64.2);
  strictEqual((await ffprobe(dir.file("a.mp3"))).streams[0].bit_rate, "64000");
  ok(await size("a.flac", 0) > await size("a.flac", 8));
  strictEqual(await size("a.flac", undefined), await size("a.flac", 8));
  if (!VORBIS) return;
  ok(await size("a.ogg", 9) > await size("a.ogg", 3));
  ok(await size("a.ogg", 3) > await size("a.ogg", -1));
  strictEqual(await size("a.ogg", undefined), await size("a.ogg", 3));
});

Deno.test("save() says what does not fit, and writes nothing", () => {
  using dir = tempDir();
  const samples = new Float32Array(100);
  const rejected = (name: string, options: object, error: object) =>
    throws(() => saveSync(dir.file(name), samples, 8000, options), error);
  rejected("a.wav", { encoding: "PCM" }, { name: "TypeError", message: /one of "PCM_S"/ });
  rejected("a.wav", { encoding: "ULAW", bitsPerSample: 16 }, {
    message: /bitsPerSample of 8 for U/,
  });
  rejected("a.wav", { bitsPerSample: 12 }, { name: "TypeError", message: /8, 16, 24, 32, 64/ });
  rejected("a.wav", { encoding: "PCM_S", bitsPerSample: 8 }, { message: /"wav" cannot hold/ });
  rejected("a.mp3", { encoding: "PCM_S" }, { name: "TypeError", message: /"mp3" cannot hold/ });
  rejected("a.flac", { bitsPerSample: 8 }, { name: "TypeError", message: /16 or 24 for flac/ });
  rejected("a.flac", { compression: 13 }, { name: "RangeError", message: /from 0 to 12/ });
  rejected("a.mp3", { compression: 1000 }, { name: "RangeError", message: /8 to 320/ });
  rejected("a.wav", { compression: 5 }, { name: "TypeError", message: /use a CodecConfig/ });
  rejected("a.wav", { compression: "5" }, {
    name: "TypeError",
    message: /number or a CodecConfig/,
  });
  rejected("a.xyz", {}, { name: "TypeError" });
  rejected("a.wav", { numChannels: 3 }, { name: "TypeError", message: /whole number of frames/ });
  rejected("a.mp3", { compression: { bitRate: 0 } }, { name: "RangeError" });
  rejected("a.wav", { bits: 3 }, { name: "TypeError", message: /Unknown option "bits"/ });
  const chunk = { data: samples, numFrames: 50, numChannels: 2, pts: 0 };
  const waveform = { data: samples, numFrames: 50, numChannels: 2, sampleRate: 8000 };
  const path = dir.file("a.wav");
  throws(() => saveSync(path, chunk), { name: "TypeError", message: /sampleRate/ });
  throws(() => saveSync(path, chunk, 8000, { numChannels: 1 }), { name: "TypeError" });
  throws(
    () => saveSync(path, { ...waveform, channelsFirst: true }, 16000),
    { name: "TypeError", message: /Expected sampleRate 8000, as the samples have it, got 16000/ },
  );
  throws(() => saveSync(path, [], 8000), { name: "TypeError", message: /one channel or more/ });
  throws(() => saveSync(path, "a" as never, 8000), { name: "TypeError", message: /samples/ });
  throws(() => saveSync(path, {} as never, 8000), { name: "TypeError", message: /samples/ });
  throws(() => saveSync(path, null as never, 8000), { name: "TypeError", message: /samples/ });
  deepStrictEqual([...Deno.readDirSync(dir.path)], []);
  noLiveHandles();
});

// Waveforms elsewhere

Deno.test("a StreamWriter takes a waveform in either order as it is", async () => {
  using dir = tempDir();
  const path = await file("s16.wav");
  const wanted = await decoded(path, "-f", "f32le");
  for (const channelsFirst of [true, false]) {
    const waveform = await load(path, { channelsFirst });
    for (const name of ["a.wav", "a.mka"]) {
      const writer = new StreamWriter(dir.file(name));
      writer.addAudioStream(RATE, 2, { encoder: "pcm_f32le" });
      {
        await using out = await writer.open();
        await out.writeAudioChunk(0, waveform);
      }
      sameBytes(await decoded(dir.file(name), "-f", "f32le"), wanted, name);
    }
  }
  noLiveHandles();
});

Deno.test("a StreamWriter takes no waveform of another rate, number of channels or length", () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.wav"));
  writer.addAudioStream(8000, 2);
  using out = writer.openSync();
  const data = new Float32Array(8);
  const fitting = { data, numFrames: 4, numChannels: 2, sampleRate: 8000, channelsFirst: true };
  out.writeAudioChunkSync(0, fitting);
  const rejected = (change: object, message: RegExp) =>
    throws(() => out.writeAudioChunkSync(0, { ...fitting, ...change }), {
      name: "TypeError",
      message,
    });
  rejected({ sampleRate: 16000 }, /waveform of 8000 Hz, got one of 16000 Hz/);
  rejected({ numChannels: 1, numFrames: 8 }, /2 channels, got one of 1/);
  rejected({ numFrames: 5 }, /2 channels of 5 samples each, got 8 samples/);
  rejected({ data: new Int16Array(8) }, /Float32Array/);
});

Deno.test("playAudio() takes a waveform with its rate", async () => {
  const waveform = await load(await file("s16.wav"));
  await playAudio(waveform, { format: "null" });
  await rejects(playAudio(waveform, { format: "null", sampleRate: 8000 }), {
    name: "TypeError",
    message: /8000 Hz, got one of 44100 Hz/,
  });
  noLiveHandles();
});

Deno.test("a waveform can be posted to a worker", async () => {
  const waveform = await load(await file("s16.wav"));
  deepStrictEqual(structuredClone(waveform), waveform);
});

Deno.test("load() reads what a StreamReader reads", async () => {
  const path = await file("video.mkv");
  using reader = StreamReader.openSync(path);
  reader.addBasicAudioStream(-1);
  reader.processAllPacketsSync();
  const [chunk] = reader.popChunks();
  const { data } = await load(path, { channelsFirst: false });
  sameBytes(data, chunk!.data, "the samples");
});

Deno.test("info() counts the samples of a wav whose header does not tell", async () => {
  const bytes = await ffmpegCli(...ODD, "-f", "wav", "-");
  const path = mediaPath("piped.wav");
  await Deno.writeFile(path, bytes);
  strictEqual((await info(path)).numFrames, (await load(path)).numFrames);
});

for (const extension of ["wav", "w64", "aiff", "au", "caf", "flac", "tta", "wv"]) {
  Deno.test(`info() of a truncated .${extension} counts what load() returns`, async () => {
    using dir = tempDir();
    const path = dir.file(`a.${extension}`);
    const whole = await media(`whole.${extension}`, ...testTone(8000, 1, 4));
    const bytes = await Deno.readFile(whole);
    strictEqual((await info(whole)).numFrames, 32000);
    for (const part of [0.9, 0.5, 0.3]) {
      await Deno.writeFile(path, bytes.subarray(0, Math.floor(bytes.length * part)));
      const loaded = await load(path).then(({ numFrames }) => numFrames, () => "an error");
      const counted = await info(path).then(({ numFrames }) => numFrames, () => "an error");
      strictEqual(counted, loaded, `${part} of it`);
      notStrictEqual(loaded, 32000, "it is not truncated");
      if (loaded !== "an error") strictEqual(infoSync(path).numFrames, loaded, "in sync");
    }
  });
}
