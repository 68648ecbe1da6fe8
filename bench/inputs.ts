/**
 * What the benchmark needs before it can start: the C programs and the media.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import type { Inputs } from "./jobs.ts";

/** The paths of the programs in C. */
export interface Programs {
  /** Does the jobs. */
  readonly floor: string;
  /** Does only `second`, and is linked with what that needs. */
  readonly audioFloor: string;
  /** Runs a command and says what it took. */
  readonly measure: string;
}

const AUDIO_LIBRARIES = ["libavcodec", "libavformat", "libavutil"];
const LIBRARIES = [...AUDIO_LIBRARIES, "libavfilter"];

/** Free memory that the files of a run may need at most, with a wide margin. */
const ROOM_BYTES = 2 * 1024 ** 3;

/** Compiles the programs that are missing or older than their source, into the user's cache. */
export async function buildPrograms(): Promise<Programs> {
  const folder = cacheFolder();
  Deno.mkdirSync(folder, { recursive: true });
  const build = (name: string, source: string, libraries: string[], ...flags: string[]) =>
    compile(join(import.meta.dirname!, source), join(folder, name), libraries, flags);
  return {
    floor: await build("floor", "floor.c", LIBRARIES),
    audioFloor: await build("floor_audio", "floor.c", AUDIO_LIBRARIES, "-DAUDIO_ONLY"),
    measure: await build("measure", "measure.c", []),
  };
}

/** Makes the media with the `ffmpeg` program. */
export async function makeInputs(folder: string): Promise<Inputs> {
  const inputs = {
    frames: join(folder, "frames.rgb"),
    samples: join(folder, "samples.s16"),
    second: join(folder, "second.wav"),
    video: join(folder, "video.mp4"),
    emptyProgram: join(folder, "empty.ts"),
  };
  Deno.writeTextFileSync(inputs.emptyProgram, "");
  const frames = "-frames:v 60 -pix_fmt rgb24 -f rawvideo";
  await generate("testsrc2=size=640x360:rate=30", frames, inputs.frames);
  const tones = "0.5*sin(2*PI*(440+200*t)*t)|0.5*sin(2*PI*660*t)";
  await generate(`aevalsrc=${tones}:sample_rate=48000:duration=1`, "-f s16le", inputs.samples);
  await generate(`aevalsrc=${tones}:sample_rate=48000:duration=1`, "-f wav", inputs.second);
  const h264 = "-c:v libx264 -threads 1 -pix_fmt yuv420p";
  await generate("testsrc2=size=1280x720:rate=30:duration=10", h264, inputs.video);
  return inputs;
}

/** A new folder for media: in memory where there is room, as disks are slow in their own ways. */
export function makeWorkFolder(): string {
  const memory = "/dev/shm";
  return Deno.makeTempDirSync(hasRoom(memory) ? { dir: memory } : {});
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > ROOM_BYTES;
  } catch {
    return false;
  }
}

function cacheFolder(): string {
  const caches = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? ".", ".cache");
  return join(caches, "sluice", "bench");
}

async function compile(
  source: string,
  program: string,
  libraries: readonly string[],
  flags: readonly string[],
): Promise<string> {
  if (modified(program) > modified(source)) return program;
  const linked = libraries.length === 0
    ? ""
    : await execute("pkg-config", ["--cflags", "--libs", ...libraries]);
  const more = linked.split(/\s+/).filter((it) => it !== "");
  await execute("gcc", ["-O2", "-Wall", ...flags, source, "-o", program, ...more]);
  return program;
}

function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}

async function generate(source: string, options: string, path: string) {
  const input = ["-f", "lavfi", "-i", source];
  await execute("ffmpeg", ["-v", "error", "-y", ...input, ...options.split(" "), path]);
}
