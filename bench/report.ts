/**
 * Shows results: as text for a terminal, and as the page `docs/benchmarks.md`.
 *
 * ```sh
 * deno run -A bench/report.ts # writes the page again from bench/results.json
 * ```
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { execute } from "./execute.ts";
import type { Results, Row, Table } from "./results.ts";

/** Where the results of the last whole run are. */
export const RESULTS = new URL("results.json", import.meta.url);

const PAGE = new URL("../docs/benchmarks.md", import.meta.url);

const HEADINGS = ["median", "p25", "p75", "of floor", "of floor, CPU"];

if (import.meta.main) await writePage();

/** Writes the page from the results of the last whole run. */
export async function writePage() {
  const results: Results = JSON.parse(Deno.readTextFileSync(RESULTS));
  Deno.writeTextFileSync(PAGE, pageOf(results));
  await execute(Deno.execPath(), ["fmt", "--quiet", fileURLToPath(PAGE)]);
}

/** A table with columns of equal width. */
export function textTable({ title, unit, rows }: Table): string {
  const cells = [[`${title} (${unit})`, ...HEADINGS]];
  for (const row of rows) cells.push([`  ${row.peer}`, ...cellsOf(row)]);
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ");
  return cells.map(line).join("\n");
}

function pageOf({ date, machine, versions, rounds, jobs }: Results): string {
  const sections = jobs.map((
    { note, tables },
  ) => [...tables.map(markdownTable).slice(0, 1), note, ...tables.map(markdownTable).slice(1)]);
  return [
    "<!-- Written by bench/report.ts from bench/results.json: change those instead. -->",
    "# Benchmarks",
    `Measured on ${date.slice(0, 10)} by \`deno task bench --report\`, which you can run yourself.`,
    "Every job is done by every peer in turn, each time in a process of its own, " +
    `${rounds} rounds in a row. Shown are the median and the quartiles. "Of floor" is the speed ` +
    "compared with a C program that does the same work straight on FFmpeg's libraries, which has " +
    '1 (more is faster, for times and memory, too); each round is compared in itself. "CPU" is ' +
    "the same by the processor time of all threads, which is steadier where other work goes on.",
    "All peers encode the same frames with the same options, and every file written is checked " +
    "to have all of its frames. The clock runs inside the process, from opening to closing, " +
    "after a short run that loads and warms what is needed; the `ffmpeg` program alone is timed " +
    "as a whole process, with its start, and reads its frames from a raw file in memory.",
    "## Machine",
    listOf(machine),
    "## Versions",
    listOf(versions),
    "## Results",
    ...sections.flat(),
  ].join("\n\n");
}

function listOf(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries).map(([name, value]) => `- ${name}: ${value}`).join("\n");
}

function markdownTable({ title, unit, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = ["---", ...HEADINGS.map(() => "---:")];
  const heading = `### ${title[0]!.toUpperCase()}${title.slice(1)}`;
  const body = rows.map((row) => line([row.peer, ...cellsOf(row)]));
  return `${heading}\n\n${[line([unit, ...HEADINGS]), line(rule), ...body].join("\n")}`;
}

function cellsOf({ median, p25, p75, ofFloor, ofFloorCpu }: Row): string[] {
  return [...[median, p25, p75].map(shown), ...[ofFloor, ofFloorCpu].map(shownRatio)];
}

/** Three digits that count. */
function shown(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function shownRatio(ratio: number | null): string {
  return ratio === null ? "" : ratio.toFixed(2);
}
