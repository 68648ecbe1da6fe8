/**
 * A sound device by SDL: what `format: "audio"` stands for where FFmpeg has no device for sound, as on
 * Windows. It behaves as FFmpeg's devices do.
 *
 * @module
 */

import { type Pending, sleep, type Steps } from "../../ffi/call.ts";
import { layoutOf } from "../../ffi/compat.ts";
import { FFmpegError, posixCode } from "../../ffi/error.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { SdlError } from "../../ffi/sdl/library.ts";
import { openSdlSound, type SdlSound, sdlSoundDevices } from "../../ffi/sdl/sound.ts";
import { failure } from "../base/failure.ts";
import { suggestion } from "../base/text.ts";
import { deviceGone, deviceHint, ONE_STREAM } from "../facts/devices.ts";
import { codecByName, type CodecContext, type MediaType } from "../media/codec.ts";
import { sampleFormat, sampleFormatName } from "../media/formats.ts";
import type { Packet } from "../media/packet.ts";
import type { Container, Output } from "../outputs/output.ts";

/** The encoders whose packets are samples that SDL plays, best first. */
const ENCODERS = ["pcm_f32le", "pcm_s16le", "pcm_s32le", "pcm_u8"];
/** How much sound, in seconds, is queued before a write waits. */
const PLENTY = 0.5;
/** How often, in milliseconds, a write that waits looks whether there is room. */
const LOOK = 10;

/** The samples' form, known once the stream has been added. */
interface Signal {
  readonly format: string;
  readonly sampleRate: number;
  readonly channels: number;
}

/** A sound device as a writer's output. */
export class Speaker implements Output, Container {
  readonly name = "audio";
  readonly globalHeader = false;
  readonly keepsTimes = false;
  readonly retainsPackets = false;
  readonly blocks = true;
  readonly access = "none";
  readonly device = "audio";
  readonly startsAtOnce = true;
  readonly interrupt: Interrupt = new Interrupt();
  readonly #device: string | undefined;
  #signal: Signal | undefined;
  #sound: SdlSound | undefined;
  #bytesPerSecond = 1;
  /** Bytes that have been queued since it was opened. */
  #written = 0;
  /** Bytes that had left the queue when that was last seen to have changed, and when that was. */
  #left = { bytes: 0, at: 0 };

  /** Makes an output for a device of SDL's, or the usual one. */
  constructor(device: string | undefined) {
    this.#device = device;
  }

  /** The facts about it. */
  get container(): Container {
    return this;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.interrupt.freed;
  }

  /** Whether the device is open. */
  get opened(): boolean {
    return this.#sound !== undefined;
  }

  /** Samples as they are. */
  guessCodec(type: MediaType): number {
    return type === "audio" ? idOf(ENCODERS[0]!) : ffmpeg().layout.constants.AV_CODEC_ID_NONE;
  }

  /** Samples in the formats that SDL knows. */
  canHold(codecId: number): boolean {
    return ENCODERS.some((name) => idOf(name) === codecId);
  }

  /** Takes the one stream of samples that a device plays. */
  addStream(context: CodecContext): number {
    if (this.#signal) {
      throw new TypeError(ONE_STREAM.audio);
    }
    const { fields } = context;
    const format = sampleFormatName(fields.sample_fmt);
    const { channels } = layoutOf(fields);
    const { sample_rate: sampleRate } = fields;
    this.#signal = { format, sampleRate, channels };
    this.#bytesPerSecond = sampleRate * channels * sampleFormat(format).array.BYTES_PER_ELEMENT;
    return 0;
  }

  /** A sound device has no use for them. */
  setMetadata(): void {}

  /** Throws a `TypeError` for an option that is not known. */
  setOptions(options: Readonly<Record<string, string>>): void {
    const unknown = Object.keys(options).find((name) => name !== "device");
    if (unknown === undefined) return;
    throw new TypeError(
      `Unknown option "${unknown}" for the sound device${suggestion(unknown, ["device"])} ` +
        "(it takes device)",
    );
  }

  // deno-lint-ignore require-yield -- SDL's calls do not wait
  *open(options: Record<string, string>): Steps<void> {
    const device = options.device ?? this.#device;
    try {
      this.#checkName(device);
      this.#sound = openSdlSound({ ...this.#signal!, device });
    } catch (error) {
      if (!(error instanceof SdlError)) throw error;
      const message = `${error.message}: ${deviceHint(this.name)}`;
      throw new FFmpegError(message, posixCode("EIO"), "open the sound device");
    }
  }

  #checkName(device: string | undefined): void {
    if (device === undefined) return;
    const names = sdlSoundDevices();
    if (names.includes(device)) return;
    const there = names.map((name) => `"${name}"`).join(", ") || "none";
    throw new FFmpegError(
      `Cannot open the sound device "${device}", as there is none of this name` +
        `${suggestion(device, names)} (SDL knows ${there})`,
      posixCode("ENODEV"),
      "open the sound device",
    );
  }

  /** Queues samples, and waits while there is plenty. */
  write({ fields }: Packet): Pending {
    this.#checkThere();
    try {
      this.#sound!.queue(fields.data!, fields.size);
    } catch (error) {
      if (!(error instanceof SdlError)) throw error;
      throw new FFmpegError(error.message, posixCode("EIO"), "play sound");
    }
    this.#written += fields.size;
    return this.#ahead > PLENTY ? this.#wait() : undefined;
  }

  *#wait(): Steps<void> {
    while (this.#ahead > PLENTY) {
      if (this.interrupt.triggered) return;
      this.#checkThere();
      yield* sleep(LOOK);
    }
  }

  #checkThere(): void {
    if (!this.#sound!.gone) return;
    throw failure(posixCode("ENODEV"), "play sound", deviceGone(this.name));
  }

  /** How much sound is queued, in seconds. */
  get #ahead(): number {
    return this.#sound!.queued / this.#bytesPerSecond;
  }

  /** What is queued is on its way. */
  *flush(): Steps<void> {}

  /** What is queued by now is not played any more. */
  *finish(): Steps<void> {}

  /** Forgets the sound that the device has not played yet. */
  drop(): void {
    this.#sound?.clear();
  }

  /**
   * How much has been heard, in seconds: what has left the queue, which it does in large pieces, less
   * what the device holds. Between two pieces time goes on.
   */
  heard(): number | undefined {
    const sound = this.#sound;
    if (!sound) return undefined;
    const now = performance.now();
    const bytes = this.#written - sound.queued;
    if (bytes !== this.#left.bytes) this.#left = { bytes, at: now };
    const since = Math.min((now - this.#left.at) / 1000, sound.latency);
    return Math.max(0, bytes / this.#bytesPerSecond + since - sound.latency);
  }

  /** Closes the device. */
  [Symbol.dispose](): void {
    this.#sound?.[Symbol.dispose]();
    this.#sound = undefined;
    this.interrupt[Symbol.dispose]();
  }
}

function idOf(encoder: string): number {
  return codecByName("encoder", "audio", encoder).id;
}
