/**
 * `AVCodec` and `AVCodecContext`: which encoders and decoders there are, and one at work.
 *
 * @module
 */

import { type ChannelLayout, type SupportedConfig, supportedConfig } from "../../ffi/compat.ts";
import { Handle } from "../../ffi/handle.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString, PointerSlot, readCString } from "../../ffi/memory.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";
import { article, suggestion } from "../base/text.ts";

/** Audio or video. */
export type MediaType = "audio" | "video";

/** An encoder or decoder of this FFmpeg. */
export interface Codec {
  /** FFmpeg's own object. */
  readonly pointer: Pointer<"AVCodec">;
  /** Its name, such as "libx264". */
  readonly name: string;
  /** The number of the format it encodes or decodes. */
  readonly id: number;
  /** FFmpeg's number for what it handles: `AVMEDIA_TYPE_…`. */
  readonly type: number;
  /** `AV_CODEC_CAP_…` bits. */
  readonly capabilities: number;
  /** The class of its own options; `null` if it has none. */
  readonly optionClass: AnyPointer | null;
}

/** FFmpeg's number for a media type. */
export function mediaTypeId(type: MediaType): number {
  const { constants } = ffmpeg().layout;
  return type === "audio" ? constants.AVMEDIA_TYPE_AUDIO : constants.AVMEDIA_TYPE_VIDEO;
}

function codecAt(pointer: Pointer<"AVCodec">): Codec {
  const { name, id, type, capabilities, priv_class } = ffmpeg().view("AVCodec", pointer);
  return { pointer, name: readCString(name), id, type, capabilities, optionClass: priv_class };
}

/** All encoders, or all decoders, for a media type, in FFmpeg's order. */
export function codecs(kind: "encoder" | "decoder", type: MediaType): Codec[] {
  const { avcodec } = ffmpeg();
  const wanted = kind === "encoder" ? avcodec.av_codec_is_encoder : avcodec.av_codec_is_decoder;
  const state = new PointerSlot<"bytes">();
  const found: Codec[] = [];
  let pointer: Pointer<"AVCodec"> | null;
  while ((pointer = avcodec.av_codec_iterate(state.address)) !== null) {
    if (wanted(pointer) !== 0) found.push(codecAt(pointer));
  }
  return found.filter((codec) => codec.type === mediaTypeId(type));
}

/** The encoder or decoder of a name; a `TypeError` with the nearest name if there is none. */
export function codecByName(kind: "encoder" | "decoder", type: MediaType, name: string): Codec {
  const { avcodec } = ffmpeg();
  const pointer = kind === "encoder"
    ? avcodec.avcodec_find_encoder_by_name(cString(name))
    : avcodec.avcodec_find_decoder_by_name(cString(name));
  const names = () => codecs(kind, type).map((codec) => codec.name);
  if (pointer === null) {
    throw new TypeError(
      `Unknown ${type} ${kind} "${name}"${suggestion(name, names())} ` +
        `(ffmpeg.${type}${kind === "encoder" ? "Encoders" : "Decoders"}() lists all)`,
    );
  }
  const codec = codecAt(pointer);
  if (codec.type !== mediaTypeId(type)) {
    throw new TypeError(
      `Expected ${article(type)} ${kind}, got "${name}"`,
    );
  }
  return codec;
}

/** FFmpeg's usual encoder or decoder for a format. */
export function codecById(kind: "encoder" | "decoder", id: number): Codec | undefined {
  const { avcodec } = ffmpeg();
  const pointer = kind === "encoder"
    ? avcodec.avcodec_find_encoder(id)
    : avcodec.avcodec_find_decoder(id);
  return pointer === null ? undefined : codecAt(pointer);
}

/** FFmpeg's name for a format's number, such as "h264". */
export function codecName(id: number): string {
  return readCString(ffmpeg().avcodec.avcodec_get_name(id));
}

type Unreported = Partial<Pick<SupportedConfig, "sampleRates" | "channelLayouts">>;

