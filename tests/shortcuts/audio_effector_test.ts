/**
 * `AudioEffector`, with `ffmpeg -af` and `ffmpeg`'s own encoding and decoding as the judges.
 *
 * @module
 */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { AudioEffector, type AudioEffectorOptions, load, save, type Waveform } from "../../mod.ts";
import {
  bytesOf,
  decoded,
  ffmpegCli,
  hasEncoder,
  judged,
  madeOnce,
  media,
  mediaPath,
  noLiveHandles,
  runDeno,
  sameBytes,
  SAMPLES,
  tempDir,
  testTone,
} from "../support/helpers.ts";

const RATE = 16000;

/** Samples of one or two channels in (frame, channel) order, and a file of them. */
async function input(numChannels: number): Promise<{ waveform: Waveform; path: string }> {
  const waveform = {
    data: SAMPLES.flt(20011, numChannels),
    numFrames: 20011,
    numChannels,
    sampleRate: RATE,
    channelsFirst: false,
  };
  const path = await madeOnce(`input-${numChannels}.wav`, (path) => save(path, waveform));
  return { waveform, path };
}

/** All pieces of a stream, as one array. */
function bytesIn(pieces: readonly Waveform[]): Uint8Array {
  return new Uint8Array(pieces.flatMap(({ data }) => [...bytesOf(data)]));
}

// Filters

const EFFECTS: readonly string[] = [
  "anull",
  "atempo=1.5",
  "atempo=0.7",
  "aecho=0.8:0.88:60:0.4",
  "flanger",
  "vibrato",
  "tremolo=f=8",
  "apulsator=hz=1",
  "treble=g=6",
  "bass=g=-6:f=200",
  "lowpass=f=1000",
  "highpass=f=3000",
  "allpass=f=2000",
  "aphaser=delay=2",
  "chorus=0.5:0.9:50|60|40:0.4|0.32|0.3:0.25|0.4|0.3:2|2.3|1.3",
  "acrusher=bits=6:mode=log:mix=0.5",
  "asetrate=14000",
  "areverse",
  "atrim=0.2:0.7",
  "pan=mono|c0=c0",
  "volume=0.5,lowpass=f=500,aecho=0.8:0.9:40:0.3",
];

/** FFmpeg's vibrato begins with memory that it has not set: so many samples are random. */
const VIBRATO_UNSET = 0.005 * RATE;

for (const effect of EFFECTS) {
  for (const numChannels of [1, 2]) {
    judged(`${effect} on ${numChannels} channels is ffmpeg's`, async () => {
      const { waveform, path } = await input(numChannels);
      const layout = numChannels === 1 ? "mono" : "stereo";
      const ending = `aresample=${RATE},aformat=flt:channel_layouts=${layout}`;
      const filters = `${effect},${ending},apad=whole_len=${waveform.numFrames}`;
      const expected = await decoded(path, "-af", filters, "-f", "f32le");
      const effector = new AudioEffector({ effect });
      const result = await effector.apply(waveform);
      const from = effect === "vibrato" ? 4 * numChannels * VIBRATO_UNSET : 0;
      sameBytes(bytesOf(result.data).subarray(from), expected.subarray(from), effect);
      deepStrictEqual([result.numChannels, result.sampleRate], [numChannels, RATE]);
      strictEqual(result.numFrames, result.data.length / numChannels);
      strictEqual(result.channelsFirst, false);
      const again = bytesOf(effector.applySync(waveform).data);
      sameBytes(again.subarray(from), expected.subarray(from), `${effect}, sync`);
      noLiveHandles();
    });
  }
}

// Codecs

interface CodecCase {
  readonly options: AudioEffectorOptions & { readonly format: string };
  /** How `ffmpeg` encodes the same. */
  readonly encode: readonly string[];
  /** How `ffmpeg` must be told to read it. */
  readonly decode?: readonly string[];
  readonly channels?: readonly number[];
  /** An encoder that FFmpeg may be built without. */
  readonly needs?: string;
}

