/**
 * Where FFmpeg's libraries may be. Pure: what it needs to know of the machine is passed in.
 *
 * @module
 */

/** The seven libraries, each before those that depend on it. */
export const LIBRARIES = [
  "avutil",
  "swresample",
  "swscale",
  "avcodec",
  "avformat",
  "avfilter",
  "avdevice",
] as const;

/** The name of one of FFmpeg's libraries. */
export type LibraryName = typeof LIBRARIES[number];

/** What the search needs to know of the machine. */
export interface Machine {
  /** The operating system, as `Deno.build.os` names it. */
  readonly os: string;
  /** The value of `SLUICE_LIBRARY_PATH`, when set: a folder, and the only place to look then. */
  readonly libraryPath: string | undefined;
  /** The names of the files in a folder; none when it does not exist or must not be read. */
  list(folder: string): string[];
}

/** One place to look in. */
export interface Place {
  /** How messages name it. */
  readonly name: string;
  /** The path to open for a library of a given major version, or `undefined` if there is none. */
  find(library: LibraryName, major: number): string | undefined;
  /** The path of another file of this place that the loader names in a message about `path`. */
  named(message: string, path: string): string | undefined;
}

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  darwin: [
    "/opt/homebrew/lib",
    "/opt/homebrew/opt/ffmpeg/lib",
    "/usr/local/lib",
    "/usr/local/opt/ffmpeg/lib",
    "/opt/local/lib",
  ],
  windows: [
    "C:\\ffmpeg\\bin",
    "C:\\Program Files\\ffmpeg\\bin",
    "C:\\ProgramData\\chocolatey\\bin",
  ],
  linux: [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/opt/ffmpeg/lib",
    "/home/linuxbrew/.linuxbrew/lib",
  ],
};

/** The file name under which the system's loader knows a library of a major version. */
export function loaderName(os: string, library: LibraryName, major: number): string {
  if (os === "windows") return `${library}-${major}.dll`;
  if (os === "darwin") return `lib${library}.${major}.dylib`;
  return `lib${library}.so.${major}`;
}

/**
 * The file in a folder's listing that is a library of a major version. Packages that carry FFmpeg
 * inside them put a hash in the names: `libavcodec-1a2b3c.so.60.31.102`, `avcodec-60-1a2b3c.dll`.
 */
export function fileFor(
  os: string,
  library: LibraryName,
  major: number,
  names: readonly string[],
): string | undefined {
  const exact = loaderName(os, library, major);
  if (names.includes(exact)) return exact;
  const pattern = os === "windows"
    ? new RegExp(`^${library}-${major}(-[0-9a-f]+)?\\.dll$`, "i")
    : os === "darwin"
    ? new RegExp(`^lib${library}(-[0-9a-f]+)?\\.${major}(\\.\\d+)*\\.dylib$`)
    : new RegExp(`^lib${library}(-[0-9a-f]+)?\\.so\\.${major}(\\.\\d+)*$`);
  return names.filter((name) => pattern.test(name)).toSorted(byVersion).at(-1);
}

/** Compares names by the numbers of the version in them: 9 comes before 29. */
function byVersion(a: string, b: string): number {
  const numbers = (name: string) =>
    (/[.-]\d+(\.\d+)*/.exec(name.replace(/-[0-9a-f]{6,}/, ""))?.[0] ?? "")
      .split(/[.-]/).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The places to look in, in order. */
export function places(machine: Machine): Place[] {
  if (machine.libraryPath) return [folder(machine, machine.libraryPath)];
  const loader: Place = {
    name: "the system's library loader",
    find: (library, major) => loaderName(machine.os, library, major),
    named: () => undefined,
  };
  return [loader, ...(FOLDERS[machine.os] ?? []).map((path) => folder(machine, path))];
}

function folder(machine: Machine, path: string): Place {
  const separator = machine.os === "windows" ? "\\" : "/";
  const pathOf = (file: string) => path.replace(/[\\/]+$/, "") + separator + file;
  let names: string[] | undefined;
  return {
    name: path,
    find(library, major) {
      names ??= machine.list(path);
      const file = fileFor(machine.os, library, major, names);
      return file && pathOf(file);
    },
    named(message, opening) {
      names ??= machine.list(path);
      const others = names.filter((it) => message.includes(it) && pathOf(it) !== opening);
      // One name may be the beginning of another.
      const file = others.toSorted((a, b) => a.length - b.length).at(-1);
      return file && pathOf(file);
    },
  };
}

/** The command that installs FFmpeg, by system; `release` is the text of `/etc/os-release`. */
export function installCommand(os: string, release = ""): string {
  if (os === "darwin") return "brew install ffmpeg";
  if (os === "windows") return "winget install Gyan.FFmpeg.Shared";
  const ids = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)/gm)].flatMap((m) => m[1]!.split(" "));
  const byId: Record<string, string> = {
    debian: "apt-get install ffmpeg",
    ubuntu: "apt-get install ffmpeg",
    fedora: "dnf install ffmpeg-free libavdevice-free",
    rhel: "dnf install ffmpeg-free libavdevice-free",
    arch: "pacman -S ffmpeg",
    alpine: "apk add ffmpeg ffmpeg-libavdevice",
    suse: "zypper install ffmpeg",
    nixos: "nix-shell -p ffmpeg",
  };
  const known = ids.map((id) => byId[id]).find((command) => command !== undefined);
  return known ?? "apt-get install ffmpeg (or your system's own command)";
}
