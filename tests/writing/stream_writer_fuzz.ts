/**
 * Calls of `StreamWriter` in random order with random arguments, good ones and wild ones; run by
 * `stream_writer_fuzz_test.ts` in a process of its own, so that a crash is seen as one.
 *
 * Arguments: a folder to write to, a seed, the number of sequences, and `trace` to print each call.
 * The last line of the output is JSON: how often calls succeeded and failed, and what went wrong.
 */

import { liveHandles } from "../../ffi/handle.ts";
import { FFmpegError, StreamWriter } from "../../mod.ts";
import { ARRAYS, randomNumbers } from "../support/helpers.ts";

// deno-lint-ignore no-explicit-any -- what callers of plain JavaScript may pass
type Any = any;

const [folder = ".", seed = "1", sequences = "100", trace] = Deno.args;
const random = randomNumbers(Number(seed));
const below = (count: number) => Math.floor(random() * count);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

const detached = new Float32Array(8);
structuredClone(detached, { transfer: [detached.buffer] });

const WILD: readonly Any[] = [
  ...[undefined, null, NaN, Infinity, -Infinity, -1, 0, -0, 0.5, 1e9, 1e300, 2 ** 31, 2 ** 53],
  ...["", "3", "nosuch", "\0", "a".repeat(5000), "=", ":", "%s%n%d", "../..", "💥", "\ud800"],
  ...[true, false, 3n, Symbol("wild"), Symbol.iterator, () => 3, class {}, new Date(), /a/],
  ...[{}, [], [[]], [null], { data: null }, { length: 3 }, Object.create(null), new Map(), Promise],
  ...[{ numFrames: 1, data: 1 }, { layout: "NCHW", data: {} }, { width: 1, height: 1, data: [] }],
  ...[new Uint8Array(0), new Uint8Array(7), new Float32Array(3), new Float64Array(64)],
  ...[new Uint8Array(new SharedArrayBuffer(64)), detached, new DataView(new ArrayBuffer(8))],
  ...[new ArrayBuffer(8), new ImageData(2, 2), new Proxy({}, {}), globalThis],
];

const wildOr = <T>(likely: T): T => random() < 0.12 ? pick(WILD) : likely;

const FILES = [
  ...["a.wav", "a.flac", "a.mp3", "a.m4a", "a.ogg", "a.opus", "a.mkv", "a.mp4", "a.avi", "a.webm"],
  ...["a.gif", "a.nut", "a.ts", "a.flv", "a.mov", "%d.png", "a.y4m", "a.aiff", "a.ac3", "a.wv"],
  ...["b.mkv", "c.mkv", "b.nut", "c.nut", "d.nut", "b.avi", "b.mov"],
  ...["missing/a.wav", "a", "a.nosuch"],
];
const CONTAINERS = ["wav", "matroska", "mp4", "nut", "avi", "null", "framecrc", "image2", "nosuch"];
const AUDIO_FORMATS = ["u8", "s16", "s32", "s64", "flt", "dbl"] as const;
// Not alac: with a last frame of one sample of six channels FFmpeg 5.1 aborts, its program as well.
const AUDIO_ENCODERS = ["aac", "flac", "pcm_s16le", "pcm_f32le", "ac3", "mp2", "libopus"];
const VIDEO_FORMATS = [
  "rgb24",
  "rgba",
  "gray",
  "yuv420p",
  "nv12",
  "yuv444p",
  "yuv420p10le",
  "bgr0",
];
const VIDEO_ENCODERS = ["mpeg4", "rawvideo", "png", "mjpeg", "ffv1", "gif", "libx264", "libvpx"];

function record(likely: () => Record<string, unknown>): Any {
  if (random() < 0.4) return undefined;
  const value = likely();
  for (const key of Object.keys(value)) {
    if (random() < 0.7) delete value[key];
    else value[key] = wildOr(value[key]);
  }
  if (random() < 0.05) value[pick(["nosuch", "", "__proto__", "threads"])] = pick(WILD);
  return wildOr(value);
}

const config = () => ({
  bitRate: pick([100, 64000, 1e6]), // not 1: aac of FFmpeg 4.3 crashes, its program as well
  compressionLevel: below(12),
  qscale: below(30),
  gopSize: below(20),
  maxBFrames: below(3),
});