const CODECS: readonly CodecCase[] = [
  { options: { format: "wav" }, encode: ["-f", "wav"] },
  { options: { format: "flac" }, encode: ["-sample_fmt", "s16", "-f", "flac"] },
  {
    options: { format: "mulaw" },
    encode: ["-f", "mulaw"],
    decode: ["-f", "mulaw", "-ar", "16000"],
    channels: [1],
  },
  {
    options: { format: "alaw" },
    encode: ["-f", "alaw"],
    decode: ["-f", "alaw", "-ar", "16000", "-ac", "2"],
    channels: [2],
  },
  { options: { format: "g722" }, encode: ["-f", "g722"], decode: ["-f", "g722"], channels: [1] },
  {
    options: { format: "gsm" },
    needs: "libgsm",
    encode: ["-ar", "8000", "-f", "gsm"],
    decode: ["-f", "gsm"],
    channels: [1],
  },
  { options: { format: "mp3" }, encode: ["-f", "mp3"] },
  {
    options: { format: "mp3", codecConfig: { bitRate: 32000 } },
    encode: ["-f", "mp3", "-b:a", "32k"],
  },
  { options: { format: "mp3", codecConfig: { qscale: 5 } }, encode: ["-f", "mp3", "-q:a", "5"] },
  { options: { format: "ogg" }, encode: ["-f", "ogg"], needs: "libvorbis" },
  { options: { format: "ogg", encoder: "libopus" }, encode: ["-f", "ogg", "-c:a", "libopus"] },
  { options: { format: "webm", encoder: "libopus" }, encode: ["-f", "webm", "-c:a", "libopus"] },
  { options: { format: "mp4" }, encode: ["-f", "mp4"] },
  { options: { format: "adts" }, encode: ["-f", "adts"] },
  {
    // The encoder's first sample format; FFmpeg 9's program takes the one nearest to the filter's.
    options: { format: "mp3", effect: "aecho=0.8:0.9:40:0.3,lowpass=f=2000" },
    encode: ["-f", "mp3", "-af", "aecho=0.8:0.9:40:0.3,lowpass=f=2000", "-sample_fmt", "s32p"],
  },
];

for (const { options, encode, decode = [], channels = [1, 2], needs } of CODECS) {
  if (needs !== undefined && !(await hasEncoder(needs))) continue;
  for (const numChannels of channels) {
    judged(`${JSON.stringify(options)} on ${numChannels} channels is ffmpeg's`, async () => {
      const { waveform, path } = await input(numChannels);
      const encoded = mediaPath("encoded");
      await ffmpegCli("-i", path, ...encode, encoded);
      const layout = numChannels === 1 ? "mono" : "stereo";
      const filters = `aresample=${RATE},aformat=flt:channel_layouts=${layout},` +
        `apad=whole_len=${waveform.numFrames}`;
      const expected = await ffmpegCli(
        ...[...decode, "-i", encoded, "-af", filters, "-f", "f32le", "-"],
      );
      const effector = new AudioEffector(options);
      const result = await effector.apply(waveform);
      sameBytes(result.data, expected, options.format);
      sameBytes(effector.applySync(waveform).data, expected, `${options.format}, sync`);
      noLiveHandles();
    });
  }
}

// Shapes, rates and lengths

Deno.test("the result has the samples' class, order and number of channels", async () => {
  const effector = new AudioEffector({ effect: "volume=0.5" });
  const [left, right] = [Int16Array.of(100, 200, 300), Int16Array.of(-100, -200, -300)];
  const halves = [50, 100, 150, -50, -100, -150];
  const joined = Int16Array.of(...left, ...right);
  const inTurn = Int16Array.of(100, -100, 200, -200, 300, -300);
  const common = { numFrames: 3, numChannels: 2, sampleRate: 8000 };
  for (
    const input of [[left, right], { data: joined, ...common, channelsFirst: true }]
  ) {
    const result = await effector.apply(input, 8000);
    deepStrictEqual(result, { data: Int16Array.from(halves), ...common, channelsFirst: true });
  }
  const chunk = { data: inTurn, numFrames: 3, numChannels: 2, pts: 0 };
  const result = effector.applySync(chunk, 8000);
  deepStrictEqual([...result.data], [50, -50, 100, -100, 150, -150]);
  strictEqual(result.channelsFirst, false);
  for (const format of ["u8", "s16", "s32", "s64", "flt", "dbl"] as const) {
    const samples = SAMPLES[format](100, 1);
    const same = new AudioEffector().applySync(samples, 8000);
    sameBytes(same.data, samples, format);
  }
  noLiveHandles();
});

