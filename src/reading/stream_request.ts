/**
 * What is asked of an output stream of a reader: its options, checked, and as filters.
 *
 * @module
 */

import { defaultLayout } from "../../ffi/compat.ts";
import {
  flag,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  text,
  textRecord,
  wholeNumber,
} from "../base/arguments.ts";
import { requireFilters, requireOptions } from "../base/permissions.ts";
import type { MediaType } from "../media/codec.ts";
import { checkFilterNames } from "../media/filter_graph.ts";
import { pixelFormat, sampleFormat } from "../media/formats.ts";
import { frameRate } from "../media/time.ts";
import type { InputStreamSettings } from "./input_stream.ts";
import type {
  BasicAudioOptions,
  BasicVideoOptions,
  FilteredAudioOptions,
  FilteredVideoOptions,
  InputStreamOptions,
} from "./options.ts";

/** What is asked of an output stream. */
export interface StreamRequest extends Omit<InputStreamSettings, "index" | "strict"> {
  /** The index of the source stream; `undefined`: the one that FFmpeg thinks best. */
  readonly streamIndex: number | undefined;
}

const STREAM_KEYS = ["streamIndex", "bufferChunkSize", "decoder", "decoderOption"] as const;

/** Audio, in plain terms: what `addBasicAudioStream` is asked for. */
export function basicAudio(framesPerChunk: number, options?: BasicAudioOptions): StreamRequest {
  const { format = "fltp", sampleRate, numChannels, ...rest } = optionsObject(
    "the options of addBasicAudioStream",
    options,
    [...STREAM_KEYS, "format", "sampleRate", "numChannels"],
  );
  const rate = optionalWholeNumber("sampleRate", sampleRate, { max: 6144000 });
  const channels = optionalWholeNumber("numChannels", numChannels, { max: 63 });
  const filters = [
    ...(rate === undefined ? [] : [`aresample=${rate}`]),
    ...(format === null
      ? []
      : [`aformat=sample_fmts=${sampleFormat(text("format", format)).name}`]),
    ...(channels === undefined
      ? []
      : [`aformat=channel_layouts=0x${defaultLayout(channels).mask.toString(16)}`]),
  ];
  return request("audio", framesPerChunk, rest, filters.join(","), false);
}

/** Video, in plain terms: what `addBasicVideoStream` is asked for. */
export function basicVideo(framesPerChunk: number, options?: BasicVideoOptions): StreamRequest {
  const { format = "rgb24", frameRate: rate, width, height, autorotate, ...rest } = optionsObject(
    "the options of addBasicVideoStream",
    options,
    [...STREAM_KEYS, "format", "frameRate", "width", "height", "autorotate"],
  );
  const [w, h] = [sideOrShape("width", width), sideOrShape("height", height)];
  const scaled = w !== undefined || h !== undefined;
  const filters = [
    ...(rate === undefined ? [] : [fpsFilter(rate)]),
    ...(scaled ? [`scale=width=${w ?? "iw"}:height=${h ?? "ih"}`] : []),
    ...(format === null ? [] : [`format=pix_fmts=${pixelFormat(text("format", format)).name}`]),
  ];
  const upright = flag("autorotate", autorotate, true);
  return request("video", framesPerChunk, rest, filters.join(","), upright);
}

/** Audio, in FFmpeg's terms: what `addAudioStream` is asked for. */
export function filteredAudio(
  framesPerChunk: number,
  options?: FilteredAudioOptions,
): StreamRequest {
  const { filterDesc, ...rest } = optionsObject("the options of addAudioStream", options, [
    ...STREAM_KEYS,
    "filterDesc",
  ]);
  const filters = optionalText("filterDesc", filterDesc)?.trim() ?? "";
  return request("audio", framesPerChunk, rest, filters, false);
}

/** Video, in FFmpeg's terms: what `addVideoStream` is asked for. */
export function filteredVideo(
  framesPerChunk: number,
  options?: FilteredVideoOptions,
): StreamRequest {
  const { filterDesc, autorotate, ...rest } = optionsObject(
    "the options of addVideoStream",
    options,
    [...STREAM_KEYS, "filterDesc", "autorotate"],
  );
  const filters = optionalText("filterDesc", filterDesc)?.trim() ?? "";
  return request("video", framesPerChunk, rest, filters, flag("autorotate", autorotate, true));
}

function request(
  type: MediaType,
  framesPerChunk: number,
  options: InputStreamOptions,
  filters: string,
  autorotate: boolean,
): StreamRequest {
  requireFilters(filters);
  checkFilterNames(filters);
  const decoderOption = textRecord("decoderOption", options.decoderOption);
  requireOptions(decoderOption);
  return {
    type,
    streamIndex: options.streamIndex,
    framesPerChunk: countOrAll("framesPerChunk", framesPerChunk),
    bufferChunkSize: countOrAll("bufferChunkSize", options.bufferChunkSize ?? -1),
    decoder: optionalText("decoder", options.decoder),
    decoderOption,
    filters,
    autorotate,
  };
}

/** Checks a width or height, where -1 stands for what keeps the shape. */
function sideOrShape(name: string, value: unknown): number | undefined {
  if (value === -1) return -1;
  return optionalWholeNumber(`${name} (-1 to keep the shape)`, value, { max: 65535 });
}

/** Checks a number of frames or chunks, where -1 stands for all. */
function countOrAll(name: string, value: unknown): number {
  return value === -1 ? -1 : wholeNumber(`${name} (-1 for all)`, value);
}

function fpsFilter(rate: number): string {
  const { num, den } = frameRate("frameRate", rate);
  return `fps=${num}/${den}`;
}
