/**
 * What writes: streams and the output that their packets go to, from configuration to the end. Its
 * operations are steps; who may wait for them, and in which order they run, is not its concern.
 *
 * @module
 */

import type { Pending, Sink, Steps } from "../../ffi/call.ts";
import { EXIT, FFmpegError } from "../../ffi/error.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { nonNegative, optionsObject, textRecord } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { requireOptions } from "../base/permissions.ts";
import type { QueueOwner } from "../base/serial_queue.ts";
import { attempt } from "../base/steps.ts";
import { article, shown } from "../base/text.ts";
import { saysHungUp } from "../facts/network.ts";
import type { Packet } from "../media/packet.ts";
import { type CopySource, isCopySource, packetSource } from "../media/packet_source.ts";
import { NO_COUNTS, type Output } from "../outputs/output.ts";
import { CopiedStream, Copying, type Cut } from "./copied_stream.ts";
import type { AudioStreamOptions, CopyOptions, VideoStreamOptions } from "./options.ts";
import { AudioOutputStream, VideoOutputStream } from "./output_stream.ts";
import { PacketCounter, type StreamWriterStats } from "./packet_counter.ts";

/** A checked chunk: what is in it is the stream's own affair. */
export interface CheckedChunk {
  readonly numFrames: number;
}

/** A stream whose packets are made of chunks, of either kind. */
export interface EncodedStream extends
  Pick<
    AudioOutputStream,
    "context" | "packetTimeBase" | "frames" | "dropped" | "repaired" | "flush" | "silence"
  >,
  Disposable {
  readonly type: "audio" | "video";
  /** Checks a chunk; throws a `TypeError` that says what would fit. */
  check(chunk: unknown): CheckedChunk;
  /** Writes a checked chunk whose first frame is due at `pts` seconds. */
  write(chunk: CheckedChunk, pts: number | undefined): Pending;
}

type AnyStream = EncodedStream | CopiedStream;
type State = "configuring" | "opening" | "open" | "closed";

/** How often a window is looked after while the script does other things, in milliseconds. */
const TEND = 30;

/** What a writer is built on. */
export interface WriterParts {
  /** The class that users know it by, such as `"StreamWriter"`. */
  readonly name: string;
  /** What messages call it: `writer for "a.wav"`. */
  readonly title: string;
  /** What takes the packets. */
  readonly output: Output;
  /**
   * Checks that the script may open it with these options, and returns those to open it with. Throws
   * Deno's own error.
   */
  readonly allow: (options: Record<string, string>) => Record<string, string>;
}

/** What a writer owns. */
interface Resources {
  readonly output: Output;
  readonly streams: AnyStream[];
}

/** Frees what a writer left behind that was forgotten without `close()`, and says so. */
const forgotten = new FinalizationRegistry<{ resources: Resources; title: string }>((held) => {
  if (held.resources.output.opened) {
    console.warn(
      `A ${held.title} was garbage-collected without close(): what it has written may be incomplete`,
    );
  }
  free(held.resources);
});

function free({ output, streams }: Resources): void {
  for (const stream of streams) stream[Symbol.dispose]();
  output[Symbol.dispose]();
}

/** Streams and their output, from configuration to the end. */
export class Writer implements QueueOwner {
  /** The class that users know it by. */
  readonly name: string;
  readonly #title: string;
  readonly #output: Output;
  readonly #streams: AnyStream[] = [];
  /** What is copied from each reader. */
  readonly #copying: Map<CopySource, Copying> = new Map();
  readonly #counter: PacketCounter = new PacketCounter();
  readonly #allow: WriterParts["allow"];
  #tending: ReturnType<typeof setInterval> | undefined;
  #state: State = "configuring";
  /** Whether opening has begun. */
  #begun = false;
  #failure: FFmpegError | undefined;

