/**
 * What to encode with, where the caller leaves that open: FFmpeg's own guess of the encoder, the
 * encoder's first format, its nearest rate and layout.
 *
 * @module
 */

import { type ChannelLayout, defaultLayout, type SupportedConfig } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { optionalText, optionalWholeNumber, textRecord } from "../base/arguments.ts";
import { requireOptions } from "../base/permissions.ts";
import { listed, suggestion } from "../base/text.ts";
import {
  type Codec,
  codecById,
  codecByName,
  codecName,
  codecs,
  type MediaType,
  nearestLayout,
  nearestRate,
  supportedBy,
} from "../media/codec.ts";
import {
  encoderPixelFormat,
  pixelFormatName,
  type SampleFormat,
  sampleFormat,
  sampleFormatName,
} from "../media/formats.ts";
import { frameRate, type Rational, sameRatio, valueOf } from "../media/time.ts";
import type { Container } from "../outputs/output.ts";
import { adaptConfig, checkConfig } from "./codec_config.ts";
import type { AudioEncoderSettings, VideoEncoderSettings } from "./encoder_setup.ts";
import type { AudioStreamOptions, OutputStreamOptions, VideoStreamOptions } from "./options.ts";

/** The highest sample rate that is taken, in Hz. */
export const MAX_SAMPLE_RATE = 6144000;
/** The most channels that Sluice hands to an encoder. */
export const MAX_CHANNELS = 512;

/** What to do with a type of media that a device does not take. */
const DEVICE_ADVICE = {
  audio: ', only video: write audio with a writer of its own, with { format: "audio" }',
  video: ', only audio: write video with a writer of its own, with { format: "video" }',
} as const;

/** A container for the beginning of a message. */
function nameOf({ name, device }: Container): string {
  return device ? `Device "${name.split(",")[0]}"` : `Container "${name}"`;
}

/** The encoder to use: the named one, or FFmpeg's choice for the container and the file name. */
function encoderFor(type: MediaType, container: Container, name: string | undefined): Codec {
  const what = nameOf(container);
  if (name !== undefined) {
    const codec = codecByName("encoder", type, name);
    if (container.canHold(codec.id) ?? mayHold(type, container)) return codec;
    throw new TypeError(
      `${what} cannot hold what encoder "${name}" makes` +
        alternatives(type, container),
    );
  }
  const id = container.guessCodec(type);
  if (id === ffmpeg().layout.constants.AV_CODEC_ID_NONE) {
    const advice = container.device ? DEVICE_ADVICE[type] : "";
    throw new TypeError(`${what} does not take ${type}${advice}`);
  }
  const codec = codecById("encoder", id);
  if (codec) return codec;
  throw new TypeError(
    `FFmpeg here has no encoder for ${codecName(id)}, the usual format in "${container.name}"` +
      alternatives(type, container),
  );
}

/**
 * Whether a container that does not say may hold a type of media: it has a usual format for it, or
 * none for any, as those that hand everything on to others.
 */
function mayHold(type: MediaType, container: Container): boolean {
  const { AV_CODEC_ID_NONE } = ffmpeg().layout.constants;
  const other = type === "audio" ? "video" : "audio";
  return container.guessCodec(type) !== AV_CODEC_ID_NONE ||
    container.guessCodec(other) === AV_CODEC_ID_NONE;
}

/** The encoders whose output a container holds, for the end of a message. */
function alternatives(type: MediaType, container: Container): string {
  const names = codecs("encoder", type)
    .filter((codec) => container.canHold(codec.id) === true)
    .map((codec) => codec.name);
  return names.length > 0 ? ` (it can hold that of ${listed(names)})` : "";
}

/** The sample or pixel format to encode: the asked one if supported, else the encoder's first. */
function formatFor(
  codec: Codec,
  asked: string | undefined,
  source: string,
  supported: readonly string[] | undefined,
): string {
  if (asked === undefined) return supported?.[0] ?? source;
  if (!supported || supported.includes(asked)) return asked;
  throw new TypeError(
    `Encoder "${codec.name}" does not support format "${asked}"${suggestion(asked, supported)} ` +
      `(it supports ${listed(supported)})`,
  );
}

/**
 * The encoder's first sample format; but where that has fewer bits than the source, the source's own
 * if the encoder has it, and never the 8 bits that some lossless encoders name first.
 */
function defaultSampleFormat(source: string, supported: readonly string[] | undefined): string {
  const [first] = supported ?? [];
  if (supported === undefined || first === undefined) return source;
  const bytes = (name: string) => sampleFormat(name).array.BYTES_PER_ELEMENT;
  if (bytes(first) >= bytes(source)) return first;
  const same = supported.find((name) => name === source || name === `${source}p`);
  if (same !== undefined || bytes(first) > 1) return same ?? first;
  const fitting = supported.filter((name) => bytes(name) <= bytes(source));
  return fitting.toSorted((a, b) => bytes(b) - bytes(a))[0]!;
}

/** Both kinds' common part. */
function common(codec: Codec, container: Container, given: OutputStreamOptions) {
  const options = textRecord("encoderOption", given.encoderOption);
  requireOptions(options);
  const adapted = adaptConfig(checkConfig(given.codecConfig), codec);
  return {
    codec,
    config: adapted.config,
    options: { ...adapted.options, ...options },
    globalHeader: container.globalHeader,
  };
}

