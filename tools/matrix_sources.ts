/**
 * Where other releases of FFmpeg come from: Debian's releases, each in a chroot of its own, and the
 * packages that carry FFmpeg's libraries inside them, PyAV's for Python and JavaCPP's for Java.
 *
 * What was fetched is kept in the user's cache folder.
 *
 * @module
 */

import { exists, hasProgram } from "./machine.ts";

/** A release of FFmpeg and where it is found. */
export interface Version {
  /** The release, such as "7.1". */
  readonly release: string;
  /** The major version of its libavcodec. */
  readonly libavcodec: number;
  /** Where it comes from, for people. */
  readonly from: string;
  /** Fetches what is needed; returns the command that runs the tests. */
  bring(): Promise<TestCommand>;
}

/** A command to which the arguments for `matrix_run.ts` are added. */
export interface TestCommand {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** The whole list of arguments, for those of `matrix_run.ts`. */
  argsFor(args: readonly string[]): readonly string[];
}

/** Something that can't be had here. */
export class Unavailable extends Error {}

const ROOT = new URL("..", import.meta.url);
const RUN = "tools/matrix_run.ts";

/** Where fetched things are kept. */
const CACHE = `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/sluice/matrix`;

/** How Debian names this kind of machine. */
const TRIPLET = `${Deno.build.arch}-linux-gnu`;

/** What a chroot needs beside FFmpeg for windows and sound to be tested in it. */
const DESKTOP = "xvfb xdotool imagemagick pulseaudio pulseaudio-utils libasound2-plugins " +
  "libsdl2-2.0-0";

/** The releases that are tested, oldest first. */
export const VERSIONS: readonly Version[] = [
  debian("4.3", 58, "bullseye"),
  jar("4.4", 58, "4.4-1.5.6"),
  jar("5.0", 59, "5.0-1.5.7"),
  debian("5.1", 59, "bookworm"),
  jar("6.0", 60, "6.0-1.5.9"),
  wheel("6.1", 60, 12),
  wheel("7.0", 61, 13),
  debian("7.1", 61, "trixie", "libsdl3-0"),
  jar("8.0", 62, "8.0.1-1.5.13"),
  leftInDebian("8.1", 62, "sid", "libsdl3-0"),
  debian("9.0", 63, "forky", "libsdl3-0"),
];

/** The FFmpeg of a release of Debian, with its programs and headers. */
function debian(release: string, libavcodec: number, suite: string, more = ""): Version {
  const packages = `ffmpeg g++ libavdevice-dev ${DESKTOP} ${more}`;
  return {
    release,
    libavcodec,
    from: `Debian ${suite}`,
    bring: () => machine(suite, packages, ["--headers", `/usr/include/${TRIPLET}`]),
  };
}

/** The libraries of an FFmpeg that a release of Debian still has beside a newer one. */
function leftInDebian(release: string, libavcodec: number, suite: string, more = ""): Version {
  const packages = `ffmpeg g++ make dpkg-dev libavdevice${libavcodec} ${DESKTOP} ${more}`;
  const args = ["--libraries", `${libavcodec}`, "--headers", "/usr/local/include"];
  const before = `tools/ffmpeg_headers.sh libavcodec${libavcodec} /usr/local`;
  return {
    release,
    libavcodec,
    from: `Debian ${suite}, the libraries alone`,
    bring: () => machine(suite, packages, args, before),
  };
}

/** A chroot with a release of Debian. */
async function machine(
  suite: string,
  packages: string,
  args: readonly string[],
  before = "true",
): Promise<TestCommand> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    throw new Unavailable("making a chroot needs Linux and root");
  }
  for (const program of ["debootstrap", "unshare", "apt-get"]) {
    if (!hasProgram(program)) throw new Unavailable(`making a chroot needs "${program}"`);
  }
  const program = "tools/fresh_machine.sh";
  const options = ["--with-changes", "--program", Deno.execPath()];
  const env = { CACHE, SUITE: suite, PACKAGES: packages.trim() };
  await succeed(program, [...options, "true"], "the chroot could not be made", env);
  const argsFor = (more: readonly string[]) => [
    ...options,
    `${before} && ${["deno", "run", "-A", RUN, ...args, ...more].join(" ")}`,
  ];
  return { program, env, argsFor };
}

