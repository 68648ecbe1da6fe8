/**
 * Runs the tests of everything that depends on FFmpeg with the FFmpeg that is found here, file by
 * file, so that one that crashes does not take the others along; what `matrix.ts` starts on each
 * machine.
 *
 * ```sh
 * deno run -A tools/matrix_run.ts                         # all of these tests
 * deno run -A tools/matrix_run.ts tests/ffi_test.ts       # some of them
 * deno run -A tools/matrix_run.ts --headers               # the tables against the headers as well
 * deno run -A tools/matrix_run.ts --libraries 62          # an older FFmpeg beside the newest
 * deno run -A tools/matrix_run.ts --without play          # but those of a file
 * ```
 *
 * The last line of the output is JSON: a {@linkcode MachineResult}.
 *
 * @module
 */

import { LIBRARIES, loaderName } from "../ffi/locate.ts";
import type { Layout } from "../ffi/layouts/fields.ts";
import { SANITIZERS } from "./test.ts";
import { closingLine, type Counts, countsIn, sum } from "./test_counts.ts";

/** What a run on one machine came to. */
export interface MachineResult {
  /** FFmpeg's own version text, such as `"7.1.5-0+deb13u1"`. */
  readonly version: string;
  /** The results of all tests. */
  readonly counts: Counts;
  /** The release of the headers that the table of this FFmpeg agrees with, if they were read. */
  readonly headers: string | undefined;
}

/**
 * Tests that have nothing to do with the FFmpeg that is installed, and the comparison with
 * torchaudio, which brings an FFmpeg of its own.
 */
const OTHERS = ["architecture", "lint_plugin", "matrix", "setup", "test_counts", "torchaudio"];

/** What hangs must end some time. */
const TIME_LIMIT_MINUTES = 10;

const ROOT = new URL("..", import.meta.url);

interface Arguments {
  readonly files: readonly string[];
  readonly headers: boolean;
  /** The major version of libavcodec to use, where it is not to be the newest. */
  readonly libraries: string | undefined;
}

if (import.meta.main) await main(parseArguments(Deno.args));

function parseArguments(args: readonly string[]): Arguments {
  const files: string[] = [];
  const without = [...OTHERS];
  let headers = false;
  let libraries: string | undefined;
  const rest = [...args];
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    if (next === "--headers") headers = true;
    else if (next === "--libraries") libraries = rest.shift();
    else if (next === "--without") without.push(rest.shift() ?? "");
    else files.push(next);
  }
  return { files: files.length > 0 ? files : testFiles(without), headers, libraries };
}

function testFiles(without: readonly string[]): string[] {
  const names = [...Deno.readDirSync(new URL("tests", ROOT))].map(({ name }) => name);
  return names.filter((it) => it.endsWith("_test.ts"))
    .filter((it) => !without.includes(it.replace("_test.ts", "")))
    .toSorted().map((it) => `tests/${it}`);
}

async function main({ files, headers, libraries }: Arguments): Promise<void> {
  const env: Record<string, string> = { NO_COLOR: "1" };
  if (libraries !== undefined) env.SLUICE_LIBRARY_PATH = await linksTo(libraries);
  const version = await versionHere(env);
  console.log(`FFmpeg ${version}`);
  const all: Counts[] = [];
  for (const file of files) {
    const args = ["test", "-A", "--no-check", ...SANITIZERS, file];
    all.push(await runStep(file, args, env, countsIn));
  }
  let agrees: string | undefined;
  if (headers) {
    const args = ["run", "-A", "ffi/layouts/generate.ts", ...headerArguments(), "--check"];
    all.push(
      await runStep("tables", args, env, (output, success) => {
        agrees = /The headers of FFmpeg (\S+) agree/.exec(output)?.[1];
        const passed = success && agrees !== undefined;
        return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
      }),
    );
  }
  const result: MachineResult = { version, counts: sum(all), headers: agrees };
  console.log(JSON.stringify(result));
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
  const load = new URL("ffi/load.ts", ROOT).href;
  const script = `import { ffmpeg } from "${load}"; console.log(ffmpeg().version);`;
  const { output, success } = await run(["eval", "--no-check", script], env);
  if (!success) throw new Error(`Cannot load FFmpeg here: ${output}`);
  return output.trim();
}

/** The folders in which Debian has FFmpeg's headers. */
function headerArguments(): string[] {
  return ["--include", `/usr/include/${Deno.build.arch}-linux-gnu`];
}

async function runStep(
  title: string,
  args: readonly string[],
  env: Record<string, string>,
  count: (output: string, success: boolean) => Counts,
): Promise<Counts> {
  const start = performance.now();
  const { output, success } = await run(args, env);
  const counts = count(output, success);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`  ${title}: ${closingLine(counts)} (${seconds} s)`);
  if (counts.failed > 0) console.log(output);
  return counts;
}

async function run(args: readonly string[], env: Record<string, string>) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    signal: AbortSignal.timeout(TIME_LIMIT_MINUTES * 60_000),
  }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}
