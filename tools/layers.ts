/**
 * The folders of the library and the rule of its imports, in one place for the lint plugin and the
 * architecture test: a folder of `src/` imports only from rows below its own, and from `ffi/`.
 */

/** The folders of `src/`, the highest row first: those of one row do not import each other. */
export const ROWS: readonly (readonly string[])[] = [
  ["shortcuts", "broadcast"],
  ["writing", "reading", "capabilities"],
  ["devices"],
  ["outputs"],
  ["io"],
  ["media"],
  ["base"],
  ["facts"],
];

/** The files that join stages to the way of one stream: what they join imports no neighbour. */
const JOINS = /^src\/(?:reading|writing)\/\w+_stream\.ts$/;

/** The folder of `src/` that a file lies in, by its path from the project's root. */
export function folderOf(path: string): string | undefined {
  return /^src\/(\w+)\/\w+\.ts$/.exec(path)?.[1];
}

function rowOf(folder: string): number {
  return ROWS.findIndex((row) => row.includes(folder));
}

/** Whether a file joins stages to the way of one stream. */
export function joinsStages(path: string): boolean {
  return JOINS.test(path) && !/\/stream_\w+\.ts$/.test(path);
}

/** Whether a file, by its path from the project's root, is part of what is published. */
export function isLibraryFile(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/") || path.startsWith("ffi/") || isProgram(path);
}

/** Whether a file is part of the program, which uses the library as anyone else does. */
function isProgram(path: string): boolean {
  return path === "cli.ts" || path.startsWith("cli/");
}

/** What the program uses of the library: its public face, and helpers for arguments and messages. */
const FOR_PROGRAM = ["mod.ts", "src/base/arguments.ts", "src/base/text.ts"];

/** Whether a file may name `Deno.dlopen` and the like. */
export function mayTouchMemory(path: string): boolean {
  return path.startsWith("ffi/") || path.startsWith("tests/");
}

/** Says why one file of the library may not import another one, if it may not. */
export function whyNotImport(from: string, specifier: string): string | undefined {
  if (!isLibraryFile(from) || specifier.startsWith("node:")) return undefined;
  if (!/^\.\.?\//.test(specifier)) {
    return `The library depends on nothing but Deno: "${specifier}" is neither relative nor node:`;
  }
  const to = resolvePath(from, specifier);
  if (isProgram(from)) {
    const fits = FOR_PROGRAM.includes(to) || to.startsWith("cli/");
    return fits ? undefined : `The program imports only mod.ts and its own parts: "${to}"`;
  }
  if (from.startsWith("ffi/")) {
    return to.startsWith("ffi/") ? undefined : `ffi/ imports only ffi/: "${to}" is outside`;
  }
  if (to.startsWith("ffi/")) return undefined;
  return to.startsWith("src/") ? whyNotRow(from, to) : `"${from}" may not import "${to}"`;
}

function whyNotRow(from: string, to: string): string | undefined {
  if (from === "mod.ts") return undefined;
  const [upper, lower] = [folderOf(from), folderOf(to)];
  const homeless = upper === undefined ? from : lower === undefined ? to : undefined;
  if (homeless !== undefined) return `"${homeless}" lies in no folder of src/`;
  if (upper === lower) return undefined;
  const unknown = [upper!, lower!].find((folder) => rowOf(folder) < 0);
  if (unknown !== undefined) return `src/${unknown}/ has no row: give it one in tools/layers.ts`;
  if (rowOf(upper!) < rowOf(lower!)) return undefined;
  return `src/${upper}/ imports from rows below its own only: "${to}" is not`;
}

/** The path, from the project's root, of what a file imports by a relative specifier. */
export function resolvePath(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
