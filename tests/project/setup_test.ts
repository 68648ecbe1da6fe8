import { deepStrictEqual, strictEqual } from "node:assert";
import { SUPPORTED_RELEASES } from "../../ffi/layouts/all.ts";
import {
  installInvocation,
  PACKAGE_MANAGERS,
  refreshInvocation,
  typedCommand,
} from "../../tools/package_managers.ts";
import {
  type Machine,
  missing,
  packagesFor,
  releaseAmong,
  REQUIREMENTS,
} from "../../tools/requirements.ts";

const FFMPEG_5 = [
  "libavutil.so.57",
  "libswresample.so.4",
  "libswscale.so.6",
  "libavcodec.so.59",
  "libavformat.so.59",
  "libavfilter.so.8",
  "libavdevice.so.59",
];

/** The programs of a desktop that tests look at and listen to. */
const DESKTOP = ["Xvfb", "xdotool", "import", "pulseaudio", "pactl", "parec", "chromium"];

/** Both versions of SDL. */
const SDL = ["libSDL2-2.0.so.0", "libSDL3.so.0"];

/** A machine with the given things, and nothing else. */
function machine(
  has: { places?: string[][]; programs?: string[]; pythonModules?: string[] } = {},
): Machine {
  return {
    libraryFiles: () => has.places ?? [],
    hasProgram: (name) => has.programs?.includes(name) ?? false,
    hasPythonModule: (name) => has.pythonModules?.includes(name) ?? false,
  };
}

function namesOf(requirements: readonly { name: string }[]): string[] {
  return requirements.map((it) => it.name);
}

function manager(name: string) {
  const found = PACKAGE_MANAGERS.find((it) => it.name === name);
  if (!found) throw new Error(`No manager "${name}"`);
  return found;
}

Deno.test("missing() finds nothing missing on a complete machine", () => {
  const complete = machine({
    places: [FFMPEG_5, SDL],
    programs: ["ffmpeg", "ffprobe", "debootstrap", "mvn", ...DESKTOP],
    pythonModules: ["torchaudio", "pip"],
  });
  deepStrictEqual(missing("demo", complete), { required: [], optional: [] });
  deepStrictEqual(missing("matrix", complete), { required: [], optional: [] });
  deepStrictEqual(missing("test", complete), { required: [], optional: [] });
});

Deno.test("missing() separates what is required and what is optional on an empty machine", () => {
  const demo = missing("demo", machine());
  deepStrictEqual(namesOf(demo.required), [`FFmpeg's shared libraries (${SUPPORTED_RELEASES})`]);
  deepStrictEqual(demo.optional, []);
  const test = missing("test", machine());
  strictEqual(test.required.length, 2);
  deepStrictEqual(namesOf(test.optional), [
    "torchaudio",
    "an X display in memory (Xvfb), xdotool and ImageMagick",
    "the sound server PulseAudio, its tools, and ALSA's plugin for it",
    "the browser Chromium",
    "SDL 2",
    "SDL 3",
  ]);
});

Deno.test("missing() wants all programs of a requirement", () => {
  const half = machine({ places: [FFMPEG_5], programs: ["ffmpeg"] });
  deepStrictEqual(namesOf(missing("test", half).required), ["the programs ffmpeg and ffprobe"]);
});

Deno.test("missing() knows a display and a sound server apart", () => {
  const programs = ["ffmpeg", "ffprobe", ...DESKTOP.slice(0, 3)];
  const { required, optional } = missing("test", machine({ places: [FFMPEG_5, SDL], programs }));
  deepStrictEqual(required, []);
  deepStrictEqual(packagesFor(optional, "apt"), [
    "python3-torchaudio",
    "pulseaudio",
    "pulseaudio-utils",
    "libasound2-plugins",
    "chromium",
  ]);
});

Deno.test("missing() wants the seven libraries in one place", () => {
  const split = machine({ places: [FFMPEG_5.slice(0, 3), FFMPEG_5.slice(3)] });
  strictEqual(missing("demo", split).required.length, 1);
});

