/**
 * Filters: frames in, frames out.
 *
 * @module
 */

import { call, type Sink, type Steps } from "../../ffi/call.ts";
import { type ChannelLayout, preferBicubic } from "../../ffi/compat.ts";
import { EAGAIN, EOF } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString, PointerSlot } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { wholeNumber } from "../base/arguments.ts";
import { check, failure } from "../base/failure.ts";
import { suggestion } from "../base/text.ts";
import { type MediaType, mediaTypeId } from "./codec.ts";
import { pixelFormatName, sampleFormatName } from "./formats.ts";
import { Frame } from "./frame.ts";
import { allNames, filters } from "./registry.ts";
import { type Rational, rationalOf } from "./time.ts";

/** What the frames that go in look like. */
export interface GraphSource {
  /** Audio or video. */
  readonly type: MediaType;
  /** The arguments of the `abuffer` or `buffer` filter. */
  readonly args: string;
}

/** The source of a graph for audio frames. */
export function audioSource(
  format: number,
  sampleRate: number,
  layout: ChannelLayout,
  timeBase: Rational,
): GraphSource {
  return {
    type: "audio",
    args: `time_base=${timeBase.num}/${timeBase.den}:sample_rate=${sampleRate}:` +
      `sample_fmt=${sampleFormatName(format)}:${layoutArgument(layout)}`,
  };
}

/** The argument that names the channel layout of an `abuffer` filter's input. */
function layoutArgument({ channels, mask }: ChannelLayout): string {
  return mask === 0n ? `channels=${channels}` : `channel_layout=0x${mask.toString(16)}`;
}

/** The source of a graph for video frames. */
export function videoSource(
  format: number,
  width: number,
  height: number,
  timeBase: Rational,
  frameRate: Rational,
  aspect: Rational,
): GraphSource {
  const rate = frameRate.num > 0 && frameRate.den > 0
    ? `:frame_rate=${frameRate.num}/${frameRate.den}`
    : "";
  const pixelAspect = aspect.num > 0 && aspect.den > 0 ? `${aspect.num}/${aspect.den}` : "0/1";
  return {
    type: "video",
    args: `video_size=${width}x${height}:pix_fmt=${pixelFormatName(format)}:` +
      `time_base=${timeBase.num}/${timeBase.den}:pixel_aspect=${pixelAspect}${rate}`,
  };
}

/** What the frames that come out look like. */
export interface GraphOutput {
  /** The sample or pixel format, by FFmpeg's number. */
  readonly format: number;
  /** The unit of the frames' times. */
  readonly timeBase: Rational;
  /** Video: frames per second, 0/1 or 1/0 if not known. */
  readonly frameRate: Rational;
  /** Video: the width. */
  readonly width: number;
  /** Video: the height. */
  readonly height: number;
  /** Audio: the rate. */
  readonly sampleRate: number;
  /** Audio: the number of channels. */
  readonly numChannels: number;
}

/** A chain of filters from one source to one sink. */
export class FilterGraph extends Handle<"AVFilterGraph"> {
  /** What comes out. */
  readonly output: GraphOutput;
  readonly #source: Pointer<"AVFilterContext">;
  readonly #sink: Pointer<"AVFilterContext">;
  readonly #video: boolean;
  #frame: Frame | undefined;

