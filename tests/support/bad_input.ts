/**
 * What tests of bad input share: a table of calls, and what each must say when it is rejected.
 */

import { deepStrictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import { noLiveHandles, tempDir } from "./helpers.ts";

// deno-lint-ignore no-explicit-any -- what callers of plain JavaScript may pass
export type Any = any;

/** What is called, the class of the error, and what its message must say. */
export type Row = readonly [
  what: string,
  call: (writer: StreamWriter) => unknown,
  error: "TypeError" | "RangeError" | "Error" | "FFmpegError",
  ...says: RegExp[],
];

/** What is wrong with the way in which a call is rejected; nothing if it is as it should be. */
async function problemWith([what, call, name, ...says]: Row, writer: StreamWriter) {
  let error: unknown;
  try {
    await call(writer);
  } catch (thrown) {
    error = thrown;
  }
  if (error === undefined) return `${what}: it is accepted`;
  if (!(error instanceof Error)) return `${what}: throws ${String(error)}`;
  const { message } = error;
  const problems = [
    ...(error.name === name ? [] : [`is a ${error.name}, not a ${name}`]),
    ...says.filter((part) => !part.test(message)).map((part) => `does not match ${part}`),
    ...(/^["A-Z]/.test(message) ? [] : ["starts with a small letter"]),
    ...(/\.$/.test(message) ? ["ends with a period"] : []),
    ...(/is not a function|Cannot read prop|\[object|to a BigInt/.test(message)
      ? ["is no help"]
      : []),
  ];
  return problems.length === 0 ? undefined : `${what}: ${problems.join(", ")}: ${message}`;
}

/** Fails unless all calls are rejected as they should be, and lists those that are not. */
export async function areRejected(rows: readonly Row[], writer: StreamWriter): Promise<void> {
  const problems: string[] = [];
  for (const row of rows) {
    const problem = await problemWith(row, writer);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

export const isRejected = (row: Row, writer: StreamWriter) => areRejected([row], writer);

export const wav = (dir: { file(name: string): string }) => new StreamWriter(dir.file("a.wav"));
export const mp4 = (dir: { file(name: string): string }) => new StreamWriter(dir.file("a.mp4"));

/** Values that are no numbers. */
export const NOT_NUMBERS: readonly (readonly [shown: string, value: Any])[] = [
  ["a string", "3"],
  ["null", null],
  ["undefined", undefined],
  ["an object", {}],
  ["an array", [3]],
  ["a symbol", Symbol("3")],
  ["a bigint", 3n],
  ["a boolean", true],
  ["a function", () => 3],
];

const NOT_COUNTS = [0, -1, 0.5, NaN, Infinity, -Infinity, 1e9, 2 ** 31, 1e300];

/** Wrong numbers where a whole number from 1 on is wanted, and what is no number at all. */
export function badCounts(
  name: string,
  call: (writer: StreamWriter, value: Any) => unknown,
  { optional = false }: { optional?: boolean } = {},
): Row[] {
  const missing = (value: unknown) => value === undefined || value === null;
  return [
    ...NOT_COUNTS.map((value): Row => [
      `${name} of ${value}`,
      (writer) => call(writer, value),
      "RangeError",
      new RegExp(`\\b${name}\\b`),
      new RegExp(`from 1 to \\d+, got ${String(value).replace(/[.+]/g, "\\$&")}$`),
    ]),
    ...NOT_NUMBERS.filter(([, value]) => !optional || !missing(value)).map((
      [shown, value],
    ): Row => [
      `${name} that is ${shown}`,
      (writer) => call(writer, value),
      "TypeError",
      new RegExp(`\\b${name}\\b.*number.*got`),
    ]),
  ];
}

/** A test of things that are rejected before `open()`: the destination is not touched. */
export function rejectsBeforeOpening(
  name: string,
  make: (dir: { file(name: string): string }) => StreamWriter,
  rows: readonly Row[],
): void {
  Deno.test(name, async () => {
    using dir = tempDir();
    {
      using writer = make(dir);
      await areRejected(rows, writer);
    }
    noLiveHandles();
    deepStrictEqual([...Deno.readDirSync(dir.path)], [], "something was written");
  });
}
