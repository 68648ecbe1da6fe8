/** Questions to the machine at hand, answered without loading anything, so that they cost little. */

import { join } from "node:path";
import type { Machine } from "./requirements.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** The machine that this runs on. */
export const THIS_MACHINE: Machine = { libraryFiles, hasProgram, hasPythonModule };

function* libraryPlaces(): Generator<readonly string[]> {
  for (const folder of libraryFolders()) yield filesIn(folder);
  if (Deno.build.os === "linux") yield loaderCache();
}

function libraryFiles(): readonly (readonly string[])[] {
  return [...libraryPlaces()];
}

function libraryFolders(): string[] {
  const chosen = Deno.env.get("SLUICE_LIBRARY_PATH");
  return [...(chosen ? [chosen] : []), ...systemFolders()];
}

function systemFolders(): string[] {
  switch (Deno.build.os) {
    case "windows":
      return pathList("PATH");
    case "darwin":
      return [
        "/opt/homebrew/lib",
        "/opt/homebrew/opt/ffmpeg/lib",
        "/usr/local/lib",
        "/usr/local/opt/ffmpeg/lib",
        "/opt/local/lib",
      ];
    default:
      return [...pathList("LD_LIBRARY_PATH"), "/usr/local/lib", "/usr/lib64", "/usr/lib"];
  }
}

/** Names in the dynamic loader's cache that are of this processor's kind. */
function loaderCache(): string[] {
  const kind = Deno.build.arch === "x86_64" ? "x86-64" : "AArch64";
  const listing = outputOf("/sbin/ldconfig", "-p");
  return listing.split("\n")
    .filter((line) => line.includes(kind))
    .map((line) => line.trim().split(" ", 1)[0] ?? "");
}

/** Whether a program is on the search path. */
export function hasProgram(name: string): boolean {
  const endings = IS_WINDOWS ? [".exe", ".cmd", ".bat"] : [""];
  return pathList("PATH").some((folder) =>
    endings.some((ending) => exists(join(folder, name + ending)))
  );
}

function hasPythonModule(name: string): boolean {
  // Starting Python takes longer than everything else here together: look where Debian puts
  // modules first.
  if (exists(join("/usr/lib/python3/dist-packages", name))) return true;
  const question = `import importlib.util as u; print(u.find_spec("${name}") is not None)`;
  return outputOf("python3", "-c", question).trim() === "True";
}

function pathList(variable: string): string[] {
  const list = Deno.env.get(variable) ?? "";
  return list.split(IS_WINDOWS ? ";" : ":").filter((folder) => folder !== "");
}

function filesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map((entry) => entry.name);
  } catch {
    return []; // not there, not a folder, or not ours to read: nothing to be found in it
  }
}

/** Whether there is something at a path. */
export function exists(path: string | URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function outputOf(program: string, ...args: string[]): string {
  try {
    const { stdout } = new Deno.Command(program, { args, stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch {
    return ""; // no such program
  }
}
