/**
 * Writes the layout table of one major version of FFmpeg from its headers, with a small program
 * that the system's C++ compiler (or $CXX) builds against them:
 *
 *     deno run -A ffi/layouts/generate.ts --include DIR [--include DIR2] [--check]
 *
 * DIR is the folder that holds libavutil/, libavcodec/ and so on. Name a second one where a
 * distribution spreads them over two. With --check nothing is written: the program fails when the
 * headers contradict the table. Headers of an older release of the same major version pass too, as
 * long as `since` in fields.ts names everything that they lack.
 *
 * Where the tables came from:
 * - 58, 59, 61 and 63: the -dev packages of Debian 11 (FFmpeg 4.3.9), 12 (5.1.9), 13 (7.1.5) and 14
 *   (9.0.2)
 * - 62: "make install-headers" in the source package of Debian's FFmpeg 8.1.2
 * - 60: no package ships the headers of FFmpeg 6.1. This table was made by another program of the
 *   same kind from a copy of them, and agrees with the offsets, sizes and constants that are
 *   compiled into the Java binding org.bytedeco:ffmpeg 6.1.1 (for its two unions: with 59 and 61)
 */
import { constants, fields, type Layout, optionalStructs, since } from "./fields.ts";

const usage = "deno run -A ffi/layouts/generate.ts --include DIR [--include DIR2] [--check]";
const libraries = [
  "avutil",
  "avcodec",
  "avformat",
  "avdevice",
  "avfilter",
  "swscale",
  "swresample",
] as const;
const headers = [
  "libavutil/channel_layout.h",
  "libavutil/dict.h",
  "libavutil/display.h",
  "libavutil/error.h",
  "libavutil/ffversion.h",
  "libavutil/frame.h",
  "libavutil/hwcontext.h",
  "libavutil/log.h",
  "libavutil/opt.h",
  "libavutil/pixdesc.h",
  "libavcodec/avcodec.h",
  "libavformat/avformat.h",
  "libavformat/avio.h",
  "libavdevice/avdevice.h",
  "libavfilter/avfilter.h",
  "libavfilter/buffersink.h",
  "libavfilter/buffersrc.h",
  "libswscale/swscale.h",
  "libswresample/swresample.h",
];

/** What one line of the program asks the headers for. */
type Item =
  & { name: string; optional: boolean }
  & (
    | { type: "struct"; struct: string }
    | { type: "field"; struct: string; field: string; kind: string }
    | { type: "constant" }
  );
type FieldItem = Extract<Item, { type: "field" }>;

/** A table while it is built, before it is known to be complete. */
type Table = {
  release: string;
  headers: string;
  majors: Record<string, number>;
  minors: Record<string, number>;
  structs: Record<string, Record<string, number>>;
  constants: Record<string, number>;
};

/** The program's prelude: names a C++ type by the kinds of fields.ts. */
const prelude = `
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>

template <class T> struct Plain { using type = T; };
template <class T> requires std::is_enum_v<T> struct Plain<T> { using type = std::underlying_type_t<T>; };

template <class T> constexpr const char *integer() {
  constexpr bool sign = std::is_signed_v<T>;
  if (sizeof(T) == 8) return sign ? "i64" : "u64";
  if (sizeof(T) == 4) return sign ? "i32" : "u32";
  if (sizeof(T) == 2) return sign ? "i16" : "u16";
  return sign ? "i8" : "u8";
}

template <class T> constexpr const char *kind() {
  using P = typename Plain<T>::type;
  if constexpr (std::is_same_v<T, AVRational>) return "rational";
  else if constexpr (std::is_pointer_v<T>) return "ptr";
  else if constexpr (std::is_array_v<T>) return "array";
  else if constexpr (std::is_union_v<T>) return "union";
  else if constexpr (std::is_class_v<T>) return "struct";
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 8 ? "f64" : "f32";
  else return integer<P>();
}
`;

/** Removes the "?" that marks an optional kind or constant. */
function bare(text: string): string {
  return text.endsWith("?") ? text.slice(0, -1) : text;
}

/** Everything that fields.ts names. */
function listItems(): Item[] {
  const items: Item[] = [];
  for (const [struct, kinds] of Object.entries<Record<string, string>>(fields)) {
    const optional = optionalStructs.some((name) => name === struct);
    items.push({ type: "struct", name: struct, struct, optional });
    for (const [field, kind] of Object.entries(kinds)) {
      items.push({
        type: "field",
        name: `${struct}.${field}`,
        struct,
        field,
        kind: bare(kind),
        optional: optional || kind.endsWith("?"),
      });
    }
  }
  for (const name of constants) {
    items.push({ type: "constant", name: bare(name), optional: name.endsWith("?") });
  }
  return items;
}