  /**
   * Builds the filters.
   *
   * @param source What goes in.
   * @param description The filters, in FFmpeg's syntax; `null` or `anull` for none.
   * @param frameSize Audio: gathers samples into frames of this many; 0 leaves them as they come.
   */
  constructor(source: GraphSource, description: string, frameSize = 0) {
    super("AVFilterGraph", ffmpeg().avfilter.avfilter_graph_alloc());
    try {
      this.#video = source.type === "video";
      // One thread: scaling then yields the same bytes on every machine.
      ffmpeg().view("AVFilterGraph", this.pointer).nb_threads = 1;
      preferBicubic(this.pointer);
      this.#source = this.#create(this.#video ? "buffer" : "abuffer", "in", source.args);
      this.#sink = this.#create(this.#video ? "buffersink" : "abuffersink", "out", null);
      this.#parse(description);
      const code = ffmpeg().avfilter.avfilter_graph_config(this.pointer, null);
      if (code < 0) throw failure(code, `apply the filters "${description}"`, CHAIN_HINT);
      if (frameSize > 0) ffmpeg().avfilter.av_buffersink_set_frame_size(this.#sink, frameSize);
      this.output = this.#describe();
      this.#frame = new Frame();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #create(filter: string, name: string, args: string | null): Pointer<"AVFilterContext"> {
    const { avfilter } = ffmpeg();
    const slot = new PointerSlot<"AVFilterContext">();
    const definition = avfilter.avfilter_get_by_name(cString(filter));
    const code = avfilter.avfilter_graph_create_filter(
      slot.address,
      definition,
      cString(name),
      args === null ? null : cString(args),
      null,
      this.pointer,
    );
    if (code < 0) throw failure(code, `make the filter ${filter}=${args ?? ""}`);
    return slot.value!;
  }

  /** Puts the described filters between the source and the sink. */
  #parse(description: string): void {
    const { avfilter } = ffmpeg();
    const outputs = this.#end("in", this.#source);
    const inputs = this.#end("out", this.#sink);
    try {
      const code = avfilter.avfilter_graph_parse_ptr(
        this.pointer,
        cString(description),
        inputs.address,
        outputs.address,
        null,
      );
      if (code < 0) {
        checkFilterNames(description);
        throw failure(
          code,
          `understand the filters "${description}"`,
          parseHint(description, this.#video),
        );
      }
    } finally {
      avfilter.avfilter_inout_free(inputs.address);
      avfilter.avfilter_inout_free(outputs.address);
    }
  }

  /** The open end of the graph that the described filters are joined to. */
  #end(label: string, filter: Pointer<"AVFilterContext">): PointerSlot<"AVFilterInOut"> {
    const { avfilter, avutil } = ffmpeg();
    const pointer = avfilter.avfilter_inout_alloc();
    if (pointer === null) throw new Error("Cannot allocate AVFilterInOut: out of memory");
    const end = ffmpeg().view("AVFilterInOut", pointer);
    end.name = avutil.av_strdup(cString(label));
    end.filter_ctx = filter;
    end.pad_idx = 0;
    end.next = null;
    return new PointerSlot(pointer);
  }

  #describe(): GraphOutput {
    const { avfilter } = ffmpeg();
    const sink = this.#sink;
    return {
      format: avfilter.av_buffersink_get_format(sink),
      timeBase: rationalOf(avfilter.av_buffersink_get_time_base(sink)),
      frameRate: this.#video
        ? rationalOf(avfilter.av_buffersink_get_frame_rate(sink))
        : { num: 0, den: 1 },
      width: this.#video ? avfilter.av_buffersink_get_w(sink) : 0,
      height: this.#video ? avfilter.av_buffersink_get_h(sink) : 0,
      sampleRate: this.#video ? 0 : avfilter.av_buffersink_get_sample_rate(sink),
      numChannels: this.#video ? 0 : avfilter.av_buffersink_get_channels(sink),
    };
  }

