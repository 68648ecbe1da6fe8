/**
 * Destinations: where a muxer's bytes go.
 *
 * @module
 */

import { OutputContext } from "../../ffi/avio/output_context.ts";
import { call, type Pending, type Steps } from "../../ffi/call.ts";
import { posixCode } from "../../ffi/error.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import { failure } from "../base/failure.ts";
import { networkHint } from "../facts/network.ts";
import type { ByteConsumer, Target } from "./target.ts";
import { UrlIo } from "./url.ts";

/** A file or a URL to write to. */
export class UrlDestination extends UrlIo {
  protected override get flag(): number {
    return ffmpeg().layout.constants.AVIO_FLAG_WRITE;
  }

  protected override failure(code: number): Error {
    return failure(code, `open "${this.url}" for writing`, openHint(code, this.url));
  }

  /** Writes out what is buffered. */
  *flush(): Steps<void> {
    const pointer = this.slot.value;
    if (pointer === null) return;
    yield* call(ffmpeg().io.avio_flush, pointer);
    const code = ffmpeg().view("AVIOContext", pointer).error;
    if (code < 0) throw this.#writeFailure(code, "write to");
  }

  /** Closes it; an error that FFmpeg met while writing is thrown here at the latest. */
  *close(): Steps<void> {
    if (this.slot.value === null) return;
    const code: number = yield* call(ffmpeg().io.avio_closep, this.slot.address);
    if (code < 0) throw this.#writeFailure(code, "finish writing to");
  }

  #writeFailure(code: number, action: string): Error {
    return failure(code, `${action} "${this.url}"`, networkHint(code, this.url));
  }
}

/** An object in JavaScript to write to. */
export class ByteDestination implements Target {
  readonly optionClass = null;
  readonly callsBack = true;
  readonly #sink: ByteConsumer;
  #context: OutputContext | undefined;
  #interrupt: Interrupt | undefined;

  /** Makes one that is not open yet. */
  constructor(sink: ByteConsumer) {
    this.#sink = sink;
  }

  /** FFmpeg's I/O context, `null` unless open. */
  get context(): AnyPointer | null {
    return this.#context?.pointer ?? null;
  }

  /** Whether the sink is seekable. */
  get seekable(): boolean {
    return this.#sink.seek !== undefined;
  }

  /** What the sink has thrown. */
  get thrown(): unknown {
    return this.#context?.thrown;
  }

  /** Waits until the sink takes more. */
  settle(): Pending {
    return this.#sink.settle?.(() => this.#interrupt?.triggered ?? false);
  }

  // deno-lint-ignore require-yield -- nothing here blocks
  *open(options: Record<string, string>, interrupt: Interrupt): Steps<Record<string, string>> {
    this.#interrupt = interrupt;
    this.#sink.open?.();
    this.#context = new OutputContext(this.#sink);
    return options;
  }

  /** Forwards what is buffered. */
  *flush(): Steps<void> {
    if (!this.#context) return;
    ffmpeg().avformat.avio_flush(this.#context.pointer as Pointer<"AVIOContext">);
    if (this.thrown !== undefined) throw this.thrown;
    if (this.#sink.flush) yield* this.#sink.flush();
    const rest = this.settle();
    if (rest) yield* rest;
  }

  /** Forwards what is buffered, and closes the sink. */
  *close(): Steps<void> {
    yield* this.flush();
    if (this.#sink.close) yield* this.#sink.close();
    this.#context?.[Symbol.dispose]();
    this.#context = undefined;
  }

  /** Abandons the sink, as the container is incomplete. */
  closeNow(): void {
    if (!this.#context) return;
    this.#context[Symbol.dispose]();
    this.#context = undefined;
    this.#sink.abandon?.();
  }
}

/** What a failure to open a path for writing usually means. */
function openHint(code: number, url: string): string {
  const folder = url.replace(/^file:/, "").replace(/[\\/]?[^\\/]*$/, "") || ".";
  if (protocolOf(url) !== "file") return networkHint(code, url);
  if (code === posixCode("ENOENT")) return `the folder "${folder}" does not exist`;
  if (code === posixCode("EISDIR")) return "it is a folder, not a file";
  if (code === posixCode("ENOTDIR")) return `"${folder}" is not a folder`;
  return "";
}
