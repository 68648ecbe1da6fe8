/**
 * The sound cards, cameras and the like that FFmpeg's devices know of.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { pointerAt, PointerSlot, readCString } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { text } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { listed, suggestion } from "../base/text.ts";
import { allNames, inputDevices, namesOf, outputDevices } from "../media/registry.ts";

/** A source or a sink of audio or video. */
export interface DeviceInfo {
  /** Its own name, which goes where a path or URL would. */
  readonly name: string;
  /** What it is, in the words of the system. */
  readonly description: string;
  /** Whether it is read from or written to. */
  readonly direction: "input" | "output";
  /** Whether it is the usual one. */
  readonly isDefault: boolean;
}

/**
 * The sources and sinks that a device knows of, as `ffmpeg -sources` and `ffmpeg -sinks` list them.
 * Where only one of both can be listed, the other is omitted.
 *
 * @param format The device, by FFmpeg's name, such as `"pulse"` or `"alsa"`.
 * @throws {TypeError} For a device that this FFmpeg does not have.
 * @throws {FFmpegError} When the device can't list any, or can't be reached.
 */
export function listDevices(format: string): DeviceInfo[] {
  const wanted = text("format", format);
  const { avdevice } = ffmpeg();
  const sources = [...inputDevices()].find((device) => namesOf(device).includes(wanted));
  const sinks = [...outputDevices()].find((device) => namesOf(device).includes(wanted));
  if (!avdevice || !(sources ?? sinks)) {
    const names = [...new Set([...allNames(inputDevices()), ...allNames(outputDevices())])];
    throw new TypeError(
      `Unknown device "${wanted}"${suggestion(wanted, names)} (FFmpeg here has ${listed(names)})`,
    );
  }
  const { avdevice_list_input_sources: input, avdevice_list_output_sinks: output } = avdevice;
  const lists = [
    sources && devicesBy("input", wanted, (slot) => input(sources.$pointer, null, null, slot)),
    sinks && devicesBy("output", wanted, (slot) => output(sinks.$pointer, null, null, slot)),
  ].filter((list) => list !== undefined);
  const found = lists.filter((list) => Array.isArray(list));
  if (found.length === 0) throw lists[0];
  return found.flat();
}

/** One of a device's lists; an error where it can't be had. */
function devicesBy(
  direction: DeviceInfo["direction"],
  format: string,
  list: (slot: BigUint64Array<ArrayBuffer>) => number,
): DeviceInfo[] | Error {
  const slot = new PointerSlot<"AVDeviceInfoList">();
  const code = list(slot.address);
  try {
    if (code < 0) {
      return failure(code, `list the ${direction} devices of "${format}"`, LIST_HINT);
    }
    return slot.value === null ? [] : devicesIn(slot.value, direction);
  } finally {
    ffmpeg().avdevice!.avdevice_free_list_devices(slot.address);
  }
}

const LIST_HINT = "not all devices can list theirs, and a sound server must be running";

function devicesIn(
  list: Pointer<"AVDeviceInfoList">,
  direction: DeviceInfo["direction"],
): DeviceInfo[] {
  const { devices, nb_devices, default_device } = ffmpeg().view("AVDeviceInfoList", list);
  return Array.from({ length: nb_devices }, (_, i) => {
    const info = ffmpeg().view("AVDeviceInfo", pointerAt(devices!, i)!);
    const name = readCString(info.device_name);
    const description = readCString(info.device_description);
    return { name, description, direction, isDefault: i === default_device };
  });
}
