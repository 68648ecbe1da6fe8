/**
 * The public options of broadcasts and their viewers.
 *
 * @module
 */

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
