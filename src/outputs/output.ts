/**
 * What a writer writes its packets to: a container, or a window of Sluice's own.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import type { AnyPointer } from "../../ffi/symbols.ts";
import type { Target } from "../io/target.ts";
import type { CodecContext, MediaType } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";

/** What an output counts that sends in the background, or again and again. */
export interface OutputCounts {
  /** Packets that wait to be sent. */
  readonly queued: number;
  /** Packets that were left out. */
  readonly dropped: number;
  /** How often it was opened again. */
  readonly reconnects: number;
}

/** What takes a writer's packets. */
export interface Output extends Container, Disposable {
  /** What breaks off a call that waits. */
  readonly interrupt: Interrupt;
  /** Whether it has been freed. */
  readonly freed: boolean;
  /** Whether `open` has succeeded, and `finish` has not begun. */
  readonly opened: boolean;
  /** Whether packets are kept until those of other streams have come. */
  readonly interleaved: boolean;
  /** Whether it writes to a file or socket that is opened for it. */
  readonly needsFile: boolean;
  /** What it opens by itself, without being handed a file. */
  readonly opens: "nothing" | "files beside each other" | "a connection" | "anything";
  /** Whether it shows pictures or plays sound: then time matters, and its calls may wait. */
  readonly device: "audio" | "video" | undefined;
  /** Adds a stream for an encoder's packets; gives its index. */
  addStream(context: CodecContext, frameRate?: Rational): number;
  /** Replaces the metadata. */
  setMetadata(entries: Readonly<Record<string, string>>): void;
  /** Sets options; throws a `TypeError` for one that is known neither here nor to the target. */
  setOptions(options: Readonly<Record<string, string>>, target: Target | undefined): void;
  /** Opens the target, if there is one, and begins. */
  open(options: Record<string, string>, target: Target | undefined): Steps<void>;
  /** Writes a packet of a stream, whose times are in units of `timeBase`. */
  write(packet: Packet, index: number, timeBase: Rational, waits: boolean): Pending;
  /** Writes out what has been gathered, as far as that can be done in mid-stream. */
  flush(): Steps<void>;
  /** Ends it properly. */
  finish(): Steps<void>;
  /** Whether packets are sent in the background, which only async calls can wait for. */
  readonly inBackground?: boolean;
  /** What has been counted so far. */
  readonly counts?: OutputCounts;
  /** FFmpeg's own context, where it writes a container. */
  readonly native?: AnyPointer | undefined;
  /** Ends a wait for the next receiver: the writer is being closed. */
  giveUp?(): void;
  /** Looks after it while the script does other things; devices with a window need that. */
  idle?(): void;
  /** Sound devices: forgets what has not been played yet. */
  drop?(): void;
  /** Sound devices: whether they play the first sample as soon as they get it. */
  readonly startsAtOnce?: boolean;
  /** Sound devices: how much they gather before they play the first, in seconds. */
  readonly holdsBack?: number;
  /** Sound devices: how much of a stream has been heard, in seconds, where the device can tell. */
  heard?(index: number): number | undefined;
}

/** What the choice depends on: the container that the stream goes into. */
export interface Container {
  /** Its name. */
  readonly name: string;
  /** Whether it is a device. */
  readonly device?: "audio" | "video" | undefined;
  /** Whether it wants the codecs' headers once, at its beginning. */
  readonly globalHeader: boolean;
  /** Whether it says when each packet is due: else what is written lies end to end. */
  readonly keepsTimes: boolean;
  /** The pixel formats that it takes, best first, where it is known to take only some. */
  readonly pixelFormats?: readonly string[] | undefined;
  /** How often a stream of pictures has been asked for a key frame, for receivers that come late. */
  readonly keyRequests?: number;
  /** The format that FFmpeg would encode for it; 0 for none. */
  guessCodec(type: MediaType): number;
  /** Whether it can hold a format: `undefined` where it does not tell. */
  canHold(codecId: number): boolean | undefined;
}
