/**
 * `downloadAsset`: keeps a copy of a file from the network, as `torchaudio.utils.download_asset` does.
 *
 * @module
 */

import { join } from "node:path";
import { location, optionalText, optionsObject, text } from "../base/arguments.ts";
import { shown } from "../base/text.ts";
import { signalOf, type WaitOptions } from "../base/wait.ts";
import { Download, type Report } from "./resumable_download.ts";

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
   * Whether a line on the terminal shows the progress, or a function that is called with the number of
   * bytes received, and of all where that is known.
   *
   * @default {true}
   */
  readonly progress?: boolean | ((received: number, total: number | undefined) => void);
}

/** Where torchaudio's public assets are. */
const ASSETS = "https://download.pytorch.org/torchaudio/";

/**
 * Downloads a file unless it is there already, and returns its path.
 *
 * The file appears at its place only when it is whole. When the connection breaks it is tried again,
 * and what was received is kept: only the rest is asked for, if need be by the next call.
 *
 * @param key The address of the file, or its name among torchaudio's public assets, such as
 * `"tutorial-assets/steam-train-whistle-daniel_simon.wav"`.
 * @param options What is known of the file, and where it is put.
 * @returns The path of the file.
 * @throws {Deno.errors.NotFound} When the server has no such file.
 * @throws {Deno.errors.Http} For other answers, or when the connection breaks again and again.
 * @throws {Deno.errors.InvalidData} When the file does not have that `hash`.
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
  const download = new Download({ url, target, hash: wanted, report, signal });
  if (await download.isDone()) return target;
  if (path !== undefined) await download.requireAbsent(); // a file in the cache is replaced
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

/** What reports the progress of a download, and what ends that. */
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
