/**
 * What a person at a terminal sees and presses.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Prints data as JSON. */
export function printJson(data: unknown): void {
  console.log(JSON.stringify(data, finite, 2));
}

/** JSON has no infinite numbers: they are written as text. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** Prints a remark beside the data: on the standard error output. */
export function note(text: string): void {
  console.error(text);
}

/** A time for people: `12.3 s`, `1:02:03`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const rest = `${two(minutes % 60)}:${two(whole % 60)}`;
  return whole < 3600 ? rest.replace(/^0/, "") : `${Math.floor(whole / 3600)}:${rest}`;
}

/** A number of bytes for people. */
export function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** How many milliseconds lie between two updates of a progress line. */
const REFRESH = 100;

/** A line that shows how far something has come; only on a terminal. */
export class Progress {
  readonly #total: number | undefined;
  readonly #shows: boolean = Deno.stderr.isTerminal();
  #last = -Infinity;
  #shown = false;

  /** Makes one for so many seconds of media, as far as that is known. */
  constructor(total: number | undefined) {
    this.#total = total;
  }

  /** Shows it, unless it was shown just before. */
  show(seconds: number, speed: number): void {
    const now = performance.now();
    if (!this.#shows || now - this.#last < REFRESH) return;
    this.#last = now;
    this.#shown = true;
    this.#write(progressLine(seconds, this.#total, speed, columns()));
  }

  /** Removes the line. */
  clear(): void {
    if (this.#shown) this.#write("");
    this.#shown = false;
  }

  #write(line: string): void {
    Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${line}`));
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || 80; // some terminals do not know theirs
  } catch {
    return 80; // the standard output goes elsewhere
  }
}

/** The line: a bar, the seconds done of all, the speed, and how long it will take. */
export function progressLine(
  seconds: number,
  total: number | undefined,
  speed: number,
  columns: number,
): string {
  const fast = `${speed.toFixed(1)}x`;
  if (total === undefined) return `${duration(seconds)}  ${fast}`;
  const done = Math.min(1, seconds / total);
  const left = speed > 0 ? `  ${duration(Math.max(0, total - seconds) / speed)} left` : "";
  const text = `${Math.floor(done * 100)}%  ${duration(Math.min(seconds, total))} of ` +
    `${duration(total)}  ${fast}${left}`;
  const width = Math.min(30, columns - text.length - 5);
  if (width < 5) return text.slice(0, columns - 1);
  const filled = Math.round(done * width);
  return `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${text}`;
}

/** Keys that end what is running, as a terminal sends them: q, Q, Escape, Ctrl-C, Ctrl-D. */
const QUIT = new Set(["q", "Q", "\x1b", "\x03", "\x04"]);

/**
 * Waits for a key that ends what is running, where there is a keyboard; the signal is aborted by it,
 * or by the system's request to end.
 */
export class Quit implements Disposable {
  readonly #stop = new AbortController();
  readonly #raw: boolean = Deno.stdin.isTerminal();
  readonly #end = () => this.#stop.abort();

  /** Begins to wait; keys count only where `keys` is set. */
  constructor(keys: boolean) {
    this.#raw &&= keys;
    Deno.addSignalListener("SIGINT", this.#end);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", this.#end);
    if (!this.#raw) return;
    Deno.stdin.setRaw(true);
    this.#read().catch(this.#end);
  }

  /** Aborted when it is to end. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async #read(): Promise<void> {
    const bytes = new Uint8Array(16);
    while (!this.signal.aborted) {
      const count = await Deno.stdin.read(bytes);
      if (count === null || QUIT.has(String.fromCharCode(...bytes.subarray(0, count)))) {
        return this.#end();
      }
    }
  }

  /** Leaves raw mode. A read that is under way ends with the process. */
  [Symbol.dispose](): void {
    if (this.#raw) Deno.stdin.setRaw(false);
    Deno.removeSignalListener("SIGINT", this.#end);
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", this.#end);
  }
}