/** What comes to an audio encoder, after the caller's filters. */
export interface AudioSignal {
  /** The sample format, not planar. */
  readonly format: SampleFormat;
  /** Samples per second. */
  readonly sampleRate: number;
  /** The channels. */
  readonly layout: ChannelLayout;
}

/** What an audio stream is encoded with. */
export function audioSettings(
  container: Container,
  signal: AudioSignal,
  options: AudioStreamOptions,
): AudioEncoderSettings {
  const codec = encoderFor("audio", container, optionalText("encoder", options.encoder));
  const supported = supportedBy(codec);
  const formats = supported.sampleFormats?.map(sampleFormatName);
  const asked = optionalText("encoderFormat", options.encoderFormat);
  const source = signal.format.name;
  const name = asked === undefined
    ? defaultSampleFormat(source, formats)
    : formatFor(codec, sampleFormat(asked).name, source, formats);
  return {
    type: "audio",
    ...common(codec, container, options),
    format: sampleFormat(name),
    sampleRate: sampleRateFor(codec, signal.sampleRate, options.encoderSampleRate, supported),
    layout: layoutFor(codec, signal.layout, options.encoderNumChannels, supported),
  };
}

function sampleRateFor(
  codec: Codec,
  source: number,
  asked: number | undefined,
  { sampleRates }: SupportedConfig,
): number {
  const rate = optionalWholeNumber("encoderSampleRate", asked, { max: MAX_SAMPLE_RATE });
  if (rate === undefined) return nearestRate(source, sampleRates);
  if (!sampleRates || sampleRates.includes(rate)) return rate;
  throw new RangeError(
    `Encoder "${codec.name}" does not support a sample rate of ${rate} Hz ` +
      `(it supports ${sampleRates.join(", ")})`,
  );
}

function layoutFor(
  codec: Codec,
  source: ChannelLayout,
  asked: number | undefined,
  { channelLayouts: layouts }: SupportedConfig,
): ChannelLayout {
  const wanted = optionalWholeNumber("encoderNumChannels", asked, { max: MAX_CHANNELS });
  const same = wanted === undefined || wanted === source.channels;
  const layout = nearestLayout(same ? source : defaultLayout(wanted), layouts);
  if (wanted === undefined || layout.channels === wanted) return layout;
  const counts = [...new Set(layouts!.map((each) => each.channels))];
  throw new RangeError(
    `Encoder "${codec.name}" does not support ${wanted} channels (it supports ${
      counts.join(", ")
    })`,
  );
}

/** What comes to a video encoder, after the caller's filters. */
export interface VideoSignal {
  /** The pixel format's name. */
  readonly format: string;
  /** The width. */
  readonly width: number;
  /** The height. */
  readonly height: number;
  /** Frames per second. */
  readonly frameRate: Rational;
}

/** What a video stream is encoded with. */
export function videoSettings(
  container: Container,
  signal: VideoSignal,
  options: VideoStreamOptions,
): VideoEncoderSettings {
  const codec = encoderFor("video", container, optionalText("encoder", options.encoder));
  const supported = supportedBy(codec);
  const encodable = supported.pixelFormats?.filter(isSoftware).map(pixelFormatName);
  const formats = container.pixelFormats
    ? deviceFormats(container.pixelFormats, signal.format)
    : encodable;
  const given = optionalText("encoderFormat", options.encoderFormat);
  const asked = given && encoderPixelFormat(given).name; // "gray8" is "gray" by another name
  const limits = { max: 65535 };
  return {
    type: "video",
    ...common(codec, container, options),
    format: encoderPixelFormat(formatFor(codec, asked, signal.format, formats)),
    width: optionalWholeNumber("encoderWidth", options.encoderWidth, limits) ?? signal.width,
    height: optionalWholeNumber("encoderHeight", options.encoderHeight, limits) ?? signal.height,
    frameRate: frameRateFor(codec, signal.frameRate, options.encoderFrameRate, supported),
  };
}

/** A device's formats: the source's own first if it is among them. */
function deviceFormats(formats: readonly string[], source: string): readonly string[] {
  return formats.includes(source) ? [...new Set([source, ...formats])] : formats;
}

function isSoftware(format: number): boolean {
  const { avutil, layout: { constants } } = ffmpeg();
  const descriptor = avutil.av_pix_fmt_desc_get(format);
  if (descriptor === null) return false;
  const { flags } = ffmpeg().view("AVPixFmtDescriptor", descriptor);
  return (flags & constants.AV_PIX_FMT_FLAG_HWACCEL) === 0;
}

function frameRateFor(
  codec: Codec,
  source: Rational,
  asked: number | undefined,
  { frameRates }: SupportedConfig,
): Rational {
  const wanted = asked === undefined ? source : frameRate("encoderFrameRate", asked);
  if (!frameRates || frameRates.some((rate) => sameRatio(rate, wanted))) return wanted;
  if (asked === undefined) return nearestFrameRate(wanted, frameRates);
  throw new RangeError(
    `Encoder "${codec.name}" does not support ${asked} frames/s (it supports ${
      frameRates.map(({ num, den }) => (den === 1 ? num : `${num}/${den}`)).join(", ")
    })`,
  );
}

function nearestFrameRate(wanted: Rational, supported: readonly Rational[]): Rational {
  const far = (rate: Rational) => Math.abs(valueOf(rate) - valueOf(wanted));
  return supported.reduce((best, rate) => (far(rate) < far(best) ? rate : best));
}
