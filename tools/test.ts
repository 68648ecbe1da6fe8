/**
 * Checks everything and runs all tests; what `deno task test` does after the setup.
 *
 * ```sh
 * deno task test                                 # all checks, all examples, all tests
 * deno task test tests/reading --filter pts # only these tests, as they run
 * deno task ok                                   # the checks without the tests
 * ```
 *
 * Each step prints a line with its time, and what it said if it failed. A failure does not keep the
 * later steps from running.
 *
 * @module
 */

import { exists, hasProgram } from "./machine.ts";
import { closingLine, type Counts, countsIn, sum } from "./test_counts.ts";

/** One command to run. */
interface Step {
  readonly title: string;
  /** The arguments for `deno`. */
  readonly args: readonly string[];
  /** Whether the command counts its results itself. */
  readonly hasTests: boolean;
  /** Whether other processes get the processor first. */
  readonly lowPriority?: boolean;
}

interface Outcome {
  readonly success: boolean;
  readonly output: string;
}

/** What hangs is killed after this time, so that its output is seen. */
const TIME_LIMIT_MINUTES = 10;

const ROOT = new URL("..", import.meta.url);
const TERMINAL = Deno.stdout.isTerminal();

/**
 * A test must close what it opens. The examples can't: FFmpeg's libraries are opened at first use
 * and stay open, which the tests see to before the first test (tests/support/preload.ts).
 */
export const SANITIZERS: readonly string[] = [
  "--sanitize-ops",
  "--sanitize-resources",
  "--preload=tests/support/preload.ts",
];

/** Tests that mostly wait for the clock: for a frame's time, for a sound to be heard, for a peer. */
export const WAITING: readonly string[] = [
  "tests/devices/play_test.ts",
  "tests/broadcast/broadcast_test.ts",
  "tests/broadcast/browser_test.ts",
  "tests/outputs/live_writer_test.ts",
  "tests/outputs/network_test.ts",
];

if (import.meta.main) Deno.exit(await main(Deno.args.filter((it) => it !== "--")));

async function main(args: readonly string[]): Promise<number> {
  const [first] = args;
  const counts = first === undefined
    ? [
      ...await runAll([...checks(), examples()]),
      ...await Promise.all(tests().map((step) => runStep(step))),
    ]
    : first === "--checks"
    ? await runAll(checks())
    : [await runNarrowed(args)];
  const total = sum(counts);
  console.log(closingLine(total));
  return total.failed === 0 ? 0 : 1;
}

function checks(): Step[] {
  return [
    check("Formatting", "fmt", "--check"),
    check("Lint", "lint"),
    check("Types", "check", "."),
    check("Documentation", "doc", "--lint", "mod.ts", "cli.ts"),
    check("Package", "publish", "--dry-run", "--allow-dirty"),
  ];
}

function examples(): Step {
  const documents = ["README.md", "docs", "mod.ts", "src"].filter((it) =>
    exists(new URL(it, ROOT))
  );
  return { title: "Examples", args: ["test", "--doc", "-A", ...documents], hasTests: true };
}

/** The tests, in two halves that run beside each other: one waits while the other works. */
function tests(): [waiting: Step, working: Step] {
  const test = ["test", "-A", ...SANITIZERS];
  return [
    { title: "Tests that wait", args: [...test, ...WAITING], hasTests: true },
    {
      title: "Tests",
      args: [...test, `--ignore=${WAITING.join(",")}`, "tests"],
      hasTests: true,
      lowPriority: true,
    },
  ];
}

function check(title: string, ...args: string[]): Step {
  return { title, args, hasTests: false };
}

async function runAll(steps: readonly Step[]): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const step of steps) counts.push(await runStep(step));
  return counts;
}

async function runStep(step: Step): Promise<Counts> {
  const start = performance.now();
  const { lowPriority = false } = step;
  const outcome = await runDeno(step.args, { onText: showProgress(step.title), lowPriority });
  const counts = countsOf(step, outcome);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const results = step.hasTests ? `, ${closingLine(counts)}` : "";
  const verdict = counts.failed === 0 ? "ok" : "FAILED";
  clearProgress();
  console.log(`${step.title}: ${verdict}${results} (${seconds} s)`);
  if (counts.failed > 0) console.log(`\ndeno ${step.args.join(" ")}\n${outcome.output}`);
  return counts;
}

function countsOf({ hasTests }: Step, { success, output }: Outcome): Counts {
  if (hasTests) return countsIn(output, success);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: 0 };
}

/** Runs the chosen tests alone, and shows their output as it comes. */
async function runNarrowed(args: readonly string[]): Promise<Counts> {
  const encoder = new TextEncoder();
  const show = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
  const { output, success } = await runDeno(["test", "-A", ...args], { onText: show });
  return countsIn(output, success);
}

/** How `deno` is run. */
interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the output as it comes. */
  readonly onText?: (text: string) => void;
  /** Whether other processes get the processor first. */
  readonly lowPriority?: boolean;
}

/** Runs `deno`, forwarding its output as it comes, and returns the whole of it. */
export async function runDeno(
  args: readonly string[],
  { env = {}, onText, lowPriority = false }: RunOptions = {},
): Promise<Outcome> {
  const deno = Deno.execPath();
  const [program, before] = lowPriority && hasProgram("nice")
    ? ["nice", ["-n", "10", deno]]
    : [deno, []];
  const child = new Deno.Command(program, {
    args: [...before, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_MINUTES * 60_000);
  const parts: string[] = [];
  const collect = (text: string) => {
    parts.push(text);
    onText?.(text);
  };
  const reading = Promise.all([read(child.stdout, collect), read(child.stderr, collect)]);
  const { success, signal } = await child.status;
  clearTimeout(timer);
  // A process that a test left behind may hold the pipes open for ever.
  await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 1000))]);
  if (signal) collect(`\nEnded by ${signal} (the time limit is ${TIME_LIMIT_MINUTES} minutes)\n`);
  return { success, output: parts.join("") };
}

async function read(stream: ReadableStream<Uint8Array>, onText: (text: string) => void) {
  const decoder = new TextDecoder();
  for await (const bytes of stream) onText(decoder.decode(bytes, { stream: true }));
}

/** Shows on a terminal what is being done, and the file whose tests are running. */
function showProgress(title: string): (text: string) => void {
  if (!TERMINAL) return () => {};
  const show = (file: string) => {
    clearProgress();
    Deno.stdout.writeSync(new TextEncoder().encode(`${title} … ${file}`));
  };
  show("");
  return (text) => {
    const file = /^running \d+ tests? from (.*)$/m.exec(text)?.[1];
    if (file) show(file);
  };
}

function clearProgress(): void {
  if (TERMINAL) Deno.stdout.writeSync(new TextEncoder().encode("\r\x1b[K"));
}
