/**
 * `downloadAsset`: keeps a copy of a file from the network, as `torchaudio.utils.download_asset` does.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { location, optionalText, optionsObject, text } from "../base/arguments.ts";
import { shown } from "../base/text.ts";
import { signalOf, type WaitOptions } from "../base/wait.ts";

/** How a file is downloaded, and where to. */
export interface DownloadOptions extends WaitOptions {
  /** The SHA-256 of the file, in hexadecimal digits. Default: the file is not checked. */
  readonly hash?: string;
  /**
   * Where the file is put. Default: by its address in the user's cache folder, or in the folder that
   * the environment variable `SLUICE_CACHE_PATH` names.
   */
  readonly path?: string | URL;
  /**
   * Whether a line on the terminal tells how far it is, or a function that is told the number of bytes
   * that have come, and of all where that is known.
   *
   * @default {true}
   */
  readonly progress?: boolean | ((received: number, total: number | undefined) => void);
}

/** Where torchaudio's public assets are. */
const ASSETS = "https://download.pytorch.org/torchaudio/";

/** How often it is tried again without a single byte more. */
const MAX_FAILURES = 3;
/** How long the first wait before another try is, in milliseconds; each next one is twice as long. */
const BACKOFF = 250;
/** How often it is looked whether another call has finished, in milliseconds. */
const BUSY = 50;

/**
 * Downloads a file unless it is there already, and tells where it is.
 *
 * The file appears at its place only when it is whole. When the connection breaks it is tried again,
 * and what has come is kept: the rest is asked for, if need be by the next call.
 *
 * @param key The address of the file, or its name among torchaudio's public assets, such as
 * `"tutorial-assets/steam-train-whistle-daniel_simon.wav"`.
 * @param options What is known of the file, and where it is put.
 * @returns The path of the file.
 * @throws {Deno.errors.NotFound} When the server has no such file.
 * @throws {Deno.errors.Http} For other answers, or when the connection breaks again and again.
 * @throws {Deno.errors.InvalidData} When the file is not the one that `hash` tells.
 * @throws {Deno.errors.NotCapable} When the script has no permission for the network or the folder.
 *
 * @example A recording of torchaudio's tutorials
 * ```ts ignore
 * import { downloadAsset, load } from "@sluice/av";
 *
 * const path = await downloadAsset("tutorial-assets/steam-train-whistle-daniel_simon.wav");
 * console.log((await load(path)).numFrames);
 * ```
 */
export async function downloadAsset(
  key: string | URL,
  options?: DownloadOptions,
): Promise<string> {
  const { hash, path, progress = true, ...wait } = optionsObject(
    "the options of downloadAsset",
    options,
    ["hash", "path", "progress", "signal", "timeout"],
  );
  const signal = signalOf(wait);
  signal?.throwIfAborted();
  const url = addressOf(key);
  const wanted = checkedHash(hash);
  const target = path === undefined ? join(cacheFolder(), ...placeOf(url)) : location("path", path);
  const { report, end } = reporter(progress, url);
  const download = new Download(url, target, wanted, report, signal);
  if (await download.isDone()) return target;
  if (path !== undefined && await isThere(target)) {
    throw wrongHash(`the file "${target}"`, await hashOf(target), wanted!);
  } // what is in the cache is Sluice's own: another file may take its place
  try {
    await download.run();
    return target;
  } finally {
    end();
  }
}

function addressOf(key: unknown): URL {
  const isAddress = key instanceof URL || /^\w+:\/\//.test(text("key", key));
  const url = isAddress ? new URL(key as string | URL) : new URL(ASSETS + key);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new TypeError(`Expected key to be a name or an http address, got "${url}"`);
  }
  const names = url.pathname.split("/");
  const escapes = !isAddress && !url.href.startsWith(ASSETS);
  if (escapes || names.at(-1) === "") {
    throw new TypeError(`Expected key to be the name of a file, got ${shown(key)}`);
  }
  return url;
}

function checkedHash(hash: unknown): string | undefined {
  const digits = optionalText("hash", hash)?.toLowerCase();
  if (!digits) return undefined;
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new TypeError(`Expected hash to be 64 hexadecimal digits of SHA-256, got "${hash}"`);
}

/** The folder of the user's that files are kept in. */
function cacheFolder(): string {
  const own = Deno.env.get("SLUICE_CACHE_PATH");
  if (own) return own;
  const folder = {
    windows: () => Deno.env.get("LOCALAPPDATA"),
    darwin: () => inHome("Library", "Caches"),
  }[Deno.build.os as string] ?? (() => Deno.env.get("XDG_CACHE_HOME") || inHome(".cache"));
  const place = folder();
  if (place) return join(place, "sluice");
  throw new Error(
    "Cannot find the cache folder, as the environment names no home folder: set SLUICE_CACHE_PATH, " +
      "or say { path }",
  );
}