/** The part of the program that comes before the items. */
function programHead(): string[] {
  return [
    // FFmpeg's headers are C. The optional structs are declared first, so that naming one that the
    // headers lack is an error in its own line and nowhere else.
    `extern "C" {`,
    ...optionalStructs.map((name) => `struct ${name};`),
    ...headers.map((name) => `#include <${name}>`),
    `}`,
    ...prelude.split("\n"),
  ];
}

/**
 * Finds which items the headers lack. Each item is one line of a program that is compiled but
 * never run, and the compiler names the lines it cannot make sense of. This way enumerators,
 * macros and fields need only one method.
 */
async function findMissing(items: Item[], folders: string[]): Promise<Set<Item>> {
  const head = programHead();
  const lines = items.map((item) => {
    if (item.type === "constant") return `static_assert((long long)(${item.name}) || true);`;
    return `static_assert(sizeof(${
      item.type === "field" ? `${item.struct}::${item.field}` : item.struct
    }) > 0);`;
  });
  const result = await compile([...head, ...lines], folders, ["-fsyntax-only"]);
  const missing = new Set<Item>();
  for (
    const [, file, line] of result.errors.matchAll(/^(\S+?):(\d+):(?:\d+:)? (?:fatal )?error:/gm)
  ) {
    const item = file === "probe.cc" ? items[Number(line) - head.length - 1] : undefined;
    // An error elsewhere would make items look missing that are not.
    if (!item) throw new Error(`Cannot compile FFmpeg's headers: ${result.errors}`);
    missing.add(item);
  }
  if (!result.success && missing.size === 0) {
    throw new Error(`Cannot compile FFmpeg's headers: ${result.errors}`);
  }
  return missing;
}

/** Runs the compiler, with words of help where there is none. */
async function runCompiler(name: string, command: Deno.Command): Promise<Deno.CommandOutput> {
  try {
    return await command.output();
  } catch (cause) {
    throw new Error(`Cannot run "${name}": set CXX to the name of a C++20 compiler`, { cause });
  }
}