function audioOptions(format: string): Any {
  const options = record(() => ({
    encoder: pick(AUDIO_ENCODERS),
    encoderFormat: pick([...AUDIO_FORMATS, "fltp", "s16p"]),
    encoderSampleRate: pick([8000, 44100, 48000, 12345]),
    encoderNumChannels: 1 + below(8),
    encoderOption: record(() => ({ b: 64000, strict: -2, compression_level: 3 })),
    codecConfig: record(config),
    filterDesc: pick(["volume=2", "atempo=2", "anull", "aresample=16000", "asplit", "hflip", ";"]),
  }));
  return typeof options === "object" && options !== null ? { ...options, format } : options;
}

function videoOptions(format: string): Any {
  const options = record(() => ({
    encoder: pick(VIDEO_ENCODERS),
    encoderFormat: pick([...VIDEO_FORMATS, "yuvj420p"]),
    encoderFrameRate: pick([10, 25, 30000 / 1001]),
    encoderWidth: 1 + below(64),
    encoderHeight: 1 + below(64),
    encoderOption: record(() => ({ threads: 1, b: "1M", qmin: 3, preset: "ultrafast" })),
    codecConfig: record(config),
    filterDesc: pick(["hflip", "scale=32:32", "null", "fps=12", "split", "volume=1", "crop=2:2"]),
    hwAccel: undefined,
  }));
  return typeof options === "object" && options !== null ? { ...options, format } : options;
}

/** Bytes of one frame: a little wrong for odd sizes now and then, which is as well. */
function pictureBytes(format: string, width: number, height: number): number {
  const planes: Record<string, number> = { rgb24: 3, rgba: 4, gray: 1, yuv444p: 3, bgr0: 4 };
  const area = width * height;
  return planes[format] !== undefined
    ? area * planes[format]
    : area + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
}

/** What has been added, in the fuzzer's own books. */
interface Stream {
  readonly type: "audio" | "video";
  readonly format: string;
  readonly size: readonly number[];
}

function chunkFor(stream: Stream | undefined): Any {
  if (!stream || random() < 0.1) return pick(WILD);
  const [first = 1, second = 1] = stream.size;
  if (stream.type === "audio") {
    const Samples = ARRAYS[stream.format as keyof typeof ARRAYS];
    const frames = pick([0, 1, 7, 400, 5000]);
    const data = new Samples(frames * first);
    const numChannels = first;
    return pick<() => Any>([
      () => data,
      () => Array.from({ length: first }, () => new Samples(frames)),
      () => ({ data, numFrames: frames, numChannels, pts: 0 }),
      () => data.subarray(1),
    ])();
  }
  const bytes = pictureBytes(stream.format, first, second) * pick([1, 1, 2, 5]);
  const data = stream.format.endsWith("10le") ? new Uint16Array(bytes) : new Uint8Array(bytes);
  return pick<() => Any>([
    () => data,
    () => data,
    () => ({ data, layout: pick(["NCHW", "NHWC"]) }),
    () => ({ data, numFrames: 1, width: first, height: second, format: stream.format, pts: 0 }),
    () => [new ImageData(first, second)],
    () => data.subarray(1),
  ])();
}

const successes: Record<string, number> = {};
const failures: Record<string, number> = {};
const problems = new Set<string>();

