/**
 * The benchmark: every job by every peer in turn, compared with a program in C.
 *
 * ```sh
 * deno task bench                           # everything, into bench/results.json
 * deno task bench --report                  # the same, and docs/benchmarks.md from it
 * deno task bench --only decode --quick     # one job, a tenth of the work, in two rounds
 * deno task bench --peer Sluice --rounds 9  # only Sluice and the floor
 * ```
 *
 * It needs gcc, pkg-config, FFmpeg's headers and its programs; torchaudio and PyAV take part where
 * `/usr/bin/python3` has them. A run with `--only`, `--peer` or `--quick` leaves the files as they are.
 *
 * @module
 */

import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { execute } from "./execute.ts";
import { buildPrograms, makeInputs, makeWorkFolder, type Programs } from "./inputs.ts";
import { type Inputs, type Job, JOBS, type Run } from "./jobs.ts";
import { allPeers, type Assignment, isFloor, type Peer } from "./peers.ts";
import { RESULTS, textTable, writePage } from "./report.ts";
import { type JobResults, type PeerRuns, type Results, summarize } from "./results.ts";

interface Options {
  readonly rounds: number;
  readonly jobs: readonly Job[];
  /** The names of the peers beside the floor; none given: all. */
  readonly peers: readonly string[];
  readonly isWhole: boolean;
  readonly report: boolean;
}

/** What `measure` says of a process. */
type Usage = Pick<Run, "wallSeconds" | "cpuSeconds" | "peakMiB">;

/** What all runs have in common. */
interface Setting {
  readonly programs: Programs;
  readonly inputs: Inputs;
  readonly folder: string;
  readonly peers: readonly Peer[];
  readonly rounds: number;
}

/** A null device, which is also where nothing can be counted. */
const NOWHERE = "/dev/null";

/** Files that differ more than this in size are hardly the same work. */
const SIZE_TOLERANCE = 0.02;

