/**
 * What FFmpeg has under a name: the protocol of a URL, a container.
 *
 * @module
 */

import { ffmpeg } from "./libraries.ts";
import { cString, readCString } from "./memory.ts";

/** The name of the protocol that FFmpeg would use for a URL; empty if none. */
export function protocolOf(url: string): string {
  return readCString(ffmpeg().avformat.avio_find_protocol_name(cString(url)));
}

/** Whether this FFmpeg has a container or output device of that name. */
export function hasMuxer(name: string): boolean {
  const find = () => ffmpeg().avformat.av_guess_format(cString(name), null, null) !== null;
  return find() || (ffmpeg().avdevice !== null && find());
}
