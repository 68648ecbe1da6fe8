/**
 * One encoder, many viewers: each packet goes to all of them.
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

/** A viewer, as far as it concerns the fan-out. */
export interface FanOutViewer {
  /** Its own output. Writing to it must not block, since the other viewers come next. */
  readonly output: Output;
  /** Called when writing to its output has failed: it gets nothing more. */
  failed(error: unknown): void;
  /** Sends what is queued, and completes its container. */
  close(): Promise<void>;
}

/** A stream, as it is added to the output of each viewer. */
interface Stream {
  readonly context: CodecContext;
  readonly frameRate: Rational | undefined;
  /** What decoding needs, for containers whose only place for it is in front of key frames. */
  readonly headers: Uint8Array<ArrayBuffer> | undefined;
}

/** Formats whose headers may stand in front of key frames. */
const INLINE_HEADERS = new Set(["h264", "hevc", "vvc", "mpeg4", "mpeg2video", "mpeg1video"]);

/** Forwards packets to viewers that come and go. */
export class FanOut implements Output {
  readonly container: Container;
  readonly blocks = false;
  readonly retainsPackets = false;
  readonly asyncOnly = true;
  readonly interrupt: Interrupt = new Interrupt();
  readonly #model: Output;
  readonly #streams: Stream[] = [];
  readonly #viewers: Set<FanOutViewer> = new Set();
  #metadata: Readonly<Record<string, string>> = {};
  #opened = false;
  /** Key frames requested by viewers that have left since. */
  #formerRequests = 0;

  /** Makes one whose packets suit the container of an output, the model. */
  constructor(model: Output) {
    const { name, pixelFormats } = model.container;
    this.#model = model;
    this.container = {
      name,
      pixelFormats,
      device: undefined,
      access: "none",
      globalHeader: true, // where a viewer needs the headers inline, `write` puts them there
      keepsTimes: true,
      guessCodec: (type) => model.container.guessCodec(type),
      canHold: (codecId) => model.container.canHold(codecId),
    };
  }

  /** Whether viewers may join. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.interrupt.freed;
  }

  /** How often a key frame has been requested. */
  get keyRequests(): number {
    let requests = this.#formerRequests;
    for (const { output } of this.#open()) requests += output.keyRequests ?? 0;
    return requests;
  }

  /** How many viewers there are. */
  get numViewers(): number {
    return this.#open().length;
  }

  /** Adds a stream. */
  addStream(context: CodecContext, frameRate?: Rational): number {
    return this.#streams.push({ context, frameRate, headers: headersOf(context) }) - 1;
  }

  /** Replaces the metadata, which each viewer gets. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.#metadata = entries;
  }

  /** There are no options: each viewer has its own. */
  setOptions(options: Readonly<Record<string, string>>): void {
    const [name] = Object.keys(options);
    if (name === undefined) return;
    throw new TypeError(
      `Expected no options for a broadcast, got "${name}": give options to add(), readable() or ` +
        `response()`,
    );
  }

  // deno-lint-ignore require-yield -- viewers are opened one by one, when they come
  *open(): Steps<void> {
    this.#opened = true;
  }

  /** Adds the streams and the metadata to an output, which is not open yet. */
  describe(output: Output): void {
    for (const { context, frameRate } of this.#streams) output.addStream(context, frameRate);
    output.setMetadata(this.#metadata);
  }

  /** Adds a viewer, which gets all packets once its output is open. */
  join(viewer: FanOutViewer): void {
    this.#viewers.add(viewer);
  }

  /** Removes a viewer: it gets nothing more. */
  leave(viewer: FanOutViewer): void {
    if (!this.#viewers.delete(viewer)) return;
    if (viewer.output.opened) this.#formerRequests += viewer.output.keyRequests ?? 0;
  }

  /** Forwards a packet to all viewers; one that fails leaves, and the others go on. */
  write(packet: Packet, index: number, timeBase: Rational): undefined {
    using inline = this.#needsInline(packet, index)
      ? packet.withPrefix(this.#streams[index]!.headers!)
      : undefined;
    for (const viewer of this.#open()) {
      const own = inline && !viewer.output.container.globalHeader ? inline : packet;
      try {
        viewer.output.write(own, index, timeBase);
      } catch (error) {
        this.leave(viewer);
        viewer.failed(error);
      }
    }
  }

  /** The viewers whose output is open. */
  #open(): FanOutViewer[] {
    return [...this.#viewers].filter(({ output }) => output.opened);
  }

  #needsInline(packet: Packet, index: number): boolean {
    if (this.#streams[index]!.headers === undefined || !packet.isKey) return false;
    return this.#open().some(({ output }) => !output.container.globalHeader);
  }

  /** Does nothing: viewers' packets are sent as soon as they can be. */
  *flush(): Steps<void> {}

  /** Ends all viewers at the same time: none waits for another. */
  *finish(): Steps<void> {
    this.#opened = false;
    yield {
      now() {
        throw new Error("Cannot end a broadcast in a sync call");
      },
      later: () => Promise.all([...this.#viewers].map((viewer) => viewer.close())),
    };
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.#opened = false;
    for (const { output } of this.#viewers) output[Symbol.dispose]();
    this.#viewers.clear();
    this.#model[Symbol.dispose]();
    this.interrupt[Symbol.dispose]();
  }
}

/** The headers of a stream whose format takes them in front of key frames. */
function headersOf({ fields }: CodecContext): Uint8Array<ArrayBuffer> | undefined {
  const { extradata, extradata_size: size, codec_id } = fields;
  if (extradata === null || size === 0 || !INLINE_HEADERS.has(codecName(codec_id))) {
    return undefined;
  }
  const bytes = viewOf(extradata, size).slice();
  return bytes[0] === 0 ? bytes : undefined; // else it has another form than the packets
}
