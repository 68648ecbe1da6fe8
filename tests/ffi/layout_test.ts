/**
 * The struct tables against the running library, which is asked to set what the tables read and to
 * read what they set. So a table is tested for each FFmpeg there is, also one without headers.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { fields } from "../../ffi/layouts/fields.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { layoutOf } from "../../ffi/compat.ts";
import { readEntries } from "../../ffi/dictionary.ts";
import {
  cString,
  int32At,
  offsetBy,
  pointerAt,
  PointerSlot,
  readCString,
  viewOf,
} from "../../ffi/memory.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import { NOPTS, type Struct, type StructName } from "../../ffi/struct.ts";
import { runSync } from "../../ffi/call.ts";
import { FilterGraph, videoSource } from "../../src/media/filter_graph.ts";
import { Frame } from "../../src/media/frame.ts";
import { ffprobe, media, noLiveHandles, testPictures, testTone } from "../support/helpers.ts";

const library = ffmpeg();
const { avutil, avcodec, avformat, avfilter, layout } = library;

/** What Sluice itself does not call. */
const more = {
  ...Deno.dlopen(library.pathOf("avutil"), {
    av_frame_copy_props: { parameters: ["pointer", "pointer"], result: "i32" },
    av_frame_new_side_data: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
  }).symbols,
  ...Deno.dlopen(library.pathOf("avcodec"), {
    av_packet_rescale_ts: {
      parameters: ["pointer", { struct: ["i32", "i32"] }, { struct: ["i32", "i32"] }],
      result: "void",
    },
    av_packet_new_side_data: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
  }).symbols,
};

const rational = (num: number, den: number) => new Int32Array([num, den]);

type Plain = Record<string, unknown>;

/** A struct made by the library, freed at the end of the block. */
function made<S extends StructName>(
  name: S,
  pointer: Pointer<S> | null,
  free: (pointer: Pointer<S>) => void,
): Disposable & { readonly pointer: Pointer<S>; readonly fields: Struct<S> } {
  ok(pointer);
  return { pointer, fields: library.view(name, pointer), [Symbol.dispose]: () => free(pointer) };
}

const codecContext = () =>
  made(
    "AVCodecContext",
    avcodec.avcodec_alloc_context3(null),
    (pointer) => avcodec.avcodec_free_context(new PointerSlot(pointer).address),
  );

const packet = () =>
  made(
    "AVPacket",
    avcodec.av_packet_alloc(),
    (pointer) => avcodec.av_packet_free(new PointerSlot(pointer).address),
  );

function formatContext() {
  const slot = new PointerSlot<"AVFormatContext">();
  const [name, url] = [cString("matroska"), cString("somewhere.mkv")];
  ok(avformat.avformat_alloc_output_context2(slot.address, null, name, url) >= 0);
  return made("AVFormatContext", slot.value, avformat.avformat_free_context);
}

// Options: the library itself has their offset, and sets and reads them by name

/** Fields whose option has another name. */
const ALIASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AVCodecContext: {
    bit_rate: "b",
    bit_rate_tolerance: "bt",
    gop_size: "g",
    max_b_frames: "bf",
    sample_rate: "ar",
    thread_count: "threads",
    strict_std_compliance: "strict",
    err_recognition: "err_detect",
  },
  AVFormatContext: {
    flags: "fflags",
    packet_size: "packetsize",
    strict_std_compliance: "strict",
    max_analyze_duration: "analyzeduration",
  },
};

/** Values of which each option takes one that it does not have by default. */
const NUMBERS = [3, 1, 2, 5, 0, 4096];

function optionValue(object: AnyPointer, name: string): string {
  const slot = new PointerSlot<"bytes">();
  strictEqual(avutil.av_opt_get(object, cString(name), 0, slot.address), 0, name);
  const text = readCString(slot.value);
  avutil.av_free(slot.value);
  return text;
}

/** Sets a field by its option and reads it by the table, and the other way about. */
function checkOption(object: Plain & { $pointer: AnyPointer }, field: string, option: string) {
  const set = (value: string) =>
    avutil.av_opt_set(object.$pointer, cString(option), cString(value), 0);
  const isRational = typeof object[field] === "object";
  const before = JSON.stringify(object[field]);
  const number = NUMBERS.find((it) =>
    set(isRational ? `${it + 6}/7` : `${it}`) === 0 && JSON.stringify(object[field]) !== before
  );
  ok(number !== undefined, `${field}: setting ${option} is not seen`);
  const expected = isRational ? { num: number + 6, den: 7 } : number;
  deepStrictEqual(object[field], expected, field);
  const text = optionValue(object.$pointer, option);
  object[field] = JSON.parse(before);
  ok(optionValue(object.$pointer, option) !== text, `${option}: setting ${field} is not seen`);
  object[field] = expected;
  strictEqual(optionValue(object.$pointer, option), text, field);
}

