/**
 * The public options of broadcasts and their viewers.
 *
 * @module
 */

/** What a broadcast is set up with. */
export interface BroadcastOptions {
  /**
   * The container that the encoders suit, and that a viewer gets that asks for no other: FFmpeg's
   * guess for it decides the encoders. H.264 and AAC, the guess for MP4, go into MPEG-TS, FLV and
   * Matroska as well.
   *
   * @default {"mp4"}
   */
  readonly format?: string;
  /**
   * Whether chunks are forwarded when they are due, for a producer that is faster than that.
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
   * How many seconds of media may be queued for a slow viewer: when it is behind by more, it loses
   * everything up to the next key frame.
   *
   * @default {2}
   */
  readonly latency?: number;
}

/** What a viewer gets that reads a stream of bytes. */
export interface ReadableOptions extends ViewerOptions {
  /** How many bytes the stream may buffer before packets are queued. Default: 64 KiB. */
  readonly highWaterMark?: number;
}

/** What a viewer gets by HTTP. */
export interface ResponseOptions extends ReadableOptions {
  /** Further headers of the response. */
  readonly headers?: HeadersInit;
}

/** A viewer of a {@linkcode Broadcast}: a file, a peer, a device, or the reader of a stream. */
export interface Viewer {
  /** Resolves when it gets nothing more: with the error that ended it, if one did. */
  readonly ended: Promise<Error | undefined>;
  /** What it has got so far. Cheap to ask. */
  readonly stats: ViewerStats;
  /** Sends what is queued, unless that takes too long, and ends its container. */
  close(): Promise<void>;
}

/** What a viewer has got so far. */
export interface ViewerStats {
  /** Packets sent. */
  readonly packets: number;
  /** Bytes of them, before the container's own. */
  readonly bytes: number;
  /** Packets that were dropped, since it was too slow or waited for a key frame. */
  readonly dropped: number;
  /** Packets that are queued. */
  readonly queued: number;
}
