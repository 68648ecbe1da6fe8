/**
 * A device by SDL: what a window and a sound device have in common as outputs.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { FFmpegError, posixCode } from "../../ffi/error.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { SdlError } from "../../ffi/sdl/library.ts";
import { suggestion } from "../base/text.ts";
import { ONE_STREAM } from "../facts/devices.ts";
import { codecByName, type CodecContext, type MediaType } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Container, Output } from "../outputs/output.ts";

/** A device that takes one stream of raw frames or samples, and behaves as FFmpeg's devices do. */
export abstract class SdlDevice implements Output, Container {
  abstract readonly name: string;
  abstract readonly device: "audio" | "video";
  abstract readonly keepsTimes: boolean;
  readonly globalHeader = false;
  readonly retainsPackets = false;
  readonly blocks = true;
  readonly access = "none";
  readonly interrupt: Interrupt = new Interrupt();
  /** What messages call it. */
  protected abstract readonly title: string;
  /** The options that it takes. */
  protected abstract readonly options: readonly string[];
  /** The encoders whose packets it takes, best first. */
  protected abstract readonly encoders: readonly string[];
  #hasStream = false;

  /** The facts about it. */
  get container(): Container {
    return this;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.interrupt.freed;
  }

  /** Whether the device is open. */
  abstract get opened(): boolean;

  /** The format of its best encoder. */
  guessCodec(type: MediaType): number {
    const { AV_CODEC_ID_NONE } = ffmpeg().layout.constants;
    return type === this.device ? this.#idOf(this.encoders[0]!) : AV_CODEC_ID_NONE;
  }

  /** Whether it takes what an encoder for a format makes. */
  canHold(codecId: number): boolean {
    return this.encoders.some((name) => this.#idOf(name) === codecId);
  }

  #idOf(encoder: string): number {
    return codecByName("encoder", this.device, encoder).id;
  }

  /** Adds the one stream that a device takes. */
  addStream(_context: CodecContext): number {
    if (this.#hasStream) throw new TypeError(ONE_STREAM[this.device]);
    this.#hasStream = true;
    return 0;
  }

  /** Most devices have no use for them. */
  setMetadata(_entries: Readonly<Record<string, string>>): void {}

  /** Throws a `TypeError` for an option that is not known. */
  setOptions(options: Readonly<Record<string, string>>): void {
    const unknown = Object.keys(options).find((name) => !this.options.includes(name));
    if (unknown === undefined) return;
    throw new TypeError(
      `Unknown option "${unknown}" for ${this.title}${suggestion(unknown, this.options)} ` +
        `(it takes ${this.options.join(", ")})`,
    );
  }

  abstract open(options: Record<string, string>): Steps<void>;

  abstract write(packet: Packet): Pending;

  /** What has been written is on its way. */
  *flush(): Steps<void> {}

  /** The device is closed when it is freed. */
  *finish(): Steps<void> {}

  abstract [Symbol.dispose](): void;

  /** Calls SDL; where that fails, throws the error that a device of FFmpeg's would. */
  protected callSdl<T>(operation: string, calls: () => T, hint?: string): T {
    try {
      return calls();
    } catch (error) {
      if (!(error instanceof SdlError)) throw error;
      const message = hint === undefined ? error.message : `${error.message}: ${hint}`;
      throw new FFmpegError(message, posixCode("EIO"), operation);
    }
  }
}
