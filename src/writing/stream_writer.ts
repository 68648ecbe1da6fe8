/**
 * `StreamWriter`: encodes samples and pixels, and writes them to a file or wherever FFmpeg reaches.
 *
 * @module
 */

import { location } from "../base/arguments.ts";
import type { BytesWriter } from "../io/bytes.ts";
import { sessionDescription } from "../outputs/muxer.ts";
import type { Output } from "../outputs/output.ts";
import {
  checkedOptions,
  isObject,
  objectParts,
  OTHER_DESTINATIONS,
  urlParts,
} from "./destinations.ts";
import type { StreamWriterOptions } from "./options.ts";
import { Writer } from "./writer.ts";

/**
 * Encodes chunks of samples and pixels, and writes them to a file, a device, or over a network.
 *
 * Add the streams, open the writer, write chunks, close it. The vocabulary and the semantics are
 * those of `torchaudio.io.StreamWriter`; the differences are that samples are regrouped across
 * writes, that FFmpeg's own guess decides the encoder, and that `flush()` may be called at any time.
 *
 * Every call that may wait has an async form, which never blocks the event loop for long, and a
 * `Sync` twin, which is the fastest way through. Calls of one writer run in the order in which they
 * were made.
 *
 * @example A second of a 440 Hz tone
 * ```ts
 * import { StreamWriter } from "@sluice/av";
 *
 * const tone = Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i * 0.3456));
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * const writer = new StreamWriter(path);
 * writer.addAudioStream(8000, 1);
 * {
 *   await using out = await writer.open();
 *   await out.writeAudioChunk(0, tone);
 * }
 * ```
 *
 * @example A video from pixels
 * ```ts
 * import { StreamWriter } from "@sluice/av";
 *
 * const writer = new StreamWriter(await Deno.makeTempFile({ suffix: ".mp4" }));
 * writer.addVideoStream(30, 320, 240, { encoderOption: { preset: "veryfast" } });
 * using out = writer.openSync();
 * const picture = new Uint8Array(320 * 240 * 3);
 * for (let i = 0; i < 30; i++) out.writeVideoChunkSync(0, picture.fill(i * 8));
 * ```
 */
export class StreamWriter extends Writer {
  readonly #output: Output;

  /**
   * Makes a writer for a destination; nothing is opened yet.
   *
   * @param dst A path or a URL; or what takes the bytes: a `Deno.FsFile`, a Web stream, a
   * {@linkcode MemoryFile}, or an object with a method `write`.
   * @param options The container, where the destination's name does not say it.
   * @throws {TypeError} For a container that this FFmpeg does not know.
   * @throws {LibraryError} When FFmpeg can't be found or used.
   */
  constructor(
    dst: string | URL | BytesWriter | WritableStream<Uint8Array>,
    options?: StreamWriterOptions,
  ) {
    const given = checkedOptions(options);
    const parts = isObject(dst)
      ? objectParts(dst, given)
      : urlParts(location("dst", dst, OTHER_DESTINATIONS), given, clocks.get(options ?? {}));
    super(parts);
    this.#output = parts.output;
  }

  /**
   * What a receiver of RTP must be told: where the streams go and how they are encoded, in SDP. RTP
   * carries one stream; a film takes two writers, one for its pictures and one for its sound.
   *
   * @param others Other open writers whose streams belong to the same session.
   * @throws {Error} Before `open`.
   * @throws {TypeError} For a writer that does not write RTP.
   *
   * @example
   * ```ts
   * import { StreamWriter } from "@sluice/av";
   *
   * const writer = new StreamWriter("rtp://127.0.0.1:5004", { format: "rtp" });
   * writer.addAudioStream(48000, 2, { encoder: "aac" });
   * await using out = await writer.open();
   * console.log(out.sdp()); // v=0 …
   * ```
   */
  sdp(...others: StreamWriter[]): string {
    const outputs = [this, ...others].map((writer) => writer.#output);
    const other = outputs.find(({ name }) => name !== "rtp");
    if (other) throw new TypeError(`Expected writers with the format "rtp", got "${other.name}"`);
    if (!outputs.every(({ opened }) => opened)) {
      throw new Error("Cannot describe a writer that is not open: call open() first");
    }
    return sessionDescription(outputs.map(({ native }) => native!));
  }
}

/** Clocks that `playVideo` hands to a writer of its own, by the options that it makes it with. */
export const clocks: WeakMap<object, () => number | undefined> = new WeakMap();
