/**
 * Waveforms: recognizes samples of any shape, and joins chunks into one waveform.
 *
 * @module
 */

import { type Steps, yieldToEventLoop } from "../../ffi/call.ts";
import { flag, wholeNumber } from "../base/arguments.ts";
import { shown } from "../base/text.ts";
import { type AudioChunk, type AudioInput, channelsIn, type Waveform } from "../media/chunk.ts";
import { type AudioSamples, SAMPLE_FORMATS, type SampleFormat } from "../media/formats.ts";
import { MAX_CHANNELS } from "../writing/choose_encoder.ts";

/** What a caller says about samples. */
export interface SoundGiven {
  /** Samples per second, where the samples do not have it. */
  readonly sampleRate: number | undefined;
  /** Channels of samples in one typed array. Default: 1. */
  readonly numChannels?: number | undefined;
  /** The order of samples in one typed array. Default: (channel, frame). */
  readonly channelsFirst?: boolean | undefined;
}

/** Samples of any shape, with what must be known to encode them. */
export interface Sound {
  /** The samples, as a stream of a writer takes them. */
  readonly input: AudioInput;
  /** Their format. */
  readonly format: SampleFormat;
  /** Their channels. */
  readonly numChannels: number;
  /** Samples per second. */
  readonly sampleRate: number;
  /** Whether the channels lie one after the other. */
  readonly channelsFirst: boolean;
}

/** Recognizes samples of any shape; throws a `TypeError` for what is not sound. */
export function soundOf(samples: unknown, given: SoundGiven): Sound {
  if (Array.isArray(samples)) return soundOfChannels(samples, given);
  if (ArrayBuffer.isView(samples)) return soundOfArray(samples as AudioSamples, given);
  const own = samples as Partial<Waveform> | null;
  if (typeof own !== "object" || own === null || !("data" in own && "numChannels" in own)) {
    throw new TypeError(
      `Expected samples: a waveform, a chunk, a typed array, or an array with one for each ` +
        `channel, got ${shown(samples)}`,
    );
  }
  const channelsFirst = flag("channelsFirst of the waveform", own.channelsFirst);
  agree("numChannels", given.numChannels, own.numChannels);
  agree("channelsFirst", given.channelsFirst, channelsFirst);
  return {
    input: own as AudioChunk | Waveform,
    format: formatOf(own.data),
    numChannels: wholeNumber("numChannels of the waveform", own.numChannels, { max: MAX_CHANNELS }),
    sampleRate: rateOf(given.sampleRate, own.sampleRate),
    channelsFirst,
  };
}

function soundOfChannels(channels: readonly unknown[], given: SoundGiven): Sound {
  if (channels.length === 0) throw new TypeError("Expected one channel or more, got none");
  agree("numChannels", given.numChannels, channels.length);
  agree("channelsFirst", given.channelsFirst, true);
  return {
    input: channels as readonly AudioSamples[],
    format: formatOf(channels[0]),
    numChannels: channels.length,
    sampleRate: rateOf(given.sampleRate, undefined),
    channelsFirst: true,
  };
}

function soundOfArray(data: AudioSamples, given: SoundGiven): Sound {
  const format = formatOf(data);
  const numChannels = wholeNumber("numChannels", given.numChannels ?? 1, { max: MAX_CHANNELS });
  const channelsFirst = flag("channelsFirst", given.channelsFirst, true);
  if (data.length % numChannels !== 0) {
    throw new TypeError(
      `Expected a whole number of frames of ${numChannels} channels, got ${data.length} samples`,
    );
  }
  return {
    input: channelsFirst && numChannels > 1 ? channelsIn(data, numChannels) : data,
    format,
    numChannels,
    sampleRate: rateOf(given.sampleRate, undefined),
    channelsFirst,
  };
}

function formatOf(data: unknown): SampleFormat {
  const format = SAMPLE_FORMATS.find(({ array }) => data instanceof (array as never));
  if (format) return format;
  throw new TypeError(
    `Expected samples in a typed array, such as Float32Array or Int16Array, got ${shown(data)}`,
  );
}

/** What is said about samples must not contradict what they have themselves. */
function agree(name: string, given: unknown, own: unknown): void {
  if (given === undefined || given === own) return;
  throw new TypeError(
    `Expected ${name} ${shown(own)}, as the samples have it, got ${shown(given)}`,
  );
}

function rateOf(given: number | undefined, own: number | undefined): number {
  if (own !== undefined) agree("sampleRate", given, own);
  return wholeNumber("sampleRate", given ?? own);
}

/** What the pieces of a waveform have in common. */
export interface Pieces {
  /** Samples in (frame, channel) order, of one class of array. */
  readonly arrays: AudioSamples[];
  /** The class of arrays to make. */
  readonly array: SampleFormat["array"];
  /** Channels. */
  readonly numChannels: number;
  /** Samples per second. */
  readonly sampleRate: number;
}

/** Joins pieces into one waveform; frees each piece once it is copied. */
export function* joined(pieces: Pieces, channelsFirst: boolean): Steps<Waveform> {
  const { arrays, array, numChannels, sampleRate } = pieces;
  const total = arrays.reduce((sum, { length }) => sum + length, 0);
  const numFrames = total / numChannels;
  const data = new array(total);
  const planar = channelsFirst && numChannels > 1;
  for (let at = 0, piece; (piece = arrays.shift()) !== undefined; at += piece.length) {
    if (planar) spread(piece, data, at / numChannels, numChannels);
    else data.set(piece as never, at);
    yield* yieldToEventLoop();
  }
  return { data, numFrames, numChannels, sampleRate, channelsFirst };
}

/** Copies samples in (frame, channel) order to where they belong in (channel, frame) order. */
function spread(from: AudioSamples, to: AudioSamples, frame: number, numChannels: number): void {
  const numFrames = to.length / numChannels;
  for (let channel = 0; channel < numChannels; channel++) {
    let place = channel * numFrames + frame;
    for (let i = channel; i < from.length; i += numChannels) to[place++] = from[i]!;
  }
}
