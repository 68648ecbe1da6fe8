/**
 * One encoder, many receivers: each packet goes to all of them.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { viewOf } from "../../ffi/memory.ts";
import { type CodecContext, codecName } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";
import type { Container, Output } from "../outputs/output.ts";

/** What takes the packets of all streams; it must not keep the others waiting. */
export interface Receiver {
  /** Its own output. */
  readonly output: Output;
  /** Called when writing to it has failed: it gets nothing more. */
  failed(error: unknown): void;
  /** Ends it properly. */
  close(): Promise<void>;
}

/** A stream, as each receiver is told of it. */
interface Stream {
  readonly context: CodecContext;
  readonly frameRate: Rational | undefined;
  /** What decoding needs, for containers that have no place for it but in front of key frames. */
  readonly headers: Uint8Array<ArrayBuffer> | undefined;
}

/** Formats whose headers may stand in front of key frames. */
const INLINE_HEADERS = new Set(["h264", "hevc", "vvc", "mpeg4", "mpeg2video", "mpeg1video"]);

/** Hands packets on to receivers that come and go. */
export class FanOut implements Output {
  readonly container: Container;
  readonly blocks = false;
  readonly retainsPackets = false;
  readonly asyncOnly = true;
  readonly interrupt: Interrupt = new Interrupt();
  readonly #model: Output;
  readonly #streams: Stream[] = [];
  readonly #receivers: Set<Receiver> = new Set();
  #metadata: Readonly<Record<string, string>> = {};
  #opened = false;
  /** Key frames that receivers have asked for that have left since. */
  #formerRequests = 0;

  /** Makes one that encodes what suits a container. */
  constructor(model: Output) {
    const { name, pixelFormats } = model.container;
    this.#model = model;
    this.container = {
      name,
      pixelFormats,
      device: undefined,
      access: "none",
      globalHeader: true, // the other form is made of this one where a receiver needs it
      keepsTimes: true,
      guessCodec: (type) => model.container.guessCodec(type),
      canHold: (codecId) => model.container.canHold(codecId),
    };
  }

  /** Whether receivers may come. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.interrupt.freed;
  }

  /** How often a key frame has been asked for. */
  get keyRequests(): number {
    let requests = this.#formerRequests;
    for (const { output } of this.#open()) requests += output.keyRequests ?? 0;
    return requests;
  }

  /** How many receivers there are. */
  get numReceivers(): number {
    return this.#open().length;
  }

  /** Adds a stream. */
  addStream(context: CodecContext, frameRate?: Rational): number {
    return this.#streams.push({ context, frameRate, headers: headersOf(context) }) - 1;
  }

  /** Replaces the metadata, which each receiver gets. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.#metadata = entries;
  }

  /** There are no options: each receiver has its own. */
  setOptions(options: Readonly<Record<string, string>>): void {
    const [name] = Object.keys(options);
    if (name === undefined) return;
    throw new TypeError(
      `Expected no options for a broadcast, got "${name}": give options to add(), readable() or ` +
        `response()`,
    );
  }

  // deno-lint-ignore require-yield -- receivers are opened one by one, when they come
  *open(): Steps<void> {
    this.#opened = true;
  }

  /** Tells an output, which is not open yet, of the streams. */
  describe(output: Output): void {
    for (const { context, frameRate } of this.#streams) output.addStream(context, frameRate);
    output.setMetadata(this.#metadata);
  }

  /** Lets a receiver have all packets from the time when its output is open. */
  join(receiver: Receiver): void {
    this.#receivers.add(receiver);
  }

  /** Gives a receiver nothing more. */
  leave(receiver: Receiver): void {
    if (!this.#receivers.delete(receiver)) return;
    if (receiver.output.opened) this.#formerRequests += receiver.output.keyRequests ?? 0;
  }

  /** Hands a packet to all receivers. */
  write(packet: Packet, index: number, timeBase: Rational): undefined {
    using inline = this.#needsInline(packet, index)
      ? packet.withPrefix(this.#streams[index]!.headers!)
      : undefined;
    for (const receiver of this.#open()) {
      const own = inline && !receiver.output.container.globalHeader ? inline : packet;
      try {
        receiver.output.write(own, index, timeBase);
      } catch (error) {
        this.leave(receiver);
        receiver.failed(error);
      }
    }
  }

  /** The receivers that are open by now. */
  #open(): Receiver[] {
    return [...this.#receivers].filter(({ output }) => output.opened);
  }

  #needsInline(packet: Packet, index: number): boolean {
    if (this.#streams[index]!.headers === undefined || !packet.isKey) return false;
    return this.#open().some(({ output }) => !output.container.globalHeader);
  }

  /** Everything is sent as soon as it can be. */
  *flush(): Steps<void> {}

  /** Ends all receivers, at the same time: none waits for another. */
  *finish(): Steps<void> {
    this.#opened = false;
    yield {
      now() {
        throw new Error("Cannot end a broadcast in a sync call");
      },
      later: () => Promise.all([...this.#receivers].map((receiver) => receiver.close())),
    };
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.#opened = false;
    for (const { output } of this.#receivers) output[Symbol.dispose]();
    this.#receivers.clear();
    this.#model[Symbol.dispose]();
    this.interrupt[Symbol.dispose]();
  }
}

/** The headers of a format that takes them in front of key frames. */
function headersOf({ fields }: CodecContext): Uint8Array<ArrayBuffer> | undefined {
  const { extradata, extradata_size: size, codec_id } = fields;
  if (extradata === null || size === 0 || !INLINE_HEADERS.has(codecName(codec_id))) {
    return undefined;
  }
  const bytes = viewOf(extradata, size).slice();
  return bytes[0] === 0 ? bytes : undefined; // else it has another form than the packets
}
