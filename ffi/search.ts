/**
 * The search for FFmpeg: the newest supported release, in the first place that has one.
 *
 * @module
 */

import { LibraryError } from "./error.ts";
import { LAYOUTS, releaseOf, SUPPORTED_RELEASES } from "./layouts/all.ts";
import type { Layout } from "./layouts/fields.ts";
import { installCommand, type Place, places } from "./locate.ts";
import { environment, listFolder, osRelease } from "./machine.ts";
import { NotFound } from "./opener.ts";

const NEWEST = LAYOUTS[0]!;
const OLDEST = LAYOUTS.at(-1)!;

/** The major versions of libavutil before and after those that Sluice supports. */
const UNSUPPORTED = [
  ...[4, 3, 2, 1].map((age) => OLDEST.majors.avutil - age),
  ...[1, 2, 3].map((age) => NEWEST.majors.avutil + age),
];

/**
 * Opens FFmpeg where it is found.
 *
 * @param open Opens the release that a table describes, in one place.
 * @throws {LibraryError} When there is none, or none that can be used.
 */
export function search<T>(open: (layout: Layout, place: Place) => T): T {
  const where = places({
    os: Deno.build.os,
    libraryPath: environment("SLUICE_LIBRARY_PATH"),
    list: listFolder,
  });
  const failures: string[] = [];
  for (const place of where) {
    for (const layout of LAYOUTS) {
      try {
        return open(layout, place);
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        if (!(error instanceof NotFound)) failures.push((error as Error).message);
      }
    }
  }
  throw new LibraryError(notFoundMessage(where, [
    ...failures.map((failure) => `Found but not usable: ${failure}`),
    ...where.flatMap(unsupportedIn),
  ]));
}

/** Names the unsupported releases in a place. */
function unsupportedIn(place: Place): string[] {
  return UNSUPPORTED.filter((major) => canOpen(place.find("avutil", major))).map((major) =>
    `Found but not supported: libavutil ${major} in ${place.name}, of an FFmpeg ` +
    (major < OLDEST.majors.avutil
      ? `older than ${OLDEST.release}`
      : `newer than ${releaseOf(NEWEST)}`)
  );
}

function canOpen(path: string | undefined): boolean {
  if (path === undefined) return false;
  try {
    Deno.dlopen(path, {}).close();
    return true;
  } catch {
    return false;
  }
}

function notFoundMessage(where: readonly Place[], found: readonly string[]): string {
  const wanted = LAYOUTS.map((layout) => layout.majors.avutil).toSorted((a, b) => a - b);
  const looked = where.map((place) => place.name).join(", ");
  return [
    `Cannot use FFmpeg's libraries: looked for libavutil ${wanted.join(", ")} ` +
    `(FFmpeg ${SUPPORTED_RELEASES}) and the libraries that belong to it in ${looked}`,
    ...found,
    `To install FFmpeg here: ${installCommandHere()}`,
    `If it is in a folder of its own, name that folder in the environment variable ` +
    `SLUICE_LIBRARY_PATH, and let the script read both (--allow-env=SLUICE_LIBRARY_PATH, ` +
    `--allow-read for the folder)`,
  ].join("\n");
}

/** The command that installs FFmpeg on this system. */
export function installCommandHere(): string {
  return installCommand(Deno.build.os, osRelease());
}
