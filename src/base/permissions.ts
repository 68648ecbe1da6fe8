/**
 * Deno's permissions. FFmpeg opens files and sockets without asking Deno, so Sluice asks before it
 * lets FFmpeg do so.
 *
 * @module
 */

import { protocolClass } from "../../ffi/compat.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import { hasOption } from "../../ffi/options.ts";
import {
  FILE_FILTERS,
  FILE_OPTIONS,
  HARMLESS,
  HARMLESS_FLAGS,
  LISTS,
  MANY_PORTS,
  NETWORK,
  PORTS,
  QUERY_OPTIONS,
  REDIRECTED,
} from "../facts/reach.ts";

/** What is to be done with a file. */
export type Access = "read" | "write";

/** Whether a permission is given, and nothing within it denied (`--deny-read=secret`). */
function isWhole({ state, partial }: Deno.PermissionStatus): boolean {
  return state === "granted" && !partial;
}

/** Whether a permission is given without limits. */
export function isGranted(name: "read" | "write" | "net"): boolean {
  return isWhole(Deno.permissions.querySync({ name }));
}

/** The options that a URL carries: some protocols take theirs from there, too. */
function queryOptions(query: string): Record<string, string> {
  const named = query.split("&").map((part) => part.split("=")[0]!);
  return Object.fromEntries(named.map((name) => [name, ""]));
}

/** Throws Deno's own `NotCapable`, unless the permission is given or the user grants it now. */
function need(descriptor: Deno.PermissionDescriptor, target: string): void {
  let status = Deno.permissions.querySync(descriptor);
  if (status.state === "prompt") status = Deno.permissions.requestSync(descriptor);
  if (isWhole(status)) return;
  throw new Deno.errors.NotCapable(
    `Requires ${descriptor.name} access to ${target}, run again with the --allow-${descriptor.name} flag`,
  );
}

/** Checks that the script may open what FFmpeg is about to open at a path or URL. */
export function requireAccess(url: string, access: Access): void {
  const protocol = protocolIn(url);
  if (protocol === "" || protocol === "file") {
    const path = url.replace(/^file:/, "");
    need({ name: access, path }, `"${path}"`);
  } else if (protocol === "pipe" || protocol === "fd") {
    if (!/^(pipe|fd):[012]?$/.test(url)) requireAll(url);
  } else if (protocol === "data") {
    return; // the data is in the URL itself
  } else if (protocol === "unix") {
    const path = url.replace(/^unix:/, "");
    for (const name of ["read", "write"] as const) need({ name, path }, `"${path}"`);
  } else if (NETWORK.has(protocol)) {
    requireNetwork(url, protocol, access);
  } else {
    requireAll(url); // protocols that lead to others: concat, crypto, subfile, tee, …
  }
}

/** The protocol of a URL, also of those that FFmpeg has as containers; empty for a path. */
function protocolIn(url: string): string {
  const scheme = /^(\w+):\/\//.exec(url)?.[1] ?? "";
  return protocolOf(url) || (NETWORK.has(scheme) ? scheme : "");
}

/** Checks for a host, and for wherever its server may lead. */
function requireNetwork(url: string, protocol: string, access: Access): void {
  const query = /\?(.*)/s.exec(url)?.[1];
  if (query !== undefined && QUERY_OPTIONS.has(protocol)) requireOptions(queryOptions(query));
  const host = hostOf(url, protocol);
  needHost(MANY_PORTS.has(protocol) ? host.replace(/:\d+$/, "") : host, url);
  if (protocol === "rtp") needHost(nextPort(host), url); // for its reports
  const proxy = ownProxy();
  if (proxy !== undefined) needHost(hostOf(proxy, "http"), url);
  if (REDIRECTED.has(protocol) && !staysPut(url, protocol, access)) {
    need({ name: "net" }, `wherever the server of "${url}" may redirect to`);
  }
}

/** Whether FFmpeg talks to that server only, whatever the server says. */
function staysPut(url: string, protocol: string, access: Access): boolean {
  if (protocol !== "http" && protocol !== "https") return false;
  // FFmpeg reads no response while it writes, unless it has to log in.
  if (access === "write" && !/^\w+:\/\/[^/?#]*@/.test(url)) return true;
  return canStayPut(protocol);
}

/** Whether this FFmpeg has an option to follow no redirect: not all releases do. */
function canStayPut(protocol: string): boolean {
  return hasOption(protocolClass(protocol), "max_redirects");
}

/** The options that keep FFmpeg from going elsewhere, where the script may not go everywhere. */
export function stayingPut(url: string): Record<string, string> {
  const protocol = protocolIn(url);
  const limited = /^https?$/.test(protocol) && !isGranted("net") && canStayPut(protocol);
  return limited ? { max_redirects: "0" } : {};
}

/** A proxy that the script itself may have named: one of the user's is the user's affair. */
function ownProxy(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "http_proxy" });
  return state === "granted" ? Deno.env.get("http_proxy") : undefined;
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

/** The host with the port after its own. */
function nextPort(host: string): string {
  return host.replace(/\d+$/, (port) => String(Number(port) + 1));
}

/**
 * What FFmpeg may open by itself for a source. Where the script may not read all files and reach all
 * hosts, what the source's data names must not be opened: `"none"` stands for one file or connection
 * that is opened beforehand, and nothing else.
 */
export function openableFor(url: string): "all" | "none" | readonly string[] {
  if (isGranted("read") && isGranted("net")) return "all";
  const protocol = protocolIn(url);
  if (protocol === "rtp") return ["rtp", "udp"]; // it has no other way, and names nothing
  return isGranted("net") && NETWORK.has(protocol) ? [...NETWORK, "hls", "ffrtmphttp"] : "none";
}

/** Checks for the folder of a muxer that makes several files, such as `frame%03d.png`. */
export function requireFolder(path: string, access: Access = "write"): void {
  if (!["", "file"].includes(protocolOf(path))) return requireAccess(path, access);
  const folder = path.replace(/^file:/, "").replace(/[^\\/]*$/, "") || ".";
  need({ name: access, path: folder }, `"${folder}"`);
}

/** Checks for sending by RTSP: over the one connection, or to wherever the server says. */
export function requireSession(url: string, options: Readonly<Record<string, string>>): void {
  needHost(hostOf(url, protocolIn(url)), url);
  const one = options.rtsp_transport === "tcp" && !url.includes("?");
  if (one) return;
  need({ name: "net" }, `wherever "${url}" leads without the option rtsp_transport: "tcp"`);
}

/** Checks for a container that writes its files into one folder, with its options. */
export function requireBeside(url: string, options: Readonly<Record<string, string>>): void {
  requireFolder(url);
  if (/^\w+:\/\/[^/?#]*@/.test(url)) requireAll(url); // it may be redirected while it logs in
  for (const [name, value] of Object.entries(options)) {
    const flags = name === "hls_flags" ? value.split(/[+-]/).filter((it) => it !== "") : [];
    const harmless = HARMLESS.has(name.replaceAll("_", "-"));
    if (!harmless || !flags.every((it) => HARMLESS_FLAGS.has(it))) requireAll(name);
  }
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

/** Checks for a source that is read as a list of others. */
export function requireList(url: string, format: string | undefined): void {
  if (format === "rtsp" && /^rtsps?$/.test(protocolIn(url))) return; // as the URL itself says
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
