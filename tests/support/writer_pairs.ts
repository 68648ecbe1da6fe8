/**
 * Container and encoder pairs, each written by Sluice and by the `ffmpeg` program, and compared
 * packet by packet, lossless ones also with the input's bytes.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  bytesOf,
  encoders,
  ffmpegCli,
  ffprobe,
  JUDGE_IS_SAME,
  noLiveHandles,
  packetsIn,
  sameBytes,
} from "./helpers.ts";

const available = await encoders();

/** The title in a file's metadata, which some containers hold in their streams. */
// deno-lint-ignore no-explicit-any -- ffprobe's JSON
function titleIn(probed: any): string | undefined {
  const tags = { ...probed.streams[0].tags, ...probed.format.tags };
  const key = Object.keys(tags).find((it) => it.toLowerCase() === "title");
  return key === undefined ? undefined : tags[key];
}

/** What is expected of a container and encoder pair. */
export interface Pair {
  readonly file: string;
  /** The encoder that is at work; the test is skipped only where this FFmpeg lacks it. */
  readonly uses: string;
  /** Whether it must be named: it is not what the container's name asks for. */
  readonly named?: true;
  /** More arguments for the `ffmpeg` program that it is compared with. */
  readonly cli?: readonly string[];
  /** What ffprobe says about the stream. */
  readonly stream: Readonly<Record<string, unknown>>;
  /** What ffprobe reports as the file's duration; `undefined` where the container has none. */
  readonly seconds: number | undefined;
  readonly packets: number;
  /** Arguments with which `ffmpeg` returns the very bytes that went in. */
  readonly lossless?: readonly string[];
  /** Arguments for reading the file, where it does not say everything itself. */
  readonly readArgs?: readonly string[];
  /** Where the container can't hold a title. */
  readonly untitled?: true;
}

/** A file that Sluice has written, and one that `ffmpeg` is to make of the same input. */
interface Case {
  readonly pair: Pair;
  readonly path: string;
  readonly input: ArrayBufferView;
  /** The arguments that `ffmpeg` needs to read the raw input. */
  readonly inputArgs: readonly string[];
  /** What makes `ffmpeg` encode it in the same way. */
  readonly cli: readonly string[];
}

/** What FFmpeg's programs say about a file. */
interface Verdict {
  // deno-lint-ignore no-explicit-any -- ffprobe's JSON
  readonly probed: any;
  /** Has ffprobe look at the file that `ffmpeg` made. */
  reference(): Promise<Verdict["probed"]>;
  readonly packets: readonly string[];
  readonly wanted: readonly string[];
  readonly output: Uint8Array<ArrayBuffer> | undefined;
}

const beside = (path: string, prefix: string) => path.replace(/([^/]*)$/, `${prefix}.$1`);
const listName = (path: string) => `${path.replaceAll("%", "_")}.framemd5`;

/**
 * Has the `ffmpeg` program do many jobs at once, as its start takes longer than most of them: each has
 * inputs, and outputs for every input. If that fails, the jobs are done one by one.
 */
async function allAtOnce(jobs: readonly { inputs: string[][]; outputs: string[][][] }[]) {
  const argsFor = (some: typeof jobs) => {
    const inputs = some.flatMap((job) => job.inputs);
    const outputs = some.flatMap((job) => job.outputs).flatMap((of, i) =>
      of.flatMap((output) => ["-map", `${i}`, ...output])
    );
    return ["-filter_threads", "1", ...inputs.flat(), ...outputs];
  };
  try {
    await ffmpegCli(...argsFor(jobs));
  } catch {
    for (const job of jobs) await ffmpegCli(...argsFor([job])).catch(() => {});
  }
}

