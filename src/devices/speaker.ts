/**
 * A sound device by SDL: what `format: "audio"` stands for where FFmpeg has no device for sound, as on
 * Windows. It behaves as FFmpeg's devices do.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { layoutOf } from "../../ffi/compat.ts";
import { FFmpegError, posixCode } from "../../ffi/error.ts";
import { openSdlSound, type SdlSound, sdlSoundDevices } from "../../ffi/sdl/sound.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { failure } from "../base/failure.ts";
import { suggestion } from "../base/text.ts";
import { deviceGone, deviceHint } from "../facts/devices.ts";
import type { CodecContext } from "../media/codec.ts";
import { sampleFormat, sampleFormatName } from "../media/formats.ts";
import type { Packet } from "../media/packet.ts";
import { SdlDevice } from "./sdl_device.ts";

/** How much sound, in seconds, may be queued before a write waits. */
const PLENTY = 0.5;
/** How often, in milliseconds, a write that waits looks at the queue. */
const LOOK = 10;

/** What the samples are like. */
interface Signal {
  readonly format: string;
  readonly sampleRate: number;
  readonly channels: number;
}

/** A sound device as a writer's output. */
export class Speaker extends SdlDevice {
  readonly name = "audio";
  readonly device = "audio";
  readonly keepsTimes = false;
  readonly startsAtOnce = true;
  protected readonly title = "the sound device";
  protected readonly encoders = ["pcm_f32le", "pcm_s16le", "pcm_s32le", "pcm_u8"];
  protected readonly options = ["device"];
  readonly #device: string | undefined;
  /** Known once the stream has been added. */
  #signal: Signal | undefined;
  #sound: SdlSound | undefined;
  #bytesPerSecond = 1;
  /** How many bytes have been queued since it was opened. */
  #written = 0;
  /** How many bytes had left the queue when that last changed, and when it did, in milliseconds. */
  #left = { bytes: 0, at: 0 };
  readonly #clock: Clock;

  /** Makes an output for a device of SDL's, or the default one. */
  constructor(device: string | undefined, clock: Clock = systemClock) {
    super();
    this.#device = device;
    this.#clock = clock;
  }

  get opened(): boolean {
    return this.#sound !== undefined;
  }

  override addStream(context: CodecContext): number {
    const index = super.addStream(context);
    const { fields } = context;
    const format = sampleFormatName(fields.sample_fmt);
    const { channels } = layoutOf(fields);
    const { sample_rate: sampleRate } = fields;
    this.#signal = { format, sampleRate, channels };
    this.#bytesPerSecond = sampleRate * channels * sampleFormat(format).array.BYTES_PER_ELEMENT;
    return index;
  }

  // deno-lint-ignore require-yield -- SDL's calls do not block
  *open(options: Record<string, string>): Steps<void> {
    const device = options.device ?? this.#device;
    const open = () => {
      this.#checkName(device);
      return openSdlSound({ ...this.#signal!, device });
    };
    this.#sound = this.callSdl("open the sound device", open, deviceHint(this.name));
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

  /** Queues samples, and waits while there are plenty. */
  write({ fields }: Packet): Pending {
    this.#checkThere();
    this.callSdl("play sound", () => this.#sound!.queue(fields.data!, fields.size));
    this.#written += fields.size;
    return this.#ahead > PLENTY ? this.#wait() : undefined;
  }

  *#wait(): Steps<void> {
    while (this.#ahead > PLENTY) {
      if (this.interrupt.triggered) return;
      this.#checkThere();
      yield* this.#clock.sleep(LOOK);
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

  /** Drops the sound that the device has not played yet. */
  drop(): void {
    this.#sound?.clear();
  }

  /**
   * How much has been heard, in seconds: what has left the queue, less what the device buffers. It
   * leaves the queue in large pieces; between two of them, the time that has passed counts.
   */
  heard(): number | undefined {
    const sound = this.#sound;
    if (!sound) return undefined;
    const now = this.#clock.now();
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
