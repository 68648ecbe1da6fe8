/**
 * Downloading one file: resumes what was interrupted, retries, and checks the result.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { given } from "../base/arguments.ts";

/** How often it is tried again without a byte more. */
const MAX_FAILURES = 3;
/** How long the first wait before another try is, in milliseconds; each next one is twice as long. */
const BACKOFF = 250;
/** How often, in milliseconds, it is checked whether another call has finished. */
const CHECK_INTERVAL = 50;

/** Called with the number of bytes received, and of all where that is known. */
export type Report = (received: number, total: number | undefined) => void;

/** What is downloaded, and where to. */
export interface DownloadPlan {
  readonly url: URL;
  /** The path of the file. */
  readonly target: string;
  /** Its SHA-256; `undefined` where it is not checked. */
  readonly hash: string | undefined;
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
}

/** A failure after which another try may help. */
class Interruption extends Error {}

/** The download of one file, into a partial file beside its place that the next call resumes. */
export class Download {
  readonly #url: URL;
  readonly #target: string;
  /** The path of what has been received so far. */
  readonly #part: string;
  /** What the server calls the version of the file that `#part` is a part of. */
  readonly #version: string;
  readonly #hash: string | undefined;
  readonly #report: Report;
  readonly #signal: AbortSignal | undefined;
  #received = 0;
  #resumed = false;

  constructor({ url, target, hash, report, signal }: DownloadPlan) {
    this.#url = url;
    this.#target = target;
    this.#part = `${target}.part`;
    this.#version = `${target}.part.version`;
    this.#hash = hash;
    this.#report = report;
    this.#signal = signal;
  }

