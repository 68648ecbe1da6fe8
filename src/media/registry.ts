/**
 * What the installed FFmpeg has, as it enumerates it itself: containers, devices, filters, protocols.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { PointerSlot, readCString } from "../../ffi/memory.ts";
import type { Struct, StructName } from "../../ffi/struct.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";

/** What has one or more names. */
interface Named {
  readonly name: AnyPointer | null;
}

/** The containers that can be written; devices count once their library is open: so it always is. */
export function* muxers(): Generator<Struct<"AVOutputFormat">> {
  void ffmpeg().avdevice;
  const { avformat } = ffmpeg();
  yield* byState("AVOutputFormat", (state) => avformat.av_muxer_iterate(state));
}

/** The containers that can be read, devices among them. */
export function* demuxers(): Generator<Struct<"AVInputFormat">> {
  void ffmpeg().avdevice;
  const { avformat } = ffmpeg();
  yield* byState("AVInputFormat", (state) => avformat.av_demuxer_iterate(state));
}

/** The filters. */
export function* filters(): Generator<Struct<"AVFilter">> {
  const { avfilter } = ffmpeg();
  yield* byState("AVFilter", (state) => avfilter.av_filter_iterate(state));
}

/** The devices that can be written to. */
export function* outputDevices(): Generator<Struct<"AVOutputFormat">> {
  const { avdevice } = ffmpeg();
  yield* byLast("AVOutputFormat", avdevice?.av_output_audio_device_next);
  yield* byLast("AVOutputFormat", avdevice?.av_output_video_device_next);
}

/** The devices that can be read from. */
export function* inputDevices(): Generator<Struct<"AVInputFormat">> {
  const { avdevice } = ffmpeg();
  yield* byLast("AVInputFormat", avdevice?.av_input_audio_device_next);
  yield* byLast("AVInputFormat", avdevice?.av_input_video_device_next);
}

/** The protocols that can be written to, or those that can be read from. */
export function protocols(output: boolean): string[] {
  const names = new Set<string>();
  const state = new PointerSlot<"bytes">();
  const { avformat } = ffmpeg();
  let name: Deno.PointerValue;
  while ((name = avformat.avio_enum_protocols(state.address, output ? 1 : 0)) !== null) {
    names.add(readCString(name));
  }
  return [...names].toSorted();
}

/** All names of one thing: containers may have several, such as "mov,mp4,m4a". */
export function namesOf({ name }: Named): string[] {
  return readCString(name).split(",");
}

/** All names of several things. */
export function allNames(things: Iterable<Named>): string[] {
  return [...things].flatMap(namesOf);
}

function* byState<S extends StructName>(
  kind: S,
  next: (state: BigUint64Array<ArrayBuffer>) => Pointer<S> | null,
): Generator<Struct<S>> {
  const state = new PointerSlot<"bytes">();
  let pointer: Pointer<S> | null;
  while ((pointer = next(state.address)) !== null) yield ffmpeg().view(kind, pointer);
}

function* byLast<S extends StructName>(
  kind: S,
  next: ((last: Pointer<S> | null) => Pointer<S> | null) | undefined,
): Generator<Struct<S>> {
  let pointer: Pointer<S> | null = null;
  while (next && (pointer = next(pointer)) !== null) yield ffmpeg().view(kind, pointer);
}