/** What an engine says when a value gets where it should not have got. */
const ACCIDENT =
  /is not a function|is not iterable|Cannot (read|mix|convert)|of undefined|\[object |to a BigInt|Invalid typed array|out of bounds|after it was freed|is not defined/;

function failed(what: string, error: unknown): void {
  const known = error instanceof TypeError || error instanceof RangeError ||
    error instanceof FFmpegError || (error instanceof Error && error.constructor === Error) ||
    error instanceof DOMException;
  const { name, message } = error as Error;
  failures[name] = (failures[name] ?? 0) + 1;
  if (!known || ACCIDENT.test(message)) problems.add(`${what}: ${name}: ${message}`.slice(0, 300));
}

function log(what: string, args: readonly unknown[]): void {
  if (!trace) return;
  console.error(what, ...args.map((it) => Deno.inspect(it, { iterableLimit: 3 }).slice(0, 200)));
}

/** Calls a method; a promise is awaited now or later. */
async function attempt(
  target: Any,
  method: string,
  args: readonly unknown[],
  pending: Promise<unknown>[],
): Promise<Any> {
  log(method, args);
  try {
    const result = target[method](...args);
    if (result instanceof Promise) {
      const watched = result.catch((error: unknown) => failed(method, error));
      if (random() < 0.3) pending.push(watched);
      else await watched;
    }
    successes[method] = (successes[method] ?? 0) + 1;
    return result instanceof Promise ? undefined : result;
  } catch (error) {
    failed(method, error);
    return undefined;
  }
}

const wait = () => random() < 0.9 ? undefined : wildOr({ timeout: pick([0, 1, 1000]) });
const openOptions = () =>
  record(() => ({ movflags: "+faststart", fflags: "+bitexact", flush_packets: 1, brand: "mp42" }));

function callOf(streams: readonly Stream[]): [method: string, ...args: Any[]] {
  const index = below(Math.max(streams.length, 1));
  const stream = streams[index];
  const pts = random() < 0.7 ? undefined : wildOr(random() * 3);
  const sync = random() < 0.5 ? "Sync" : "";
  const last = sync ? [] : [wait()];
  const write = stream?.type === "video" ? "writeVideoChunk" : "writeAudioChunk";
  return pick<() => [string, ...Any[]]>([
    ...Array.from({ length: 8 }, () => (): [string, ...Any[]] => [
      `${random() < 0.95 ? write : pick(["writeVideoChunk", "writeAudioChunk"])}${sync}`,
      wildOr(index),
      chunkFor(stream),
      pts,
      ...last,
    ]),
    () => [`open${sync}`, openOptions(), ...last],
    () => [`open${sync}`, ...(random() < 0.5 ? [] : [openOptions(), ...last])],
    () => [`flush${sync}`, ...last],
    () => [`close${sync}`, ...last],
    () => ["setMetadata", record(() => ({ title: "a", artist: "b" }))],
    () => [
      pick(["addAudioStream", "addVideoStream"]),
      ...Array.from({ length: 4 }, () => pick(WILD)),
    ],
  ])();
}

async function sequence(): Promise<void> {
  const pending: Promise<unknown>[] = [];
  const streams: Stream[] = [];
  let writer: StreamWriter;
  const destination = random() < 0.03 ? pick(WILD) : `${folder}/${pick(FILES)}`;
  const options = random() < 0.8
    ? undefined
    : record(() => ({ format: pick(CONTAINERS), bufferSize: 3 }));
  log("new", [destination, options]);
  try {
    writer = new StreamWriter(destination, options);
  } catch (error) {
    failed("new", error);
    return;
  }
  for (let i = below(3); i >= 0; i--) {
    const audio = random() < 0.5;
    const format = audio ? pick(AUDIO_FORMATS) : pick(VIDEO_FORMATS);
    const size = audio ? [1 + below(6)] : [1 + below(64), 1 + below(64)];
    const rate = audio
      ? pick([8000, 44100, 48000, 11025, 4000])
      : pick([25, 10, 30000 / 1001, 0.5]);
    const args = [rate, ...size].map(wildOr);
    const made = audio ? audioOptions(format) : videoOptions(format);
    const method = audio ? "addAudioStream" : "addVideoStream";
    const index = await attempt(writer, method, [...args, made], pending);
    const own = made?.format ?? (audio ? "flt" : "rgb24");
    if (typeof index === "number") {
      streams.push({ type: audio ? "audio" : "video", format: own, size: args.slice(1) });
    }
  }
  if (random() < 0.9) await attempt(writer, pick(["open", "openSync"]), [], pending);
  for (let i = below(10); i >= 0; i--) {
    const [method, ...args] = callOf(streams);
    await attempt(writer, method, args, pending);
  }
  await Promise.all(pending);
  await writer.close().catch((error) => failed("close", error));
}

for (let i = 0; i < Number(sequences); i++) {
  log("sequence", [i]);
  const start = performance.now();
  await sequence();
  const took = performance.now() - start;
  if (took > 3000) problems.add(`sequence ${i} took ${Math.round(took)} ms`);
  const live = JSON.stringify(liveHandles());
  if (live !== "{}") {
    problems.add(`sequence ${i} leaves ${live}`);
    break;
  }
}
console.log(JSON.stringify({ successes, failures, problems: [...problems] }));