/** The libraries inside a wheel of PyAV, on this machine. */
function wheel(release: string, libavcodec: number, version: number): Version {
  const command = async (): Promise<TestCommand> => ({
    program: Deno.execPath(),
    env: { SLUICE_LIBRARY_PATH: await librariesOfWheel(version) },
    argsFor: (more) => ["run", "-A", RUN, ...more],
  });
  return { release, libavcodec, from: `PyAV ${version}`, bring: command };
}

async function librariesOfWheel(version: number): Promise<string> {
  if (Deno.build.os !== "linux") throw new Unavailable("the wheels used here are those for Linux");
  const platforms = ["manylinux2014", "manylinux_2_28"].flatMap((it) => [
    "--platform",
    `${it}_${Deno.build.arch}`,
  ]);
  const options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11"];
  const folder = await fetched(`av-${version}`, (download) => {
    const what = [...options, ...platforms, "-d", download, `av==${version}.*`];
    return succeed("python3", ["-m", "pip", "download", ...what], "pip failed");
  });
  return `${folder}/av.libs`;
}

/** The libraries inside a package of JavaCPP, on this machine, and the programs that are with them. */
function jar(release: string, libavcodec: number, version: string): Version {
  const command = async (): Promise<TestCommand> => {
    const folder = await librariesOfJar(version);
    return {
      program: Deno.execPath(),
      env: { SLUICE_LIBRARY_PATH: folder, PATH: `${folder}:${Deno.env.get("PATH")}` },
      argsFor: (more) => ["run", "-A", RUN, ...more],
    };
  };
  return { release, libavcodec, from: `JavaCPP ${version.split("-")[1]}`, bring: command };
}

async function librariesOfJar(version: string): Promise<string> {
  if (Deno.build.os !== "linux") throw new Unavailable("the packages used are those for Linux");
  const platform = `linux-${Deno.build.arch === "x86_64" ? "x86_64" : "arm64"}-gpl`;
  const artifact = `org.bytedeco:ffmpeg:${version}:jar:${platform}`;
  const whole = await fetched(`javacpp-${version}`, (download) => {
    const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${download}`];
    return succeed("mvn", ["-q", "-B", "dependency:copy", ...options], "Maven failed");
  });
  const folder = `${whole}/org/bytedeco/ffmpeg/${platform}`;
  for (const name of ["ffmpeg", "ffprobe"]) await Deno.chmod(`${folder}/${name}`, 0o755);
  // One release has a library without the number by which its programs look for it.
  const [unnumbered, wanted] = ["libpostproc.so", "libpostproc.so.57"];
  if (exists(`${folder}/${unnumbered}`) && !exists(`${folder}/${wanted}`)) {
    await Deno.symlink(unnumbered, `${folder}/${wanted}`);
  }
  return folder;
}

/** The folder in the cache that holds what is in an archive, which is downloaded at first use. */
async function fetched(
  name: string,
  download: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = `${CACHE}/${name}`;
  if (exists(folder)) return folder;
  const place = await Deno.makeTempDir({ prefix: "sluice-download-" });
  try {
    await download(place);
    const [file] = [...Deno.readDirSync(place)].map(({ name }) => name);
    const args = ["-m", "zipfile", "-e", `${place}/${file}`, `${folder}.partial`];
    await succeed("python3", args, "the archive could not be read");
    await Deno.rename(`${folder}.partial`, folder);
  } finally {
    await Deno.remove(place, { recursive: true });
  }
  return folder;
}

/** Runs a program that must do its work: else what it is for can't be had. */
async function succeed(
  program: string,
  args: readonly string[],
  failure: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (!program.includes("/") && !hasProgram(program)) {
    throw new Unavailable(`fetching it needs "${program}"`);
  }
  const said: string[] = [];
  if (await run(program, args, env, (line) => said.push(line))) return;
  throw new Unavailable(said.findLast((line) => line.trim() !== "") ?? failure);
}

/** Runs a program and forwards what it prints, line by line; returns whether it succeeded. */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<boolean> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await Promise.all([child.stdout, child.stderr].map((stream) => readLines(stream, onLine)));
  return (await child.status).success;
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}
