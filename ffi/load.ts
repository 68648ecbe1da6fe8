/**
 * Opening at once all that is otherwise opened at first use.
 *
 * @module
 */

import { bindPipes } from "./avio/input_pipe.ts";
import { addressOfAtoi } from "./interrupt.ts";
import { bindAll } from "./libraries.ts";
import { isGranted } from "./machine.ts";
import { bindSound } from "./sdl/sound.ts";
import { bindWindows } from "./sdl/window.ts";
import { bindAlsa } from "./system/alsa.ts";
import { bindXlib } from "./system/x11.ts";

/** Libraries that not everything needs, and that may not be there. */
const OPTIONAL = [bindPipes, bindWindows, bindSound, bindAlsa, bindXlib];

/** Opens all libraries that Sluice may use; throws only where FFmpeg cannot be used. */
export function loadAll(): void {
  bindAll();
  addressOfAtoi();
  if (!isGranted({ name: "ffi" })) return; // the user is not asked for what may not be needed
  for (const bind of OPTIONAL) {
    try {
      bind();
    } catch {
      // It is not installed, which is an error only where it is used.
    }
  }
}