if (import.meta.main) {
  try {
    await main(optionsFrom(Deno.args));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

async function main(options: Options) {
  const folder = makeWorkFolder();
  const remove = () => Deno.removeSync(folder, { recursive: true });
  const interrupt = () => {
    remove();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    const results = await benchmark(options, folder);
    if (options.isWhole) Deno.writeTextFileSync(RESULTS, JSON.stringify(results, null, 2) + "\n");
    if (options.report) await writePage();
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    remove();
  }
}

function optionsFrom(args: string[]): Options {
  const { values } = parseArgs({
    args: args.filter((it) => it !== "--"),
    options: {
      rounds: { type: "string" },
      only: { type: "string", multiple: true },
      peer: { type: "string", multiple: true },
      quick: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
    },
  });
  const { quick, report, only = [], peer = [] } = values;
  const isWhole = !quick && only.length === 0 && peer.length === 0;
  if (report && !isWhole) throw new TypeError("Cannot report on a part: --report goes alone");
  const jobs = chosenJobs(only);
  return {
    rounds: roundsFrom(values.rounds ?? (quick ? "2" : "5")),
    jobs: quick ? jobs.map(shortened) : jobs,
    peers: peer,
    isWhole,
    report,
  };
}

function roundsFrom(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new RangeError(`Expected a positive whole number for --rounds: current value is ${text}`);
}

function chosenJobs(names: readonly string[]): readonly Job[] {
  const unknown = names.find((name) => !JOBS.some((job) => job.name === name));
  if (unknown !== undefined) {
    const known = JOBS.map((job) => job.name).join(", ");
    throw new TypeError(`Unknown job "${unknown}": the jobs are ${known}`);
  }
  return names.length === 0 ? JOBS : JOBS.filter((job) => names.includes(job.name));
}

function shortened(job: Job): Job {
  return job.kind === "second" ? job : { ...job, count: job.count / 10 };
}

async function benchmark(options: Options, folder: string): Promise<Results> {
  const date = new Date().toISOString();
  const machine = describeMachine();
  const programs = await buildPrograms();
  const inputs = await makeInputs(folder);
  const versions: Record<string, string> = {
    FFmpeg: await ffmpegVersion(),
    Deno: Deno.version.deno,
  };
  const peers = await installedPeers(allPeers(programs), options.peers, versions);
  const setting = { programs, inputs, folder, peers, rounds: options.rounds };
  const jobs: JobResults[] = [];
  for (const job of options.jobs) {
    jobs.push(summarize(job, await runJob(job, setting)));
    console.log(jobs.at(-1)!.tables.map(textTable).join("\n\n") + "\n");
  }
  return { date, machine, versions, rounds: options.rounds, jobs };
}

function describeMachine(): Record<string, string> {
  const [first] = os.cpus();
  return {
    processor: `${first?.model.trim() ?? "unknown"}, ${os.cpus().length} logical`,
    memory: `${(os.totalmem() / 1024 ** 3).toFixed(0)} GiB`,
    system: `${os.type()} ${os.release()}, ${os.arch()}`,
    "load average before the run": os.loadavg()[0]!.toFixed(2),
  };
}

async function ffmpegVersion(): Promise<string> {
  return (await execute("ffmpeg", ["-version"])).split(" ")[2] ?? "unknown";
}

/** The peers that are there; says of each other one that it is skipped, and why. */
async function installedPeers(
  peers: readonly Peer[],
  names: readonly string[],
  versions: Record<string, string>,
): Promise<Peer[]> {
  const unknown = names.find((name) => !peers.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    const known = peers.map((peer) => peer.name).join(", ");
    throw new TypeError(`Unknown peer "${unknown}": the peers are ${known}`);
  }
  const chosen = peers.filter((it) => names.length === 0 || isFloor(it) || names.includes(it.name));
  const installed: Peer[] = [];
  for (const peer of chosen) {
    try {
      versions[peer.software] = await peer.version();
      installed.push(peer);
    } catch (error) {
      const reason = `${(error as Error).message}`.trim().split("\n").at(-1);
      console.log(`${peer.name} is skipped: ${reason}`);
    }
  }
  return installed;
}

/** All rounds of a job; in each one the peers take turns, so that what disturbs, disturbs all. */
async function runJob(job: Job, setting: Setting): Promise<PeerRuns[]> {
  const results = setting.peers
    .map((peer) => ({ peer, runs: [] as Run[] }))
    .filter(({ peer }) => peer.command(assignmentOf(job, setting, "count")) !== undefined);
  for (const { peer } of results) await rehearse(peer, job, setting);
  for (let round = 1; round <= setting.rounds; round++) {
    for (const { peer, runs } of results) {
      showProgress(`${job.name}, round ${round} of ${setting.rounds}: ${peer.name}`);
      runs.push(await runOnce(peer, assignmentOf(job, setting, "count"), setting));
    }
  }
  showProgress("");
  const named = results.map(({ peer, runs }) => ({ name: peer.name, runs }));
  compareSizes(job, named);
  return named;
}

function assignmentOf(
  job: Job,
  { inputs, folder }: Setting,
  length: "count" | "tenth",
): Assignment {
  const file = join(folder, `output.${job.values.container}`);
  const isFile = job.destination === "file" || length === "tenth";
  return {
    job,
    inputs,
    output: isFile ? file : NOWHERE,
    count: length === "count" ? job.count : Math.ceil(job.count / 10),
    warmup: Math.min(job.warmup, job.count),
  };
}

/**
 * A run that does not count: into a file that is checked, where the others go to a null device, or
 * with everything read from the disk for the first time, where whole processes are timed.
 */
async function rehearse(peer: Peer, job: Job, setting: Setting) {
  if (job.destination !== "null" && job.kind !== "second") return;
  const length = job.destination === "null" ? "tenth" : "count";
  showProgress(`${job.name}: rehearsing ${peer.name}`);
  await runOnce(peer, assignmentOf(job, setting, length), setting);
}

async function runOnce(peer: Peer, assignment: Assignment, setting: Setting): Promise<Run> {
  const { job, output, count } = assignment;
  const usageFile = join(setting.folder, "usage.json");
  const command = peer.command(assignment)!;
  const said = await execute(setting.programs.measure, [usageFile, ...command]);
  const usage: Usage = JSON.parse(Deno.readTextFileSync(usageFile));
  const inside = job.kind === "second" ? {} : insideOf(peer, said);
  const run = { frames: count, seconds: usage.wallSeconds, bytes: 0, ...usage, ...inside };
  if (peer.reports === "nothing") return run;
  requireFrames(peer, job, count, run.frames);
  return output === NOWHERE ? run : { ...run, bytes: await checkFile(peer, job, count, output) };
}

/** What the peer itself says that it did. */
function insideOf({ reports }: Peer, said: string): Partial<Run> {
  if (reports === "json") return JSON.parse(said);
  return { frames: Number([...said.matchAll(/^frame=\s*(\d+)/gm)].at(-1)?.[1]) };
}

/** Checks with ffprobe that all frames are in the file, and returns its size. */
async function checkFile(peer: Peer, job: Job, count: number, path: string): Promise<number> {
  requireFrames(peer, job, count, await framesIn(path, job));
  const { size } = Deno.statSync(path);
  Deno.removeSync(path);
  return size;
}

async function framesIn(path: string, { kind, values }: Job): Promise<number> {
  const isAudio = kind === "audio" || kind === "second";
  const entry = isAudio ? "duration_ts" : "nb_read_packets";
  const count = isAudio ? [] : ["-count_packets"];
  const show = ["-show_entries", `stream=${entry}`, "-of", "csv=p=0"];
  const said = await execute("ffprobe", ["-v", "error", ...count, ...show, path]);
  return Number(said) / (kind === "audio" ? Number(values.frames) : 1);
}

function requireFrames(peer: Peer, job: Job, expected: number, frames: number) {
  if (frames === expected) return;
  throw new Error(`${peer.name} did ${frames} frames of "${job.name}" instead of ${expected}`);
}

function compareSizes(job: Job, peers: readonly PeerRuns[]) {
  const expected = peers.find(isFloor)?.runs[0]?.bytes ?? 0;
  for (const { name, runs } of peers) {
    const size = runs[0]?.bytes ?? 0;
    if (size === 0 || Math.abs(size / expected - 1) <= SIZE_TOLERANCE) continue;
    console.log(`${name} wrote ${size} bytes for "${job.name}", the floor ${expected}`);
  }
}

function showProgress(text: string) {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}
