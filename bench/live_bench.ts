/**
 * How long a video frame takes from `writeVideoChunk` to the receiver that has decoded it, over UDP and
 * RTMP on this machine: `ffmpeg` as the receiver, and Sluice itself.
 *
 *   deno run -A bench/live_bench.ts [seconds]
 *
 * Each frame carries its number as 16 stripes, black or white.
 *
 * @module
 */

import { StreamReader, StreamWriter, type VideoChunk } from "../mod.ts";
import { median, quantile } from "./statistics.ts";

const [WIDTH, HEIGHT, RATE, BITS] = [640, 360, 30, 16];

/** Options for a receiver that begins at once and buffers nothing. */
const LOW_DELAY = { fflags: "nobuffer", flags: "low_delay", probesize: "32", analyzeduration: "0" };

/** A way to carry frames from one process to another. */
interface Way {
  readonly name: string;
  readonly format: string;
  readonly url: (port: number) => string;
  /** Options of the writer. */
  readonly option: Readonly<Record<string, number>>;
}

const WAYS: readonly Way[] = [
  {
    name: "UDP",
    format: "mpegts",
    url: (port) => `udp://127.0.0.1:${port}`,
    option: { omit_video_pes_length: 0 },
  },
  {
    name: "RTMP",
    format: "flv",
    url: (port) => `rtmp://127.0.0.1:${port}/live/a`,
    option: { listen: 1 },
  },
];

/** Sees frames arrive: yields one byte for each stripe. */
type Receiver = (way: Way, url: string) => AsyncGenerator<Uint8Array>;

/** Receives with `ffmpeg`, which forwards each frame as 16 pixels. */
async function* byFfmpeg(way: Way, url: string): AsyncGenerator<Uint8Array> {
  const options = Object.entries(LOW_DELAY).flatMap(([name, value]) => [`-${name}`, value]);
  const input = [...options, "-f", way.format, "-i", url];
  const scale = ["-vf", `scale=${BITS}:1:flags=area`, "-pix_fmt", "gray"];
  const output = ["-fps_mode", "passthrough", "-flush_packets", "1", "-f", "rawvideo", "pipe:1"];
  const child = new Deno.Command("ffmpeg", {
    args: ["-v", "error", ...input, ...scale, ...output],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let rest = new Uint8Array(0);
  try {
    for await (const bytes of child.stdout) {
      rest = new Uint8Array([...rest, ...bytes]);
      for (; rest.length >= BITS; rest = rest.subarray(BITS)) yield rest.subarray(0, BITS);
    }
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
    await child.status;
  }
}

/** Receives with Sluice, in this process. */
async function* bySluice(way: Way, url: string): AsyncGenerator<Uint8Array> {
  const { flags, ...option } = LOW_DELAY;
  await using reader = await StreamReader.open(url, {
    format: way.format,
    option,
    timeout: 20_000,
  });
  reader.addVideoStream(1, {
    filterDesc: `scale=${BITS}:1:flags=area,format=gray`,
    decoderOption: { flags, threads: 1 },
  });
  for await (const [chunk] of reader.stream<[VideoChunk]>()) yield chunk!.data as Uint8Array;
}

/** The number that stripes stand for. */
function numberIn(stripes: Uint8Array): number {
  return stripes.reduce((number, stripe) => number * 2 + (stripe > 127 ? 1 : 0), 0);
}

/** Draws a number as stripes. */
function drawNumber(frame: Uint8Array, number: number): void {
  for (let x = 0; x < WIDTH; x++) {
    const bit = BITS - 1 - Math.floor(x * BITS / WIDTH);
    frame[x] = (number >> bit) & 1 ? 235 : 16;
  }
  for (let y = 1; y < HEIGHT; y++) frame.copyWithin(y * WIDTH, 0, WIDTH);
}

/** The delays of all frames that arrive, in milliseconds. */
async function measure(way: Way, receive: Receiver, seconds: number): Promise<number[]> {
  const url = way.url(freePort());
  const writer = new StreamWriter(url, { format: way.format });
  writer.addVideoStream(RATE, WIDTH, HEIGHT, {
    format: "gray8",
    encoder: "libx264",
    encoderFormat: "yuv420p",
    encoderOption: { preset: "ultrafast", tune: "zerolatency" },
    codecConfig: { gopSize: RATE },
  });
  const written = new Map<number, number>();
  const delays: number[] = [];
  let done = false;
  const opening = writer.open(way.option);
  await new Promise((resolve) => setTimeout(resolve, 300)); // it listens by then
  const receiving = (async () => {
    for await (const stripes of receive(way, url)) {
      const number = numberIn(stripes);
      const at = written.get(number);
      // What came before the receiver was ready waited for it, not on the way.
      if (at !== undefined && number > 2 * RATE) delays.push(performance.now() - at);
      if (number >= (seconds + 2) * RATE) done = true; // the writer's end is the receiver's
      if (done) return;
    }
  })().finally(() => done = true);
  await opening;
  const frame = new Uint8Array(WIDTH * HEIGHT);
  const start = performance.now();
  for (let number = 1; !done; number++) {
    drawNumber(frame, number);
    const due = start + number * 1000 / RATE - performance.now();
    if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
    written.set(number, performance.now());
    try {
      await writer.writeVideoChunk(0, frame);
    } catch (error) {
      if (!done) throw error; // else the receiver has gone, as it has seen enough
    }
  }
  await Promise.all([receiving, writer.close().catch(() => {})]); // the receiver may have gone
  return delays;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

if (import.meta.main) {
  const seconds = Number(Deno.args[0] ?? 10);
  const milliseconds = (value: number) => `${value.toFixed(1)} ms`.padStart(9);
  for (const way of WAYS) {
    for (const [name, receive] of [["ffmpeg", byFfmpeg], ["Sluice", bySluice]] as const) {
      const delays = await measure(way, receive, seconds);
      console.log(
        `${way.name} to ${name}: median ${milliseconds(median(delays))}, ` +
          `99th percentile ${milliseconds(quantile(delays, 0.99))}, ${delays.length} frames`,
      );
    }
  }
}