/** Old fields whose options set the new fields, as long as a release has both. */
const OTHERS = ["channel_layout", "frame_number"];

/** Checks the fields of a struct that have an option; returns their names. */
function checkOptions(name: "AVCodecContext" | "AVFormatContext", object: AnyPointer): string[] {
  const offsets = layout.structs[name] as Readonly<Record<string, number>>;
  const view = library.view(name, object) as unknown as Plain & { $pointer: AnyPointer };
  const checked: string[] = [];
  const level = avutil.av_log_get_level();
  avutil.av_log_set_level(layout.constants.AV_LOG_QUIET); // not a word about values out of range
  for (const [field, kind] of Object.entries(fields[name])) {
    if (OTHERS.includes(field)) continue;
    const option = ALIASES[name]?.[field] ?? field;
    const pointer = avutil.av_opt_find(object, cString(option), null, 0, 0);
    if (pointer === null || offsets[field] === undefined || /ptr|struct|array/.test(kind)) continue;
    strictEqual(library.view("AVOption", pointer).offset, offsets[field], `${name}.${field}`);
    checkOption(view, field, option);
    checked.push(field);
  }
  avutil.av_log_set_level(level);
  return checked;
}

Deno.test("AVCodecContext has its fields where the library's options are", () => {
  using context = codecContext();
  const checked = checkOptions("AVCodecContext", context.pointer);
  for (const field of ["bit_rate", "global_quality", "colorspace", "thread_count"]) {
    ok(checked.includes(field), `${field} of ${checked}`);
  }
  ok(checked.length >= 20, `only ${checked}`);
});

Deno.test("AVFormatContext has its fields where the library's options are", () => {
  const pointer = avformat.avformat_alloc_context()!;
  const checked = checkOptions("AVFormatContext", pointer);
  avformat.avformat_free_context(pointer);
  ok(checked.length >= 5, `only ${checked}`);
});

// Copies: what the library copies from one struct to another that is laid out otherwise

const VIDEO: Plain = {
  codec_id: 13,
  codec_tag: 0x31637661,
  bit_rate: 123456789012,
  bits_per_coded_sample: 24,
  bits_per_raw_sample: 10,
  profile: 77,
  level: 31,
  width: 1918,
  height: 1078,
  sample_aspect_ratio: { num: 16, den: 11 },
  field_order: 2,
  color_range: 2,
  color_primaries: 9,
  color_trc: 16,
};

/** The same in the context and in the parameters, under two names. */
const VIDEO_RENAMED: readonly (readonly [string, string, unknown])[] = [
  ["pix_fmt", "format", 5],
  ["colorspace", "color_space", 10],
  ["chroma_sample_location", "chroma_location", 3],
  ["has_b_frames", "video_delay", 4],
];

const AUDIO: Plain = {
  codec_id: 0x15002,
  bit_rate: 98765,
  sample_rate: 44100,
  frame_size: 1152,
  initial_padding: 1105,
};

function checkParameters(type: "video" | "audio", same: Plain, renamed: typeof VIDEO_RENAMED) {
  using context = codecContext();
  using copy = codecContext();
  using format = formatContext();
  const stream = library.view(
    "AVStream",
    avformat.avformat_new_stream(format.pointer, null)!,
  );
  const parameters = stream.codecpar as Pointer<"AVCodecParameters">;
  const [from, between, to] = [
    context.fields,
    library.view("AVCodecParameters", parameters),
    copy.fields,
  ] as unknown as Plain[];
  from!.codec_type = type === "video" ? 0 : 1;
  for (const [key, value] of Object.entries(same)) from![key] = value;
  for (const [key, , value] of renamed) from![key] = value;
  ok(avcodec.avcodec_parameters_from_context(parameters, context.pointer) >= 0);
  strictEqual(between!.codec_type, type === "video" ? 0 : 1);
  for (const [key, value] of Object.entries(same)) deepStrictEqual(between![key], value, key);
  for (const [, key, value] of renamed) deepStrictEqual(between![key], value, key);
  ok(avcodec.avcodec_parameters_to_context(copy.pointer, parameters) >= 0);
  for (const [key, value] of Object.entries(same)) deepStrictEqual(to![key], value, key);
  for (const [key, , value] of renamed) deepStrictEqual(to![key], value, key);
}

Deno.test("AVCodecParameters and AVCodecContext have what the library copies, of video", () => {
  checkParameters("video", VIDEO, VIDEO_RENAMED);
  noLiveHandles();
});

