/**
 * Runs the tests of everything that depends on FFmpeg with the FFmpeg that is found here, file by
 * file, so that one that crashes does not take the others along; what `matrix.ts` starts on each
 * machine.
 *
 * ```sh
 * deno run -A tools/matrix_run.ts                         # all of these tests
 * deno run -A tools/matrix_run.ts tests/ffi/ffi_test.ts       # some of them
 * deno run -A tools/matrix_run.ts --headers /usr/include  # the table against these headers as well
 * deno run -A tools/matrix_run.ts --libraries 62          # an older FFmpeg beside the newest
 * ```
 *
 * Tests that wait run beside the others. A file whose tests fail gets a second try, as another
 * program may have taken the processor away from what depends on the clock.
 *
 * The last line of the output is a {@linkcode MachineResult}: {@linkcode RESULT}, then JSON.
 *
 * @module
 */

import { LIBRARIES, loaderName } from "../ffi/locate.ts";
import type { Layout } from "../ffi/layouts/fields.ts";
import { runDeno, SANITIZERS, WAITING } from "./test.ts";
import { closingLine, type Counts, countsIn, sum } from "./test_counts.ts";

/** The results of a run on one machine. */
export interface MachineResult {
  /** FFmpeg's own version text, such as `"7.1.5-0+deb13u1"`. */
  readonly version: string;
  /** The results of the tests, by the title of their area. */
  readonly areas: Readonly<Record<string, Counts>>;
  /** The release of the headers that the table of this FFmpeg agrees with, if they were read. */
  readonly headers: string | undefined;
}

/**
 * Tests that have nothing to do with the FFmpeg that is installed, and the comparison with
 * torchaudio, which brings an FFmpeg of its own.
 */
const OTHERS = ["tests/project/", "tests/whole/torchaudio_"];

/** What a user can do, and where its tests are; those of no area belong to the last. */
export const AREAS: readonly { readonly title: string; readonly tests: readonly string[] }[] = [
  { title: "Writing", tests: ["tests/writing/", "tests/outputs/muxer_test.ts", "tests/io/"] },
  { title: "Reading", tests: ["tests/reading/", "tests/shortcuts/"] },
  { title: "Playing", tests: ["tests/devices/"] },
  { title: "Streaming", tests: ["tests/outputs/network_test.ts", "tests/broadcast/"] },
  { title: "All else", tests: [] },
];

/** What the line with the result begins with. */
export const RESULT = "RESULT ";

const ROOT = new URL("..", import.meta.url);

interface Arguments {
  readonly files: readonly string[];
  /** The folder of headers that the table is compared with. */
  readonly headers: string | undefined;
  /** The major version of libavcodec to use, where it is not to be the newest. */
  readonly libraries: string | undefined;
}

if (import.meta.main) await main(parseArguments(Deno.args));

function parseArguments(args: readonly string[]): Arguments {
  const files: string[] = [];
  let headers: string | undefined;
  let libraries: string | undefined;
  const rest = [...args];
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    if (next === "--headers") headers = rest.shift();
    else if (next === "--libraries") libraries = rest.shift();
    else files.push(next);
  }
  return { files: files.length > 0 ? files : testFiles(), headers, libraries };
}

function testFiles(): string[] {
  return filesUnder("tests").filter((it) => it.endsWith("_test.ts"))
    .filter((it) => !OTHERS.some((other) => it.startsWith(other))).toSorted();
}

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesUnder(path) : path;
  });
}

async function main({ files, headers, libraries }: Arguments): Promise<void> {
  const env: Record<string, string> = { NO_COLOR: "1" };
  if (libraries !== undefined) env.SLUICE_LIBRARY_PATH = await linksTo(libraries);
  const version = await versionHere(env);
  console.log(`FFmpeg ${version}`);
  const areas: Record<string, Counts> = {};
  const add = (title: string, counts: Counts) =>
    areas[title] = sum([areas[title] ?? sum([]), counts]);
  const runFiles = async (files: readonly string[], lowPriority: boolean) => {
    for (const file of files) add(areaOf(file), await runFile(file, env, lowPriority));
  };
  const waiting = files.filter((it) => WAITING.includes(it));
  const working = files.filter((it) => !WAITING.includes(it));
  await Promise.all([runFiles(waiting, false), runFiles(working, true)]);
  const agrees = headers === undefined ? undefined : await headersAgree(headers, env);
  if (agrees) add(AREAS.at(-1)!.title, agrees.counts);
  const result: MachineResult = { version, areas, headers: agrees?.release };
  console.log(RESULT + JSON.stringify(result));
}

function areaOf(file: string): string {
  const area = AREAS.find(({ tests }) => tests.some((place) => file.startsWith(place)));
  return (area ?? AREAS.at(-1)!).title;
}

/** Runs the tests of a file, a second time where they fail. */
async function runFile(
  file: string,
  env: Record<string, string>,
  lowPriority: boolean,
): Promise<Counts> {
  const args = ["test", "-A", "--no-check", ...SANITIZERS, file];
  const counts = await runStep(file, args, env, lowPriority);
  return counts.failed === 0 ? counts : await runStep(`${file}, again`, args, env, lowPriority);
}

/** Compares the table with the headers; returns their release where they agree. */
async function headersAgree(folder: string, env: Record<string, string>) {
  const args = ["run", "-A", "ffi/layouts/generate.ts", "--include", folder, "--check"];
  const { output, success } = await runDeno(args, { env });
  const release = success ? /The headers of FFmpeg (\S+) agree/.exec(output)?.[1] : undefined;
  const passed = release !== undefined;
  console.log(passed ? "  tables: as the headers" : `  tables: FAILED\n${output}`);
  return { release, counts: { passed: Number(passed), failed: Number(!passed), skipped: 0 } };
}

/** A folder with links to the libraries of one release, of several that are installed. */
async function linksTo(major: string): Promise<string> {
  const { layout }: { layout: Layout } = await import(`../ffi/layouts/${major}.ts`);
  const folder = Deno.makeTempDirSync({ prefix: "sluice-libraries-" });
  for (const library of LIBRARIES) {
    const name = loaderName("linux", library, layout.majors[library]);
    Deno.symlinkSync(`/usr/lib/${Deno.build.arch}-linux-gnu/${name}`, `${folder}/${name}`);
  }
  return folder;
}

async function versionHere(env: Record<string, string>): Promise<string> {
  const load = new URL("ffi/libraries.ts", ROOT).href;
  const script = `import { ffmpeg } from "${load}"; console.log(ffmpeg().version);`;
  const { output, success } = await runDeno(["eval", "--no-check", script], { env });
  if (!success) throw new Error(`Cannot load FFmpeg here: ${output}`);
  return output.trim();
}

async function runStep(
  title: string,
  args: readonly string[],
  env: Record<string, string>,
  lowPriority: boolean,
): Promise<Counts> {
  const start = performance.now();
  const { output, success } = await runDeno(args, { env, lowPriority });
  const counts = countsIn(output, success);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`  ${title}: ${closingLine(counts)} (${seconds} s)`);
  if (counts.failed > 0) console.log(output);
  return counts;
}
