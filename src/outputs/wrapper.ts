/**
 * An output around another one: what the background, reconnecting, pacing and sound have in common.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import type { CodecContext } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";
import { type Container, NO_COUNTS, type Output, type OutputCounts } from "./output.ts";

/** Forwards everything to an inner output, which it owns. */
export abstract class Wrapper implements Output {
  /** The inner output. */
  protected inner: Output;
  /** Whether a stream is video, for each stream. */
  protected readonly isVideo: boolean[] = [];

  /** Makes one around an output that has no streams yet. */
  constructor(inner: Output) {
    this.inner = inner;
  }

  get container(): Container {
    return this.inner.container;
  }

  get interrupt(): Interrupt {
    return this.inner.interrupt;
  }

  get freed(): boolean {
    return this.inner.freed;
  }

  get opened(): boolean {
    return this.inner.opened;
  }

  get blocks(): boolean {
    return this.inner.blocks;
  }

  /** Packets may be forwarded after `write` has returned. */
  get retainsPackets(): boolean {
    return true;
  }

  get asyncOnly(): boolean {
    return this.inner.asyncOnly ?? false;
  }

  get keyRequests(): number {
    return this.inner.keyRequests ?? 0;
  }

  get counts(): OutputCounts {
    return this.inner.counts ?? NO_COUNTS;
  }

  get native(): AnyPointer | undefined {
    return this.inner.native;
  }

  addStream(context: CodecContext, frameRate?: Rational): number {
    this.isVideo.push(context.fields.width > 0);
    return this.inner.addStream(context, frameRate);
  }

  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.inner.setMetadata(entries);
  }

  setOptions(options: Readonly<Record<string, string>>): void {
    this.inner.setOptions(options);
  }

  *open(options: Record<string, string>): Steps<void> {
    yield* this.inner.open(options);
  }

  abstract write(packet: Packet, index: number, timeBase: Rational): Pending;

  *flush(): Steps<void> {
    yield* this.inner.flush();
  }

  *finish(complete?: boolean): Steps<void> {
    yield* this.inner.finish(complete);
  }

  *abandon(): Steps<void> {
    if (this.inner.abandon) yield* this.inner.abandon();
  }

  giveUp(): void {
    this.inner.giveUp?.();
  }

  idle(): void {
    this.inner.idle?.();
  }

  drop(): void {
    this.inner.drop?.();
  }

  heard(index: number): number | undefined {
    return this.inner.heard?.(index);
  }

  pad(): number {
    return this.inner.pad?.() ?? 0;
  }

  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
  }
}
