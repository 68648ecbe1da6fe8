/**
 * The calls of a writer, each in its async and its sync form, one after the other: what `StreamWriter`
 * and `Broadcast` put their documentation around.
 *
 * @module
 */

import { flag, optionsObject } from "../base/arguments.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { WaitOptions } from "../base/wait.ts";
import { type AudioInput, takenAway, type VideoInput } from "../media/chunk.ts";
import type { CopySource } from "../media/packet_source.ts";
import type { CloseOptions, CopyOptions } from "./options.ts";
import type { EncodedStream, Writer } from "./writer.ts";

/** What `open` takes beside ways to give up waiting. */
export type OpenOptions = Readonly<Record<string, string | number | boolean>>;

/** The calls of a writer, in both forms. */
export class WriterCalls {
  readonly #writer: Writer;
  readonly #queue: SerialQueue;

  /** Puts the calls of a writer in a queue. */
  constructor(writer: Writer) {
    this.#writer = writer;
    this.#queue = new SerialQueue(writer);
  }

  /** Copies a stream's packets, each when it is the writer's turn. */
  addStreamFrom(reader: CopySource, i: number, options: CopyOptions | undefined): number {
    const queue = this.#queue;
    return this.#writer.addStreamFrom(reader, i, options, (write) => queue.step(write));
  }

  /** Opens the writer. */
  async open(options: OpenOptions | undefined, wait: WaitOptions | undefined): Promise<void> {
    const writer = this.#writer;
    const checked = writer.startOpening(options);
    try {
      await this.#queue.run(() => writer.open(checked), wait, () => writer.abandon());
    } finally {
      writer.endOpening();
    }
  }

  /** Opens the writer, blocking. */
  openSync(options: OpenOptions | undefined): void {
    const checked = this.#writer.startOpening(options);
    try {
      this.#queue.runSync(() => this.#writer.open(checked));
    } finally {
      this.#writer.endOpening();
    }
  }

  /** Writes a chunk to an audio stream. */
  async writeAudio(i: number, chunk: AudioInput, pts?: number, wait?: WaitOptions): Promise<void> {
    await this.#write(this.#writer.stream(i, "audio"), chunk, pts, wait);
  }

  /** Writes a chunk to an audio stream, blocking. */
  writeAudioSync(i: number, chunk: AudioInput, pts?: number): void {
    this.#writeSync(this.#writer.stream(i, "audio"), chunk, pts);
  }

  /** Writes a chunk to a video stream. */
  async writeVideo(i: number, chunk: VideoInput, pts?: number, wait?: WaitOptions): Promise<void> {
    await this.#write(this.#writer.stream(i, "video"), chunk, pts, wait);
  }

  /** Writes a chunk to a video stream, blocking. */
  writeVideoSync(i: number, chunk: VideoInput, pts?: number): void {
    this.#writeSync(this.#writer.stream(i, "video"), chunk, pts);
  }

  async #write(
    stream: EncodedStream,
    chunk: unknown,
    pts: number | undefined,
    wait: WaitOptions | undefined,
  ): Promise<void> {
    const { numFrames } = stream.check(chunk);
    await this.#queue.run(() => {
      // Looked at again when its turn comes: it may have been changed in the meantime.
      const checked = stream.check(chunk);
      if (checked.numFrames !== numFrames) throw takenAway();
      return this.#writer.write(stream, checked, pts);
    }, wait);
  }

  #writeSync(stream: EncodedStream, chunk: unknown, pts: number | undefined): void {
    const checked = stream.check(chunk);
    this.#queue.runSync(() => this.#writer.write(stream, checked, pts));
  }

  /** A stream as a Web stream to pipe chunks into. */
  writable<T extends AudioInput | VideoInput>(
    i: number,
    type: "audio" | "video",
  ): WritableStream<T> {
    const stream = this.#writer.stream(i, type);
    return new WritableStream({
      write: (chunk, { signal }) => this.#write(stream, chunk, undefined, { signal }),
    });
  }

  /** Pushes what has been buffered to the destination. */
  async flush(wait: WaitOptions | undefined): Promise<void> {
    this.#writer.checkFlush({ inTurn: true });
    await this.#queue.run(() => this.#writer.flush(), wait);
  }

  /** Pushes what has been buffered to the destination, blocking. */
  flushSync(): void {
    this.#writer.checkFlush({ inTurn: false });
    this.#queue.runSync(() => this.#writer.flush());
  }

  /** Completes the container and closes the destination. */
  async close(options?: CloseOptions): Promise<void> {
    const { drain, ...wait } = optionsObject("the options of close", options, [
      "drain",
      "signal",
      "timeout",
    ]);
    const heard = flag("drain", drain, true);
    this.#writer.giveUp();
    await this.#queue.close(() => this.#writer.close(heard), wait);
  }

  /** Completes the container and closes the destination, blocking. */
  closeSync(options?: Pick<CloseOptions, "drain">): void {
    const { drain } = optionsObject("the options of closeSync", options, ["drain"]);
    const heard = flag("drain", drain, true);
    this.#queue.closeSync(() => this.#writer.close(heard));
  }
}