/** Has FFmpeg's programs make the same files and look at both. */
async function judge(cases: readonly Case[]): Promise<(of: Case) => Promise<Verdict>> {
  for (const { path, input } of cases) {
    await Deno.writeFile(beside(listName(path), "raw"), bytesOf(input));
  }
  await allAtOnce(cases.map(({ path, inputArgs, cli }) => ({
    inputs: [[...inputArgs, "-i", beside(listName(path), "raw")]],
    outputs: [[["-metadata", "title=Night", ...cli, beside(path, "reference")]]],
  })));
  const list = (path: string) => ["-c", "copy", "-f", "framemd5", listName(path)];
  await allAtOnce(cases.map(({ path, pair }) => ({
    inputs: [path, beside(path, "reference")].map((it) => [...(pair.readArgs ?? []), "-i", it]),
    outputs: [
      [
        list(path),
        ...(pair.lossless ? [[...pair.lossless, beside(listName(path), "decoded")]] : []),
      ],
      [list(beside(path, "reference"))],
    ],
  })));
  const probe = (path: string, { readArgs = [] }: Pair) =>
    ffprobe(path, ...readArgs, "-count_packets", "-show_streams", "-show_format");
  const probes = new Map<Case, Promise<unknown>>();
  return async (of) => {
    const start = cases.indexOf(of);
    for (const each of cases.slice(start, start + 3)) { // a few ahead
      if (!probes.has(each)) probes.set(each, probe(each.path, each.pair));
    }
    const { path, pair } = of;
    return {
      probed: await probes.get(of),
      reference: () => probe(beside(path, "reference"), pair),
      packets: packetsIn(await Deno.readTextFile(listName(path))),
      wanted: packetsIn(await Deno.readTextFile(listName(beside(path, "reference")))),
      output: pair.lossless && await Deno.readFile(beside(listName(path), "decoded")),
    };
  };
}

/** What a pair says about its file. */
function factsOf({ stream, seconds, packets }: Pair): ReturnType<typeof factsIn> {
  return { stream, seconds, packets };
}

/** What ffprobe says about a file, as far as its pair says something. */
function factsIn(probed: Verdict["probed"], { stream, seconds }: Pair) {
  const [first] = probed.streams;
  const { duration } = probed.format;
  const isExpected = seconds !== undefined && Math.abs(duration - seconds) < 0.0006;
  return {
    stream: Object.fromEntries(Object.keys(stream).map((key) => [key, first[key]])),
    seconds: isExpected ? seconds : duration && Number(duration),
    packets: Number(first.nb_read_packets),
  };
}

/**
 * Fails unless a file is as its pair says, and has the packets that `ffmpeg` writes. Releases of
 * FFmpeg pad sound, guess frame rates and cut samples into packets in ways of their own: then the file
 * must be as `ffmpeg` makes it.
 */
async function compare({ pair, input }: Case, verdict: Verdict): Promise<void> {
  const { probed, packets, wanted, output } = verdict;
  if (output) sameBytes(output, input, "decoded and given");
  if (!JUDGE_IS_SAME) return;
  const [facts, usual] = [factsIn(probed, pair), factsOf(pair)];
  if (!isDeepStrictEqual(facts, usual)) {
    const theirs = factsIn(await verdict.reference(), pair);
    for (const key of ["stream", "seconds", "packets"] as const) {
      if (!isDeepStrictEqual(facts[key], usual[key])) deepStrictEqual(facts[key], theirs[key], key);
    }
  }
  strictEqual(titleIn(probed), pair.untitled ? undefined : "Night", "title");
  ok(packets.length > 0, "no packets listed");
  deepStrictEqual(packets, wanted);
}

/** A test for each pair; all are written before the first is judged. */
export function testPairs<P extends Pair>(
  pairs: readonly P[],
  nameOf: (pair: P) => string,
  write: (pair: P, path: string) => Promise<Omit<Case, "pair" | "path">>,
): void {
  const usable = pairs.filter(({ uses }) => available.has(uses));
  let written: ReturnType<typeof writeAll> | undefined;
  const writeAll = async () => {
    const dir = await Deno.makeTempDir({ prefix: "sluice-pairs-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
    const cases = new Map<P, Case>();
    const failures = new Map<P, unknown>();
    for (const [i, pair] of usable.entries()) {
      const path = `${dir}/${i}.${pair.file}`;
      try {
        cases.set(pair, { pair, path, ...await write(pair, path) });
        noLiveHandles();
      } catch (error) {
        cases.delete(pair);
        failures.set(pair, error);
      }
    }
    return { cases, failures, verdict: await judge([...cases.values()]) };
  };
  for (const pair of pairs) {
    Deno.test({
      name: nameOf(pair),
      ignore: !available.has(pair.uses) || (!JUDGE_IS_SAME && !pair.lossless),
      // The judges of all pairs work at the same time, across these tests.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const { cases, failures, verdict } = await (written ??= writeAll());
        const found = cases.get(pair);
        if (!found) throw failures.get(pair);
        await compare(found, await verdict(found));
      },
    });
  }
}

/**
 * Has `ffmpeg` send an encoder frames of the size that it prefers. Before FFmpeg 9 it does so by
 * itself; FFmpeg 9 forwards what comes if an encoder takes any size.
 */
export const inFrames = (samples: number) => ["-af", `asetnsamples=n=${samples}:p=0`];

export const AS_NAMED = { named: true } as const;
export const UNTITLED = { untitled: true } as const;
