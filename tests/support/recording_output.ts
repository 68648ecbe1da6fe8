/**
 * An output that keeps what is written to it, and a fan-out to write packets to.
 *
 * @module
 */

import { type Pending, runSync, type Steps } from "../../ffi/call.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { viewOf } from "../../ffi/memory.ts";
import { FanOut } from "../../src/broadcast/fan_out.ts";
import { codecByName, CodecContext } from "../../src/media/codec.ts";
import { Packet } from "../../src/media/packet.ts";
import type { Container, Output } from "../../src/outputs/output.ts";

/** The packets' times are in units of this: hundredths of a second. */
export const TIME_BASE = { num: 1, den: 100 };

/** A packet as it came. */
export interface Written {
  readonly index: number;
  readonly pts: number;
  readonly bytes: readonly number[];
}

/** What an output does otherwise than to keep packets. */
export interface Behaviour {
  /** Whether its container wants headers once, at its beginning. */
  readonly globalHeader?: boolean;
  /** Other facts about its container. */
  readonly container?: Partial<Container>;
  /** Whether packets are sent in the background. */
  readonly asyncOnly?: boolean;
  /** How much has been heard, in seconds. */
  readonly heard?: () => number | undefined;
  /** What opening it waits for. */
  readonly opening?: () => Steps<void>;
  /** What writing to it waits for. */
  readonly writing?: () => Pending;
}

/** An output that keeps packets. */
export class RecordingOutput implements Output {
  readonly container: Container;
  readonly interrupt = new Interrupt();
  readonly blocks = false;
  readonly retainsPackets = false;
  readonly written: Written[] = [];
  readonly streams: CodecContext[] = [];
  metadata: Readonly<Record<string, string>> = {};
  keyRequests = 0;
  opened = false;
  freed = false;
  finished = 0;
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
    this.container = {
      name: "recording",
      device: undefined,
      access: "none",
      globalHeader: behaviour.globalHeader ?? true,
      keepsTimes: true,
      guessCodec: () => 0,
      canHold: () => undefined,
      ...behaviour.container,
    };
  }

  get asyncOnly(): boolean {
    return this.#behaviour.asyncOnly ?? false;
  }

  /** The presentation times that have been written. */
  get times(): number[] {
    return this.written.map(({ pts }) => pts);
  }

  addStream(context: CodecContext): number {
    return this.streams.push(context) - 1;
  }

  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.metadata = entries;
  }

  setOptions(): void {}

  *open(): Steps<void> {
    if (this.#behaviour.opening) yield* this.#behaviour.opening();
    this.opened = true;
  }

  write(packet: Packet, index: number): Pending {
    const { pts, data, size } = packet.fields;
    const bytes = [...viewOf(data!, size)];
    this.written.push({ index, pts, bytes });
    return this.#behaviour.writing?.();
  }

  *flush(): Steps<void> {}

  heard(): number | undefined {
    return this.#behaviour.heard?.();
  }

  // deno-lint-ignore require-yield -- nothing is buffered
  *finish(): Steps<void> {
    this.opened = false;
    this.finished++;
  }

  [Symbol.dispose](): void {
    this.opened = false;
    this.freed = true;
    this.interrupt[Symbol.dispose]();
  }
}

/** A packet with a byte of data. */
export function packetAt(
  pts: number,
  { key = false, value = pts & 255, duration = 0 } = {},
): Packet {
  const packet = new Packet();
  ffmpeg().avcodec.av_new_packet(packet.pointer, 1);
  const { fields } = packet;
  viewOf(fields.data!, 1)[0] = value;
  fields.pts = fields.dts = pts;
  fields.duration = duration;
  fields.flags = key ? ffmpeg().layout.constants.AV_PKT_FLAG_KEY : 0;
  return packet;
}

/** A video stream, as an encoder has it, with headers. */
export function videoContext(codecId: number, headers: readonly number[] = []): CodecContext {
  const context = new CodecContext(undefined);
  const { fields } = context;
  fields.codec_id = codecId;
  fields.width = 64;
  if (headers.length > 0) {
    const pointer = ffmpeg().avutil.av_mallocz(BigInt(headers.length + 64));
    viewOf(pointer!, headers.length).set(headers);
    fields.extradata = pointer as typeof fields.extradata;
    fields.extradata_size = headers.length;
  }
  return context;
}

/** The number of a video format. */
export const codecId = (name: string): number => codecByName("decoder", "video", name).id;

/** An open fan-out of one video stream, and a way to write packets to it. */
export interface Scene extends Disposable {
  readonly fanOut: FanOut;
  /** Writes a packet with a presentation time. */
  send(pts: number, key?: boolean): void;
}

/** Makes a fan-out of a stream in a format, with headers. */
export function fanOutOf(codec: string, headers: readonly number[] = []): Scene {
  const fanOut = new FanOut(new RecordingOutput());
  const context = videoContext(codecId(codec), headers);
  fanOut.addStream(context);
  runSync(fanOut.open());
  return {
    fanOut,
    send(pts, key = false) {
      using packet = packetAt(pts, { key });
      fanOut.write(packet, 0, TIME_BASE);
    },
    [Symbol.dispose]() {
      fanOut[Symbol.dispose]();
      context[Symbol.dispose]();
    },
  };
}
