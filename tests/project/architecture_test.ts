import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  folderOf,
  isLibraryFile,
  joinsStages,
  mayTouchMemory,
  resolvePath,
  ROWS,
  whyNotImport,
} from "../../tools/layers.ts";

const ROOT = new URL("../../", import.meta.url);

/** A file of the library as the tests here see it. */
interface SourceFile {
  readonly path: string;
  readonly code: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly specifier: string;
  /** Whether only types are imported, so that nothing is left of it at run time. */
  readonly isOfTypes: boolean;
}

const IMPORT = /\b(?:im|ex)port\s*(type\s)?(?:[^;"]*?\bfrom\s*|\(\s*|)"([^"]+)"/g;

const FILES = ["src", "ffi", "cli", "examples", "bench"].flatMap(filesUnder)
  .concat(fileAt("mod.ts"), fileAt("cli.ts"));

function filesUnder(folder: string): SourceFile[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return filesUnder(path);
    return path.endsWith(".ts") ? fileAt(path) : [];
  });
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(new URL(folder, ROOT))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function fileAt(path: string): SourceFile[] {
  const code = withoutComments(textOf(path));
  const imports = [...code.matchAll(IMPORT)].map(([, type, specifier = ""]) => ({
    specifier,
    isOfTypes: type !== undefined,
  }));
  return [{ path, code, imports }];
}

function textOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** Drops the lines that are comments as a whole, where examples are. */
function withoutComments(source: string): string {
  return source.split("\n").filter((line) => !/^\s*(?:\/\/|\/\*|\*)/.test(line)).join("\n");
}

Deno.test("every file of src/ lies in a folder that has a row", () => {
  const homeless = FILES.filter(({ path }) => {
    return path.startsWith("src/") && !ROWS.flat().includes(folderOf(path) ?? "");
  });
  deepStrictEqual(homeless.map((it) => it.path), [], "see ROWS in tools/layers.ts");
});

Deno.test("every folder of the library says what lives there", () => {
  const folders = new Set(
    FILES.map(({ path }) => path).filter((it) => /^(?:src|ffi)\//.test(it))
      .map((it) => it.replace(/[^/]+$/, "")),
  );
  for (const folder of folders) {
    match(textOf(`${folder}README.md`), new RegExp(`^# ${folder.slice(0, -1)}\n\n\\S`));
  }
});

Deno.test("imports point one way: cli.ts, mod.ts, the rows of src/, ffi/", () => {
  const problems = FILES.flatMap(({ path, imports }) =>
    imports.map(({ specifier }) => whyNotImport(path, specifier)).filter((it) => it !== undefined)
  );
  deepStrictEqual(problems, []);
});

Deno.test("stages import no neighbour at run time: only what joins them does", () => {
  const imported = new Map(FILES.map((it) => importsAtRunTime(it)));
  const folder = (path: string) => path.replace(/[^/]+$/, "");
  const stages = FILES.filter(({ path }) => joinsStages(path)).flatMap(({ path }) =>
    imported.get(path)!.filter((to) => folder(to) === folder(path))
  );
  strictEqual(stages.length > 4, true, "no stages found");
  const problems = stages.flatMap((path) =>
    imported.get(path)!.filter((to) => stages.includes(to)).map((to) => `${path} → ${to}`)
  );
  deepStrictEqual(problems, []);
});

Deno.test("no file of the library imports itself, not even through others or for a type", () => {
  const graph = new Map(FILES.filter((it) => isLibraryFile(it.path)).map((it) => importsOf(it)));
  deepStrictEqual([...graph.keys()].filter((path) => reaches(graph, path, path)), []);
});

function importsOf({ path, imports }: SourceFile): [path: string, imported: string[]] {
  const own = imports.filter((it) => it.specifier.startsWith("."));
  return [path, own.map((it) => resolvePath(path, it.specifier))];
}

function importsAtRunTime(file: SourceFile): [path: string, imported: string[]] {
  return importsOf({ ...file, imports: file.imports.filter((it) => !it.isOfTypes) });
}

function reaches(graph: ReadonlyMap<string, string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [...graph.get(from) ?? []];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (path === to) return true;
    if (!seen.has(path)) waiting.push(...graph.get(path) ?? []);
    seen.add(path);
  }
  return false;
}

Deno.test("only ffi/ opens libraries and touches memory", () => {
  const outside = FILES.filter(({ path, code }) =>
    !mayTouchMemory(path) && /\bDeno\.(?:dlopen|Unsafe\w+)/.test(code)
  );
  deepStrictEqual(outside.map((it) => it.path), []);
});