  /** Whether the file is there, and the right one. */
  async isDone(): Promise<boolean> {
    if (!await isThere(this.#target)) return false;
    return this.#hash === undefined || await hashOf(this.#target) === this.#hash;
  }

  /** Throws where there is another file in its place, which is not to be replaced. */
  async requireAbsent(): Promise<void> {
    if (!await isThere(this.#target)) return;
    throw wrongHash(`the file "${this.#target}"`, await hashOf(this.#target), this.#hash!);
  }

  /** Downloads the file and puts it in its place; waits where another call is doing so. */
  async run(): Promise<void> {
    await Deno.mkdir(dirname(this.#target), { recursive: true });
    while (!await this.#runAlone()) await pause(CHECK_INTERVAL, this.#signal);
  }

  /** The same, unless another call is doing it; returns whether it was done. */
  async #runAlone(): Promise<boolean> {
    using file = await Deno.open(this.#part, { read: true, write: true, create: true });
    if (!await locked(file) || !await this.#isPart(file)) return false;
    if (await this.isDone()) { // by another call, in the meantime
      await remove(this.#part);
      return true;
    }
    this.#received = (await file.stat()).size;
    await this.#fetchAll(file);
    if (this.#resumed && !await this.#isRight()) {
      await this.#restart(file); // the parts may have been of different files
      await this.#fetchAll(file);
    }
    await this.#check();
    await file.sync();
    await Deno.rename(this.#part, this.#target);
    await remove(this.#version);
    return true;
  }

  /** Whether a file is still the one under that name: another call may have moved it. */
  async #isPart(file: Deno.FsFile): Promise<boolean> {
    if (!await isThere(this.#part)) return false;
    return (await Deno.stat(this.#part)).ino === (await file.stat()).ino;
  }

  /** Tries until all is received, as long as each try brings something. */
  async #fetchAll(file: Deno.FsFile): Promise<void> {
    for (let failures = 0;;) {
      const before = this.#received;
      try {
        return await this.#fetch(file);
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!(error instanceof Interruption)) throw error;
        failures = this.#received > before ? 0 : failures + 1;
        if (failures > MAX_FAILURES) throw this.#failure(error.message);
        await pause(BACKOFF * 2 ** Math.max(0, failures - 1), this.#signal);
      }
    }
  }

  #failure(why: string): Error {
    const kept = this.#received > 0 ? " (what was received is kept: call again to resume)" : "";
    return new Deno.errors.Http(`Cannot download "${this.#url}": ${why}${kept}`);
  }

  async #fetch(file: Deno.FsFile): Promise<void> {
    const response = await this.#request();
    const { body } = response;
    try {
      const total = await this.#begin(file, response);
      if (total === this.#received) return this.#report(this.#received, total);
      for await (const bytes of interruptible(body!)) {
        this.#signal?.throwIfAborted();
        await writeAll(file, bytes);
        this.#received += bytes.length;
        this.#report(this.#received, total);
      }
      if (total !== undefined && this.#received < total) {
        throw new Interruption(`the server sent ${this.#received} bytes of ${total}`);
      }
    } finally {
      await body?.cancel().catch(() => {}); // what has been read to its end can't be cancelled
    }
  }

  /** Asks for what is missing. */
  async #request(): Promise<Response> {
    const version = await readIfThere(this.#version);
    // Without a version the server can't tell whether the rest is that of the same file.
    const resumes = this.#received > 0 && (version !== "" || this.#hash !== undefined);
    const headers = {
      "accept-encoding": "identity",
      ...(resumes ? { range: `bytes=${this.#received}-` } : {}),
      ...(resumes && version !== "" ? { "if-range": version } : {}),
    };
    try {
      return await fetch(this.#url, { headers, ...given({ signal: this.#signal }) });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      throw new Interruption(reasonOf(error));
    }
  }

  /** Seeks to where the bytes of a response belong; returns how many the whole file has. */
  async #begin(file: Deno.FsFile, response: Response): Promise<number | undefined> {
    const { status, headers } = response;
    if (status === 206) return await this.#resume(file, headers);
    if (status === 416) {
      await this.#restart(file);
      throw new Interruption("the server has no more of the file than was received");
    }
    if (status !== 200) throw this.#errorFor(response);
    await this.#restart(file);
    await Deno.writeTextFile(this.#version, versionOf(headers));
    const length = headers.get("content-length");
    return length === null || headers.has("content-encoding") ? undefined : Number(length);
  }

  async #resume(file: Deno.FsFile, headers: Headers): Promise<number | undefined> {
    const [, from, total] =
      /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ??
        [];
    if (Number(from) !== this.#received) {
      await this.#restart(file);
      throw new Interruption(`the server sent another part of the file than was asked for`);
    }
    this.#resumed = true;
    await file.seek(this.#received, Deno.SeekMode.Start);
    return total === "*" ? undefined : Number(total);
  }

  #errorFor({ status, statusText }: Response): Error {
    const answer = `the server answered ${status} ${statusText}`.trim();
    if (status === 404 || status === 410) {
      return new Deno.errors.NotFound(`Cannot download "${this.#url}": ${answer}`);
    }
    if (status >= 500 || status === 429) return new Interruption(answer);
    return new Deno.errors.Http(`Cannot download "${this.#url}": ${answer}`);
  }

  /** Deletes what has been received. */
  async #restart(file: Deno.FsFile): Promise<void> {
    await file.truncate(0);
    await file.seek(0, Deno.SeekMode.Start);
    await remove(this.#version);
    this.#received = 0;
    this.#resumed = false;
  }

  async #isRight(): Promise<boolean> {
    return this.#hash === undefined || await hashOf(this.#part) === this.#hash;
  }

  /** Deletes the file where it is not the one that was wanted. */
  async #check(): Promise<void> {
    const actual = this.#hash && await hashOf(this.#part);
    if (actual === this.#hash) return;
    await remove(this.#part);
    await remove(this.#version);
    throw wrongHash(`what "${this.#url}" returns`, actual!, this.#hash!);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    const { isDirectory } = await Deno.stat(path);
    if (!isDirectory) return true;
    throw new TypeError(`Expected the path of a file, got that of a folder: "${path}"`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The SHA-256 of a file. */
async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 18);
  for (let count; (count = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

function wrongHash(what: string, actual: string, wanted: string): Error {
  return new Deno.errors.InvalidData(
    `Expected ${what} to have the SHA-256 ${wanted}, got one with ${actual}`,
  );
}

/** What a server calls the version of a file, where it can be asked for the rest of just that one. */
function versionOf(headers: Headers): string {
  const tag = headers.get("etag") ?? "";
  return tag !== "" && !tag.startsWith("W/") ? tag : headers.get("last-modified") ?? "";
}

/** What went wrong, in the words that say most. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

/** The bytes of a response; a connection that breaks is an `Interruption`. */
async function* interruptible(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch((error) => {
        throw new Interruption(reasonOf(error));
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // the connection may be gone
  }
}

/** What is used of a file to lock it: `tryLock` is missing before Deno 2.7. */
interface Lockable {
  lock(exclusive: boolean): Promise<void>;
  tryLock?(exclusive: boolean): Promise<boolean>;
}

/** Locks a file against other calls; returns whether it is. Without `tryLock` it can only wait. */
async function locked(file: Lockable): Promise<boolean> {
  if (file.tryLock) return await file.tryLock(true);
  await file.lock(true);
  return true;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Waits, unless the signal is aborted first. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const stop = () => resolve();
  signal?.addEventListener("abort", stop);
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
}
