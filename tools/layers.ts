/**
 * The layers of the library and the rule of its imports, in one place for the lint plugin and the
 * architecture test: imports point one way only,
 *
 * `cli.ts` → `mod.ts` → façades → one-stream pipelines → stages → values → `ffi/`
 */

/** A layer of `src/`. */
export interface Layer {
  readonly name: string;
  /** The files of the layer, without their ending. */
  readonly files: readonly string[];
  /** Whether its files may import each other. */
  readonly importsPeers: boolean;
}

/** The layers of `src/`, lowest first. */
export const LAYERS: readonly Layer[] = [
  {
    name: "values",
    files: [
      "types",
      "formats",
      "chunk",
      "time",
      "frame",
      "packet",
      "gathered",
      "options",
      "permissions",
      "arguments",
      "codec",
      "failure",
      "encoder_settings",
      "operations",
      "orientation",
      "output",
      "devices",
      "pacer",
      "url_io",
      "output_around",
      "key_gate",
      "packet_source",
      "memory_file",
      "network",
      "waveform",
      "save_settings",
      "text",
    ],
    importsPeers: true,
  },
  {
    name: "stages",
    files: [
      "to_frame",
      "filter_graph",
      "encoder",
      "raw_encoder",
      "muxer",
      "destination",
      "source",
      "demuxer",
      "decoder",
      "from_frame",
      "chunk_buffer",
      "display",
      "speaker",
      "playout",
      "live",
      "reconnecting",
      "fan_out",
      "readable_sink",
      "object_sink",
      "object_source",
    ],
    importsPeers: false,
  },
  {
    name: "pipelines",
    files: ["output_stream", "input_stream", "copied_stream", "effect_stream", "feed"],
    importsPeers: false,
  },
  {
    name: "façades",
    files: [
      "stream_writer",
      "stream_reader",
      "audio_effector",
      "load",
      "play",
      "ffmpeg",
      "writer",
      "broadcast",
      "download",
      "both_ways",
    ],
    importsPeers: true,
  },
];

/** Finds the layer of a file by its path from the project's root. */
export function layerOf(path: string): Layer | undefined {
  const name = /^src\/(?:.*\/)?([^/]+)\.ts$/.exec(path)?.[1];
  return name === undefined ? undefined : LAYERS.find((layer) => layer.files.includes(name));
}

/** Whether a file, by its path from the project's root, is part of what is published. */
export function isLibraryFile(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/") || path.startsWith("ffi/") || isProgram(path);
}

/** Whether a file is part of the program, which uses the library as anyone else does. */
function isProgram(path: string): boolean {
  return path === "cli.ts" || path.startsWith("cli/");
}

/** What the program uses of the library: its public face, and the wording of its messages. */
const FOR_PROGRAM = ["mod.ts", "src/text.ts"];

/** Whether a file may name `Deno.dlopen` and the like. */
export function mayTouchMemory(path: string): boolean {
  return path.startsWith("ffi/") || path.startsWith("tests/");
}

/** Says why one file of the library may not import another one, if it may not. */
export function whyNotImport(from: string, specifier: string): string | undefined {
  if (!isLibraryFile(from) || specifier.startsWith("node:")) return undefined;
  if (!/^\.\.?\//.test(specifier)) {
    return `The library depends on nothing but Deno: "${specifier}" is neither relative nor node:`;
  }
  const to = resolvePath(from, specifier);
  if (isProgram(from)) {
    const fits = FOR_PROGRAM.includes(to) || to.startsWith("cli/");
    return fits ? undefined : `The program imports only mod.ts and its own parts: "${to}"`;
  }
  if (from.startsWith("ffi/")) {
    return to.startsWith("ffi/") ? undefined : `ffi/ imports only ffi/: "${to}" is outside`;
  }
  if (to.startsWith("ffi/")) return undefined;
  return to.startsWith("src/") ? whyNotLayer(from, to) : `"${from}" may not import "${to}"`;
}

function whyNotLayer(from: string, to: string): string | undefined {
  if (from === "mod.ts") return undefined;
  const [upper, lower] = [layerOf(from), layerOf(to)];
  const homeless = !upper ? from : !lower ? to : undefined;
  if (homeless !== undefined) return `"${homeless}" has no layer: add it to tools/layers.ts`;
  if (!upper || !lower) return undefined;
  if (upper === lower) {
    return upper.importsPeers ? undefined : `The ${upper.name} do not import each other: "${to}"`;
  }
  const pointsDown = LAYERS.indexOf(upper) > LAYERS.indexOf(lower);
  return pointsDown ? undefined : `The ${upper.name} may not import the ${lower.name}: "${to}"`;
}

/** The path, from the project's root, of what a file imports by a relative specifier. */
export function resolvePath(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
