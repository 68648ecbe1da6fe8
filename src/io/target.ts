/**
 * Where a container's bytes go.
 *
 * @module
 */

import type { ByteSink } from "../../ffi/avio/output_context.ts";
import type { Pending, Steps } from "../../ffi/call.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";

/** Where a container's bytes go. */
export interface Target {
  /** FFmpeg's I/O context, `null` unless open. */
  readonly context: AnyPointer | null;
  /** The class of the options that opening it takes. */
  readonly optionClass: AnyPointer | null;
  /** Opens it; returns the options that were not taken. */
  open(options: Record<string, string>, interrupt: Interrupt): Steps<Record<string, string>>;
  /** Whether it is seekable; if not, writing to it may block. */
  readonly seekable: boolean;
  /** Whether FFmpeg must be called on the calling thread, since it calls back from there. */
  readonly callsBack?: boolean;
  /** What has been thrown by what was called back. */
  readonly thrown?: unknown;
  /** Waits until it takes more; `undefined` where it does at once. */
  settle?(): Pending;
  /** Writes out what is buffered. */
  flush(): Steps<void>;
  /** Closes it. */
  close(): Steps<void>;
  /** Closes it on the calling thread, ignoring errors. */
  closeNow(): void;
}

/** What takes a container's bytes in JavaScript. */
export interface ByteConsumer extends ByteSink {
  /** Called before the first bytes. */
  open?(): void;
  /** Waits until it takes more, or is interrupted; `undefined` where it takes more at once. */
  settle?(interrupted: () => boolean): Pending;
  /** Forwards what it has buffered. */
  flush?(): Steps<void>;
  /** Called after the last bytes. */
  close?(): Steps<void>;
  /** Called instead of `close` where the container could not be completed. */
  abandon?(): void;
}
