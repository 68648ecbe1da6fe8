/**
 * torchaudio 0.13 as a judge: `torchaudio_peer.py` does in Python what a test does with Sluice.
 *
 * @module
 */

import { fail } from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ffmpeg } from "../../ffi/libraries.ts";
import { mediaPath, run } from "./helpers.ts";

/** The Python whose torchaudio is asked. */
export const PYTHON = "/usr/bin/python3";
const PEER = fileURLToPath(new URL("torchaudio_peer.py", import.meta.url));

/** Whether torchaudio is missing, so that nothing can be compared with it. */
export const ignore = !await hasTorchaudio();
if (ignore) console.log(`Not compared with torchaudio: ${PYTHON} has none`);

/** Whether there is a torchaudio: one that is there and does not work makes the tests fail. */
async function hasTorchaudio(): Promise<boolean> {
  const question = "from importlib.util import find_spec; print(find_spec('torchaudio') is None)";
  try {
    return (await python("-c", question)).trim() === "False";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether torchaudio decodes with the very release that is tested: another computes other bits. */
export const decodesAlike: boolean = !ignore && await usesOurRelease();
if (!ignore && !decodesAlike) console.log("torchaudio is there with another FFmpeg");

async function usesOurRelease(): Promise<boolean> {
  const question = "from importlib.util import find_spec; print(find_spec('torchaudio').origin)";
  const folder = dirname((await python("-c", question)).trim());
  const { text } = await run("ldd", [`${folder}/lib/libtorchaudio_ffmpeg.so`]);
  const path = /libavcodec\.so\S* => (\S+)/.exec(text)?.[1];
  const version = ffmpeg().avcodec.avcodec_version();
  const ours = [version >> 16, (version >> 8) & 255, version & 255].join(".");
  return path !== undefined && (await Deno.realPath(path)).endsWith(`.so.${ours}`);
}

async function python(...args: string[]): Promise<string> {
  const { success, text, stderr } = await run(PYTHON, args);
  return success ? text : fail(`${PYTHON} failed: ${stderr}`);
}

/**
 * Has torchaudio do all jobs of a group in one process, as it takes seconds to load, when the first
 * of their results is asked for.
 */
export function peerFor<Result>(group: string, jobs: () => Promise<readonly object[]>) {
  let results: Promise<(Result & { error?: string })[]> | undefined;
  return async (index: number): Promise<Result> => {
    results ??= jobs().then((all) => ask(`${group}.json`, all));
    const result = (await results)[index]!;
    if (result.error !== undefined) fail(`torchaudio failed: ${result.error}`);
    return result;
  };
}

async function ask<Result>(file: string, jobs: readonly object[]): Promise<Result[]> {
  const path = mediaPath(file);
  await Deno.writeTextFile(path, JSON.stringify(jobs));
  return JSON.parse(await python(PEER, path));
}