function inHome(...names: string[]): string | undefined {
  const home = Deno.env.get("HOME");
  return home && join(home, ...names);
}

/** The names of folders and file that an address stands for. */
function placeOf(url: URL): string[] {
  const names = [url.host, ...url.pathname.split("/").slice(1)];
  names.push(names.pop()! + url.search);
  return names.filter((name) => name !== "").map((name) => name.replace(/[<>:"|?*\\]/g, "_"));
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

type Report = (received: number, total: number | undefined) => void;

/** What is told how far a download is, and that it is over. */
function reporter(progress: unknown, url: URL): { report: Report; end: () => void } {
  if (typeof progress === "function") return { report: progress as Report, end() {} };
  if (typeof progress !== "boolean") {
    throw new TypeError(
      `Expected progress to be true, false or a function, got ${shown(progress)}`,
    );
  }
  if (!progress || !Deno.stderr.isTerminal()) return { report() {}, end() {} };
  const encoder = new TextEncoder();
  const write = (line: string) => Deno.stderr.writeSync(encoder.encode(`\r${line}\x1b[K`));
  const size = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  let last = "";
  const report: Report = (received, total) => {
    const part = total === undefined ? size(received) : `${size(received)} of ${size(total)}`;
    const line = `${url.pathname.split("/").at(-1)}: ${part}`;
    if (line !== last) write(line);
    last = line;
  };
  return { report, end: () => last === "" || write("") };
}

/** A failure after which another try may help. */
class Interruption extends Error {}

/** One file on its way here. */
class Download {
  readonly #url: URL;
  readonly #target: string;
  /** What has come so far. */
  readonly #part: string;
  /** What the server calls the version of the file that `#part` is a part of. */
  readonly #version: string;
  readonly #hash: string | undefined;
  readonly #report: Report;
  readonly #signal: AbortSignal | undefined;
  #received = 0;
  #resumed = false;

  constructor(
    url: URL,
    target: string,
    hash: string | undefined,
    report: Report,
    signal: AbortSignal | undefined,
  ) {
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

  /** Downloads the file and puts it in its place; waits where another call is doing just that. */
  async run(): Promise<void> {
    await Deno.mkdir(dirname(this.#target), { recursive: true });
    while (!await this.#alone()) await pause(BUSY, this.#signal);
  }

  /** The same, unless another call is doing it; returns whether it was done. */
  async #alone(): Promise<boolean> {
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

  /** Tries until all has come, as long as each try brings something. */
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
    const kept = this.#received > 0 ? " (what has come is kept: call again to go on)" : "";
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
    const signal = this.#signal ? { signal: this.#signal } : {};
    try {
      return await fetch(this.#url, { headers, ...signal });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      throw new Interruption(reasonOf(error));
    }
  }

  /** Goes to where the bytes of a response belong; returns how many the whole file has. */
  async #begin(file: Deno.FsFile, response: Response): Promise<number | undefined> {
    const { status, headers } = response;
    if (status === 206) return await this.#goOn(file, headers);
    if (status === 416) {
      await this.#restart(file);
      throw new Interruption("the server has no more of the file than has come");
    }
    if (status !== 200) throw this.#refusal(response);
    await this.#restart(file);
    await Deno.writeTextFile(this.#version, versionOf(headers));
    const length = headers.get("content-length");
    return length === null || headers.has("content-encoding") ? undefined : Number(length);
  }

  async #goOn(file: Deno.FsFile, headers: Headers): Promise<number | undefined> {
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

  #refusal({ status, statusText }: Response): Error {
    const answer = `the server answered ${status} ${statusText}`.trim();
    if (status === 404 || status === 410) {
      return new Deno.errors.NotFound(`Cannot download "${this.#url}": ${answer}`);
    }
    if (status >= 500 || status === 429) return new Interruption(answer);
    return new Deno.errors.Http(`Cannot download "${this.#url}": ${answer}`);
  }

  /** Forgets what has come. */
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

  /** Throws away what is not the file that was wanted. */
  async #check(): Promise<void> {
    const actual = this.#hash && await hashOf(this.#part);
    if (actual === this.#hash) return;
    await remove(this.#part);
    await remove(this.#version);
    throw wrongHash(`what "${this.#url}" gives`, actual!, this.#hash!);
  }
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
