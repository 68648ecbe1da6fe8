/**
 * Runs the tests with every FFmpeg that Sluice supports, each with the judges of its own release
 * where these can be had.
 *
 * ```sh
 * deno task test:matrix                           # all versions, all tests
 * deno task test:matrix 4.3 9.0                   # some versions
 * deno task test:matrix 9.0 tests/ffi/ffi_test.ts     # some tests of one
 * deno task test:matrix --report                  # all, and the table in docs/ffmpeg_versions.md rewritten
 * deno task test:matrix 9.0 --report              # one version, and its row there
 * ```
 *
 * Where they come from is in `matrix_sources.ts`. A version that can't be had is skipped, and says
 * why; one whose tests fail makes the run fail.
 *
 * @module
 */

import { AREAS, type MachineResult, RESULT } from "./matrix_run.ts";
import { run, type TestCommand, Unavailable, type Version, VERSIONS } from "./matrix_sources.ts";
import { closingLine, type Counts, sum } from "./test_counts.ts";

/** The results of a version. */
export interface Row {
  readonly release: string;
  readonly libavcodec: number;
  readonly from: string;
  readonly seconds: number;
  /** The result, or why there is none. */
  readonly outcome: MachineResult | string;
}

const ROOT = new URL("..", import.meta.url);

/** The page with the table. */
export const PAGE = new URL("docs/ffmpeg_versions.md", ROOT);

/** Between these two lines of the page stands the table. */
const MARKERS = [
  '<!-- Written by "deno task test:matrix --report": do not edit -->',
  "<!-- end of the table -->",
] as const;

if (import.meta.main) Deno.exit(await main(Deno.args.filter((it) => it !== "--")));

async function main(args: readonly string[]): Promise<number> {
  const { versions, files, report } = parseArguments(args);
  const rows: Row[] = [];
  for (const version of versions) rows.push(await test(version, files));
  const table = tableOf(rows, true);
  console.log(`\n${table}\n`);
  if (report) await writeReport(tableOf(rows, false));
  const counts = sum(rows.map(total));
  const seconds = rows.reduce((before, row) => before + row.seconds, 0);
  console.log(`All of it took ${Math.round(seconds)} s`);
  console.log(closingLine(counts));
  return counts.failed === 0 ? 0 : 1;
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
    console.log(`  skipped: ${outcome}`);
  }
  const seconds = (performance.now() - start) / 1000;
  return { release, libavcodec, from, seconds, outcome };
}

/** Runs a version's tests and shows what they say; a run that is cut short has failed. */
async function runTests(command: TestCommand, files: readonly string[]): Promise<MachineResult> {
  let last: MachineResult | undefined;
  const success = await run(command.program, command.argsFor(files), command.env, (line) => {
    if (line.startsWith(RESULT)) last = JSON.parse(line.slice(RESULT.length));
    else console.log(line);
  });
  if (success && last) return last;
  const areas = { [AREAS.at(-1)!.title]: { passed: 0, failed: 1, skipped: 0 } };
  return { version: last?.version ?? "?", areas, headers: undefined };
}

function total({ outcome }: Row): Counts {
  return sum(typeof outcome === "string" ? [] : Object.values(outcome.areas));
}

// ---- the results

/** The results as a table in Markdown: for the terminal with seconds, for the page without. */
export function tableOf(rows: readonly Row[], withSeconds: boolean): string {
  const areas = AREAS.map(({ title }) => title);
  const heads = ["FFmpeg", "libavcodec", "From", ...areas, "Struct tables"];
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
    const [, ...others] = AREAS.map(() => "");
    return [release, `${libavcodec}`, from, `skipped: ${outcome}`, ...others, ""];
  }
  const { version, areas, headers } = outcome;
  const cells = AREAS.map(({ title }) => cellOf(areas[title]));
  const tables = headers === undefined ? "as the library says" : `as the headers of ${headers}`;
  return [version, `${libavcodec}`, from, ...cells, tables];
}

function cellOf(counts: Counts | undefined): string {
  if (counts === undefined) return "not tested";
  const { passed, failed, skipped } = counts;
  const parts = [`${passed}`];
  if (failed > 0) parts.push(`${failed} FAILED`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  return parts.join(", ");
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
  await Deno.writeTextFile(PAGE, withTable(await Deno.readTextFile(PAGE), table));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", PAGE.pathname] }).output();
}
