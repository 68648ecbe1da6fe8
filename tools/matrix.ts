/**
 * Runs the tests with every FFmpeg that Sluice supports, each with the judges of its own release
 * where these can be had.
 *
 * ```sh
 * deno task test:matrix                           # all versions, all tests
 * deno task test:matrix 4.3 9.0                   # some versions
 * deno task test:matrix 9.0 tests/ffi_test.ts     # some tests of one
 * deno task test:matrix --report                  # all, and the table in the README written anew
 * deno task test:matrix 9.0 --report              # one version, and its row there
 * ```
 *
 * An FFmpeg comes from a release of Debian, in a chroot that `fresh_machine.sh` makes with
 * debootstrap (which needs root and a Debian host), or from the libraries inside PyAV's wheels,
 * which pip fetches.
 * What was fetched is kept in the user's cache folder. A version that can't be had is left out, and
 * says why; one whose tests fail makes the run fail.
 *
 * @module
 */

import { hasProgram } from "./machine.ts";
import type { MachineResult } from "./matrix_run.ts";
import { closingLine, type Counts, sum } from "./test_counts.ts";

/** A release of FFmpeg and where it is found. */
interface Version {
  /** The release, such as "7.1". */
  readonly release: string;
  /** The major version of its libavcodec. */
  readonly libavcodec: number;
  /** Where it comes from, for people. */
  readonly from: string;
  /** Fetches what is needed; gives the command that runs the tests. */
  bring(): Promise<TestCommand>;
}

/** A command to which the files of tests are added. */
interface TestCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How the arguments for `matrix_run.ts` are added. */
  withTests(args: readonly string[]): readonly string[];
}

/** What came of a version. */
export interface Row {
  readonly release: string;
  readonly libavcodec: number;
  readonly from: string;
  readonly seconds: number;
  /** The result, or why there is none. */
  readonly outcome: MachineResult | string;
}

/** Something that can't be had here. */
class Unavailable extends Error {}

const ROOT = new URL("..", import.meta.url);
const RUN = "tools/matrix_run.ts";

/** Where fetched things are kept. */
const CACHE = `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/sluice/matrix`;

/** Between these two lines of the README stands the table. */
const MARKERS = [
  '<!-- Written by "deno task test:matrix --report": do not edit -->',
  "<!-- end of the table -->",
] as const;

const VERSIONS: readonly Version[] = [
  debian("4.3", 58, "bullseye"),
  debian("5.1", 59, "bookworm"),
  wheel("6.1", 60, 12),
  wheel("7.0", 61, 13),
  debian("7.1", 61, "trixie"),
  wheel("8.0", 62, 16),
  leftInDebian("8.1", 62, "sid"),
  debian("9.0", 63, "forky"),
];

if (import.meta.main) Deno.exit(await main(Deno.args.filter((it) => it !== "--")));

async function main(args: readonly string[]): Promise<number> {
  const { versions, files, report } = parseArguments(args);
  const rows: Row[] = [];
  for (const version of versions) rows.push(await test(version, files));
  const table = tableOf(rows, true);
  console.log(`\n${table}\n`);
  if (report) await writeReport(tableOf(rows, false));
  const total = sum(
    rows.flatMap(({ outcome }) => typeof outcome === "string" ? [] : [outcome.counts]),
  );
  const seconds = rows.reduce((before, row) => before + row.seconds, 0);
  console.log(`All of it took ${Math.round(seconds)} s`);
  console.log(closingLine(total));
  return total.failed === 0 ? 0 : 1;
}

