/**
 * What tests share: folders that clean up after themselves, FFmpeg's own programs as the judges, media
 * made once per test file.
 */

import { Buffer } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString } from "../../ffi/memory.ts";
import { nameLeakingTests } from "./leaks.ts";

export { allFreed, noLiveHandles } from "./leaks.ts";

nameLeakingTests();

/** A folder that is removed at the end of its block: `using dir = tempDir()`. */
export interface TempDir extends Disposable {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
}

/** Makes a folder. */
export function tempDir(): TempDir {
  const path = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  return {
    path,
    file: (name) => `${path}/${name}`,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** What a command did. */
export interface Ran {
  readonly code: number;
  readonly success: boolean;
  readonly stdout: Uint8Array<ArrayBuffer>;
  /** The same, as text. */
  readonly text: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** The longest time it may take, in milliseconds. */
  readonly timeout?: number;
}

/** Runs a command to its end. One that is ended by its time limit, or by a signal, has no success. */
export async function run(
  command: string,
  args: readonly string[],
  { env = {}, cwd, timeout = 60_000 }: RunOptions = {},
): Promise<Ran> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeout);
  try {
    const { code, success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      env: { NO_COLOR: "1", ...env },
      ...(cwd === undefined ? {} : { cwd }),
      signal: limit.signal,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    return { code, success, stdout, text: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a script of Deno's with all permissions, unless others are given. */
export function runDeno(
  script: string,
  options: RunOptions & { permissions?: readonly string[]; args?: readonly string[] } = {},
): Promise<Ran> {
  const { permissions = ["-A"], args = [] } = options;
  const all = permissions.includes("-A") ? permissions : findingFfmpeg(permissions);
  return run(Deno.execPath(), ["run", "--no-check", ...all, script, ...args], options);
}

/** Adds what a script needs to find FFmpeg's libraries where they have a folder of their own. */
function findingFfmpeg(permissions: readonly string[]): readonly string[] {
  const folder = Deno.env.get("SLUICE_LIBRARY_PATH");
  if (!folder) return permissions;
  const more = [["--allow-env", "SLUICE_LIBRARY_PATH"], ["--allow-read", folder]]
    .filter(([flag]) => !permissions.includes(flag!));
  return [...permissions, ...more.map(([flag, value]) => `${flag}=${value}`)];
}

/** Runs `ffmpeg`; fails with what it said. Returns what it wrote to its standard output. */
export async function ffmpegCli(...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const ran = await run("ffmpeg", ["-v", "error", "-nostdin", "-y", ...args]);
  if (!ran.success) throw new Error(`ffmpeg ${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout;
}

// deno-lint-ignore no-explicit-any -- ffprobe's JSON has as many shapes as there are media
type Json = any;

/** What `ffprobe` says about a file: streams and format, or what the arguments ask for. */
export async function ffprobe(path: string, ...args: string[]): Promise<Json> {
  const show = args.length > 0 ? args : ["-show_streams", "-show_format"];
  const ran = await run("ffprobe", ["-v", "error", "-of", "json", ...show, path]);
  if (!ran.success) throw new Error(`ffprobe ${path}: ${ran.stderr}`);
  return JSON.parse(ran.text);
}

/** The lines of `ffmpeg -f framemd5`, without the comments: one for each frame. */
export async function framemd5(path: string, ...args: string[]): Promise<string[]> {
  const out = await ffmpegCli("-i", path, ...args, "-f", "framemd5", "-");
  return new TextDecoder().decode(out).split("\n").filter((line) => /^[^#]/.test(line));
}

const made = new Map<string, Promise<string>>();
let mediaFolder: string | undefined;

globalThis.addEventListener("unload", () => {
  if (mediaFolder !== undefined) Deno.removeSync(mediaFolder, { recursive: true });
});

/** The path of a file in a folder that is removed when all tests of the file have run. */
export function mediaPath(name: string): string {
  mediaFolder ??= Deno.makeTempDirSync({ prefix: "sluice-media-" });
  return `${mediaFolder}/${name}`;
}

/** Makes a file once per test file, in any way. */
export function madeOnce(name: string, make: (path: string) => unknown): Promise<string> {
  let path = made.get(name);
  if (!path) {
    path = Promise.resolve(make(mediaPath(name))).then(() => mediaPath(name));
    made.set(name, path);
  }
  return path;
}

/** Makes a file with `ffmpeg`, once per test file; `args` are those before the file's name. */
export function media(name: string, ...args: string[]): Promise<string> {
  return madeOnce(name, (path) => ffmpegCli(...args, path));
}

/** The arguments for video from FFmpeg's own test source. */
export function testPictures(size = "64x48", rate: string | number = 25, seconds = 1): string[] {
  return ["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${rate}:duration=${seconds}`];
}

/** The arguments for a tone from FFmpeg's own source: 440 Hz, other with each channel. */
export function testTone(rate = 48000, channels = 2, seconds = 1): string[] {
  const tones = Array.from(
    { length: channels },
    (_, i) => `0.4*sin(${440 + 110 * i}*2*PI*t)`,
  );
  return ["-f", "lavfi", "-i", `aevalsrc=${tones.join("|")}:s=${rate}:d=${seconds}`];
}

/**
 * Makes a test fail only when it fails three times in a row: for tests that race with another process
 * or with a device, which get their processor in time only on a machine that is not busy.
 */
export function threeTries(fn: () => Promise<void>): () => Promise<void> {
  return async () => {
    for (let left = 2;; left--) {
      try {
        return await fn();
      } catch (error) {
        if (left === 0) throw error;
        console.log(`Tried again after: ${(error as Error).message}`);
      }
    }
  };
}

/**
 * Whether the `ffmpeg` program is of the very release that is tested. Another one computes other
 * bits where a format loses some: tests that compare these are skipped then.
 */
export const JUDGE_IS_SAME: boolean = await judgeIsSame();

async function judgeIsSame(): Promise<boolean> {
  const { text } = await run("ffmpeg", ["-version"]);
  const version = /^libavcodec .*\/\s*(\d+)\.\s*(\d+)\.\s*(\d+)/m.exec(text)?.slice(1).map(Number);
  const ours = ffmpeg().avcodec.avcodec_version();
  return isDeepStrictEqual(version, [ours >> 16, (ours >> 8) & 255, ours & 255]);
}

/** A test that compares with what the program writes; skipped where it is of another release. */
export function judged(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: !JUDGE_IS_SAME });
}

let programOptions: Promise<ReadonlySet<string>> | undefined;

/** Whether the `ffmpeg` program that is installed has an option. */
export function programHasOption(name: string): Promise<boolean> {
  programOptions ??= run("ffmpeg", ["-v", "error", "-h", "long"]).then(({ text }) =>
    new Set([...text.matchAll(/^-(\w+)/gm)].map((match) => match[1]!))
  );
  return programOptions.then((options) => options.has(name));
}

const hasFrameSyncMode = await programHasOption("fps_mode");

/** The arguments that set which frames `ffmpeg` drops or repeats. */
export function frameSync(mode: "passthrough" | "vfr"): string[] {
  return [hasFrameSyncMode ? "-fps_mode" : "-vsync", mode];
}

let encoderNames: Promise<ReadonlySet<string>> | undefined;

/** The encoders of the FFmpeg that is installed, by name. */
export function encoders(): Promise<ReadonlySet<string>> {
  return encoderNames ??= run("ffmpeg", ["-v", "error", "-encoders"]).then(({ text }) =>
    new Set([...text.matchAll(/^ [VAS][F.]\S{4} (\S+)/gm)].map((match) => match[1]!))
  );
}

/** Whether both Sluice's FFmpeg and the program have an encoder that they may be built without. */
export async function hasEncoder(name: string): Promise<boolean> {
  const ours = ffmpeg().avcodec.avcodec_find_encoder_by_name(cString(name)) !== null;
  return ours && (await encoders()).has(name);
}

/** The packets of a file, as `ffmpeg -c copy -f framemd5` lists them, without side data. */
export async function packetList(path: string, ...inputArgs: string[]): Promise<string[]> {
  const args = [...inputArgs, "-i", path, "-map", "0", "-c", "copy", "-f", "framemd5", "-"];
  return packetsIn(new TextDecoder().decode(await ffmpegCli(...args)));
}

/** The lines of such a list: stream, dts, pts, duration, size, hash. */
export function packetsIn(list: string): string[] {
  return list.split("\n").filter((line) => /^[^#]/.test(line)).map((line) =>
    line.split(",").slice(0, 6).map((field) => field.trim()).join(" ")
  );
}

/** What `ffmpeg` decodes from a file, as plain bytes: `decoded(path, "-f", "s16le")`. */
export function decoded(path: string, ...outputArgs: string[]): Promise<Uint8Array<ArrayBuffer>> {
  return ffmpegCli("-i", path, ...outputArgs, "-");
}

/** Numbers from 0 to below 1 that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tone with some noise from -0.6 to 0.6, in (frame, channel) order, other with each channel. */
function* wave(frames: number, channels: number): Generator<number> {
  const random = randomNumbers(frames * channels);
  for (let i = 0; i < frames; i++) {
    for (let channel = 0; channel < channels; channel++) {
      yield Math.sin(i * 0.05 * (1 + channel)) * 0.5 + (random() - 0.5) * 0.2;
    }
  }
}

/** The typed array of each sample format. */
export const ARRAYS = {
  u8: Uint8Array,
  s16: Int16Array,
  s32: Int32Array,
  s64: BigInt64Array,
  flt: Float32Array,
  dbl: Float64Array,
} as const;

/** The same sound in each sample format: 24 bits of it in `s32`, 32 bits in `s64`. */
export const SAMPLES = {
  u8: (frames: number, channels: number) =>
    Uint8Array.from(wave(frames, channels), (it) => 128 + Math.round(it * 127)),
  s16: (frames: number, channels: number) =>
    Int16Array.from(wave(frames, channels), (it) => Math.round(it * 32767)),
  s32: (frames: number, channels: number) =>
    Int32Array.from(wave(frames, channels), (it) => Math.round(it * 8388607) * 256),
  s64: (frames: number, channels: number) =>
    BigInt64Array.from(
      Array.from(wave(frames, channels), (it) => BigInt(Math.round(it * 2 ** 31)) << 32n),
    ),
  flt: (frames: number, channels: number) => Float32Array.from(wave(frames, channels)),
  dbl: (frames: number, channels: number) => Float64Array.from(wave(frames, channels)),
} as const;

/** `count` different frames of `size` bytes each, smooth enough to be compressed. */
export function pixels(size: number, count: number, width = 64): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size * count);
  for (let i = 0; i < bytes.length; i++) {
    const [frame, at] = [Math.floor(i / size), i % size];
    bytes[i] = (at % width) * 2 + Math.floor(at / width) + frame * 9;
  }
  return bytes;
}

/** The bytes of any typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Fails if two files' or chunks' bytes are not the same, without printing thousands of them. */
export function sameBytes(actual: ArrayBufferView, expected: ArrayBufferView, what: string): void {
  const [a, b] = [Buffer.from(bytesOf(actual)), Buffer.from(bytesOf(expected))];
  if (a.equals(b)) return;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  throw new Error(`${what}: ${a.length} and ${b.length} bytes, not the same from byte ${at} on`);
}