Deno.test("AVCodecParameters and AVCodecContext have what the library copies, of audio", () => {
  checkParameters("audio", AUDIO, [["sample_fmt", "format", 8]]);
});

// Frames

Deno.test("AVFrame is laid out as the library allocates one of video", () => {
  using frame = new Frame();
  frame.fields.format = avutil.av_get_pix_fmt(cString("yuv420p"));
  frame.fields.width = 642;
  frame.fields.height = 360;
  frame.allocate();
  const strides = [0, 1, 2].map((i) => int32At(frame.fields.$at("linesize"), i));
  ok(strides[0]! >= 642 && strides[0]! < 1284, `${strides}`);
  ok(strides[1]! >= 321 && strides[1]! < 642 && strides[1] === strides[2], `${strides}`);
  for (const i of [0, 1, 2]) {
    const data = pointerAt(frame.fields.$at("data"), i);
    ok(data !== null && Deno.UnsafePointer.equals(data, frame.planePointer(i)));
  }
  strictEqual(pointerAt(frame.fields.$at("data"), 3), null);
});

Deno.test("AVFrame has the fields of a fresh frame, and of one that is reset", () => {
  using frame = new Frame();
  const view = frame.fields as unknown as Plain;
  const fresh: Plain = {
    ...{ format: -1, width: 0, height: 0, nb_samples: 0, sample_rate: 0, pict_type: 0, flags: 0 },
    ...{ pts: NOPTS, pkt_dts: NOPTS, best_effort_timestamp: NOPTS, quality: 0, repeat_pict: 0 },
    ...{ color_range: 0, color_primaries: 2, color_trc: 2, colorspace: 2, chroma_location: 0 },
    ...{ crop_top: 0, crop_left: 0, decode_error_flags: 0 },
    sample_aspect_ratio: { num: 0, den: 1 },
  };
  for (const [key, value] of Object.entries(fresh)) deepStrictEqual(view[key], value, key);
  for (const key of Object.keys(fresh)) {
    view[key] = key === "sample_aspect_ratio" ? { num: 5, den: 3 } : 7;
  }
  frame.unref();
  for (const [key, value] of Object.entries(fresh)) deepStrictEqual(view[key], value, key);
});

Deno.test("AVFrame has what the library copies from one to another", () => {
  using from = new Frame();
  using to = new Frame();
  const values: Plain = {
    ...{ pts: 123456789012, pkt_dts: -5, best_effort_timestamp: 77, pict_type: 2, quality: 11 },
    ...{ repeat_pict: 1, flags: 1, color_range: 2, color_primaries: 9, color_trc: 16 },
    ...{ colorspace: 10, chroma_location: 3, decode_error_flags: 4, crop_top: 1, crop_bottom: 2 },
    ...{ crop_left: 3, crop_right: 4, sample_rate: 8000, sample_aspect_ratio: { num: 5, den: 3 } },
  };
  Object.assign(from.fields, values);
  strictEqual(more.av_frame_copy_props(to.pointer, from.pointer), 0);
  const view = to.fields as unknown as Plain;
  for (const [key, value] of Object.entries(values)) deepStrictEqual(view[key], value, key);
  deepStrictEqual([to.fields.format, to.fields.width, to.fields.nb_samples], [-1, 0, 0]);
});

Deno.test("AVFrame counts its side data where the table says, and has it there", () => {
  using frame = new Frame();
  const { AV_FRAME_DATA_DISPLAYMATRIX } = layout.constants;
  const made = more.av_frame_new_side_data(frame.pointer, AV_FRAME_DATA_DISPLAYMATRIX, 36n);
  strictEqual(frame.fields.nb_side_data, 1);
  const side = library.view("AVFrameSideData", made!);
  strictEqual(side.type, AV_FRAME_DATA_DISPLAYMATRIX);
  const found = avutil.av_frame_get_side_data(frame.pointer, AV_FRAME_DATA_DISPLAYMATRIX);
  ok(Deno.UnsafePointer.equals(found, made));
});