function parseArguments(args: readonly string[]) {
  const report = args.includes("--report");
  const files = args.filter((it) => it.startsWith("tests/"));
  const releases = args.filter((it) => it !== "--report" && !it.startsWith("tests/"));
  const known = VERSIONS.map(({ release }) => release);
  const unknown = releases.find((it) => !known.includes(it));
  if (unknown !== undefined) {
    throw new TypeError(`Unknown version "${unknown}": valid versions are ${known.join(", ")}`);
  }
  if (report && files.length > 0) {
    throw new TypeError("Expected --report without files: the table is that of all tests");
  }
  const versions = releases.length === 0
    ? VERSIONS
    : VERSIONS.filter(({ release }) => releases.includes(release));
  return { versions, files, report };
}

async function test(version: Version, files: readonly string[]): Promise<Row> {
  const { release, libavcodec, from } = version;
  console.log(`\nFFmpeg ${release}, ${from}`);
  const start = performance.now();
  let outcome: Row["outcome"];
  try {
    outcome = await runTests(await version.bring(), files);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    outcome = error.message;
    console.log(`  left out: ${outcome}`);
  }
  const seconds = (performance.now() - start) / 1000;
  return { release, libavcodec, from, seconds, outcome };
}

/** Runs a version's tests and shows what they say; a run that breaks off has failed. */
async function runTests(command: TestCommand, files: readonly string[]): Promise<MachineResult> {
  let last = "";
  const success = await run(command.program, command.withTests(files), command.env, (line) => {
    if (line.startsWith("{")) last = line;
    else console.log(line);
  });
  const counts: Counts = { passed: 0, failed: 1, skipped: 0 };
  if (last === "") return { version: "?", counts, headers: undefined };
  const result: MachineResult = JSON.parse(last);
  return success ? result : { ...result, counts: sum([result.counts, counts]) };
}

// ---- where an FFmpeg comes from

/** The FFmpeg of a release of Debian, with its programs and headers. */
function debian(release: string, libavcodec: number, suite: string): Version {
  return {
    release,
    libavcodec,
    from: `Debian ${suite}`,
    bring: () => machine(suite, "ffmpeg g++ libavdevice-dev", ["--headers"]),
  };
}

/** The libraries of an FFmpeg that a release of Debian still has beside a newer one. */
function leftInDebian(release: string, libavcodec: number, suite: string): Version {
  return {
    release,
    libavcodec,
    from: `Debian ${suite}, the libraries alone`,
    bring: () =>
      machine(suite, `ffmpeg g++ libavdevice${libavcodec}`, ["--libraries", `${libavcodec}`]),
  };
}

/** A chroot with a release of Debian. */
async function machine(
  suite: string,
  packages: string,
  args: readonly string[],
): Promise<TestCommand> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    throw new Unavailable("making a chroot needs Linux and root");
  }
  for (const program of ["debootstrap", "unshare", "apt-get"]) {
    if (!hasProgram(program)) throw new Unavailable(`making a chroot needs "${program}"`);
  }
  const command = {
    program: "tools/fresh_machine.sh",
    args: ["--with-changes", "--program", Deno.execPath()],
    env: { CACHE, SUITE: suite, PACKAGES: packages },
  };
  if (!exists(`${CACHE}/${suite}`)) {
    const said: string[] = [];
    const show = (line: string) => said.push(line);
    if (!await run(command.program, [...command.args, "true"], command.env, show)) {
      throw new Unavailable(said.at(-1) ?? "the chroot could not be made");
    }
  }
  return {
    ...command,
    withTests: (files) => [
      ...command.args,
      ["deno", "run", "-A", RUN, ...args, ...files].join(" "),
    ],
  };
}

/** The libraries inside a wheel of PyAV, on this machine. */
function wheel(release: string, libavcodec: number, version: number): Version {
  return {
    release,
    libavcodec,
    from: `PyAV ${version}`,
    bring: async () => ({
      program: Deno.execPath(),
      args: [],
      env: { SLUICE_LIBRARY_PATH: await librariesOfWheel(version) },
      // Their FFmpeg has no devices to play on.
      withTests: (files) => ["run", "-A", RUN, "--without", "play", ...files],
    }),
  };
}