  /** Puts a frame through; the frame stays the caller's. */
  *push(frame: Frame, next: Sink<Frame>): Steps<void> {
    const { filtering, avfilter, layout: { constants } } = ffmpeg();
    const flags = constants.AV_BUFFERSRC_FLAG_KEEP_REF | constants.AV_BUFFERSRC_FLAG_PUSH;
    const code: number = this.#video
      ? yield* call(filtering.av_buffersrc_add_frame_flags, this.#source, frame.pointer, flags)
      : avfilter.av_buffersrc_add_frame_flags(this.#source, frame.pointer, flags);
    if (code === EOF) return; // the filters have ended, as trim does: further frames are dropped
    check(code, "filter a frame");
    yield* this.#pull(next);
  }

  /** Ends the stream at `endTime` (in units of the source), and forwards what was buffered. */
  *finish(endTime: number, next: Sink<Frame>): Steps<void> {
    const { AV_BUFFERSRC_FLAG_PUSH } = ffmpeg().layout.constants;
    const end = BigInt(endTime);
    const code = ffmpeg().avfilter.av_buffersrc_close(this.#source, end, AV_BUFFERSRC_FLAG_PUSH);
    if (code !== EOF) check(code, "end the filters");
    yield* this.#pull(next);
  }

  *#pull(next: Sink<Frame>): Steps<void> {
    const { avfilter } = ffmpeg();
    const frame = this.#frame!;
    while (true) {
      const code = avfilter.av_buffersink_get_frame(this.#sink, frame.pointer);
      if (code === EAGAIN || code === EOF) return;
      check(code, "filter a frame");
      try {
        const rest = next(frame);
        if (rest) yield* rest;
      } finally {
        frame.unref();
      }
    }
  }

  protected override free(pointer: Pointer<"AVFilterGraph">): void {
    this.#frame?.[Symbol.dispose]();
    ffmpeg().avfilter.avfilter_graph_free(new PointerSlot(pointer).address);
  }
}

const CHAIN_HINT =
  'filters must form one chain from one input to one output, as "scale=320:240,hflip" ' +
  "does, and take this kind of stream";

/** Throws a `TypeError` for the first filter of a description that FFmpeg here does not have. */
export function checkFilterNames(description: string): void {
  for (const part of unquoted(description).split(/[,;]/)) {
    const name = /^\s*(?:\[[^\]]*\]\s*)*(\w+)/.exec(part)?.[1];
    if (name === undefined || name === "sws_flags") continue;
    if (ffmpeg().avfilter.avfilter_get_by_name(cString(name)) !== null) continue;
    throw new TypeError(
      `Unknown filter "${name}" in "${description}"${suggestion(name, allNames(filters()))} ` +
        `(ffmpeg.filters() lists all)`,
    );
  }
}

/** Throws a `RangeError` for a sample rate that FFmpeg's `atempo` ends the process for. */
export function checkTempo(description: string, sampleRate: number): void {
  if (description.includes("atempo")) {
    wholeNumber("sampleRate (for atempo)", sampleRate, { min: 100 });
  }
}

/** Why a description of known filters was not understood: try each of them alone. */
function parseHint(description: string, video: boolean): string {
  const { avfilter } = ffmpeg();
  if (/[\\'[\]]/.test(description)) return CHAIN_HINT;
  const graph = new PointerSlot<"AVFilterGraph">(avfilter.avfilter_graph_alloc());
  try {
    for (const part of description.split(/[,;]/)) {
      const [name = "", args] = part.trim().split(/=(.*)/s);
      const filter = avfilter.avfilter_get_by_name(cString(name))!;
      const made = avfilter.avfilter_graph_create_filter(
        new PointerSlot().address,
        filter,
        cString(`try_${name}`),
        args === undefined ? null : cString(args),
        null,
        graph.value!,
      );
      if (made < 0) {
        return `an argument of "${part.trim()}" is not what this filter takes ` +
          `(ffmpeg.options("${name}") lists them)`;
      }
      if (takes(filter, video ? "audio" : "video")) {
        const [its, ours] = video ? ["audio", "video"] : ["video", "audio"];
        return `"${name}" is for ${its}, and this stream is ${ours}`;
      }
    }
    return CHAIN_HINT;
  } finally {
    avfilter.avfilter_graph_free(graph.address);
  }
}

/** Whether a filter's first input is for a type of media. */
function takes(filter: Pointer<"AVFilter">, type: MediaType): boolean {
  const { inputs } = ffmpeg().view("AVFilter", filter);
  if (inputs === null) return false;
  return ffmpeg().avfilter.avfilter_pad_get_type(inputs, 0) === mediaTypeId(type);
}

/** A description without what is quoted or escaped in it, which may hold commas. */
function unquoted(description: string): string {
  return description.replace(/\\./g, "").replace(/'[^']*'/g, "");
}
