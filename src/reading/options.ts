/**
 * The public options of readers and their streams.
 *
 * @module
 */

import type { WaitOptions } from "../base/wait.ts";
import type { AudioChunk, VideoChunk } from "../media/chunk.ts";
import type { Reusable } from "./chunk_buffer.ts";

/** How a source is opened. */
export interface StreamReaderOptions {
  /** The container or input device, by FFmpeg's demuxer name. Default: what the data shows. */
  readonly format?: string;
  /** Options of the container and the protocol, by FFmpeg's names. */
  readonly option?: Readonly<Record<string, string | number | boolean>>;
  /** Bytes that are read ahead, for sources that are objects. */
  readonly bufferSize?: number;
  /**
   * Whether data that can't be decoded is an error. By default it is skipped, as by `ffmpeg`, and
   * counted in `stats`. With RTMP and SRT, FFmpeg can't tell a sender that has finished from a
   * connection that broke: by default either ends the source, here either is an error.
   *
   * @default {false}
   */
  readonly strict?: boolean;
}

/** What all streams of a reader can be asked for. */
export interface InputStreamOptions {
  /** Which source stream. Default: the one that FFmpeg thinks best. */
  readonly streamIndex?: number;
  /** How many chunks are kept; beyond that the oldest are dropped. -1: all. @default {-1} */
  readonly bufferChunkSize?: number;
  /** The decoder, by FFmpeg's name. Default: FFmpeg's choice. */
  readonly decoder?: string;
  /** The decoder's options, by FFmpeg's names: `{ threads: "1" }`. */
  readonly decoderOption?: Readonly<Record<string, string | number | boolean>>;
}

/** What an audio stream of a reader can be asked for, in plain terms. */
export interface BasicAudioOptions extends InputStreamOptions {
  /** The sample format; `null` leaves it as it is decoded. @default {"fltp"} */
  readonly format?: string | null;
  /** Samples per second. Default: the source's. */
  readonly sampleRate?: number;
  /** Channels. Default: the source's. */
  readonly numChannels?: number;
}

/** What a video stream of a reader can be asked for, in plain terms. */
export interface BasicVideoOptions extends InputStreamOptions {
  /** The pixel format; `null` leaves it as it is decoded. @default {"rgb24"} */
  readonly format?: string | null;
  /** Frames per second; frames are repeated or dropped. Default: the source's. */
  readonly frameRate?: number;
  /** The width; frames are scaled to it. -1: what keeps the shape. Default: the source's. */
  readonly width?: number;
  /** The height; frames are scaled to it. -1: what keeps the shape. Default: the source's. */
  readonly height?: number;
  /** Whether frames are turned upright, as the source asks for. @default {true} */
  readonly autorotate?: boolean;
}

/** What an audio stream of a reader can be asked for, in FFmpeg's terms. */
export interface FilteredAudioOptions extends InputStreamOptions {
  /** Filters, in FFmpeg's syntax: `"atempo=2,aformat=s16"`. Default: none. */
  readonly filterDesc?: string;
}

/** What a video stream of a reader can be asked for, in FFmpeg's terms. */
export interface FilteredVideoOptions extends InputStreamOptions {
  /** Filters, in FFmpeg's syntax: `"fps=10,scale=320:-2,format=rgb24"`. Default: none. */
  readonly filterDesc?: string;
  /** Whether frames are turned upright, as the source asks for. @default {true} */
  readonly autorotate?: boolean;
}

/** How to wait for a source that is not ready, such as a microphone. */
export interface RetryOptions extends WaitOptions {
  /**
   * How long to try again, in milliseconds, when the source has nothing yet: below 0 for ever. By
   * default that is an `FFmpegError` whose `codeName` is `"EAGAIN"`.
   */
  readonly timeout?: number;
  /** How long to wait between two tries, in milliseconds. @default {10} */
  readonly backoff?: number;
}

/** How chunks are iterated. */
export interface StreamOptions extends RetryOptions {
  /**
   * Whether the memory of the video frames of one round is used again for the next: faster, and each
   * chunk is then valid until the next round only.
   *
   * @default {false}
   */
  readonly reuse?: boolean;
}

/** A chunk of either kind, as a reader yields it. */
export type Chunk = Reusable<AudioChunk> | Reusable<VideoChunk>;

/** One chunk for each output stream; `null` for a stream that has come to its end. */
export type Chunks<T extends readonly (AudioChunk | VideoChunk)[]> = {
  [K in keyof T]: Reusable<T[K]> | null;
};

/**
 * The index of an output stream: a number, of which the type system remembers what the stream's
 * chunks are. (The property is in the type only.)
 */
export type StreamIndex<T extends AudioChunk | VideoChunk> = number & { readonly "~chunk": T };

/** One chunk for each of some output streams, by their indices; `null` at a stream's end. */
export type ChunksAt<I extends readonly number[]> = {
  [K in keyof I]: (I[K] extends StreamIndex<infer T> ? Reusable<T> : Chunk) | null;
};

/** Where `seek` goes: to the key frame before, to any frame, or to the very time. */
export type SeekMode = "key" | "any" | "precise";

/** What a reader has done so far. */
export interface StreamReaderStats {
  /** Packets read. */
  readonly packets: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Seconds of media in them, of the stream that has most. */
  readonly seconds: number;
  /** Seconds of media per second since the first read, until the source's end. */
  readonly speed: number;
  /** Frames decoded. */
  readonly frames: number;
  /** Packets that could not be decoded and were skipped. */
  readonly skippedPackets: number;
  /** Chunks that were dropped from a full buffer, the oldest first. */
  readonly droppedChunks: number;
}