Deno.test("releaseAmong() knows the libraries by the names of each system", () => {
  const ffmpeg6 = {
    avutil: 58,
    swresample: 4,
    swscale: 7,
    avcodec: 60,
    avformat: 60,
    avfilter: 9,
    avdevice: 60,
  };
  const naming: readonly ((name: string, version: number) => string)[] = [
    (name, version) => `lib${name}.so.${version}`,
    (name, version) => `lib${name}.so.${version}.31.102`,
    (name, version) => `lib${name}-1a2b3c4d.so.${version}.31.102`,
    (name, version) => `lib${name}.${version}.dylib`,
    (name, version) => `lib${name}.${version}.31.102.dylib`,
    (name, version) => `${name}-${version}.dll`,
  ];
  for (const fileName of naming) {
    const names = Object.entries(ffmpeg6).map(([name, version]) => fileName(name, version));
    strictEqual(releaseAmong(names), "6", names[0]);
  }
});

Deno.test("releaseAmong() wants a whole release, and takes the newest", () => {
  strictEqual(releaseAmong([]), undefined);
  for (const name of FFMPEG_5) {
    strictEqual(releaseAmong(FFMPEG_5.filter((it) => it !== name)), undefined, `without ${name}`);
  }
  const ffmpeg4 = ["util.so.56", "codec.so.58", "format.so.58", "filter.so.7", "device.so.58"]
    .map((it) => `libav${it}`).concat("libswresample.so.3", "libswscale.so.5");
  strictEqual(releaseAmong(ffmpeg4), "4");
  strictEqual(releaseAmong([...ffmpeg4, ...FFMPEG_5]), "5");
});

Deno.test("releaseAmong() does not take development links and other versions for libraries", () => {
  const links = FFMPEG_5.map((it) => it.replace(/\.\d+$/, ""));
  strictEqual(releaseAmong(links), undefined);
  const tooNew = FFMPEG_5.map((it) => it.replace(/\d+$/, "99"));
  strictEqual(releaseAmong(tooNew), undefined);
});

Deno.test("packagesFor() names each package once", () => {
  const { required } = missing("test", machine());
  for (const { name } of PACKAGE_MANAGERS) {
    strictEqual(packagesFor(required, name).length, 1, name);
  }
  deepStrictEqual(packagesFor(required, "apt"), ["ffmpeg"]);
});

Deno.test("REQUIREMENTS have what their messages need", () => {
  for (const { name, tasks, otherwise } of REQUIREMENTS) {
    const isOptional = Object.values(tasks).includes("optional");
    strictEqual(isOptional, otherwise !== undefined, name);
  }
});

Deno.test("typedCommand() is what a person types", () => {
  strictEqual(
    typedCommand(manager("apt"), ["ffmpeg"]),
    "sudo apt-get update && sudo apt-get install --no-install-recommends ffmpeg",
  );
  strictEqual(typedCommand(manager("brew"), ["ffmpeg"]), "brew install ffmpeg");
  strictEqual(
    typedCommand(manager("winget"), ["Gyan.FFmpeg.Shared"]),
    "winget install --exact --id Gyan.FFmpeg.Shared",
  );
});

Deno.test("installInvocation() asks nothing, with sudo too", () => {
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  const install = ["install", "--no-install-recommends", "ffmpeg", "--yes", ...lock];
  deepStrictEqual(installInvocation(manager("apt"), ["ffmpeg"], false), {
    command: ["apt-get", ...install],
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
  deepStrictEqual(installInvocation(manager("apt"), ["ffmpeg"], true), {
    command: ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...install],
    env: {},
  });
});

Deno.test("refreshInvocation() is there for managers that keep lists of packages", () => {
  deepStrictEqual(refreshInvocation(manager("apt"), false)?.command, ["apt-get", "update"]);
  strictEqual(refreshInvocation(manager("brew"), false), undefined);
});