async function librariesOfWheel(version: number): Promise<string> {
  if (Deno.build.os !== "linux") throw new Unavailable("the wheels used here are those for Linux");
  if (!hasProgram("python3")) throw new Unavailable(`fetching a wheel needs "python3"`);
  const folder = `${CACHE}/av-${version}`;
  if (exists(folder)) return `${folder}/av.libs`;
  const download = await Deno.makeTempDir({ prefix: "sluice-wheel-" });
  try {
    const platforms = ["manylinux2014", "manylinux_2_28"].flatMap((it) => [
      "--platform",
      `${it}_${Deno.build.arch}`,
    ]);
    const options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11"];
    await python("pip", "download", ...options, ...platforms, "-d", download, `av==${version}.*`);
    const [file] = [...Deno.readDirSync(download)].map(({ name }) => name);
    await python("zipfile", "-e", `${download}/${file}`, `${folder}.partial`);
    await Deno.rename(`${folder}.partial`, folder);
  } finally {
    await Deno.remove(download, { recursive: true });
  }
  return `${folder}/av.libs`;
}

async function python(module: string, ...args: string[]): Promise<void> {
  const said: string[] = [];
  const success = await run("python3", ["-m", module, ...args], {}, (line) => said.push(line));
  if (!success) throw new Unavailable(`python3 -m ${module}: ${said.at(-1) ?? "failed"}`);
}

/** Runs a program and hands on what it prints, line by line; gives whether it went well. */
async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<boolean> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await Promise.all([child.stdout, child.stderr].map((stream) => readLines(stream, onLine)));
  return (await child.status).success;
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

// ---- what came of it

/** The results as a table in Markdown: for the terminal with seconds, for the README without. */
export function tableOf(rows: readonly Row[], withSeconds: boolean): string {
  const heads = ["FFmpeg", "libavcodec", "From", "Passed", "Failed", "Left out", "Struct tables"];
  const cells = rows.map((row) => cellsOf(row).concat(withSeconds ? [row.seconds.toFixed(0)] : []));
  const lines = [withSeconds ? [...heads, "Seconds"] : heads, ...cells];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const [head, ...body] = lines.map((line) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [head, rule, ...body].join("\n");
}

function cellsOf({ release, libavcodec, from, outcome }: Row): string[] {
  if (typeof outcome === "string") {
    return [release, `${libavcodec}`, from, "", "", `all: ${outcome}`, ""];
  }
  const { version, counts: { passed, failed, skipped }, headers } = outcome;
  const tables = headers === undefined ? "as the library says" : `as the headers of ${headers}`;
  return [version, `${libavcodec}`, from, `${passed}`, `${failed}`, `${skipped}`, tables];
}

/** Puts a table between the markers of a text; rows that it does not have stay as they are. */
export function withTable(text: string, table: string): string {
  const [begin, end] = MARKERS.map((marker) => text.indexOf(marker)) as [number, number];
  if (begin < 0 || end < begin) throw new Error(`Cannot find the marker "${MARKERS[0]}"`);
  const old = text.slice(begin, end).split("\n").filter((line) => line.startsWith("|")).slice(2);
  const [head, rule, ...rows] = table.split("\n");
  const sources = VERSIONS.map(({ from }) => from);
  const kept = new Map([...old, ...rows].map((row) => [sourceOf(row), row]));
  const lines = sources.flatMap((source) => kept.get(source) ?? []);
  const whole = [head, rule, ...lines].join("\n");
  return `${text.slice(0, begin + MARKERS[0].length)}\n\n${whole}\n\n${text.slice(end)}`;
}

/** Where the FFmpeg of a row comes from. */
function sourceOf(row: string): string | undefined {
  return row.split("|")[3]?.trim();
}

async function writeReport(table: string): Promise<void> {
  const readme = new URL("README.md", ROOT);
  await Deno.writeTextFile(readme, withTable(await Deno.readTextFile(readme), table));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", readme.pathname] }).output();
}
