/**
 * Keeping libraries in memory.
 *
 * Deno closes the libraries of a script, or of a worker, when that ends. A call that was abandoned
 * may then still run on another thread, and so may threads that a library has begun itself: the code
 * that they run must stay where it is.
 *
 * @module
 */

import { cString } from "../memory.ts";

const UNIX = {
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const WINDOWS = {
  GetModuleHandleExW: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** `RTLD_NOW | RTLD_NODELETE`, which have other values on macOS. */
const FLAGS = Deno.build.os === "darwin" ? 0x82 : 0x1002;
const GET_MODULE_HANDLE_EX_FLAG_PIN = 1;

let keep: ((path: string) => void) | undefined;

/** Keeps a library that has been opened by this path or name until the process ends. */
export function keepLoaded(path: string): void {
  keep ??= Deno.build.os === "windows" ? onWindows() : onUnix(path);
  keep(path);
}

/** The C library is found through any library that depends on it, or is in one of its own. */
function onUnix(library: string): (path: string) => void {
  for (const name of [library, "libdl.so.2"]) {
    try {
      const { dlopen } = Deno.dlopen(name, UNIX).symbols;
      return (path) => void dlopen(cString(path), FLAGS);
    } catch {
      // the next one, if any
    }
  }
  return () => {};
}

function onWindows(): (path: string) => void {
  const { GetModuleHandleExW } = Deno.dlopen("kernel32.dll", WINDOWS).symbols;
  return (path) => {
    const name = Uint16Array.from(`${path}\0`, (letter) => letter.charCodeAt(0));
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN, name, new BigUint64Array(1));
  };
}
