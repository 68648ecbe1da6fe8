/**
 * The public options of writers.
 *
 * @module
 */

/** Settings that most encoders share. What is left out stays as the encoder has it. */
export interface CodecConfig {
  /** Bits per second. */
  readonly bitRate?: number;
  /** How hard to compress, in the encoder's own scale (flac: 0 to 12). */
  readonly compressionLevel?: number;
  /** Constant quality instead of a bit rate, in the encoder's own scale (mp3: 0 best to 9). */
  readonly qscale?: number;
  /** Video: the most frames from one key frame to the next. */
  readonly gopSize?: number;
  /** Video: the most B frames in a row. */
  readonly maxBFrames?: number;
}

/**
 * Something that takes bytes: a `Deno.FsFile`, a {@linkcode MemoryFile}, or an object of your own. It
 * is never handed bytes before it is done with those before.
 */
export interface BytesWriter {
  /**
   * Takes bytes.
   *
   * @returns How many of them it took, or nothing if it took all; or a promise of that.
   */
  write(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** The same for sync calls. Default: `write`, which must return no promise then. */
  writeSync?(bytes: Uint8Array<ArrayBuffer>): unknown;
  /**
   * Goes to a position in bytes, from the beginning; containers that complete their beginning at the
   * end need it.
   */
  seek?(offset: number, whence: Deno.SeekMode): unknown;
  /** The same for sync calls. */
  seekSync?(offset: number, whence: Deno.SeekMode): unknown;
  /** Called once, after the last bytes. A `Deno.FsFile` stays open: whoever opened it closes it. */
  end?(): unknown;
  /** Called instead of `end` where the container could not be completed. */
  abandon?(): void;
}

/**
 * Something that gives bytes: a `Deno.FsFile`, or an object of your own. It is read from where it is.
 */
export interface BytesReader {
  /**
   * Puts bytes into an array.
   *
   * @returns How many, `null` or 0 at the end; or a promise of that.
   */
  read(into: Uint8Array<ArrayBuffer>): number | null | Promise<number | null>;
  /** The same without a promise: used where it is there, and by sync calls instead of `read`. */
  readSync?(into: Uint8Array<ArrayBuffer>): number | null;
  /** Goes to a position in bytes, and gives it; some containers need it. */
  seek?(offset: number, whence: Deno.SeekMode): number | Promise<number>;
  /** The same without a promise. */
  seekSync?(offset: number, whence: Deno.SeekMode): number;
  /** Called when nothing more is wanted. A `Deno.FsFile` stays open: whoever opened it closes it. */
  abandon?(): void;
}

/** How a destination is written. */
export interface StreamWriterOptions {
  /** The container, by FFmpeg's muxer name. Default: what the destination's name says. */
  readonly format?: string;
  /**
   * How many bytes are gathered before they are handed to a destination that is an object.
   *
   * @default {4096}
   */
  readonly bufferSize?: number;
  /**
   * Whether everything is handed on when it is due, and not before, as a live stream needs it.
   * Windows do that by themselves. Default: only windows.
   */
  readonly realtime?: boolean;
  /**
   * Sends in the background, and lets so many seconds of media wait for a slow receiver: when it is
   * behind by more, everything up to the next key frame is dropped. Writing then never waits for the
   * receiver. Default: nothing is dropped, and writing waits. Needs the async calls.
   */
  readonly latency?: number;
  /**
   * Whether to wait for the next receiver when one has gone, or to connect again where the writer is
   * the one that connects. The next one is sent to from a key frame on, its times beginning with 0.
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
  /** The width to encode; pictures are scaled. Default: the chunks'. */
  readonly encoderWidth?: number;
  /** The height to encode; pictures are scaled. Default: the chunks'. */
  readonly encoderHeight?: number;
  /** A hardware device to encode on. None is supported yet. */
  readonly hwAccel?: string;
}

/** What a writer has done so far. */
export interface StreamWriterStats {
  /** Frames encoded: pictures, and stretches of samples. */
  readonly frames: number;
  /** Packets written. */
  readonly packets: number;
  /** Bytes of them, before the container's own. */
  readonly bytes: number;
  /** Seconds of media written, of the stream that has come farthest. */
  readonly seconds: number;
  /** Seconds of media per second since `open`, until `close`. */
  readonly speed: number;
  /** Paced: packets that came too late by more than they last. */
  readonly late: number;
  /** Packets that were left out, to keep up with a clock or because a receiver was too slow. */
  readonly dropped: number;
  /** With `latency`: packets that wait to be sent. */
  readonly queued: number;
  /** With `reconnect`: how often the receiver had gone. */
  readonly reconnects: number;
  /** Sound devices: how often the device ran out of samples. */
  readonly underruns: number;
}

/** What a broadcast is set up with. */
export interface BroadcastOptions {
  /**
   * The container that the encoders suit, and that a viewer gets who asks for no other: FFmpeg's
   * guess for it decides the encoders. H.264 and AAC, the guess for MP4, go into MPEG-TS, FLV and
   * Matroska as well.
   *
   * @default {"mp4"}
   */
  readonly format?: string;
  /**
   * Whether chunks are handed on when they are due, for a producer that is faster than that.
   *
   * @default {false}
   */
  readonly realtime?: boolean;
}

/** What a viewer gets. */
export interface ViewerOptions {
  /** The container. Default: what the destination's name says, else the broadcast's. */
  readonly format?: string;
  /** Options of the container and the protocol, by FFmpeg's names. */
  readonly option?: Readonly<Record<string, string | number | boolean>>;
  /**
   * How many seconds of media may wait for a viewer that is slow: when it is behind by more, it loses
   * everything up to the next key frame.
   *
   * @default {2}
   */
  readonly latency?: number;
}

/** What a viewer gets who is handed bytes. */
export interface ReadableOptions extends ViewerOptions {
  /** How many bytes may wait in the stream before packets wait in the queue. Default: 64 KiB. */
  readonly highWaterMark?: number;
}

/** What a viewer gets by HTTP. */
export interface ResponseOptions extends ReadableOptions {
  /** Further headers of the response. */
  readonly headers?: HeadersInit;
}

/** A receiver of a {@linkcode Broadcast}. */
export interface Viewer {
  /** Resolves when it gets nothing more: with the error that ended it, if one did. */
  readonly ended: Promise<Error | undefined>;
  /** What it has got so far. Cheap to ask. */
  readonly stats: ViewerStats;
  /** Sends what is left, as far as it is taken in time, and ends its container. */
  close(): Promise<void>;
}

/** What a viewer has got so far. */
export interface ViewerStats {
  /** Packets sent. */
  readonly packets: number;
  /** Bytes of them, before the container's own. */
  readonly bytes: number;
  /** Packets that it lost, since it was too slow or waited for a key frame. */
  readonly dropped: number;
  /** Packets that wait to be sent. */
  readonly queued: number;
}

/** What part of a source is copied. */
export interface CopyOptions {
  /**
   * From when on, in seconds of the source: what begins before it is left out, pictures up to the next
   * key frame. Where copying begins is time 0 in the copy. Default: from where reading begins.
   */
  readonly start?: number;
  /** Up to when, in seconds of the source: what begins then or later is left out. Default: the end. */
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

/** Ways to give up waiting. */
export interface WaitOptions {
  /** Ends the wait when it is aborted: the call fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The longest wait, in milliseconds: the call fails with a `TimeoutError`. */
  readonly timeout?: number;
}
