/**
 * Who takes part in the benchmark, and the command lines that do the jobs.
 *
 * @module
 */

import { join } from "node:path";
import { execute } from "./execute.ts";
import type { Programs } from "./inputs.ts";
import type { Inputs, Job } from "./jobs.ts";

/** A job with all that a peer needs to know for one run. */
export interface Assignment {
  readonly job: Job;
  readonly inputs: Inputs;
  /** The path to write to. */
  readonly output: string;
  readonly count: number;
  readonly warmup: number;
}

/** A program, or a way to use it, that does the jobs. */
export interface Peer {
  readonly name: string;
  /** The command for an assignment, `undefined` where the peer has no such job. */
  command(assignment: Assignment): string[] | undefined;
  /** What it is made with. */
  readonly software: string;
  /** Returns the version of that, and fails where the peer is not installed. */
  version(): Promise<string>;
  /** How its program reports what it did: by a line of JSON, as ffmpeg's `-progress` does, not at all. */
  readonly reports: "json" | "progress" | "nothing";
}

/** Debian's own, as a `python3` from elsewhere does not see the packages of the system. */
const PYTHON = "/usr/bin/python3";

const FLOOR_NAME = "C (floor)";

/** All peers, the floor first. */
export function allPeers(programs: Programs): Peer[] {
  return [
    floor(programs),
    sluice("Sluice", "sync"),
    sluice("Sluice async", "async"),
    { ...sluice("Sluice new buffers", "fresh"), command: decodeOnly("fresh") },
    python("torchaudio", "torchaudio_bench.py", "torchaudio.io"),
    python("PyAV", "pyav_bench.py", "av"),
    ffmpeg(),
    bare("Deno alone", [Deno.execPath(), "run"], (inputs) => inputs.emptyProgram),
    bare("Python alone", [PYTHON, "-c"], () => ""),
  ];
}

/** Whether a peer is the one that the others are compared with. */
export function isFloor(peer: { readonly name: string }): boolean {
  return peer.name === FLOOR_NAME;
}

/** The command line arguments of those peers that are programs of this benchmark. */
function jobArguments({ job, inputs, output, count, warmup }: Assignment): string[] {
  const values = { input: inputs[job.input], output, count, warmup, ...job.values };
  return [job.kind, ...Object.entries(values).map(([key, value]) => `${key}=${value}`)];
}

function floor({ floor, audioFloor }: Programs): Peer {
  return {
    name: FLOOR_NAME,
    software: "gcc",
    reports: "json",
    command: (assignment) => {
      const program = assignment.job.kind === "second" ? audioFloor : floor;
      return [program, ...jobArguments(assignment)];
    },
    version: async () => (await execute("gcc", ["-dumpfullversion"])).trim(),
  };
}

function sluice(name: string, mode: "sync" | "async" | "fresh"): Peer {
  return {
    name,
    software: "Sluice",
    reports: "json",
    command: (assignment) => {
      if (assignment.job.kind === "second") return wavProgram(mode, assignment.output);
      return sluiceCommand(mode, assignment);
    },
    version: () => {
      Deno.statSync(new URL("../mod.ts", import.meta.url));
      const text = Deno.readTextFileSync(new URL("../deno.json", import.meta.url));
      return Promise.resolve((JSON.parse(text) as { version: string }).version);
    },
  };
}

function sluiceCommand(mode: string, assignment: Assignment): string[] {
  const program = join(import.meta.dirname!, "sluice_bench.ts");
  return [Deno.execPath(), "run", "-A", program, mode, ...jobArguments(assignment)];
}

/** A program of its own, as the start is what is measured. */
function wavProgram(mode: string, output: string): string[] | undefined {
  const program = join(import.meta.dirname!, "wav_process.ts");
  return mode === "sync" ? [Deno.execPath(), "run", "-A", program, output] : undefined;
}

function decodeOnly(mode: string): Peer["command"] {
  return (assignment) =>
    assignment.job.kind === "decode" ? sluiceCommand(mode, assignment) : undefined;
}

function python(name: string, program: string, module: string): Peer {
  const path = join(import.meta.dirname!, "peers", program);
  const version = `import ${module}; print(${module.split(".")[0]}.__version__)`;
  return {
    name,
    software: name,
    reports: "json",
    command: (assignment) => [PYTHON, path, ...jobArguments(assignment)],
    version: async () => (await execute(PYTHON, ["-c", version])).trim(),
  };
}

function bare(name: string, command: string[], argument: (inputs: Inputs) => string): Peer {
  return {
    name,
    software: name.split(" ")[0]!,
    reports: "nothing",
    command: ({ job, inputs }) =>
      job.kind === "second" ? [...command, argument(inputs)] : undefined,
    version: async () => /[\d.]+/.exec(await execute(command[0]!, ["--version"]))![0],
  };
}

/** The `ffmpeg` program: a whole process each time, with its start. */
function ffmpeg(): Peer {
  return {
    name: "ffmpeg program",
    software: "FFmpeg",
    reports: "progress",
    command: (assignment) => {
      const args = ffmpegArguments(assignment);
      return args && ["ffmpeg", "-v", "error", "-nostdin", "-progress", "pipe:1", "-y", ...args];
    },
    version: async () => (await execute("ffmpeg", ["-version"])).split(" ")[2]!,
  };
}

function ffmpegArguments({ job, inputs, output, count }: Assignment): string[] | undefined {
  const { values } = job;
  const last = ["-frames:v", `${count}`];
  const input = ["-i", inputs[job.input]];
  // As the floor has it, where more were measured to be slower.
  const filterThreads = ["-filter_threads", "1"];
  const written = [...last, "-f", `${values.container}`, output];
  switch (job.kind) {
    case "encode":
      // The raw frames are in a file in memory, which is read over and over.
      return [
        ...filterThreads,
        ...rawPictures(job),
        ...input,
        ...encoderArguments(job),
        ...written,
      ];
    case "audio":
      return undefined;
    case "decode": {
      const pixels = ["-f", "rawvideo", "-pix_fmt", "rgb24", "/dev/null"];
      return [...filterThreads, "-threads", `${values.threads}`, ...input, ...last, ...pixels];
    }
    case "transcode": {
      const filters = `scale=${values.width}:${values.height},format=${values.format}`;
      const decoder = [...filterThreads, "-threads", `${values.threads}`, ...input];
      return [...decoder, "-vf", filters, ...encoderArguments(job), ...written];
    }
    case "second":
      return [...input, "-f", "wav", output];
  }
}

function rawPictures({ values }: Job): string[] {
  const size = `${values.width}x${values.height}`;
  const format = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", size];
  return ["-stream_loop", "-1", ...format, "-framerate", "30"];
}

function encoderArguments({ values }: Job): string[] {
  if (values.encoder === "rawvideo") return ["-c:v", "copy"];
  const options = `${values.options}`.split(":").flatMap((option) => {
    const [name, value] = option.split("=") as [string, string];
    return [`-${name}:v`, value];
  });
  return ["-c:v", `${values.encoder}`, "-pix_fmt", "yuv420p", ...options];
}