/** Compiles a program in a folder of its own, and calls `use` before that folder is removed. */
async function compile(
  lines: string[],
  folders: string[],
  flags: string[],
  use?: (folder: string) => Promise<void>,
): Promise<{ success: boolean; errors: string }> {
  const compiler = Deno.env.get("CXX") ?? "c++";
  const folder = await Deno.makeTempDir({ prefix: "sluice_layout_" });
  try {
    await Deno.writeTextFile(`${folder}/probe.cc`, lines.join("\n") + "\n");
    const command = new Deno.Command(compiler, {
      args: [
        "-std=c++20",
        "-w",
        "-D__STDC_CONSTANT_MACROS",
        ...folders.map((name) => `-I${name}`),
        ...flags,
        "probe.cc",
      ],
      cwd: folder,
      // The compiler's messages are read, so they must not be translated.
      env: { LC_ALL: "C" },
      stdout: "null",
      stderr: "piped",
    });
    const output = await runCompiler(compiler, command);
    const errors = new TextDecoder().decode(output.stderr);
    if (output.success) await use?.(folder);
    return { success: output.success, errors };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A statement that prints one item as a line of tab-separated words. */
function printStatement(item: Item): string {
  if (item.type === "struct") {
    return `std::printf("struct\\t${item.name}\\t%zu\\n", sizeof(${item.struct}));`;
  }
  if (item.type === "constant") {
    return `std::printf("constant\\t${item.name}\\t%lld\\n", (long long)(${item.name}));`;
  }
  const { struct, field } = item;
  return `std::printf("field\\t${item.name}\\t%zu\\t%s\\n", offsetof(${struct}, ${field}), ` +
    `kind<decltype(${struct}::${field})>());`;
}

/** Prints the version of one library, as the headers have it. */
function versionStatement(library: string): string {
  const macro = `LIB${library.toUpperCase()}_VERSION`;
  return `std::printf("version\\t${library}\\t%d\\t%d\\n", ${macro}_MAJOR, ${macro}_MINOR);`;
}

/** Compiles and runs the program, and returns the lines that it prints. */
async function runProgram(items: Item[], folders: string[]): Promise<string[][]> {
  const program = [
    ...programHead(),
    "int main() {",
    `std::printf("ffmpeg\\t%s\\n", FFMPEG_VERSION);`,
    ...libraries.map(versionStatement),
    ...items.map(printStatement),
    "}",
  ];
  let printed = "";
  const result = await compile(program, folders, ["-o", "probe"], async (folder) => {
    const output = await new Deno.Command(`${folder}/probe`).output();
    if (!output.success) throw new Error(`Cannot run the compiled program: ${output.code}`);
    printed = new TextDecoder().decode(output.stdout);
  });
  if (!result.success) throw new Error(`Cannot compile FFmpeg's headers: ${result.errors}`);
  return printed.trimEnd().split("\n").map((line) => line.split("\t"));
}

/** Fails when a field's type is not what fields.ts says, since it would be read as garbage. */
function checkKind(item: FieldItem, kind: string, avutil: number): void {
  const wanted = item.kind === "size" ? (avutil < 57 ? "i32" : "u64") : item.kind;
  if (kind !== wanted) {
    throw new Error(
      `Cannot use field "${item.name}": fields.ts has kind "${wanted}" and the headers have "${kind}"`,
    );
  }
}

/** The version in a text such as "5.1.9-0+deb12u1" or "n8.1". */
function parseVersion(text: string): string {
  const version = /^n?(\d+\.\d+(?:\.\d+)?)(?![\d.])/.exec(text)?.[1];
  if (version === undefined) {
    throw new Error(
      `Cannot read the release from FFMPEG_VERSION "${text}": the headers must be of a release such as "5.1.9"`,
    );
  }
  return version;
}

/** Makes a table of what the program printed. */
function buildTable(items: Item[], printed: string[][]): Table {
  const table: Table = {
    release: "",
    headers: "",
    majors: {},
    minors: {},
    structs: {},
    constants: {},
  };
  const known = new Map(items.map((item) => [item.name, item]));
  for (const [type = "", name = "", value = "", extra = ""] of printed) {
    const item = known.get(name);
    if (type === "ffmpeg") {
      table.headers = parseVersion(name);
      table.release = table.headers.split(".").slice(0, 2).join(".");
    } else if (type === "version") {
      table.majors[name] = Number(value);
      table.minors[name] = Number(extra);
    } else if (item?.type === "struct") {
      table.structs[name] = { sizeof: Number(value) };
    } else if (item?.type === "field") {
      checkKind(item, extra, table.majors.avutil ?? 0);
      table.structs[item.struct]![item.field] = Number(value);
    } else {
      table.constants[name] = Number(value);
    }
  }
  return table;
}

/**
 * Fails when a header is in none of the folders, since the compiler would then take it from the
 * system, which may be of another version.
 */
function checkFolders(folders: string[]): void {
  for (const header of headers) {
    if (!folders.some((folder) => existsSync(`${folder}/${header}`))) {
      const list = folders.map((folder) => `"${folder}"`).join(", ");
      throw new Error(
        `Cannot find "${header}" in ${list}: name every folder that holds headers of this FFmpeg with --include`,
      );
    }
  }
}

/** Whether there is a file at a path. */
function existsSync(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Reads the headers in `folders`. */
async function readHeaders(folders: string[]): Promise<Table> {
  checkFolders(folders);
  const items = listItems();
  const missing = await findMissing(items, folders);
  const lost = [...missing].filter((item) => !item.optional);
  if (lost.length > 0) {
    const names = lost.map((item) => `"${item.name}"`).join(", ");
    throw new Error(
      `Cannot find ${names} in the headers: mark what a supported version lacks with "?" in fields.ts`,
    );
  }
  const present = items.filter((item) => !missing.has(item));
  return buildTable(present, await runProgram(present, folders));
}

/** The members of an object literal, in one line. */
function members(values: Record<string, number>): string {
  return Object.entries(values).map(([name, value]) => `${name}: ${value}`).join(", ");
}

/** The source of a table's module, before formatting. */
function source(table: Table): string {
  const structs = Object.entries(table.structs)
    .map(([name, offsets]) => `    ${name}: { ${members(offsets)} },`);
  const values = Object.entries(table.constants).map(([name, value]) => `    ${name}: ${value},`);
  const majors = Object.entries(table.majors).map(([name, value]) => `    ${name}: ${value},`);
  return [
    `// Generated by ffi/layouts/generate.ts from the headers of FFmpeg ${table.headers}. Do not edit.`,
    ``,
    `import type { Layout } from "./fields.ts";`,
    ``,
    `export const layout: Layout = {`,
    `  release: "${table.release}",`,
    `  headers: "${table.headers}",`,
    `  majors: {\n${majors.join("\n")}\n  },`,
    `  structs: {\n${structs.join("\n")}\n  },`,
    `  constants: {\n${values.join("\n")}\n  },`,
    `};`,
    ``,
  ].join("\n");
}

/** Writes a table's module, formatted as the rest of the project. */
async function writeTable(table: Table, path: URL): Promise<void> {
  await Deno.writeTextFile(path, source(table));
  // Inside the project, so that "deno fmt" finds its settings.
  const output = await new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", path.pathname] })
    .output();
  if (!output.success) throw new Error(`Cannot format "${path.pathname}"`);
}

/** Numbers by name, some of which may be missing. */
type Numbers = Readonly<Record<string, number | undefined>>;

/** All numbers of a table by name. */
function flatten(
  table: {
    majors: Numbers;
    structs: Readonly<Record<string, Numbers | undefined>>;
    constants: Numbers;
  },
): Map<string, number | undefined> {
  const numbers = new Map<string, number | undefined>();
  for (const [name, value] of Object.entries(table.majors)) numbers.set(`lib${name}`, value);
  for (const [struct, offsets] of Object.entries(table.structs)) {
    for (const [name, value] of Object.entries(offsets ?? {})) {
      numbers.set(`${struct}.${name}`, value);
    }
  }
  for (const [name, value] of Object.entries(table.constants)) numbers.set(name, value);
  return numbers;
}

/** Whether the headers of `table` are too old to have a name that the newest of the major has. */
function isLater(name: string, table: Table): boolean {
  return (since[name] ?? []).some(({ library, version: [major, minor] }) =>
    table.majors[library] === major && (table.minors[library] ?? 0) < minor
  );
}

/** What the headers and a table that is checked in disagree on, in words. */
function differences(found: Table, layout: Layout): string[] {
  const older = found.release !== layout.release;
  const read = flatten(found);
  const written = flatten(layout);
  const lines: string[] = [];
  for (const name of new Set([...written.keys(), ...read.keys()])) {
    const [a, b] = [written.get(name), read.get(name)];
    if (a === b) continue;
    // Structs grow from release to release.
    if (older && name.endsWith(".sizeof") && a !== undefined && b !== undefined) continue;
    if (b === undefined && isLater(name.replace(/\.sizeof$/, ""), found)) continue;
    lines.push(`"${name}": the table has ${a ?? "nothing"} and the headers have ${b ?? "nothing"}`);
  }
  for (const name of read.keys()) {
    if (isLater(name, found)) {
      lines.push(`"${name}": the headers have it and \`since\` says it is newer`);
    }
  }
  return lines;
}

/** Fails when the headers contradict the table that is checked in. */
async function checkTable(table: Table, path: URL): Promise<void> {
  const { layout }: { layout: Layout } = await import(path.href);
  const lines = differences(table, layout);
  if (lines.length > 0) {
    const list = lines.map((line) => `\n  ${line}`).join("");
    throw new Error(
      `The headers of FFmpeg ${table.headers} and "${path.pathname}" differ, run without --check to rewrite the table:${list}`,
    );
  }
  console.log(`The headers of FFmpeg ${table.headers} agree with "${path.pathname}"`);
}

/** An absolute path, as the compiler runs in a folder of its own. */
function resolve(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    throw new Error(`Cannot open folder "${path}": --include takes a folder that exists`, {
      cause,
    });
  }
}

/** The command line's folders and whether to check only. */
function parseArguments(args: string[]): { folders: string[]; check: boolean } {
  const folders: string[] = [];
  let check = false;
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1];
    if (args[i] === "--check") check = true;
    else if (args[i] === "--include" && value !== undefined) folders.push(resolve(args[++i]!));
    else throw new Error(`Cannot use argument "${args[i]}": usage is "${usage}"`);
  }
  if (folders.length === 0) throw new Error(`Cannot find FFmpeg's headers: usage is "${usage}"`);
  return { folders, check };
}

async function main(): Promise<void> {
  const { folders, check } = parseArguments(Deno.args);
  const table = await readHeaders(folders);
  const path = new URL(`./${table.majors.avcodec}.ts`, import.meta.url);
  if (check) return await checkTable(table, path);
  await writeTable(table, path);
  console.log(`Wrote "${path.pathname}" from the headers of FFmpeg ${table.headers}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
