/**
 * Outliving an X server. When the connection to it breaks, Xlib ends the whole process, unless there
 * are handlers for that. These are functions of the C library, as nothing of JavaScript's could be
 * called from there: `labs`, which does nothing, and `strtod`, which writes an address where
 * its second argument points.
 *
 * @module
 */

import { isGranted } from "../machine.ts";
import type { AnyPointer } from "../pointer.ts";

const LIBRARY = "libX11.so.6";

const XLIB = {
  XSetIOErrorHandler: { parameters: ["pointer"], result: "pointer" },
  XSetIOErrorExitHandler: { parameters: ["pointer", "pointer", "buffer"], result: "void" },
  // Of the C library, which Xlib depends on.
  labs: { type: "pointer" },
  strtod: { type: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Where it is written that a connection broke. It stays broken: SDL can't take down what it had there,
 * as it would wait for an answer for ever, nor reconnect.
 */
const broken = new BigUint64Array(new ArrayBuffer(64));

let installed: ((display: AnyPointer) => void) | undefined;

/**
 * Sets the handlers; does nothing where Xlib is older than version 1.7 of 2020, and always ends the
 * process, or where the script may open some libraries only.
 */
function install(): (display: AnyPointer) => void {
  if (!isGranted({ name: "ffi", path: LIBRARY })) return () => {};
  try {
    const xlib = Deno.dlopen(LIBRARY, XLIB).symbols;
    return (display) => {
      xlib.XSetIOErrorHandler(xlib.labs);
      xlib.XSetIOErrorExitHandler(display, xlib.strtod, broken);
    };
  } catch {
    return () => {};
  }
}

/** Opens the library, where it is installed. */
export function bindXlib(): void {
  installed ??= install();
}

/** From here on, the end of an X server does not end the process. */
export function outlive(display: AnyPointer): void {
  installed ??= install();
  installed(display);
}

/** Whether the X server has ended. */
export function displayIsGone(): boolean {
  return broken[0] !== 0n;
}
