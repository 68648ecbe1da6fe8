/**
 * What differs between the FFmpeg majors that Sluice supports, in one place: elsewhere nothing asks
 * which FFmpeg runs. What differs is known by whether the library has a function, or the layout table
 * a field, never by version number.
 *
 * @module
 */

import { ffmpeg } from "./libraries.ts";
import {
  cString,
  int32At,
  int32List,
  offsetBy,
  PointerSlot,
  rationalList,
  textIn,
  uint64List,
  viewOf,
} from "./memory.ts";
import type { AnyPointer, Pointer } from "./pointer.ts";
import type { Rational, Struct } from "./struct.ts";

/** Which speakers an audio stream's channels belong to. */
export interface ChannelLayout {
  /** The number of channels. */
  readonly channels: number;
  /** FFmpeg's mask of speakers, 0 where it is not known which these are. */
  readonly mask: bigint;
}

const ORDER_UNSPECIFIED = 0;
const ORDER_NATIVE = 1;
const LAYOUT_SIZE = 24;

type WithLayout = Struct<"AVCodecContext"> | Struct<"AVFrame"> | Struct<"AVCodecParameters">;

/**
 * FFmpeg's usual layout for a number of channels, such as 5.1(back) for six. Where it has none, its
 * first so many speakers: filters can't do without knowing which these are.
 */
export function defaultLayout(channels: number): ChannelLayout {
  const { mask } = usualLayout(channels);
  return { channels, mask: mask === 0n && channels < 64 ? (1n << BigInt(channels)) - 1n : mask };
}

function usualLayout(channels: number): ChannelLayout {
  const { avutil } = ffmpeg();
  if (avutil.av_channel_layout_default === null) {
    return { channels, mask: BigInt.asUintN(64, avutil.av_get_default_channel_layout!(channels)) };
  }
  const scratch = avutil.av_mallocz(BigInt(LAYOUT_SIZE)) as unknown as Pointer<"AVChannelLayout">;
  try {
    avutil.av_channel_layout_default(scratch, channels);
    return layoutAt(scratch);
  } finally {
    avutil.av_free(scratch);
  }
}

/** The layout that an `AVChannelLayout` holds. */
function layoutAt(pointer: AnyPointer): ChannelLayout {
  const view = new DataView(viewOf(pointer, LAYOUT_SIZE).buffer);
  const native = view.getUint32(0, true) === ORDER_NATIVE;
  return {
    channels: view.getInt32(4, true),
    mask: native ? view.getBigUint64(8, true) : 0n,
  };
}

/** The layout that a codec context, a frame or a stream's parameters have. */
export function layoutOf(owner: WithLayout): ChannelLayout {
  if (ffmpeg().avutil.av_channel_layout_default !== null) return layoutAt(owner.$at("ch_layout"));
  return { channels: owner.channels!, mask: BigInt(owner.channel_layout!) };
}

/** Sets the layout of a fresh codec context or frame. */
export function setLayout(owner: WithLayout, layout: ChannelLayout): void {
  if (ffmpeg().avutil.av_channel_layout_default === null) {
    owner.channels = layout.channels;
    owner.channel_layout = Number(layout.mask);
    return;
  }
  const view = new DataView(viewOf(owner.$at("ch_layout"), LAYOUT_SIZE).buffer);
  view.setUint32(0, layout.mask === 0n ? ORDER_UNSPECIFIED : ORDER_NATIVE, true);
  view.setInt32(4, layout.channels, true);
  view.setBigUint64(8, layout.mask, true);
}

/** Sets the usual layout of a decoded frame whose speakers are not known. */
export function guessLayout(frame: Struct<"AVFrame">): void {
  if (ffmpeg().avutil.av_channel_layout_default === null) {
    if (frame.channel_layout === 0) setLayout(frame, defaultLayout(frame.channels!));
    return;
  }
  const view = new DataView(viewOf(frame.$at("ch_layout"), LAYOUT_SIZE).buffer);
  if (view.getUint32(0, true) !== ORDER_UNSPECIFIED) return;
  setLayout(frame, defaultLayout(view.getInt32(4, true)));
}

/** FFmpeg's name for a layout, such as "stereo". */
export function layoutName(layout: ChannelLayout): string {
  if (layout.mask === 0n) return `${layout.channels} channels`;
  const { avutil } = ffmpeg();
  const text = new Uint8Array(64);
  if (avutil.av_channel_layout_describe === null) {
    avutil.av_get_channel_layout_string!(text, text.length, layout.channels, layout.mask);
    return textIn(text);
  }
  const scratch = avutil.av_mallocz(BigInt(LAYOUT_SIZE)) as unknown as Pointer<"AVChannelLayout">;
  try {
    avutil.av_channel_layout_from_mask!(scratch, layout.mask);
    avutil.av_channel_layout_describe(scratch, text, BigInt(text.length));
    return textIn(text);
  } finally {
    avutil.av_free(scratch);
  }
}

/**
 * Makes the filters of a graph scale as libswscale does and all later releases do, by the bicubic
 * method: the scale filter of FFmpeg 4 is bilinear unless it is set.
 */
export function preferBicubic(graph: Pointer<"AVFilterGraph">): void {
  const value = cString("flags=bicubic");
  ffmpeg().avutil.av_opt_set(graph, cString("scale_sws_opts"), value, 0);
}

