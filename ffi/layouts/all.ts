/**
 * The tables of all releases of FFmpeg that Sluice supports.
 *
 * @module
 */

import { layout as layout58 } from "./58.ts";
import { layout as layout59 } from "./59.ts";
import { layout as layout60 } from "./60.ts";
import { layout as layout61 } from "./61.ts";
import { layout as layout62 } from "./62.ts";
import { layout as layout63 } from "./63.ts";
import type { Layout } from "./fields.ts";

/** The table of each supported major version, newest first. */
export const LAYOUTS: readonly Layout[] = [
  layout63,
  layout62,
  layout61,
  layout60,
  layout59,
  layout58,
];

/** The major release that a table is for, such as "9": one table is for all of its releases. */
export function releaseOf({ release }: Layout): string {
  return release.replace(/\..*/, "");
}

/** The supported releases, for messages: "4.3 to 9". */
export const SUPPORTED_RELEASES = `${LAYOUTS.at(-1)!.release} to ${releaseOf(LAYOUTS[0]!)}`;
