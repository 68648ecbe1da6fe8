/**
 * Deno's permissions. FFmpeg opens files and sockets without asking Deno, so Sluice asks before it
 * lets FFmpeg do so.
 *
 * @module
 */

import { protocolOf } from "../ffi/compat.ts";

/** The protocols that reach one host, whose name and port are in the URL. */
const NETWORK = new Set(
  ("ftp gopher gophers http httpproxy https icecast mmsh mmst rtmp rtmpe rtmps rtmpt rtmpte rtmpts " +
    "rtp rtsp sctp sftp srt srtp tcp tls udp udplite rist zmq").split(" "),
);

/** The ports that URLs without one mean. */
const PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  icecast: 8000,
  rtmp: 1935,
  rtmps: 443,
  rtmpt: 80,
  rtsp: 554,
  ftp: 21,
  sftp: 22,
};

/** Filters that read or write files, or open sockets, that their arguments name. */
const FILE_FILTERS = new Set(
  ("movie amovie subtitles ass lut3d lut1d drawtext metadata ametadata psnr ssim xpsnr libvmaf " +
    "vmafmotion vidstabdetect vidstabtransform signature arnndn sofalizer frei0r frei0r_src ladspa " +
    "lv2 removelogo find_rect cover_rect dnn_processing dnn_detect dnn_classify derain sr " +
    "libplacebo program_opencl openclsrc zmq azmq deshake loudnorm haldclutsrc firequalizer " +
    "sendcmd asendcmd paletteuse curves selectivecolor showcqt nnedi fieldhint life cellauto flite asr ocr lensfun whisper " +
    "qrencode qrencodesrc drawvg coreimage coreimagesrc")
    .split(" "),
);

/**
 * Options of encoders, containers and protocols that name files or hosts, with "-" for "_", which some
 * of them take for the same.
 */
const FILE_OPTIONS = new Set(
  ("stats passlogfile vstats http-proxy ca-file cafile cert-file cert key-file key private-key " +
    "localaddr rtmp-conn rtmp-tcurl encryption-key-file filename fd dump attach qpfile csv " +
    "cqmfile dump-yuv log-file lambda-file scaling-list recon dhdr10-info zonefile nalu-file " +
    "dolby-vision-rpu film-grain fgs-table analysis-reuse-file analysis-save analysis-load opencl")
    .split(" "),
);

/** What is to be done with a file. */
export type Access = "read" | "write";

/** Whether a permission is given without limits. */
export function isGranted(name: "read" | "write" | "net"): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

/** The options that a URL carries: some protocols take theirs from there, too. */
function queryOptions(query: string): Record<string, string> {
  const named = query.split("&").map((part) => part.split("=")[0]!);
  return Object.fromEntries(named.map((name) => [name, ""]));
}

/** Throws Deno's own `NotCapable`, unless the permission is given or the user grants it now. */
function need(descriptor: Deno.PermissionDescriptor, target: string): void {
  let { state } = Deno.permissions.querySync(descriptor);
  if (state === "prompt") state = Deno.permissions.requestSync(descriptor).state;
  if (state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires ${descriptor.name} access to ${target}, run again with the --allow-${descriptor.name} flag`,
  );
}

/** Checks that the script may open what FFmpeg is about to open at a path or URL. */
export function requireAccess(url: string, access: Access): void {
  const query = /\?(.*)/s.exec(url)?.[1];
  if (query !== undefined && url.includes("://")) requireOptions(queryOptions(query));
  const scheme = /^(\w+):\/\//.exec(url)?.[1] ?? "";
  const protocol = protocolOf(url) || (NETWORK.has(scheme) ? scheme : "");
  if (protocol === "" || protocol === "file") {
    const path = url.replace(/^file:/, "");
    need({ name: access, path }, `"${path}"`);
  } else if (protocol === "pipe" || protocol === "fd") {
    if (!/^(pipe|fd):[012]?$/.test(url)) requireAll(url);
  } else if (protocol === "data") {
    return; // the data is in the URL itself
  } else if (protocol === "unix") {
    const path = url.replace(/^unix:/, "");
    need({ name: access, path }, `"${path}"`);
  } else if (NETWORK.has(protocol)) {
    needHost(hostOf(url, protocol), url);
  } else {
    requireAll(url); // protocols that lead to others: concat, crypto, subfile, tee, …
  }
}

/** Checks for a host and port; for all of them where they can't be made out. */
function needHost(host: string, url: string): void {
  const descriptor = { name: "net", host } as const;
  try {
    Deno.permissions.querySync(descriptor);
  } catch {
    return requireAll(url);
  }
  need(descriptor, `"${host}"`);
}

/** Checks for the folder of a muxer that makes several files, such as `frame%03d.png`. */
export function requireFolder(path: string, access: Access = "write"): void {
  if (!["", "file"].includes(protocolOf(path))) return requireAccess(path, access);
  const folder = path.replace(/^file:/, "").replace(/[^\\/]*$/, "") || ".";
  need({ name: access, path: folder }, `"${folder}"`);
}

/** Checks for something that may lead anywhere. */
export function requireAll(what: string): void {
  for (const name of ["read", "write", "net"] as const) {
    need({ name }, `what "${what}" leads to`);
  }
}

function allGranted(): boolean {
  return isGranted("read") && isGranted("write") && isGranted("net");
}

/** Demuxers of lists, which open what the lists name. */
const LISTS = new Set("concat hls applehttp dash imf concatf rtsp sdp sap".split(" "));

/** Checks for a source that is read as a list of others. */
export function requireList(url: string, format: string | undefined): void {
  if (format !== undefined && LISTS.has(format) && !allGranted()) requireAll(url);
}

/** Checks the filters of a description: some open files, and any option may come from one. */
export function requireFilters(description: string): void {
  if (allGranted()) return;
  // FFmpeg takes quotes and backslashes out of a filter's name, too.
  const names = description.replace(/['\\]/g, "").split(/[^\w]+/);
  const suspect = names.find((name) => FILE_FILTERS.has(name)) ??
    /[=:]\s*(\/\w+|\w*file\w*)\s*=|[=:]\s*['"]?([A-Za-z]:)?\.{0,2}[\\/]/i.exec(description)?.[0];
  if (suspect !== undefined) requireAll(suspect);
}

/** Checks options of encoders, containers and protocols: some name files or hosts. */
export function requireOptions(options: Readonly<Record<string, string>>): void {
  if (allGranted()) return;
  for (const [name, value] of Object.entries(options)) {
    const parts = [name, ...value.split(/[:=,]/)]
      .map((part) => part.trim().replaceAll("_", "-"));
    if (/[\\/]/.test(value) || parts.some((part) => FILE_OPTIONS.has(part))) {
      requireAll(name);
    }
  }
}

function hostOf(url: string, protocol: string): string {
  const authority = /^[\w+.-]+:\/?\/?([^/?#]*)/.exec(url)?.[1] ?? "";
  const named = authority.replace(/^.*@/, "");
  const address = named === "" || named.startsWith(":") ? `0.0.0.0${named}` : named;
  const port = PORTS[protocol];
  return /:\d+$/.test(address) || port === undefined ? address : `${address}:${port}`;
}