Deno.test("a waveform from load() goes in, and the result can be saved", async () => {
  using dir = tempDir();
  const path = await media("tone.wav", ...testTone(RATE, 2, 0.5));
  const result = await new AudioEffector({ effect: "areverse" }).apply(await load(path));
  await save(dir.file("a.wav"), result, undefined, { bitsPerSample: 16 });
  const expected = await decoded(path, "-af", "areverse", "-f", "s16le");
  sameBytes(await decoded(dir.file("a.wav"), "-f", "s16le"), expected, "the file");
});

Deno.test("outputSampleRate is that of the result, and its length fits", async () => {
  const { waveform } = await input(1);
  for (const options of [{}, { format: "mulaw" }, { format: "ogg", encoder: "libopus" }]) {
    const effector = new AudioEffector(options);
    const result = await effector.apply(waveform, undefined, 8000);
    strictEqual(result.sampleRate, 8000);
    const { numFrames } = await effector.apply(waveform); // some FFmpeg keeps Opus's last padding
    ok(Math.abs(numFrames - 20011) < 320, `${numFrames} frames at the rate of the input`);
    ok(Math.abs(result.numFrames - numFrames / 2) <= 1, `${result.numFrames} frames`);
  }
});

Deno.test("padEnd fills up what has become shorter, and nothing without it", async () => {
  const { waveform } = await input(1);
  const frames = async (options: AudioEffectorOptions) =>
    (await new AudioEffector(options).apply(waveform)).numFrames;
  strictEqual(await frames({ effect: "atrim=end_sample=1000" }), 20011);
  strictEqual(await frames({ effect: "atrim=end_sample=1000", padEnd: false }), 1000);
  strictEqual(await frames({ effect: "atempo=2" }), 20011);
  ok(Math.abs(await frames({ effect: "atempo=2", padEnd: false }) - 10005) < 200);
  ok(await frames({ effect: "atempo=0.5" }) > 39000);
  strictEqual(await frames({ effect: "atrim=end_sample=1000", format: "wav" }), 20011);
  noLiveHandles();
});

Deno.test("no samples give no samples", async () => {
  for (const options of [{ effect: "aecho=0.8:0.9:40:0.3" }, { format: "mp3" }]) {
    const effector = new AudioEffector(options);
    strictEqual((await effector.apply(new Float32Array(0), RATE)).numFrames, 0);
    strictEqual([...effector.streamSync(new Float32Array(0), RATE, 100)].length, 0);
  }
});

Deno.test("very few samples go through all the same", async () => {
  for (const format of ["wav", "mp3", "ogg", "mulaw", "g722"]) {
    const effector = new AudioEffector({ format });
    const { numFrames } = await effector.apply(new Float32Array(3), RATE);
    ok(numFrames >= 3, `${numFrames} frames of ${format}`);
  }
});

// Piece by piece

for (const options of [{ effect: "aecho=0.8:0.88:60:0.4" }, { format: "mp3" }, {}]) {
  Deno.test(`stream() with ${JSON.stringify(options)} returns what apply() returns`, async () => {
    const { waveform } = await input(2);
    const effector = new AudioEffector(options);
    const whole = await effector.apply(waveform);
    const pieces: Waveform[] = [];
    for await (const piece of effector.stream(waveform, undefined, 1000)) pieces.push(piece);
    sameBytes(bytesIn(pieces), whole.data, "the pieces");
    deepStrictEqual(
      pieces.slice(0, -1).filter(({ numFrames }) => numFrames !== 1000),
      [],
    );
    ok(pieces.every(({ sampleRate, numChannels }) => sampleRate === RATE && numChannels === 2));
    const again = [...effector.streamSync(waveform, undefined, 1000)];
    deepStrictEqual(again.map(({ numFrames }) => numFrames), pieces.map((it) => it.numFrames));
    sameBytes(bytesIn(again), whole.data, "the pieces, sync");
    noLiveHandles();
  });
}

