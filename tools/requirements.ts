/**
 * What the project's tasks need from the machine: one table, and how its entries are looked for.
 *
 * To add a tool, add an entry to {@linkcode REQUIREMENTS}; nothing else changes.
 */

import { LAYOUTS, releaseOf, SUPPORTED_RELEASES } from "../ffi/layouts/all.ts";
import { LIBRARIES } from "../ffi/locate.ts";

/** A task of `deno.json` that needs something of the machine. */
export type Task = "demo" | "test" | "matrix";

/** A package manager by its own name. */
export type ManagerName = "apt" | "dnf" | "pacman" | "apk" | "zypper" | "brew" | "winget" | "choco";

/** How to find out whether something is on the machine. */
export type Detection =
  | { readonly kind: "libraries" }
  | { readonly kind: "library"; readonly file: string }
  | { readonly kind: "programs"; readonly names: readonly string[] }
  | { readonly kind: "pythonModule"; readonly name: string };

/** Something a task needs, or can use. */
export interface Requirement {
  /** What it is called in messages. */
  readonly name: string;
  /** How to find out whether it is there. */
  readonly detection: Detection;
  /** The tasks that use it. Without the optional ones, a task does less but still works. */
  readonly tasks: Readonly<Partial<Record<Task, "required" | "optional">>>;
  /** The packages that bring it; a manager that isn't named has none. */
  readonly packages: Readonly<Partial<Record<ManagerName, readonly string[]>>>;
  /** What is skipped without it; for optional ones. */
  readonly otherwise?: string;
}

/** What can be asked about a machine; a plain object in tests. */
export interface Machine {
  /** Names of the library files that the loader would find, one list for each place. */
  libraryFiles(): readonly (readonly string[])[];
  /** Whether a program is on the search path. */
  hasProgram(name: string): boolean;
  /** Whether Python can import a module. */
  hasPythonModule(name: string): boolean;
}

/** What a task lacks. */
export interface Missing {
  /** The task can't run without these. */
  readonly required: readonly Requirement[];
  /** The task does less without these. */
  readonly optional: readonly Requirement[];
}

// One package that brings the programs and all seven libraries, whose own packages are named
// differently in every release of a system.
const FFMPEG_PACKAGES: Requirement["packages"] = {
  apt: ["ffmpeg"],
  dnf: ["ffmpeg-free"],
  pacman: ["ffmpeg"],
  apk: ["ffmpeg"],
  zypper: ["ffmpeg"],
  brew: ["ffmpeg"],
  winget: ["Gyan.FFmpeg.Shared"],
  choco: ["ffmpeg-shared"],
};

