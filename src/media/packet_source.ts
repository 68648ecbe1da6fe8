/**
 * Where packets come from that are copied without being decoded: what a writer sees of a reader.
 *
 * @module
 */

import type { Sink } from "../../ffi/call.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import type { MediaType } from "./codec.ts";
import type { Packet } from "./packet.ts";
import type { Rational } from "./time.ts";

/** A stream of a source. */
export interface PacketStream {
  /** Its index among the source's streams. */
  readonly index: number;
  /** Audio or video; `undefined` for anything else. */
  readonly type: MediaType | undefined;
  /** FFmpeg's description of it. */
  readonly parameters: Pointer<"AVCodecParameters">;
  /** The unit of its packets' times. */
  readonly timeBase: Rational;
  /** Frames per second; 0/1 for audio. */
  readonly frameRate: Rational;
  /** How its video frames are to be rotated, as FFmpeg's matrix. */
  readonly displayMatrix: readonly number[] | undefined;
}

/** A reader as the source of packets. */
export interface PacketSource {
  /** When the source begins, in seconds. */
  readonly startTime: number;
  /** Whether a place other than its beginning was sought. */
  readonly sought: boolean;
  /** Describes a stream; throws a `RangeError` where there is none. */
  stream(index: number): PacketStream;
  /** Forwards all packets of a stream that are read from now on; returns a function that ends that. */
  subscribe(index: number, sink: Sink<Packet>): () => void;
}

/** The key of an object's packets: it keeps them off its public methods. */
export const packetSource: unique symbol = Symbol("packetSource");

/** What streams can be copied from: a `StreamReader`. */
export interface CopySource {
  /**
   * The packets of its streams.
   *
   * @ignore
   */
  readonly [packetSource]: PacketSource;
}

/** Whether streams can be copied from a value. */
export function isCopySource(value: unknown): value is CopySource {
  return typeof value === "object" && value !== null && packetSource in value;
}
