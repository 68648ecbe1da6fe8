/**
 * The public options of writers and their streams.
 *
 * @module
 */

import type { WaitOptions } from "../base/wait.ts";
import type { CodecConfig } from "./codec_config.ts";

/** How a destination is written. */
export interface StreamWriterOptions {
  /** The container, by FFmpeg's muxer name. Default: what the destination's name says. */
  readonly format?: string;
  /**
   * How many bytes are buffered before they are handed to a destination that is an object.
   *
   * @default {4096}
   */
  readonly bufferSize?: number;
  /**
   * Whether packets are forwarded when they are due, and not before, as a live stream needs it.
   * Windows do that by themselves. Default: only windows.
   */
  readonly realtime?: boolean;
  /**
   * Sends in the background, and lets so many seconds of media wait for a slow viewer: when it is
   * behind by more, everything up to the next key frame is dropped. Writing then never waits for the
   * viewer. Default: nothing is dropped, and writing waits. Needs the async calls.
   */
  readonly latency?: number;
  /**
   * Whether to wait for the next viewer when one has gone, or to connect again where the writer is
   * the one that connects. The next one gets the video from a key frame on, with times from 0.
   *
   * @default {false}
   */
  readonly reconnect?: boolean;
}

/** What an audio and a video stream have in common. */
export interface OutputStreamOptions {
  /** The encoder, by FFmpeg's name. Default: what the container and the file name ask for. */
  readonly encoder?: string;
  /** The encoder's options, by FFmpeg's names: `{ crf: "18", preset: "fast" }`. */
  readonly encoderOption?: Readonly<Record<string, string | number | boolean>>;
  /** The sample or pixel format to encode. Default: the encoder's first. */
  readonly encoderFormat?: string;
  /** Settings that most encoders share. */
  readonly codecConfig?: CodecConfig;
  /** Filters, in FFmpeg's syntax, between the chunks and the encoder: `"atempo=2"`. */
  readonly filterDesc?: string;
}

/** How an audio stream is encoded. */
export interface AudioStreamOptions extends OutputStreamOptions {
  /**
   * The sample format of the chunks: `u8`, `s16`, `s32`, `s64`, `flt` or `dbl`.
   *
   * @default {"flt"}
   */
  readonly format?: string;
  /** The rate to encode. Default: the chunks', or the nearest supported one not below. */
  readonly encoderSampleRate?: number;
  /** The number of channels to encode. Default: the chunks', or the nearest supported one. */
  readonly encoderNumChannels?: number;
}

/** How a video stream is encoded. */
export interface VideoStreamOptions extends OutputStreamOptions {
  /**
   * The pixel format of the chunks, such as `rgb24`, `rgba`, `gray8`, `yuv420p`.
   *
   * @default {"rgb24"}
   */
  readonly format?: string;
  /** The frame rate to encode; frames are repeated or dropped. Default: the chunks'. */
  readonly encoderFrameRate?: number;
  /** The width to encode; frames are scaled. Default: the chunks'. */
  readonly encoderWidth?: number;
  /** The height to encode; frames are scaled. Default: the chunks'. */
  readonly encoderHeight?: number;
  /** A hardware device to encode on. None is supported yet. */
  readonly hwAccel?: string;
}

/** What part of a source is copied. */
export interface CopyOptions {
  /**
   * From when on, in seconds of the source: what begins before it is skipped, video up to the next
   * key frame. Where copying begins is time 0 in the copy. Default: from where reading begins.
   */
  readonly start?: number;
  /** Up to when, in seconds of the source: what begins then or later is skipped. Default: the end. */
  readonly end?: number;
}

/** How a writer is closed. */
export interface CloseOptions extends WaitOptions {
  /**
   * Sound devices: whether to wait until everything has been heard.
   *
   * @default {true}
   */
  readonly drain?: boolean;
}
