/**
 * The other side of a network, for `network_test.ts`: `ffmpeg` as client and as server, free ports,
 * and videos whose every frame the other side can be asked for.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { type StreamReader, StreamWriter, type VideoChunk } from "../../mod.ts";
import { frameSync, pixels } from "./helpers.ts";

/** A port that nothing listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Waits until something is so; fails after five seconds. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 5000;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until a socket is bound to a port of this machine, which listens where it is one of TCP. */
export function bound(protocol: "tcp" | "udp", port: number): Promise<void> {
  const state = protocol === "tcp" ? "0A" : "07";
  const mark = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return until(
    `${protocol} port ${port} is bound`,
    () =>
      [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].some((path) =>
        Deno.readTextFileSync(path).split("\n").some((line) => {
          const [, local = "", , is] = line.trim().split(/\s+/);
          return `${local} `.endsWith(mark) && is === state;
        })
      ),
  );
}

/** A program that runs beside the test, and is gone at the end of its block. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Promise<string>;
  readonly #stderr: Promise<string>;
  readonly #command: string;

  /** Starts it; it is ended when its output `isWhole`. */
  constructor(
    command: string,
    args: readonly string[],
    isWhole: (output: string) => boolean = () => false,
  ) {
    this.#command = `${command} ${args.join(" ")}`;
    this.#child = new Deno.Command(command, {
      args: [...args],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = this.#read(isWhole);
    this.#stderr = new Response(this.#child.stderr).text();
  }

  async #read(isWhole: (output: string) => boolean): Promise<string> {
    let output = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (isWhole(output)) this.kill();
    }
    return output;
  }

  /** What it has written to its standard output, once it has ended. */
  async output(): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, 10_000);
    const [text, said] = await Promise.all([this.#stdout, this.#stderr]);
    clearTimeout(timer);
    if (late) throw new Error(`It did not end: ${this.#command}\n${said}\n${text}`);
    if (text === "") throw new Error(`It wrote nothing: ${this.#command}\n${said}`);
    return text;
  }

  /** What it said, once it has ended. */
  get said(): Promise<string> {
    return this.#stderr;
  }

  /** Ends it at once. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await Promise.all([this.#child.status, this.#stdout, this.#stderr]);
  }
}

/** Makes `ffmpeg` an RTSP server; FFmpeg 9 rejects its own default, which is to wait for ever. */
export const RTSP_SERVER = ["-rtsp_flags", "listen", "-listen_timeout", "10"] as const;

/** `ffmpeg`, which lists the frames that it decodes from a source: how long each, and its hash. */
export function receiver(source: string, ...inputArgs: string[]): Program {
  const input = [...inputArgs, "-i", source];
  const output = ["-map", "0:v", ...frameSync("passthrough"), "-f", "framemd5", "-"];
  return new Program("ffmpeg", ["-v", "warning", "-nostdin", ...input, ...output]);
}

/** `ffmpeg`, which sends a video once, at its own speed: its frames are those of `sentHashes`. */
export function sender(path: string, ...outputArgs: string[]): Program {
  return new Program("ffmpeg", [
    ...["-v", "warning", "-nostdin", "-re", "-i", path],
    ...["-c", "copy", ...outputArgs],
  ]);
}

/** The frames' size, their number and their rate. */
export const FILM = { width: 64, height: 48, frames: 25, rate: 25 } as const;
const SIZE = FILM.width * FILM.height * 3 / 2;

/** All frames of the video, one after the other, as yuv420p. */
export const PICTURES: Uint8Array<ArrayBuffer> = pixels(SIZE, FILM.frames);

/** One of them. */
export function picture(index: number): Uint8Array<ArrayBuffer> {
  return PICTURES.subarray(index * SIZE, (index + 1) * SIZE);
}

function hashOf(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** What the other side's decoder must come to. */
export const sentHashes: readonly string[] = Array.from(
  { length: FILM.frames },
  (_, i) => hashOf(picture(i)),
);

/** The hashes in a list of `receiver`'s. */
export function hashesIn(list: string): string[] {
  return list.split("\n").filter((line) => /^\d/.test(line)).map((line) =>
    line.split(",")[5]!.trim()
  );
}

/** The times in a list of `receiver`'s, in seconds from the first. */
export function timesIn(list: string): number[] {
  const [, num, den] = /^#tb 0: (\d+)\/(\d+)/m.exec(list)!;
  const times = list.split("\n").filter((line) => /^\d/.test(line))
    .map((line) => Number(line.split(",")[2]) * Number(num) / Number(den));
  return times.map((time) => Math.round((time - times[0]!) * 1000) / 1000);
}

/** Fails unless the other side has decoded every frame, each at its time. */
export async function hasAll(program: Program, frames: number = FILM.frames): Promise<void> {
  const list = await program.output();
  try {
    deepStrictEqual(hashesIn(list), sentHashes.slice(0, frames));
    const times = timesIn(list);
    strictEqual(times.length, frames);
    ok(
      times.every((time, i) => Math.abs(time - i / FILM.rate) <= 0.001),
      `times are ${times.join(" ")}`,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await program.said}`);
  }
}

/** Without loss, so that the other side's frames are those that were sent. */
export const LOSSLESS = {
  format: "yuv420p",
  encoder: "libx264",
  encoderOption: { qp: 0, preset: "ultrafast", tune: "zerolatency", g: 5, threads: 1 },
} as const;

/** A writer with one stream for the video. */
export function filmWriter(
  url: string,
  format?: string,
  options: { realtime?: boolean } = {},
): StreamWriter {
  const writer = new StreamWriter(url, { ...(format ? { format } : {}), ...options });
  writer.addVideoStream(FILM.rate, FILM.width, FILM.height, LOSSLESS);
  return writer;
}

/** Writes the video, frame by frame. */
export async function writeFilm(
  out: StreamWriter,
  from = 0,
  to: number = FILM.frames,
): Promise<void> {
  for (let i = from; i < to; i++) {
    await out.writeVideoChunk(0, picture(i), undefined, { timeout: 5000 });
  }
}

/** The hashes of what a reader decodes, up to a number of frames or the end. */
export async function readHashes(
  reader: StreamReader,
  frames: number = FILM.frames,
): Promise<string[]> {
  reader.addBasicVideoStream(1, { format: "yuv420p" });
  const hashes: string[] = [];
  const signal = AbortSignal.timeout(8000);
  for await (const [chunk] of reader.stream<[VideoChunk]>({ signal })) {
    hashes.push(hashOf(chunk!.data as Uint8Array));
    if (hashes.length === frames) break;
  }
  return hashes;
}