/** What an encoder supports, in its own order of preference; `undefined` where anything goes. */
export interface SupportedConfig {
  /** Pixel formats, by number. */
  readonly pixelFormats: readonly number[] | undefined;
  /** Sample formats, by number. */
  readonly sampleFormats: readonly number[] | undefined;
  /** Sample rates in Hz. */
  readonly sampleRates: readonly number[] | undefined;
  /** Frame rates. */
  readonly frameRates: readonly Rational[] | undefined;
  /** Channel layouts. */
  readonly channelLayouts: readonly ChannelLayout[] | undefined;
}

/** Asks an encoder what it supports. */
export function supportedConfig(codec: Pointer<"AVCodec">): SupportedConfig {
  const library = ffmpeg();
  const { constants } = library.layout;
  const query = library.avcodec.avcodec_get_supported_config;
  if (query === null) return configFromFields(library.view("AVCodec", codec));
  const ask = (config: number | undefined): AnyPointer | null => {
    const list = new PointerSlot<"bytes">();
    query(null, codec, config!, 0, list.address, null);
    return list.value;
  };
  return {
    pixelFormats: orAny(int32List(ask(constants.AV_CODEC_CONFIG_PIX_FORMAT), -1)),
    sampleFormats: orAny(int32List(ask(constants.AV_CODEC_CONFIG_SAMPLE_FORMAT), -1)),
    sampleRates: orAny(int32List(ask(constants.AV_CODEC_CONFIG_SAMPLE_RATE), 0)),
    frameRates: orAny(rationalList(ask(constants.AV_CODEC_CONFIG_FRAME_RATE))),
    channelLayouts: orAny(layoutList(ask(constants.AV_CODEC_CONFIG_CHANNEL_LAYOUT))),
  };
}

function configFromFields(codec: Struct<"AVCodec">): SupportedConfig {
  return {
    pixelFormats: orAny(int32List(codec.pix_fmts ?? null, -1)),
    sampleFormats: orAny(int32List(codec.sample_fmts ?? null, -1)),
    sampleRates: orAny(int32List(codec.supported_samplerates ?? null, 0)),
    frameRates: orAny(rationalList(codec.supported_framerates ?? null)),
    channelLayouts: orAny(
      codec.ch_layouts === undefined
        ? uint64List(codec.channel_layouts ?? null).map(layoutOfMask)
        : layoutList(codec.ch_layouts),
    ),
  };
}

function orAny<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

function layoutOfMask(mask: bigint): ChannelLayout {
  let channels = 0;
  for (let rest = mask; rest > 0n; rest &= rest - 1n) channels++;
  return { channels, mask };
}

function layoutList(array: AnyPointer | null): ChannelLayout[] {
  const list: ChannelLayout[] = [];
  while (array !== null && list.length < 1000) {
    const layout = layoutAt(offsetBy(array, list.length * LAYOUT_SIZE));
    if (layout.channels === 0) break;
    list.push(layout);
  }
  return list;
}

/** How long a decoded frame lasts, in the units of its stream's time base; 0 if not known. */
export function frameDuration(frame: Struct<"AVFrame">): number {
  return frame.duration ?? frame.pkt_duration ?? 0;
}

/** The display matrix of a stream, if it has one: nine fixed point numbers. */
export function displayMatrix(stream: Struct<"AVStream">): number[] | undefined {
  const { avformat, avcodec, layout: { constants } } = ffmpeg();
  let matrix: AnyPointer | null = null;
  if (avformat.av_stream_get_side_data !== null) {
    const pointer = stream.$pointer;
    matrix = avformat.av_stream_get_side_data(pointer, constants.AV_PKT_DATA_DISPLAYMATRIX, null);
  } else if (avcodec.av_packet_side_data_get !== null && stream.codecpar !== null) {
    const parameters = ffmpeg().view("AVCodecParameters", stream.codecpar);
    const data = avcodec.av_packet_side_data_get(
      parameters.coded_side_data ?? null,
      parameters.nb_coded_side_data ?? 0,
      constants.AV_PKT_DATA_DISPLAYMATRIX,
    );
    matrix = data && ffmpeg().view("AVPacketSideData", data).data;
  }
  if (matrix === null) return undefined;
  const place = matrix;
  return Array.from({ length: 9 }, (_, i) => int32At(place, i));
}

/**
 * Sets the matrix by which a stream's video frames are to be rotated. From FFmpeg 6.1 on it comes with
 * the stream's parameters.
 */
export function setDisplayMatrix(stream: Struct<"AVStream">, matrix: readonly number[]): void {
  const { avformat, layout: { constants } } = ffmpeg();
  if (avformat.av_stream_new_side_data === null || displayMatrix(stream)) return;
  const size = BigInt(matrix.length * 4);
  const { AV_PKT_DATA_DISPLAYMATRIX } = constants;
  const data = avformat.av_stream_new_side_data(stream.$pointer, AV_PKT_DATA_DISPLAYMATRIX, size);
  if (data !== null) new Int32Array(viewOf(data, matrix.length * 4).buffer).set(matrix);
}

/** Steps through the classes below a class: each call returns the next one, `null` after the last. */
export function childClassIterator(
  parent: Pointer<"AVClass">,
): () => Pointer<"AVClass"> | null {
  const { avutil } = ffmpeg();
  const iterate = avutil.av_opt_child_class_iterate;
  if (iterate !== null) {
    const state = new PointerSlot<"bytes">();
    return () => iterate(parent, state.address);
  }
  let last: Pointer<"AVClass"> | null = null;
  return () => last = avutil.av_opt_child_class_next!(parent, last);
}

/** The class of a protocol's options, where this FFmpeg has a function for it. */
export function protocolClass(name: string): Pointer<"AVClass"> | null {
  return ffmpeg().avformat.avio_protocol_get_class?.(cString(name)) ?? null;
}