const MONO: ChannelLayout = { channels: 1, mask: 0x4n };
const STEREO: ChannelLayout = { channels: 2, mask: 0x3n };

/** The layouts that Vorbis defines and Opus has taken over: mono to 7.1. */
const VORBIS_LAYOUTS: readonly ChannelLayout[] = [
  MONO,
  STEREO,
  { channels: 3, mask: 0x7n },
  { channels: 4, mask: 0x33n },
  { channels: 5, mask: 0x37n },
  { channels: 6, mask: 0x3fn },
  { channels: 7, mask: 0x70fn },
  { channels: 8, mask: 0x63fn },
];

/** What some encoders support but do not report. */
const UNREPORTED: Readonly<Record<string, Unreported>> = {
  g722: { sampleRates: [16000] },
  g723_1: { sampleRates: [8000], channelLayouts: [MONO] },
  nellymoser: { channelLayouts: [MONO] },
  vorbis: { channelLayouts: [STEREO] },
  libopus: { channelLayouts: VORBIS_LAYOUTS },
  libvorbis: { channelLayouts: VORBIS_LAYOUTS },
  wmav1: { channelLayouts: [MONO, STEREO] },
  wmav2: { channelLayouts: [MONO, STEREO] },
  libgsm: { sampleRates: [8000], channelLayouts: [MONO] },
  libgsm_ms: { sampleRates: [8000], channelLayouts: [MONO] },
};

/** What an encoder supports, in its own order of preference. */
export function supportedBy(codec: Codec): SupportedConfig {
  const supported = { ...supportedConfig(codec.pointer), ...UNREPORTED[codec.name] };
  if (!["mpeg1video", "mpeg2video"].includes(codec.name)) return supported;
  // These list rates that they reject unless `strict` allows what is beyond the standard.
  const frameRates = supported.frameRates?.filter(({ num, den }) => num / den > 20) ?? undefined;
  return { ...supported, frameRates };
}

/** The layout to encode: the source's if the encoder takes it, else the nearest that it has. */
export function nearestLayout(
  wanted: ChannelLayout,
  supported: readonly ChannelLayout[] | undefined,
): ChannelLayout {
  if (!supported) return wanted;
  const same = supported.find((layout) => layout.mask === wanted.mask);
  if (same) return same;
  const byChannels = supported.toSorted((a, b) => a.channels - b.channels);
  return supported.find((layout) => layout.channels === wanted.channels) ??
    byChannels.findLast((layout) => layout.channels < wanted.channels) ?? byChannels[0]!;
}

/** The nearest supported number that is not below the wanted one, else the highest. */
export function nearestRate(wanted: number, supported: readonly number[] | undefined): number {
  if (!supported || supported.includes(wanted)) return wanted;
  const above = supported.filter((rate) => rate > wanted);
  return above.length > 0 ? Math.min(...above) : Math.max(...supported);
}

/** An encoder or decoder at work. */
export class CodecContext extends Handle<"AVCodecContext"> {
  /** The context's fields. */
  readonly fields: Struct<"AVCodecContext">;

  /** Whether it only describes a stream that is copied. */
  readonly isCopied: boolean;
  /** For a copied stream: how its video frames are to be rotated, as FFmpeg's matrix. */
  readonly displayMatrix: readonly number[] | undefined;

  /** Makes a context with the codec's defaults; it is opened later, if there is a codec. */
  constructor(codec: Codec | undefined, displayMatrix?: readonly number[]) {
    super("AVCodecContext", ffmpeg().avcodec.avcodec_alloc_context3(codec?.pointer ?? null));
    this.fields = ffmpeg().view("AVCodecContext", this.pointer);
    this.displayMatrix = displayMatrix;
    this.isCopied = codec === undefined;
  }

  protected override free(pointer: Pointer<"AVCodecContext">): void {
    ffmpeg().avcodec.avcodec_free_context(new PointerSlot(pointer).address);
  }
}
