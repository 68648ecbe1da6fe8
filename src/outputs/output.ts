/**
 * Where a writer's packets go: a container, or a device of Sluice's own.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import type { CodecContext, MediaType } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";

/** The facts about a container or device: what the choice of encoders and of wrappers depends on. */
export interface Container {
  /** Its name. */
  readonly name: string;
  /** Whether it plays sound or shows video: then time matters, and its calls may block. */
  readonly device: "audio" | "video" | undefined;
  /**
   * What is opened for it: the file or URL that it is written to, nothing, other files in the same
   * folder (playlists), a session of network connections, or whatever its options name.
   */
  readonly access: "target" | "none" | "siblings" | "session" | "any";
  /** Whether it wants the codecs' headers once, at its beginning. */
  readonly globalHeader: boolean;
  /** Whether it keeps the times of packets: else what is written lies end to end. */
  readonly keepsTimes: boolean;
  /** The pixel formats that it takes, best first, where it is known to take only some. */
  readonly pixelFormats?: readonly string[] | undefined;
  /** Sound devices: whether they play the first sample as soon as they get it. */
  readonly startsAtOnce?: boolean;
  /** Sound devices: how much they buffer before they play the first sample, in seconds. */
  readonly buffers?: number;
  /** The format that FFmpeg would encode for it; 0 for none. */
  guessCodec(type: MediaType): number;
  /** Whether it can hold a format: `undefined` where that is not known. */
  canHold(codecId: number): boolean | undefined;
}

/** What the outputs around a muxer or device count. */
export interface OutputCounts {
  /** In the background: packets that are queued. */
  readonly queued: number;
  /** Packets that were dropped. */
  readonly dropped: number;
  /** How often it was reopened. */
  readonly reconnects: number;
  /** Paced: packets that came too late by more than they last. */
  readonly late: number;
  /** Sound devices: how often the device ran out of samples. */
  readonly underruns: number;
  /** Packets whose times were changed so that they rise. */
  readonly repaired: number;
}

/** Nothing has been counted. */
export const NO_COUNTS: OutputCounts = {
  queued: 0,
  dropped: 0,
  reconnects: 0,
  late: 0,
  underruns: 0,
  repaired: 0,
};

/** Where a writer's packets go. It owns what it writes to, and opens and closes that. */
export interface Output extends Disposable {
  /** The facts about what it writes. */
  readonly container: Container;
  /** Interrupts a call that blocks. */
  readonly interrupt: Interrupt;
  /** Whether it has been freed. */
  readonly freed: boolean;
  /** Whether `open` has succeeded, and `finish` has not begun. */
  readonly opened: boolean;
  /** Whether its calls may block; for some that is known only once they are open. */
  readonly blocks: boolean;
  /** Whether it may still use a packet's data when `write` has returned. */
  readonly retainsPackets: boolean;
  /** Adds a stream for an encoder's packets; returns its index. */
  addStream(context: CodecContext, frameRate?: Rational): number;
  /** Replaces the metadata. */
  setMetadata(entries: Readonly<Record<string, string>>): void;
  /** Sets options; throws a `TypeError` for one that neither it nor its target knows. */
  setOptions(options: Readonly<Record<string, string>>): void;
  /** Opens what it writes to, and writes the beginning. */
  open(options: Record<string, string>): Steps<void>;
  /** Writes a packet of a stream, whose times are in units of `timeBase`. */
  write(packet: Packet, index: number, timeBase: Rational): Pending;
  /** Writes out what is buffered, as far as that is possible in mid-stream. */
  flush(): Steps<void>;
  /**
   * Writes the end, and closes what it writes to.
   *
   * @param complete Whether everything was written; default: it was.
   */
  finish(complete?: boolean): Steps<void>;
  /** Closes what it writes to without an end: it could not be opened, or is gone. */
  abandon?(): Steps<void>;
  /** Whether packets are sent in the background, and so need the async API. */
  readonly asyncOnly?: boolean;
  /** How often a key frame has been requested, for viewers that join late. */
  readonly keyRequests?: number;
  /** What has been counted so far. */
  readonly counts?: OutputCounts;
  /** FFmpeg's own context, if it writes a container. */
  readonly native?: AnyPointer | undefined;
  /** Ends a wait for the next viewer: the writer is being closed. */
  giveUp?(): void;
  /** Handles the events of a window while the script does other things. */
  idle?(): void;
  /** Sound devices: drops what has not been played yet. */
  drop?(): void;
  /** Sound devices: how much of a stream has been heard, in seconds, where the device reports it. */
  heard?(index: number): number | undefined;
  /**
   * Sound devices: the sound ends here. Returns how much silence, in seconds, must follow for all of
   * it to be played.
   */
  pad?(): number;
}
