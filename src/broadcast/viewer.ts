/**
 * One viewer of a broadcast, from its opening to its end.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { WaitOptions } from "../base/wait.ts";
import { BackgroundOutput } from "../outputs/background.ts";
import type { Output } from "../outputs/output.ts";
import type { FanOut, FanOutViewer } from "./fan_out.ts";
import type { Viewer, ViewerStats } from "./options.ts";

/** What a viewer is sent, and where. */
export interface ViewerPlan {
  /** Its container or device. */
  readonly output: Output;
  /** Options of it and of what it writes to. */
  readonly options: Readonly<Record<string, string>>;
  /** How many seconds of media may be queued: beyond that, all of them are dropped. */
  readonly latency: number;
}

/** How many seconds a viewer has for the end of its container. */
const END_TIME = 1;

/** A viewer: its packets are sent in the background, and its calls run one after the other. */
export class BroadcastViewer implements FanOutViewer, Viewer {
  /** Its own output. */
  readonly output: BackgroundOutput;
  /** Resolves when it gets nothing more. */
  readonly ended: Promise<Error | undefined>;
  readonly #fanOut: FanOut;
  readonly #queue: SerialQueue;
  readonly #options: Readonly<Record<string, string>>;
  readonly #latency: number;
  #opening = false;
  readonly #closing: AbortController = new AbortController();
  readonly #settle: (error?: Error) => void;

  /** Makes one; nothing is opened yet. */
  constructor(fanOut: FanOut, { output, options, latency }: ViewerPlan) {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.#fanOut = fanOut;
    this.#options = options;
    this.#latency = latency;
    this.ended = promise;
    this.#settle = resolve;
    const background = new BackgroundOutput(output, { latency, comesLate: true });
    this.output = background;
    this.#queue = new SerialQueue({
      name: "Viewer",
      interrupt: () => background.freed ? undefined : background.interrupt,
    });
  }

  /** What it has got so far. */
  get stats(): ViewerStats {
    const { dropped, queued } = this.output.counts;
    return { ...this.output.sent, dropped, queued };
  }

  /** Opens the destination; from then on it gets all packets. */
  async open(wait: WaitOptions = {}): Promise<this> {
    const { signal = this.#closing.signal } = wait;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    try {
      this.#fanOut.describe(this.output);
      this.output.setOptions(this.#options);
      this.#fanOut.join(this);
      const tooLate = () => this.failed(either.reason);
      await this.#queue.run(() => this.#open(), { ...wait, signal: either }, tooLate);
      return this;
    } catch (error) {
      if (!this.#opening) this.failed(error); // else `#open` does so when FFmpeg returns
      throw error;
    }
  }

  /** Its caller may have given up meanwhile: the output is freed only when FFmpeg has returned. */
  *#open(): Steps<void> {
    if (this.output.freed) return; // its reader has gone already
    this.#opening = true;
    try {
      yield* this.output.open({ ...this.#options });
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** Frees it, as it can't be sent to any more. */
  failed(error: unknown): undefined {
    this.#release(error as Error);
  }

  /** Sends what is queued, and ends it. */
  async close(): Promise<void> {
    if (this.output.freed) return;
    this.#closing.abort(new Error("Cannot go on opening a viewer that was closed"));
    this.#fanOut.leave(this);
    const timeout = (Math.max(this.#latency, 1) + END_TIME) * 1000;
    // What has not ended in time is interrupted, and ends with that as its error.
    await this.#queue.run(() => this.#finish(), { timeout }).catch(() => {});
    if (!this.#queue.hasAbandoned) await this.ended;
  }

  *#finish(): Steps<void> {
    if (this.output.freed) return; // closed twice
    try {
      if (this.output.opened) yield* this.output.finish();
      this.#release();
    } catch (error) {
      this.#release(error as Error);
    }
  }

  /** Frees it, and drops what is queued. */
  drop(): void {
    this.#release();
  }

  #release(error?: Error): void {
    this.#fanOut.leave(this);
    this.output[Symbol.dispose]();
    this.#settle(error);
  }
}