Deno.test("stream() filters no more than is asked for, and frees what it leaves", async () => {
  const long = new Float32Array(RATE * 600).fill(0.1);
  const effector = new AudioEffector({ effect: "aecho=0.8:0.88:60:0.4" });
  const began = performance.now();
  effector.applySync(long, RATE);
  const whole = performance.now() - began;
  const again = performance.now();
  for (const _ of effector.streamSync(long, RATE, 1000)) break;
  for await (const _ of effector.stream(long, RATE, 1000)) break;
  ok(performance.now() - again < whole / 3);
  for (const _ of new AudioEffector({ format: "wav" }).streamSync(long, RATE, 1000)) break;
  noLiveHandles();
});

// Errors

Deno.test("an effector says what does not fit", async () => {
  const rejected = (options: object, error: object) =>
    throws(() => new AudioEffector(options), error);
  rejected({ effect: "ateempo=2" }, { name: "TypeError", message: /did you mean "atempo"/ });
  rejected({ encoder: "libopus" }, { name: "TypeError", message: /Expected a format/ });
  rejected({ codecConfig: { bitRate: 1 } }, { name: "TypeError", message: /Expected a format/ });
  rejected({ format: "mp3", codecConfig: { bitRate: 0 } }, { name: "RangeError" });
  rejected({ effects: "anull" }, { name: "TypeError", message: /did you mean "effect"/ });
  rejected({ padEnd: 1 }, { name: "TypeError", message: /padEnd/ });

  const samples = new Float32Array(1000);
  const fails = async (options: AudioEffectorOptions, error: object) => {
    await rejects(new AudioEffector(options).apply(samples, RATE), error);
    throws(() => new AudioEffector(options).applySync(samples, RATE), error);
  };
  await fails({ format: "mp33" }, { name: "TypeError", message: /Unknown container/ });
  await fails({ format: "mp3", encoder: "libopus" }, { message: /"mp3" cannot hold/ });
  await fails({ format: "mp3", encoder: "lame" }, { message: /Unknown audio encoder/ });
  await fails({ effect: "atempo=1000" }, { name: "FFmpegError" });
  await fails({ effect: "hflip" }, { name: "FFmpegError", message: /is for video/ });

  const effector = new AudioEffector();
  await rejects(effector.apply(samples), { name: "TypeError", message: /sampleRate/ });
  await rejects(effector.apply(samples, RATE, 0), { name: "RangeError", message: /outputSample/ });
  await rejects(effector.apply("a" as never, RATE), { name: "TypeError", message: /samples/ });
  await rejects(effector.stream(samples, RATE, 0).next(), { name: "RangeError" });
  noLiveHandles();
});

Deno.test("an effect is aborted by a signal or a time limit", async () => {
  const long = new Float32Array(RATE * 600);
  for (const options of [{ effect: "aecho=0.8:0.88:60:0.4" }, { format: "mp3" }]) {
    const effector = new AudioEffector(options);
    await rejects(effector.apply(long, RATE, RATE, { timeout: 20 }), { name: "TimeoutError" });
    await rejects(effector.apply(long, RATE, RATE, { signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  }
  noLiveHandles();
});

Deno.test("an effect needs no permission for files, with a codec neither", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const effector = (options: object) =>
    `import { AudioEffector } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
     const samples = new Float32Array(1000);
     console.log((await new AudioEffector(${
      JSON.stringify(options)
    }).apply(samples, 8000)).numFrames);`;
  const permissions = ["--allow-ffi", "--no-prompt"];
  await Deno.writeTextFile(script, effector({ effect: "volume=0.5" }));
  strictEqual((await runDeno(script, { permissions })).text, "1000\n");
  await Deno.writeTextFile(script, effector({ format: "mulaw" }));
  strictEqual((await runDeno(script, { permissions })).text, "1000\n");
});

Deno.test("no temporary file is left behind", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  await Deno.writeTextFile(
    script,
    `import { AudioEffector } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
     const samples = new Float32Array(100000);
     await new AudioEffector({ format: "mp3" }).apply(samples, 8000);
     for await (const _ of new AudioEffector({ format: "mp3" }).stream(samples, 8000, 10)) break;
     for (const format of ["mp3", "wav"]) {
       await new AudioEffector({ format, encoder: "libopus" }).apply(samples, 8000).catch(() => {});
     }`,
  );
  const ran = await runDeno(script, { env: { TMPDIR: dir.path } });
  ok(ran.success, ran.stderr);
  deepStrictEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["script.ts"]);
});
