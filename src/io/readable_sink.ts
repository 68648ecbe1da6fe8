/**
 * A container's bytes as a Web stream.
 *
 * @module
 */

import type { Call, Pending, Steps } from "../../ffi/call.ts";
import type { ByteConsumer } from "./target.ts";

/** How often, in milliseconds, a wait for the reader checks whether it has been interrupted. */
const CHECK_INTERVAL = 100;

/** Takes bytes, and queues them in a stream for whoever reads that. */
export class ReadableSink implements ByteConsumer {
  /** The stream. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #cancelled = false;
  #resume: (() => void) | undefined;

  /**
   * Makes one.
   *
   * @param highWaterMark How many bytes may be queued.
   * @param cancelled Called when the reader cancels the stream.
   */
  constructor(highWaterMark: number, cancelled: () => void) {
    this.readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#resume?.(),
      cancel: () => {
        this.#cancelled = true;
        this.#resume?.();
        cancelled();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark }));
  }

  /** Takes bytes. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#cancelled) this.#controller.enqueue(bytes);
  }

  /** Waits, where the queue is full, until some of the bytes have been read. */
  settle(interrupted: () => boolean): Pending {
    return this.#isFull ? this.#wait(interrupted) : undefined;
  }

  *#wait(interrupted: () => boolean): Steps<void> {
    while (this.#isFull && !interrupted()) yield this.#pulled;
  }

  get #isFull(): boolean {
    return !this.#cancelled && (this.#controller.desiredSize ?? 0) <= 0;
  }

  get #pulled(): Call<void> {
    return {
      now() {
        throw new Error("Cannot wait in a sync call until a stream has been read");
      },
      later: () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, CHECK_INTERVAL);
        this.#resume = resolve;
        return promise.finally(() => clearTimeout(timer));
      },
    };
  }

  /** Ends the stream, with an error if there was one. */
  end(error: Error | undefined): void {
    if (this.#cancelled) return;
    if (error) this.#controller.error(error);
    else this.#controller.close();
  }
}
