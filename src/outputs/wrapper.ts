/**
 * An output around another one: what outputs have in common that do more than hand packets on.
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
import type { Output, OutputCounts } from "./output.ts";

/** Hands everything on to an output inside, which it owns together with that one's target. */
export abstract class OutputAround implements Output {
  /** The output inside. */
  protected inner: Output;
  /** What the output inside writes to. */
  protected readonly target: Target | undefined;
  /** Whether each stream is one of pictures. */
  protected readonly isVideo: boolean[] = [];

  /** Makes one around an output that has no streams yet. */
  constructor(inner: Output, target: Target | undefined) {
    this.inner = inner;
    this.target = target;
  }

  /** The container's name. */
  get name(): string {
    return this.inner.name;
  }

  /** Whether the container wants the codecs' headers once, at its beginning. */
  get globalHeader(): boolean {
    return this.inner.globalHeader;
  }

  /** Whether the container says when each packet is due. */
  get keepsTimes(): boolean {
    return this.inner.keepsTimes;
  }

  /** The pixel formats that the container takes, where it is known to take only some. */
  get pixelFormats(): readonly string[] | undefined {
    return this.inner.pixelFormats;
  }

  /** Whether it shows pictures or plays sound. */
  get device(): "audio" | "video" | undefined {
    return this.inner.device;
  }

  /** The target belongs to this output, and is opened and closed with it. */
  get needsFile(): boolean {
    return false;
  }

  /** What it opens by itself. */
  get opens(): Output["opens"] {
    return this.inner.opens;
  }

  /** Packets must keep their data: they may be written later than they are handed over. */
  get interleaved(): boolean {
    return true;
  }

  /** What breaks off a call that waits. */
  get interrupt(): Interrupt {
    return this.inner.interrupt;
  }

  /** Whether packets may be written. */
  get opened(): boolean {
    return this.inner.opened;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.inner.freed;
  }

  /** How often a key frame has been asked for. */
  get keyRequests(): number {
    return this.inner.keyRequests ?? 0;
  }

  /** What has been counted so far. */
  get counts(): OutputCounts {
    return this.inner.counts ?? { queued: 0, dropped: 0, reconnects: 0 };
  }

  /** FFmpeg's own context. */
  get native(): AnyPointer | undefined {
    return this.inner.native;
  }

  /** The format that FFmpeg would encode for it. */
  guessCodec(type: MediaType): number {
    return this.inner.guessCodec(type);
  }

  /** Whether the container can hold a format. */
  canHold(codecId: number): boolean | undefined {
    return this.inner.canHold(codecId);
  }

  /** Adds a stream for an encoder's packets. */
  addStream(context: CodecContext, frameRate?: Rational): number {
    this.isVideo.push(context.fields.width > 0);
    return this.inner.addStream(context, frameRate);
  }

  /** Replaces the metadata. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.inner.setMetadata(entries);
  }

  /** Sets options of the container; throws for one that the target does not know, either. */
  setOptions(options: Readonly<Record<string, string>>): void {
    this.inner.setOptions(options, this.target);
  }

  /** Opens the target and begins. */
  *open(options: Record<string, string>): Steps<void> {
    yield* this.inner.open(options, this.target);
  }

  /** Writes a packet of a stream. */
  abstract write(packet: Packet, index: number, timeBase: Rational, waits: boolean): Pending;

  /** Ends the wait for a receiver. */
  giveUp(): void {
    this.inner.giveUp?.();
  }

  /** Writes out what has been gathered. */
  *flush(): Steps<void> {
    yield* this.inner.flush();
    if (this.target) yield* this.target.flush();
  }

  /** Ends it properly, and closes the target. */
  *finish(): Steps<void> {
    yield* this.inner.finish();
    if (this.target) yield* this.target.close();
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
    this.target?.closeNow();
  }
}
