/**
 * The jobs of the benchmark. Every peer gets the same values, word for word.
 *
 * @module
 */

/** The files that the jobs work on. */
export interface Inputs {
  /** 60 different 640x360 frames as raw rgb24. */
  readonly frames: string;
  /** One second of 48 kHz stereo sound as raw s16. */
  readonly samples: string;
  /** The same second as a wav file. */
  readonly second: string;
  /** Ten seconds of 1280x720 H.264 in MP4. */
  readonly video: string;
  /** A program in TypeScript that does nothing. */
  readonly emptyProgram: string;
}

/** What one run of one peer took. */
export interface Run {
  /** Frames or chunks that went through. */
  readonly frames: number;
  /** Time from opening to closing, measured inside the process where that can be done. */
  readonly seconds: number;
  /** Processor time of all threads for the same. */
  readonly cpuSeconds: number;
  /** Time of the whole process. */
  readonly wallSeconds: number;
  /** Most memory that the process had, in MiB. */
  readonly peakMiB: number;
  /** Size of what was written. */
  readonly bytes: number;
}

/** A number that is made of a run. */
export interface Metric {
  readonly title: string;
  readonly unit: string;
  readonly moreIsBetter: boolean;
  value(run: Run): number;
  /** The same by processor time, which says more than the clock where other work goes on. */
  cpuValue?(run: Run): number;
}

/** The values of a job, as they are put on the peers' command lines. */
export type Values = Readonly<Record<string, string | number>>;

/** A job of the benchmark. */
export interface Job {
  /** Its name for `--only`. */
  readonly name: string;
  /** What the peers' programs call the kind of work. */
  readonly kind: "encode" | "audio" | "decode" | "transcode" | "second";
  /** What is measured and how, for the report. */
  readonly note: string;
  readonly input: keyof Inputs;
  readonly values: Values;
  /** How many frames or chunks the timed part has. */
  readonly count: number;
  /** How many it has first, untimed, to load and warm what is needed. */
  readonly warmup: number;
  /** Where it writes: a file that is checked, or a null device, so that no disk is measured. */
  readonly destination: "file" | "null" | "none";
  readonly metrics: readonly Metric[];
}

const WIDTH = 640;
const HEIGHT = 360;

const SIZE = { width: WIDTH, height: HEIGHT };

/** All options that some peer has defaults of its own for are given, to make the work the same. */
const X264 = { container: "mp4", encoder: "libx264" };
const MPEG4 = {
  container: "mp4",
  encoder: "mpeg4",
  options: "threads=1:b=2000000:bt=4000000:g=12",
};

const TRANSCODING = {
  ...SIZE,
  ...X264,
  options: "threads=1:crf=23:preset=ultrafast",
  threads: 0,
};

/** Jobs that read the video go through all of its frames. */
const OF_VIDEO = { input: "video", count: 300, warmup: 30 } as const;

