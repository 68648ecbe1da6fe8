/**
 * Which formats a container can hold, where FFmpeg's own answer does not suffice.
 *
 * @module
 */

import { layoutOf } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { addressOf } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";
import { listed } from "../base/text.ts";
import { FLV_SURROUND, OGG_FORMATS, OGG_NAMES, ONE_FORMAT } from "../facts/containers.ts";
import { type CodecContext, codecName } from "../media/codec.ts";

/** A container: its name, and FFmpeg's description of it. */
interface NamedFormat {
  readonly name: string;
  readonly format: Struct<"AVOutputFormat">;
}

/** Whether a container can hold a format: `undefined` where that is not known. */
export function holdsFormat({ name, format }: NamedFormat, codecId: number): boolean | undefined {
  const { avformat, layout } = ffmpeg();
  const strict = layout.constants.FF_COMPLIANCE_EXPERIMENTAL;
  const answer = avformat.avformat_query_codec(format.$pointer, codecId, strict);
  if (answer === 0 && holdsUnlisted(name, codecId)) return undefined;
  if (answer >= 0) return answer > 0;
  if (OGG_NAMES.has(name)) return OGG_FORMATS.has(codecName(codecId));
  if (!ONE_FORMAT.has(name)) return undefined;
  return codecId === format.audio_codec || codecId === format.video_codec;
}

/** Whether the container may hold a format although FFmpeg's answer is that it does not. */
function holdsUnlisted(name: string, codecId: number): boolean {
  if (name === "mov") return hasRiffTag(codecId);
  return ["avi", "nut"].includes(name) && ["prores", "hap"].includes(codecName(codecId));
}

/** Whether a format has a tag among Microsoft's, which QuickTime's container falls back on. */
function hasRiffTag(codecId: number): boolean {
  const { avformat } = ffmpeg();
  return [avformat.avformat_get_riff_video_tags(), avformat.avformat_get_riff_audio_tags()].some(
    (tags) => {
      const list = new BigUint64Array([addressOf(tags), 0n]);
      return avformat.av_codec_get_tag(list, codecId) !== 0;
    },
  );
}

/** Lets the container choose the codec tag of a copied stream, unless it knows the stream's own. */
export function dropUnknownTag(
  { codec_tag: tags }: Struct<"AVOutputFormat">,
  pointer: Pointer<"AVCodecParameters">,
): void {
  const parameters = ffmpeg().view("AVCodecParameters", pointer);
  const { codec_id, codec_tag } = parameters;
  if (tags === null || ffmpeg().avformat.av_codec_get_id(tags, codec_tag) === codec_id) return;
  parameters.codec_tag = 0;
}

/** FFmpeg up to 8 writes a file that says "stereo", and FFmpeg 9 ends the whole process. */
export function checkFlvChannels({ fields }: CodecContext): void {
  const { channels } = layoutOf(fields);
  const codec = codecName(fields.codec_id);
  if (channels <= 2 || FLV_SURROUND.has(codec)) return;
  throw new TypeError(
    `Expected 1 or 2 channels of "${codec}" for the container "flv", got ${channels}: ` +
      `set encoderNumChannels, or choose an encoder for one of ${listed([...FLV_SURROUND])}`,
  );
}
