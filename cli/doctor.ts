/**
 * The command that shows what the installed FFmpeg is and what works here.
 *
 * @module
 */

import { ffmpeg, StreamWriter } from "../mod.ts";
import { type Command, JSON_OPTION, twoColumns } from "./command.ts";
import { allDevices, printDevices } from "./lists.ts";
import { printJson } from "./terminal.ts";

/** What many want to encode, and the encoders that do it, best first. */
const ENCODERS: Readonly<Record<string, readonly string[]>> = {
  "H.264": ["libx264", "libopenh264", "h264_videotoolbox", "h264_mf"],
  "H.265": ["libx265", "hevc_videotoolbox", "hevc_mf"],
  AV1: ["libsvtav1", "libaom-av1", "librav1e"],
  VP9: ["libvpx-vp9"],
  GIF: ["gif"],
  PNG: ["png"],
  WebP: ["libwebp"],
  AAC: ["aac", "libfdk_aac"],
  MP3: ["libmp3lame", "libshine", "mp3_mf"],
  Opus: ["libopus"],
  Vorbis: ["libvorbis"],
  FLAC: ["flac"],
};

/** Protocols that many want. */
const PROTOCOLS = ["http", "https", "rtmp", "srt", "udp"];

/** The permissions of Deno's that Sluice may need. */
const PERMISSIONS = ["ffi", "read", "write", "net", "env"] as const;

/** Something that works or does not. */
interface Finding {
  readonly works: boolean;
  /** What does it, or why it does not work and what helps. */
  readonly detail: string;
}

type Findings = Readonly<Record<string, Finding>>;

/** The command. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "Shows which FFmpeg is used, what works here, and what brings the rest",
  parameters: [],
  options: { json: JSON_OPTION },
  run(given) {
    ffmpeg.setLogLevel("quiet"); // what does not work is found out by trying
    const findings = {
      version: ffmpeg.version(),
      location: ffmpeg.location(),
      license: ffmpeg.license(),
      libraries: ffmpeg.versions(),
      encoders: encoders(),
      protocols: protocols(),
      playing: { sound: sound(), window: window() },
      devices: allDevices(),
      permissions: permissions(),
    };
    if (given.has("json")) printJson(findings);
    else print(findings);
    return 0;
  },
};

function encoders(): Findings {
  const all = { ...ffmpeg.videoEncoders(), ...ffmpeg.audioEncoders() };
  return Object.fromEntries(
    Object.entries(ENCODERS).map(([what, names]) => {
      const found = names.filter((name) => Object.hasOwn(all, name));
      const works = found.length > 0;
      const detail = works ? found.join(", ") : `needs an FFmpeg with ${names[0]}`;
      return [what, { works, detail }];
    }),
  );
}

function protocols(): Findings {
  const [input, output] = [ffmpeg.inputProtocols(), ffmpeg.outputProtocols()];
  return Object.fromEntries(PROTOCOLS.map((name) => {
    const ways = [input.includes(name) ? "read" : "", output.includes(name) ? "write" : ""]
      .filter((way) => way !== "");
    const works = ways.length > 0;
    return [name, { works, detail: works ? ways.join(", ") : `needs an FFmpeg with ${name}` }];
  }));
}

/** Whether sound can be played: found out by opening the usual device. */
function sound(): Finding {
  return tried("the usual device opens", () => {
    const writer = new StreamWriter("-", { format: "audio" });
    writer.addAudioStream(48000, 2);
    writer.openSync();
    writer.closeSync({ drain: false });
  });
}

/** Whether a window can be opened, without opening one. */
function window(): Finding {
  const { works, detail } = tried("can be opened", () => {
    new StreamWriter("-", { format: "video" }).closeSync();
  });
  if (!works || Deno.build.os !== "linux" || hasDisplay()) return { works, detail };
  return {
    works: false,
    detail: "there is no display: neither DISPLAY nor WAYLAND_DISPLAY names one",
  };
}

function hasDisplay(): boolean {
  return ["DISPLAY", "WAYLAND_DISPLAY"].some((variable) => {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    return state !== "granted" || Deno.env.has(variable);
  });
}

function tried(detail: string, action: () => void): Finding {
  try {
    action();
    return { works: true, detail };
  } catch (error) {
    return { works: false, detail: (error as Error).message };
  }
}

function permissions(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    PERMISSIONS.map((name) => [name, Deno.permissions.querySync({ name }).state]),
  );
}

function print(findings: {
  readonly version: string;
  readonly location: string;
  readonly license: string;
  readonly libraries: Readonly<Record<string, string>>;
  readonly encoders: Findings;
  readonly protocols: Findings;
  readonly playing: Findings;
  readonly devices: ReturnType<typeof allDevices>;
  readonly permissions: Readonly<Record<string, string>>;
}): void {
  const { version, location, license, libraries, devices } = findings;
  console.log(`FFmpeg ${version}, found by: ${location}`);
  console.log(`License: ${license}`);
  section("Libraries", Object.entries(libraries));
  section("Encoders", rows(findings.encoders));
  section("Protocols", rows(findings.protocols));
  section("Playing", rows(findings.playing));
  section("Permissions of this script", Object.entries(findings.permissions));
  console.log("\nDevices");
  if (devices.length > 0) printDevices(devices);
  else console.log("  none that can be listed");
  const missing = [...rows(findings.encoders), ...rows(findings.protocols), ...rows(libraries)]
    .filter(([, detail]) => /^no: needs|^not installed/.test(detail)).map(([what]) => what);
  if (missing.length > 0) console.log(`\n${advice(missing)}`);
}

function section(title: string, rows: readonly (readonly [string, string])[]): void {
  console.log(`\n${title}`);
  for (const line of twoColumns(rows)) console.log(line);
}

function rows(findings: Findings | Readonly<Record<string, string>>): [string, string][] {
  return Object.entries<Finding | string>(findings).map(([what, finding]) => {
    if (typeof finding === "string") return [what, finding];
    return [what, `${finding.works ? "yes" : "no"}: ${finding.detail}`];
  });
}

/** What brings what is missing. */
function advice(missing: readonly string[]): string {
  return [
    `Missing: ${missing.join(", ")}. A complete FFmpeg has them; to install one here:`,
    `  ${ffmpeg.installCommand()}`,
    "Or name the folder of another FFmpeg's libraries in the environment variable SLUICE_LIBRARY_PATH",
  ].join("\n");
}
