/**
 * Filters without a codec: samples to frames, through filters, back to chunks.
 *
 * @module
 */

import type { Sink, Steps } from "../../ffi/call.ts";
import { defaultLayout } from "../../ffi/compat.ts";
import type { AudioChunk, CheckedAudio } from "../media/chunk.ts";
import { audioSource, FilterGraph } from "../media/filter_graph.ts";
import type { Frame } from "../media/frame.ts";
import { toSeconds } from "../media/time.ts";
import { AudioChunkBuffer } from "../reading/chunk_buffer.ts";
import { samplesOf } from "../reading/from_frame.ts";
import { AudioFrames } from "../writing/to_frame.ts";
import type { Sound } from "./waveform.ts";

/** How many sample frames go into the filters at a time. */
const STEP = 4096;

/** Filters a waveform. */
export class EffectStream implements Disposable {
  readonly #sound: CheckedAudio;
  readonly #frames: AudioFrames;
  readonly #graph: FilterGraph;
  readonly #buffer: AudioChunkBuffer;
  #at = 0;
  #ended = false;

  /**
   * Makes the filters.
   *
   * @param sound What the samples are.
   * @param checked The samples.
   * @param filters The filters, whose output must be of a packed sample format.
   * @param framesPerChunk Samples per channel in a chunk.
   */
  constructor(sound: Sound, checked: CheckedAudio, filters: string, framesPerChunk: number) {
    const { format, sampleRate, numChannels } = sound;
    const layout = defaultLayout(numChannels);
    const source = audioSource(format.id, sampleRate, layout, { num: 1, den: sampleRate });
    this.#sound = checked;
    this.#buffer = new AudioChunkBuffer({ framesPerChunk, bufferChunkSize: -1 });
    this.#graph = new FilterGraph(source, filters);
    try {
      this.#frames = new AudioFrames(format, sampleRate, layout, 0, false);
    } catch (error) {
      this.#graph[Symbol.dispose]();
      throw error;
    }
  }

  /** The next chunk; `undefined` at the end. */
  *next(): Steps<AudioChunk | undefined> {
    while (!this.#buffer.ready && !this.#ended) yield* this.#step();
    return this.#buffer.pop();
  }

  *#step(): Steps<void> {
    const { arrays, planar, numFrames } = this.#sound;
    if (this.#at === numFrames) {
      this.#ended = true;
      yield* this.#graph.finish(this.#frames.nextPts, this.#keep);
      return this.#buffer.finish();
    }
    const end = Math.min(this.#at + STEP, numFrames);
    const perFrame = planar ? 1 : arrays[0]!.length / numFrames;
    const part = arrays.map((each) => each.subarray(this.#at * perFrame, end * perFrame));
    const chunk = { arrays: part, planar, numFrames: end - this.#at };
    yield* this.#frames.push(chunk, undefined, this.#filter);
    this.#at = end;
  }

  readonly #filter: Sink<Frame> = (frame) => this.#graph.push(frame, this.#keep);

  readonly #keep: Sink<Frame> = (frame) => {
    const { pts, sample_rate: rate } = frame.fields;
    this.#buffer.push(samplesOf(frame), 0, toSeconds(pts, this.#graph.output.timeBase), rate);
    return undefined;
  };

  /** Frees the filters. */
  [Symbol.dispose](): void {
    this.#frames[Symbol.dispose]();
    this.#graph[Symbol.dispose]();
  }
}