Deno.test("AVFrame has what filters set: size, shape of pixels, colors, times", () => {
  const chain = "scale=32:24,setsar=3/2,setpts=PTS+1000," +
    "setparams=range=full:color_primaries=bt709:color_trc=smpte170m:colorspace=bt470bg";
  using frame = new Frame();
  const format = avutil.av_get_pix_fmt(cString("yuv420p"));
  const [timeBase, square] = [{ num: 1, den: 25 }, { num: 1, den: 1 }];
  Object.assign(frame.fields, { format, width: 64, height: 48, pts: 7 });
  frame.allocate();
  using graph = new FilterGraph(videoSource(format, 64, 48, timeBase, square, square), chain);
  let seen = 0;
  runSync(graph.push(frame, ({ fields: it }) => {
    seen++;
    deepStrictEqual([it.width, it.height, it.pts, it.format], [32, 24, 1007, format]);
    deepStrictEqual(it.sample_aspect_ratio, { num: 3, den: 2 });
    const { color_range, color_primaries, color_trc, colorspace } = it;
    deepStrictEqual([color_range, color_primaries, color_trc, colorspace], [2, 1, 6, 5]);
    return undefined;
  }));
  strictEqual(seen, 1);
});

// Packets

Deno.test("AVPacket has the memory and the times that the library sets", () => {
  using it = packet();
  strictEqual(avcodec.av_new_packet(it.pointer, 1234), 0);
  strictEqual(it.fields.size, 1234);
  viewOf(it.fields.data!, 1234).fill(7);
  using copy = made("AVPacket", avcodec.av_packet_clone(it.pointer), (pointer) => {
    avcodec.av_packet_free(new PointerSlot(pointer).address);
  });
  ok(viewOf(copy.fields.data!, 1234).every((byte) => byte === 7));
  Object.assign(it.fields, { pts: 10, dts: 8, duration: 3 });
  more.av_packet_rescale_ts(it.pointer, rational(1, 25), rational(1, 1000));
  deepStrictEqual([it.fields.pts, it.fields.dts, it.fields.duration], [400, 320, 120]);
});

Deno.test("AVPacket has what the library copies, and counts its side data", () => {
  using from = packet();
  using to = packet();
  const values: Plain = { pts: 5, dts: 4, duration: 2, pos: 123456789012, flags: 1 };
  Object.assign(from.fields, values, { stream_index: 3 });
  const { AV_PKT_DATA_DISPLAYMATRIX } = layout.constants;
  ok(more.av_packet_new_side_data(from.pointer, AV_PKT_DATA_DISPLAYMATRIX, 36n));
  strictEqual(from.fields.side_data_elems, 1);
  strictEqual(avcodec.av_packet_copy_props(to.pointer, from.pointer), 0);
  const view = to.fields as unknown as Plain;
  for (const [key, value] of Object.entries(values)) strictEqual(view[key], value, key);
  deepStrictEqual([to.fields.stream_index, to.fields.side_data_elems], [3, 1]);
  const side = library.view("AVPacketSideData", to.fields.side_data!);
  strictEqual(side.type, AV_PKT_DATA_DISPLAYMATRIX);
});

// Containers, and the tables of what there is

Deno.test("AVFormatContext, AVOutputFormat and AVStream are as the library makes them", () => {
  using context = formatContext();
  const { fields } = context;
  strictEqual(readCString(fields.url), "somewhere.mkv");
  const format = library.view("AVOutputFormat", fields.oformat!);
  strictEqual(readCString(format.name), "matroska");
  ok(readCString(format.extensions).includes("mkv"));
  ok(readCString(format.mime_type).includes("matroska"));
  ok((format.flags & layout.constants.AVFMT_GLOBALHEADER) !== 0);
  const streams = [0, 1, 2].map(() => avformat.avformat_new_stream(context.pointer, null)!);
  strictEqual(fields.nb_streams, 3);
  for (const [i, stream] of streams.entries()) {
    ok(Deno.UnsafePointer.equals(pointerAt(fields.streams!, i), stream));
    const view = library.view("AVStream", stream);
    strictEqual(view.index, i);
    deepStrictEqual([view.start_time, view.duration, view.nb_frames], [NOPTS, NOPTS, 0]);
    ok(view.codecpar !== null);
  }
});

