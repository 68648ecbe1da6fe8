/**
 * What is known of networks beyond what FFmpeg reports: which container a protocol carries, which URLs
 * need a port, what an error usually means.
 *
 * @module
 */

import { codeNameOf, type FFmpegError } from "../../ffi/error.ts";
import { protocolOf } from "../../ffi/lookup.ts";

/** The only container that a protocol carries; FFmpeg sends others without a word. */
const CARRIED: readonly [RegExp, string][] = [
  [/^rtmp\w*:\/\//, "flv"],
  [/^rtsps?:\/\//, "rtsp"],
];

/** The usual container of a protocol that carries any. */
const USUAL: readonly [RegExp, string][] = [
  ...CARRIED,
  [/^(udp|udplite|tcp|tls|srt|rist):/, "mpegts"],
  [/^rtp:/, "rtp_mpegts"],
  [/^icecast:/, "ogg"],
  [/^(https?|unix|pipe):/, "mpegts"],
];

/** The protocols whose URLs must say the port. */
const PORT_NEEDED = /^(udp|udplite|tcp|tls|srt|rist|rtp|srtp|sctp):\/\/([^/?#]*)/;

/** The container that a URL's protocol usually carries, where it is one of a network. */
export function usualContainer(url: string): string | undefined {
  return USUAL.find(([protocol]) => protocol.test(url))?.[1];
}

/** Throws a `TypeError` for a URL that lacks its port. */
export function checkPort(url: string): void {
  const [, protocol, authority] = PORT_NEEDED.exec(url) ?? [];
  if (authority === undefined || /:\d+$/.test(authority)) return;
  throw new TypeError(
    `Expected a port in "${url}": ${protocol} has no usual one ("${protocol}://host:9000")`,
  );
}

/** Throws a `TypeError` for a container that the URL's protocol does not carry. */
export function checkContainer(url: string, container: string): void {
  const wanted = CARRIED.find(([protocol]) => protocol.test(url))?.[1];
  if (wanted === undefined || wanted === container) return;
  throw new TypeError(
    `Expected format "${wanted}" for "${url}", got "${container}": this protocol carries no other`,
  );
}

const HUNG_UP = new Set(["EPIPE", "ECONNRESET"]);

/** Whether an error says that the other side has gone: then all that follows fails, too. */
export function saysHungUp(error: FFmpegError | undefined): boolean {
  return error !== undefined && HUNG_UP.has(error.codeName);
}

/** What a failure at a URL of a network usually means; empty where it says enough. */
export function networkHint(code: number, url: string): string {
  const name = codeNameOf(code);
  if (name === "AVERROR_PROTOCOL_NOT_FOUND") return "FFmpeg here has no such protocol";
  if (HUNG_UP.has(name)) return "the other side has hung up";
  const protocol = protocolOf(url) || (/^\w+(?=:\/\/)/.exec(url)?.[0] ?? "file");
  if (protocol === "file") return "";
  switch (name) {
    case "EADDRINUSE":
      return "something else listens there already";
    case "EADDRNOTAVAIL":
      return "this machine has no such address to listen on";
    case "ECONNREFUSED":
      return "nothing listens there: is the other side running, and is the port right?";
    case "EIO":
      return /^(udp|udplite|tcp)$/.test(protocol)
        ? "is the host's name right?"
        : `is the host's name right, and does the other side speak ${protocol}?`;
    default:
      return "";
  }
}
