/**
 * Interrupting a blocking call.
 *
 * While FFmpeg waits it calls, again and again and on whatever thread it waits in, a function of
 * ours to learn whether to give up. That function is the C library's own `atoi`, and its argument a text in
 * native memory: `"0"` lets FFmpeg go on, `"1"` makes the call return `AVERROR_EXIT`. So nothing of
 * ours has to run on that thread.
 *
 * @module
 */

import { Handle } from "./handle.ts";
import { ffmpeg } from "./libraries.ts";
import { addressOf, viewOf } from "./memory.ts";
import type { AnyPointer, Pointer } from "./pointer.ts";
import { libc } from "./symbols.ts";

const SIZE = 24; // an AVIOInterruptCB { callback, opaque }, then the text
const TEXT = 16;
const GO_ON = 0x30; // "0"
const GIVE_UP = 0x31; // "1"

let atoi: Deno.PointerValue | undefined;

/** What the C library's functions are found in: a library that depends on it. */
export function nameOfCLibrary(): string {
  return Deno.build.os === "windows" ? "ucrtbase.dll" : ffmpeg().pathOf("avutil");
}

/** The address of `atoi`. */
export function addressOfAtoi(): Deno.PointerValue {
  return atoi ??= Deno.dlopen(nameOfCLibrary(), libc).symbols.atoi;
}

/** A switch that FFmpeg polls while it waits. */
export class Interrupt extends Handle<"bytes"> {
  readonly #bytes: Uint8Array;

  /** Makes a switch that lets FFmpeg go on. */
  constructor() {
    super("bytes", ffmpeg().avutil.av_mallocz(BigInt(SIZE)));
    const bytes = viewOf(this.pointer, SIZE);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, addressOf(addressOfAtoi()), true);
    view.setBigUint64(8, addressOf(this.pointer) + BigInt(TEXT), true);
    this.#bytes = bytes;
    this.reset();
  }

  /** Makes the call that waits, and all later ones that would wait, return `AVERROR_EXIT`. */
  trigger(): void {
    if (!this.freed) this.#bytes[TEXT] = GIVE_UP;
  }

  /** Whether calls are to give up. */
  get triggered(): boolean {
    return !this.freed && this.#bytes[TEXT] === GIVE_UP;
  }

  /** Lets later calls wait again. */
  reset(): void {
    if (!this.freed) this.#bytes[TEXT] = GO_ON;
  }

  /** Copies the callback into a format context's own field. */
  copyTo(field: AnyPointer): void {
    viewOf(field, TEXT).set(this.#bytes.subarray(0, TEXT));
  }

  protected override free(pointer: Pointer<"bytes">): void {
    ffmpeg().avutil.av_free(pointer);
  }
}