Deno.test("AVFormatContext, AVStream and AVCodecParameters of a file are as ffprobe says", async () => {
  const tags = ["-metadata", "title=Night", "-metadata:s:a:0", "language=fra"];
  const path = await media(
    "layout.mp4",
    ...[...testPictures("64x48", 25, 1), ...testTone(22050, 2, 1), "-c:v", "mpeg4", "-c:a", "aac"],
    ...["-vf", "setsar=4/3", "-disposition:a:0", "default+forced", ...tags],
  );
  const { streams: probed, format } = await ffprobe(path);
  const slot = new PointerSlot<"AVFormatContext">();
  ok(avformat.avformat_open_input(slot.address, cString(path), null, null) >= 0);
  try {
    ok(avformat.avformat_find_stream_info(slot.value!, null) >= 0);
    const context = library.view("AVFormatContext", slot.value!);
    strictEqual(context.nb_streams, probed.length);
    strictEqual(context.start_time, Math.round(format.start_time * 1e6));
    strictEqual(context.duration, Math.round(format.duration * 1e6));
    strictEqual(context.bit_rate, Number(format.bit_rate));
    strictEqual(readEntries(context.metadata).title, "Night");
    const input = library.view("AVInputFormat", context.iformat!);
    strictEqual(readCString(input.name), format.format_name);
    ok(context.pb !== null);
    for (const [i, { tags, disposition, ...of }] of probed.entries()) {
      const stream = library.view("AVStream", pointerAt<"AVStream">(context.streams!, i)!);
      const parameters = library.view("AVCodecParameters", stream.codecpar!);
      const fraction = ({ num, den }: { num: number; den: number }) => `${num}/${den}`;
      const seen = {
        ...{ id: `0x${stream.id.toString(16)}`, time_base: fraction(stream.time_base) },
        ...{ start_pts: stream.start_time, duration_ts: stream.duration },
        ...{ nb_frames: `${stream.nb_frames}`, extradata_size: parameters.extradata_size },
        ...{ avg_frame_rate: fraction(stream.avg_frame_rate) },
        ...{ r_frame_rate: fraction(stream.r_frame_rate), bit_rate: `${parameters.bit_rate}` },
      };
      for (const [key, value] of Object.entries(seen)) {
        if (of[key] !== undefined) deepStrictEqual(value, of[key], `${of.codec_type}.${key}`);
      }
      ok(parameters.extradata !== null);
      const bits = (disposition.default ? 1 : 0) | (disposition.forced ? 64 : 0);
      strictEqual(stream.disposition & 65, bits);
      strictEqual(readEntries(stream.metadata).language, tags.language);
      if (of.codec_type === "video") {
        strictEqual(fraction(stream.sample_aspect_ratio).replace("/", ":"), of.sample_aspect_ratio);
        continue;
      }
      deepStrictEqual(layoutOf(parameters), { channels: 2, mask: 3n });
    }
  } finally {
    avformat.avformat_close_input(slot.address);
  }
});

Deno.test("AVStream's rates are those by which the library guesses one", () => {
  using context = formatContext();
  const stream = library.view("AVStream", avformat.avformat_new_stream(context.pointer, null)!);
  const guess = () =>
    Array.from(
      new Int32Array(
        avformat.av_guess_frame_rate(context.pointer, stream.$pointer, null).slice().buffer,
      ),
    );
  stream.r_frame_rate = { num: 30000, den: 1001 };
  deepStrictEqual(guess(), [30000, 1001]);
  stream.r_frame_rate = { num: 240, den: 1 };
  stream.avg_frame_rate = { num: 24, den: 1 }; // which is taken where the other is far too high
  deepStrictEqual(guess(), [24, 1]);
});

Deno.test("AVCodec, AVCodecDescriptor, AVFilter and AVPixFmtDescriptor have their names", () => {
  const codec = library.view("AVCodec", avcodec.avcodec_find_encoder_by_name(cString("mpeg4"))!);
  strictEqual(readCString(codec.name), "mpeg4");
  strictEqual(codec.type, 0);
  strictEqual(readCString(avcodec.avcodec_get_name(codec.id)), "mpeg4");
  ok((codec.capabilities & layout.constants.AV_CODEC_CAP_DELAY) !== 0);
  const descriptor = library.view("AVCodecDescriptor", avcodec.avcodec_descriptor_get(codec.id)!);
  deepStrictEqual([descriptor.id, descriptor.type], [codec.id, 0]);
  strictEqual(readCString(descriptor.name), "mpeg4");
  const filter = library.view("AVFilter", avfilter.avfilter_get_by_name(cString("scale"))!);
  strictEqual(readCString(filter.name), "scale");
  strictEqual(avfilter.avfilter_pad_get_type(filter.inputs!, 0), 0);
  const number = avutil.av_get_pix_fmt(cString("yuv422p10le"));
  const format = library.view("AVPixFmtDescriptor", avutil.av_pix_fmt_desc_get(number)!);
  strictEqual(readCString(format.name), "yuv422p10le");
  deepStrictEqual([format.nb_components, format.log2_chroma_w, format.log2_chroma_h], [3, 1, 0]);
  const component = library.view("AVComponentDescriptor", format.$at("comp"));
  deepStrictEqual([component.plane, component.step, component.depth], [0, 2, 10]);
  const size = layout.structs.AVComponentDescriptor.sizeof;
  const second = library.view("AVComponentDescriptor", offsetBy(format.$at("comp"), size));
  deepStrictEqual([second.plane, second.step, second.depth], [1, 2, 10]);
});
