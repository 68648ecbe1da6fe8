/**
 * What an encoder is set up with, and what may be wrong with it.
 *
 * @module
 */

import { type ChannelLayout, layoutName, setLayout } from "../../ffi/compat.ts";
import { FFmpegError } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { describeCode } from "../base/failure.ts";
import { applyOptions } from "../base/options.ts";
import type { Codec, CodecContext } from "../media/codec.ts";
import type { PixelFormat, SampleFormat } from "../media/formats.ts";
import { inverse, type Rational, valueOf } from "../media/time.ts";
import { applyConfig, type CodecConfig } from "./codec_config.ts";

/** What is common to both kinds of encoder. */
export interface EncoderSettings {
  /** The encoder. */
  readonly codec: Codec;
  /** Settings that most encoders share. */
  readonly config: CodecConfig;
  /** The encoder's own options. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether the container wants the codec's header once, at its beginning. */
  readonly globalHeader: boolean;
}

/** What an audio encoder is set up with. */
export interface AudioEncoderSettings extends EncoderSettings {
  /** The kind of stream. */
  readonly type: "audio";
  /** The sample format, which the encoder supports. */
  readonly format: SampleFormat;
  /** The sample rate. */
  readonly sampleRate: number;
  /** The channels. */
  readonly layout: ChannelLayout;
}

/** What a video encoder is set up with. */
export interface VideoEncoderSettings extends EncoderSettings {
  /** The kind of stream. */
  readonly type: "video";
  /** The pixel format, which the encoder supports. */
  readonly format: PixelFormat;
  /** The width. */
  readonly width: number;
  /** The height. */
  readonly height: number;
  /** Frames per second. */
  readonly frameRate: Rational;
}

/** Sets a context up; throws for an option that the encoder does not know. */
export function configure(
  context: CodecContext,
  settings: AudioEncoderSettings | VideoEncoderSettings,
): void {
  const { fields } = context;
  const { constants } = ffmpeg().layout;
  if (settings.type === "audio") configureAudio(context, settings);
  else configureVideo(context, settings);
  fields.thread_count = 0; // as many as FFmpeg sees fit
  if (settings.globalHeader) fields.flags |= constants.AV_CODEC_FLAG_GLOBAL_HEADER;
  applyConfig(fields, settings.config);
  if ((settings.codec.capabilities & constants.AV_CODEC_CAP_EXPERIMENTAL) !== 0) {
    fields.strict_std_compliance = constants.FF_COMPLIANCE_EXPERIMENTAL; // it was asked for
  }
  applyOptions(context.pointer, settings.options, optionClasses(settings.codec), named(settings));
}

function configureAudio({ fields }: CodecContext, settings: AudioEncoderSettings): void {
  fields.sample_fmt = settings.format.id;
  fields.sample_rate = settings.sampleRate;
  fields.time_base = { num: 1, den: settings.sampleRate };
  setLayout(fields, settings.layout);
}

function configureVideo({ fields }: CodecContext, settings: VideoEncoderSettings): void {
  fields.pix_fmt = settings.format.id;
  fields.width = settings.width;
  fields.height = settings.height;
  fields.time_base = inverse(settings.frameRate);
  fields.framerate = settings.frameRate;
}

function optionClasses(codec: Codec): (AnyPointer | null)[] {
  return [codec.optionClass, ffmpeg().avcodec.avcodec_get_class()];
}

function named({ codec }: EncoderSettings): string {
  return `encoder "${codec.name}"`;
}

/** The error for a code that opening an encoder returned, with what may be wrong. */
export function openFailure(
  code: number,
  settings: AudioEncoderSettings | VideoEncoderSettings,
): FFmpegError {
  const what = settings.type === "video"
    ? `${settings.width}x${settings.height} ${settings.format.name} at ` +
      `${Number(valueOf(settings.frameRate).toFixed(3))} frames/s`
    : `${settings.format.name} audio, ${layoutName(settings.layout)} at ${settings.sampleRate} Hz`;
  const operation = `open encoder "${settings.codec.name}" for ${what}`;
  const hints = settings.type === "video" ? videoHints(settings) : audioHints(settings);
  const because = [describeCode(code), ...hints].join(": ");
  return new FFmpegError(`Cannot ${operation}: ${because}`, code, "open an encoder");
}

/** What FFmpeg's bare "Invalid argument" may mean. */
function videoHints({ format, width, height, options, config }: VideoEncoderSettings): string[] {
  const odd = [
    format.chromaShift.x > 0 && width % 2 === 1 ? `width ${width}` : "",
    format.chromaShift.y > 0 && height % 2 === 1 ? `height ${height}` : "",
  ].filter((each) => each !== "");
  if (odd.length > 0) {
    return [
      `${format.name} needs even sizes, and the ${odd.join(" and ")} ` +
      `${odd.length > 1 ? "are" : "is"} odd (use encoderWidth and ` +
      `encoderHeight, or encoderFormat: "yuv444p")`,
    ];
  }
  return givenHints(options, config) ??
    ["the encoder may not support this size, frame rate or format"];
}

function audioHints({ options, config }: AudioEncoderSettings): string[] {
  return givenHints(options, config) ??
    ["the encoder may not support this sample rate, channel layout or format"];
}

function givenHints(
  options: Readonly<Record<string, string>>,
  config: CodecConfig,
): string[] | undefined {
  const given = [
    ...Object.entries(options).map(([name, value]) => `${name}=${value}`),
    ...Object.entries(config).map(([name, value]) => `${name}=${value}`),
  ];
  return given.length > 0 ? [`it may not accept ${given.join(", ")}`] : undefined;
}