/** Everything that any task needs or can use. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: `FFmpeg's shared libraries (${SUPPORTED_RELEASES})`,
    detection: { kind: "libraries" },
    tasks: { demo: "required", test: "required" },
    packages: FFMPEG_PACKAGES,
  },
  {
    name: "debootstrap, which makes a machine with another release of Debian",
    detection: { kind: "programs", names: ["debootstrap"] },
    tasks: { matrix: "optional" },
    packages: { apt: ["debootstrap"] },
    otherwise: "the FFmpeg of other releases of Debian is not tested",
  },
  {
    name: "pip, which fetches PyAV with its FFmpeg",
    detection: { kind: "pythonModule", name: "pip" },
    tasks: { matrix: "optional" },
    packages: {
      apt: ["python3-pip"],
      dnf: ["python3-pip"],
      pacman: ["python-pip"],
      apk: ["py3-pip"],
      zypper: ["python3-pip"],
    },
    otherwise: "the FFmpeg of PyAV is not tested",
  },
  {
    name: "Maven, which fetches JavaCPP with its FFmpeg",
    detection: { kind: "programs", names: ["mvn"] },
    tasks: { matrix: "optional" },
    packages: {
      apt: ["maven"],
      dnf: ["maven"],
      pacman: ["maven"],
      apk: ["maven"],
      zypper: ["maven"],
    },
    otherwise: "the FFmpeg of JavaCPP is not tested",
  },
  {
    name: "the programs ffmpeg and ffprobe",
    detection: { kind: "programs", names: ["ffmpeg", "ffprobe"] },
    tasks: { test: "required" },
    packages: FFMPEG_PACKAGES,
  },
  {
    name: "torchaudio",
    detection: { kind: "pythonModule", name: "torchaudio" },
    tasks: { test: "optional" },
    packages: { apt: ["python3-torchaudio"] },
    otherwise: "the tests that compare with torchaudio are skipped",
  },
  {
    name: "an X display in memory (Xvfb), xdotool and ImageMagick",
    detection: { kind: "programs", names: ["Xvfb", "xdotool", "import"] },
    tasks: { test: "optional", matrix: "optional" },
    packages: {
      apt: ["xvfb", "xdotool", "imagemagick"],
      dnf: ["xorg-x11-server-Xvfb", "xdotool", "ImageMagick"],
      pacman: ["xorg-server-xvfb", "xdotool", "imagemagick"],
      apk: ["xvfb", "xdotool", "imagemagick"],
      zypper: ["xorg-x11-server-Xvfb", "xdotool", "ImageMagick"],
    },
    otherwise: "the tests that look at windows are skipped",
  },
  {
    name: "the sound server PulseAudio, its tools, and ALSA's plugin for it",
    detection: { kind: "programs", names: ["pulseaudio", "pactl", "parec"] },
    tasks: { test: "optional", matrix: "optional" },
    packages: {
      apt: ["pulseaudio", "pulseaudio-utils", "libasound2-plugins"],
      dnf: ["pulseaudio", "pulseaudio-utils", "alsa-plugins-pulseaudio"],
      pacman: ["pulseaudio", "libpulse", "alsa-plugins"],
      apk: ["pulseaudio", "pulseaudio-utils", "alsa-plugins-pulse"],
      zypper: ["pulseaudio", "pulseaudio-utils", "alsa-plugins-pulse"],
    },
    otherwise: "the tests that listen to sound devices are skipped",
  },
  {
    name: "the browser Chromium",
    detection: { kind: "programs", names: ["chromium"] },
    tasks: { test: "optional", matrix: "optional" },
    packages: {
      apt: ["chromium"],
      dnf: ["chromium"],
      pacman: ["chromium"],
      apk: ["chromium"],
      zypper: ["chromium"],
    },
    otherwise: "the tests that look at web pages are skipped",
  },
  {
    name: "SDL 2",
    detection: { kind: "library", file: "libSDL2-2.0.so.0" },
    tasks: { test: "optional", matrix: "optional" },
    packages: {
      apt: ["libsdl2-2.0-0"],
      dnf: ["SDL2"],
      pacman: ["sdl2"],
      apk: ["sdl2"],
      zypper: ["libSDL2-2_0-0"],
    },
    otherwise: "windows and sound devices by SDL 2 are not tested",
  },
  {
    name: "SDL 3",
    detection: { kind: "library", file: "libSDL3.so.0" },
    tasks: { test: "optional", matrix: "optional" },
    packages: {
      apt: ["libsdl3-0"],
      dnf: ["SDL3"],
      pacman: ["sdl3"],
      apk: ["sdl3"],
      zypper: ["libSDL3-0"],
    },
    otherwise: "windows and sound devices by SDL 3 are not tested",
  },
];

/** Finds what a task lacks on a machine. */
export function missing(
  task: Task,
  machine: Machine,
  requirements: readonly Requirement[] = REQUIREMENTS,
): Missing {
  const absent = requirements.filter((it) =>
    it.tasks[task] !== undefined && !isPresent(it.detection, machine)
  );
  return {
    required: absent.filter((it) => it.tasks[task] === "required"),
    optional: absent.filter((it) => it.tasks[task] === "optional"),
  };
}

/** Lists the packages that bring what is missing, each once; empty where a manager has none. */
export function packagesFor(
  requirements: readonly Requirement[],
  manager: ManagerName,
): string[] {
  return [...new Set(requirements.flatMap((it) => it.packages[manager] ?? []))];
}

function isPresent(detection: Detection, machine: Machine): boolean {
  switch (detection.kind) {
    case "libraries":
      return machine.libraryFiles().some((names) => releaseAmong(names) !== undefined);
    case "library":
      return machine.libraryFiles().some((names) => names.includes(detection.file));
    case "programs":
      return detection.names.every((name) => machine.hasProgram(name));
    case "pythonModule":
      return machine.hasPythonModule(detection.name);
  }
}

// libavcodec.so.60, libavcodec-1a2b3c.so.60.31.102, libavcodec.60.31.dylib, avcodec-60.dll
const LIBRARY_FILE = new RegExp(
  `^(?:lib)?(${LIBRARIES.join("|")})(?:-[0-9a-f]{6,})?` +
    String.raw`(?:\.so\.(\d+)(?:\.\d+)*|\.(\d+)(?:\.\d+)*\.dylib|-(\d+)\.dll)$`,
);

/** The FFmpeg release that is complete among the files of one place, the newest if several. */
export function releaseAmong(fileNames: readonly string[]): string | undefined {
  const found = new Set<string>();
  for (const fileName of fileNames) {
    const [, library, so, dylib, dll] = LIBRARY_FILE.exec(fileName) ?? [];
    if (library !== undefined) found.add(`${library} ${so ?? dylib ?? dll}`);
  }
  const layout = LAYOUTS.find(({ majors }) =>
    LIBRARIES.every((library) => found.has(`${library} ${majors[library]}`))
  );
  return layout && releaseOf(layout);
}
