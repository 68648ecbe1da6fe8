/**
 * FFmpeg's context for a container: by the container's name, or by that of the destination.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { hasMuxer } from "../../ffi/lookup.ts";
import { cString, cStringOrNull, PointerSlot, readCString } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { listed, suggestion } from "../base/text.ts";
import { deviceAdvice, isKnownDevice } from "../facts/devices.ts";
import { usualContainer } from "../facts/network.ts";
import { allNames, muxers, outputDevices } from "../media/registry.ts";

/**
 * Allocates the context of a container; throws a `TypeError` that says what would do where there is
 * no such container.
 *
 * @param url The destination, whose name decides where no format is given.
 * @param format The container's name.
 */
export function allocateContext(
  url: string,
  format: string | undefined,
): Pointer<"AVFormatContext"> {
  const { avformat } = ffmpeg();
  const known = format === undefined || hasMuxer(format);
  const slot = new PointerSlot<"AVFormatContext">();
  const [name, place] = [cStringOrNull(format), cString(url)];
  if (known && avformat.avformat_alloc_output_context2(slot.address, null, name, place) >= 0) {
    return slot.value!;
  }
  if (format === undefined) throw new TypeError(unknownName(url));
  throw new TypeError(isKnownDevice(format) ? missingDevice(format) : unknownFormat(format));
}

function unknownFormat(format: string): string {
  const similar = suggestion(format, allNames(muxers()));
  return `Unknown container or output device "${format}"${similar} (ffmpeg.muxers() lists all)`;
}

function missingDevice(format: string): string {
  const devices = [...outputDevices()].map(({ name }) => readCString(name));
  const here = `FFmpeg here has ${devices.length > 0 ? listed(devices) : "none"}`;
  return `No output device "${format}" (${here}): ${deviceAdvice(format)}`;
}

function unknownName(url: string): string {
  const usual = usualContainer(url);
  if (usual !== undefined) {
    return `Cannot tell the container of "${url}": name it with { format: "${usual}" }, the usual ` +
      `one for this protocol, or another`;
  }
  const extension = /\.([^./\\]+)$/.exec(url)?.[1];
  const known = listed(["mp4", "mkv", "webm", "mov", "wav", "flac", "mp3", "ogg", "gif"]);
  const what = extension === undefined ? "has no extension" : `ends in ".${extension}"`;
  return `Cannot tell the container of "${url}", which ${what}: use a known extension, or name ` +
    `the container with { format } (common ones are ${known})`;
}