/** The jobs in the order in which they run. */
export const JOBS: readonly Job[] = [
  {
    name: "x264",
    kind: "encode",
    note: "rgb24 frames to H.264 in MP4 (libx264, preset medium, crf 23, one encoder thread).",
    input: "frames",
    values: { ...SIZE, ...X264, options: "threads=1:crf=23:preset=medium" },
    count: 300,
    warmup: 10,
    destination: "file",
    metrics: [rate(`encode ${WIDTH}x${HEIGHT} to x264`, "frames/s")],
  },
  {
    name: "mpeg4",
    kind: "encode",
    note: "rgb24 frames to MPEG-4 part 2 in MP4 (2 Mbit/s, one encoder thread).",
    input: "frames",
    values: { ...SIZE, ...MPEG4 },
    count: 600,
    warmup: 20,
    destination: "file",
    metrics: [rate(`encode ${WIDTH}x${HEIGHT} to mpeg4`, "frames/s")],
  },
  {
    name: "rawvideo",
    kind: "encode",
    note:
      "rgb24 frames as they are, in NUT. It goes to /dev/null, so that it is not the disk that " +
      "is measured; that all frames arrive is checked with a shorter run into a file. The floor " +
      "sends the frames to the muxer as packets, the ffmpeg program copies the stream.",
    input: "frames",
    values: {
      ...SIZE,
      container: "nut",
      encoder: "rawvideo",
      encoderFormat: "rgb24",
      options: "threads=1",
    },
    count: 3000,
    warmup: 100,
    destination: "null",
    metrics: [rate(`write ${WIDTH}x${HEIGHT} rawvideo`, "frames/s")],
  },
  {
    name: "audio",
    kind: "audio",
    note:
      "Chunks of 256 samples, 16-bit stereo, to wav. It goes to /dev/null, and is checked with a " +
      "shorter run into a file. The ffmpeg program has no counterpart to a small chunk.",
    input: "samples",
    values: { container: "wav", rate: 48000, frames: 256 },
    count: 100_000,
    warmup: 5000,
    destination: "null",
    metrics: [timePerFrame("write a 256-sample s16 chunk", "µs")],
  },
  {
    name: "decode",
    kind: "decode",
    note:
      "A 1280x720 H.264 file to rgb24, as many decoder threads as FFmpeg chooses. The floor has " +
      "the frames in one buffer that is used again and again, as Sluice has with `reuse: true`; " +
      '"new buffers" is Sluice\'s default. PyAV and torchaudio make a new array for every frame.',
    ...OF_VIDEO,
    values: { width: 1280, height: 720, threads: 0 },
    destination: "none",
    metrics: [rate("decode 1280x720 to rgb24", "frames/s")],
  },
  {
    name: "decode-1",
    kind: "decode",
    note: "The same with one decoder thread, which is what torchaudio has by default.",
    ...OF_VIDEO,
    values: { width: 1280, height: 720, threads: 1 },
    destination: "none",
    metrics: [rate("decode 1280x720 to rgb24, 1 thread", "frames/s")],
  },
  {
    name: "transcode",
    kind: "transcode",
    note:
      "1280x720 H.264 decoded (FFmpeg's choice of threads), scaled to 640x360, taken into the " +
      "caller's hands as yuv420p and encoded with libx264 (preset ultrafast, crf 23, one thread; " +
      "a slower one would hide what the peers differ in). torchaudio's writer takes no yuv420p " +
      "and has yuv444p in between.",
    ...OF_VIDEO,
    values: { ...TRANSCODING, format: "yuv420p" },
    destination: "file",
    metrics: [rate("transcode 720p to 360p", "frames/s")],
  },
  {
    name: "transcode-rgb24",
    kind: "transcode",
    note:
      "The same with rgb24 in the caller's hands, as a program has it that draws on the frames. " +
      "The ffmpeg program converts to rgb24 and back.",
    ...OF_VIDEO,
    values: { ...TRANSCODING, format: "rgb24" },
    destination: "file",
    metrics: [rate("transcode 720p to 360p through rgb24", "frames/s")],
  },
  {
    name: "process",
    kind: "second",
    note:
      "A whole process, from its start to its end, that writes one second of 48 kHz stereo sound " +
      "in one chunk to a wav file, with what the start of the bare runtimes takes for comparison. " +
      "The C program is linked with no more libraries than this needs.",
    input: "second",
    values: { container: "wav" },
    count: 48000,
    warmup: 0,
    destination: "file",
    metrics: [
      {
        title: "whole process: one second of wav",
        unit: "ms",
        moreIsBetter: false,
        value: (run) => run.wallSeconds * 1000,
        cpuValue: (run) => run.cpuSeconds * 1000,
      },
      {
        title: "whole process: peak memory",
        unit: "MiB",
        moreIsBetter: false,
        value: (run) => run.peakMiB,
      },
    ],
  },
];

function rate(title: string, unit: string): Metric {
  return {
    title,
    unit,
    moreIsBetter: true,
    value: (run) => run.frames / run.seconds,
    cpuValue: (run) => run.frames / run.cpuSeconds,
  };
}

function timePerFrame(title: string, unit: string): Metric {
  return {
    title,
    unit,
    moreIsBetter: false,
    value: (run) => run.seconds / run.frames * 1e6,
    cpuValue: (run) => run.cpuSeconds / run.frames * 1e6,
  };
}