  /** Makes a writer of these parts; nothing is opened yet. */
  constructor(parts: WriterParts) {
    const { name, title, output, allow } = parts;
    this.name = name;
    this.#title = title;
    this.#output = output;
    this.#allow = allow;
    const resources = { output, streams: this.#streams };
    forgotten.register(this, { resources, title }, this);
  }

  /** Interrupts its calls, as long as there is something to interrupt. */
  readonly interrupt = (): Interrupt | undefined => {
    // Reading and writing a local file is not interrupted: FFmpeg would take it for damaged.
    return this.#output.freed || !this.#output.blocks ? undefined : this.#output.interrupt;
  };

  /** Why sync calls are not possible, if so. */
  get asyncOnly(): string | undefined {
    return this.#output.asyncOnly ? "sends in the background" : undefined;
  }

  /** What has been done so far. Cheap to ask. */
  get stats(): StreamWriterStats {
    const { counts = NO_COUNTS } = this.#output;
    const sum = (of: "dropped" | "repaired") =>
      this.#streams.reduce((total, stream) => total + stream[of], counts[of]);
    const output = { ...counts, dropped: sum("dropped"), repaired: sum("repaired") };
    return this.#counter.stats(this.#streams.map((stream) => stream.frames), output);
  }

  /** Sound devices: how much has been heard, in seconds. */
  get heard(): number {
    return this.#output.heard?.(0) ?? 0;
  }

  /** How many streams have been added. */
  get numStreams(): number {
    return this.#streams.length;
  }

  /** Adds an audio stream; returns its index. */
  addAudioStream(sampleRate: number, numChannels: number, options?: AudioStreamOptions): number {
    this.#mustBe("configuring", "add a stream");
    const { container } = this.#output;
    const write = this.#packetSink(this.#streams.length);
    return this.#add(AudioOutputStream.create(container, sampleRate, numChannels, options, write));
  }

  /** Adds a video stream; returns its index. */
  addVideoStream(
    frameRate: number,
    width: number,
    height: number,
    options?: VideoStreamOptions,
  ): number {
    this.#mustBe("configuring", "add a stream");
    const stream = VideoOutputStream.create(
      this.#output,
      frameRate,
      width,
      height,
      options,
      this.#packetSink(this.#streams.length),
    );
    return this.#add(stream, stream.context.fields.framerate);
  }

  /**
   * Adds a stream whose packets are copied from a source; returns its index.
   *
   * @param inTurn Has a packet written when it is the turn of this writer.
   */
  addStreamFrom(
    reader: CopySource,
    i: number,
    options: CopyOptions | undefined,
    inTurn: (write: () => Pending) => Steps<void>,
  ): number {
    this.#mustBe("configuring", "add a stream");
    if (!isCopySource(reader)) {
      throw new TypeError(`Expected a StreamReader to copy from, got ${shown(reader)}`);
    }
    const cut = checkedCut(options);
    const source = reader[packetSource];
    const from = source.stream(i);
    const copying = this.#copying.get(reader) ?? new Copying(source);
    this.#copying.set(reader, copying);
    const stream = new CopiedStream(this.#output.container, from, copying, cut);
    const write = this.#packetSink(this.#streams.length);
    const index = this.#add(stream, from.type === "video" ? from.frameRate : undefined);
    stream.follow((packet) => inTurn(() => this.#copy(packet, stream, write)));
    return index;
  }

  *#copy(packet: Packet, stream: CopiedStream, write: Sink<Packet>): Steps<void> {
    if (this.#state === "closed") return; // it has all that it wanted
    this.#mustBe("open", "copy a packet");
    using copy = stream.place(packet);
    const rest = copy && write(copy);
    if (rest) yield* this.#rest(rest);
  }

  #add(stream: AnyStream, frameRate?: { num: number; den: number }): number {
    try {
      this.#output.addStream(stream.context, frameRate);
    } catch (error) {
      stream[Symbol.dispose]();
      throw error;
    }
    return this.#streams.push(stream) - 1;
  }

  /** Where the packets of a stream go; must not hold on to the writer itself. */
  #packetSink(index: number): Sink<Packet> {
    const [counter, output, streams] = [this.#counter, this.#output, this.#streams];
    return (packet) => {
      const { packetTimeBase } = streams[index]!;
      counter.add(packet, index, packetTimeBase);
      return output.write(packet, index, packetTimeBase);
    };
  }

  /** Sets the container's metadata, in place of what was set before. */
  setMetadata(metadata: Readonly<Record<string, string>>): void {
    this.#mustBe("configuring", "set metadata");
    this.#output.setMetadata(textRecord("metadata", metadata));
  }

  /**
   * Opening begins: from here on the writer can't be configured any more.
   *
   * @param options Options of the protocol and the container.
   * @returns The options to open it with, checked.
   */
  startOpening(options: unknown): Record<string, string> {
    this.#mustBe("configuring", "open");
    const checked = textRecord("the options of open", options);
    if (this.#streams.length === 0) {
      throw new Error(
        "Cannot open a writer without streams: add one with addAudioStream() or " +
          "addVideoStream() first",
      );
    }
    requireOptions(checked);
    const allowed = this.#allow(checked);
    this.#output.setOptions(checked);
    this.#state = "opening";
    return allowed;
  }

  /** Goes back to where it was, if `open` never got its turn; it may have been abandoned since. */
  endOpening(): void {
    if (this.#state === "opening" && !this.#begun) this.#state = "configuring";
  }

  /** Opens the destination and writes the container's header. */
  *open(options: Record<string, string>): Steps<void> {
    this.#mustBe("opening", "open");
    this.#begun = true;
    try {
      yield* this.#output.open(options);
    } catch (error) {
      yield* this.abandon();
      throw error;
    }
    this.#state = "open";
    this.#counter.start();
    this.#tend();
  }

  /** Keeps a window responsive while the script is busy with other things. */
  #tend(): void {
    if (this.#output.container.device !== "video" || !this.#output.idle) return;
    const output = this.#output;
    this.#tending = setInterval(() => output.idle!(), TEND);
    Deno.unrefTimer(this.#tending);
  }

  /** After a failure to open: nothing can be written any more, so nothing is kept. */
  *abandon(): Steps<void> {
    if (this.#output.abandon) yield* this.#output.abandon();
    this.#release();
  }

  #release(): void {
    this.#state = "closed";
    this.#counter.stop();
    if (this.#tending !== undefined) clearInterval(this.#tending);
    forgotten.unregister(this);
    free({ output: this.#output, streams: this.#streams });
  }

  /** Writes a checked chunk to one of the streams, whose first frame is due at `pts` seconds. */
  write(stream: EncodedStream, chunk: CheckedChunk, pts: number | undefined): Pending {
    this.#mustBe("open", "write a chunk");
    try {
      const rest = stream.write(chunk, pts);
      return rest && this.#rest(rest);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  *#rest(rest: Steps<void>): Steps<void> {
    try {
      yield* rest;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Keeps in mind what a write has thrown, so that closing does not throw it again. */
  #noted(error: unknown): unknown {
    if (error instanceof FFmpegError) this.#failure = error;
    return error;
  }

  /** Checks that it can be flushed, now or in turn. */
  checkFlush({ inTurn }: { inTurn: boolean }): void {
    if (!inTurn || this.#state !== "opening") this.#mustBe("open", "flush");
  }

  /** Encodes what has been buffered and pushes it to the destination. */
  *flush(): Steps<void> {
    this.#mustBe("open", "flush");
    try {
      for (const stream of this.#streams) yield* stream.flush();
      yield* this.#output.flush();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Ends a wait for the next viewer: it is being closed. */
  giveUp(): void {
    if (!this.#output.freed) this.#output.giveUp?.();
  }

  /** Goes through all steps of closing whatever fails, then throws the first failure. */
  *close(drain: boolean): Steps<void> {
    if (this.#state === "closed") return;
    const failures = this.#state === "open" ? yield* this.#finish(drain) : [];
    this.#release();
    const news = failures.filter((error) => !this.#isKnown(error));
    if (news.length > 0) throw news[0];
  }

  *#finish(drain: boolean): Steps<unknown[]> {
    const output = this.#output;
    if (!drain) output.drop?.();
    const failures = yield* attempt(...this.#streams.map((stream) => () => stream.flush()));
    if (drain) failures.push(...yield* attempt(() => this.#pad()));
    failures.push(...yield* attempt(() => output.finish(failures.length === 0)));
    // Some containers do not report that writing their end was interrupted.
    if (output.interrupt.triggered) failures.push(failure(EXIT, "write the end"));
    return failures;
  }

  /** Some sound devices play a short sound only when silence follows it. */
  *#pad(): Steps<void> {
    const seconds = this.#output.pad?.() ?? 0;
    const [stream] = this.#streams;
    if (seconds === 0 || !stream || stream.type === "copy") return;
    this.#counter.pad();
    yield* stream.silence(seconds);
  }

  /** Whether a failure is one that a write has already thrown, or follows from it. */
  #isKnown(error: unknown): boolean {
    if (!(error instanceof FFmpegError)) return false;
    return error.code === this.#failure?.code || saysHungUp(this.#failure);
  }

  #mustBe(wanted: State, action: string): void {
    if (this.#state === wanted) return;
    const why = {
      configuring: "is not open yet: call open() first",
      opening: "is being opened: await open() first",
      open: "is open already: streams and metadata come before open()",
      closed: `is closed: make a new ${this.name}`,
    }[this.#state];
    throw new Error(`Cannot ${action}, as the ${this.#title} ${why}`);
  }

  /** The encoded stream of an index; throws for an index of no such stream. */
  stream(index: number, type: "audio" | "video"): EncodedStream {
    // Async writes may follow an open() that is still under way: they take their turn after it.
    if (this.#state !== "opening") this.#mustBe("open", `write ${type}`);
    if (typeof index !== "number") {
      throw new TypeError(`Expected a stream index, a number, got ${shown(index)}`);
    }
    const stream = this.#streams[index];
    if (stream === undefined) {
      throw new RangeError(
        `Expected a stream index from 0 to ${this.#streams.length - 1}, got ${shown(index)}`,
      );
    }
    if (stream.type === "copy") {
      throw new TypeError(
        `Expected an index of ${article(type)} stream, got ${index}: it is copied`,
      );
    }
    if (stream.type !== type) {
      const other = type === "audio" ? "writeVideoChunk" : "writeAudioChunk";
      throw new TypeError(
        `Expected an index of ${article(type)} stream, got ${index}: use ${other}()`,
      );
    }
    return stream;
  }
}

function checkedCut(options: CopyOptions | undefined): Cut {
  const given = optionsObject("the options of addStreamFrom", options, ["start", "end"]);
  const start = given.start === undefined ? undefined : nonNegative("start", given.start);
  const end = given.end === undefined ? Infinity : nonNegative("end", given.end);
  if (end > (start ?? -1)) return { start, end };
  throw new RangeError(`Expected end after start, got ${end} and ${start}`);
}
