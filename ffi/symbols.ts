/**
 * The C functions that Sluice calls: one table for each of FFmpeg's libraries, in C's own names.
 *
 * A function that some supported FFmpeg lacks is `optional` and reads as `null` there.
 *
 * @module
 */

import { to } from "./pointer.ts";

const bytes = to<"bytes">();
const cstring = to<"char">();
/** Anything whose first member is an `AVClass *`: the objects that options can be set on. */
const object = "pointer";
/** The address of a pointer, which the function writes to. */
const out = "buffer";
/** Text or bytes that are read during the call only. */
const input = "buffer";

const avClass = to<"AVClass">();
const codec = to<"AVCodec">();
const codecDescriptor = to<"AVCodecDescriptor">();
const codecContext = to<"AVCodecContext">();
const codecParameters = to<"AVCodecParameters">();
const channelLayout = to<"AVChannelLayout">();
const deviceInfoList = "buffer";
const dictionary = to<"AVDictionary">();
const dictionaryEntry = to<"AVDictionaryEntry">();
const filter = to<"AVFilter">();
const filterContext = to<"AVFilterContext">();
const filterGraph = to<"AVFilterGraph">();
const filterInOut = to<"AVFilterInOut">();
const formatContext = to<"AVFormatContext">();
const frame = to<"AVFrame">();
const frameSideData = to<"AVFrameSideData">();
const inputFormat = to<"AVInputFormat">();
const ioContext = to<"AVIOContext">();
const option = to<"AVOption">();
const outputFormat = to<"AVOutputFormat">();
const packet = to<"AVPacket">();
const packetSideData = to<"AVPacketSideData">();
const pixFmtDescriptor = to<"AVPixFmtDescriptor">();
const stream = to<"AVStream">();

/** libavutil. */
export const avutil = {
  avutil_version: { parameters: [], result: "u32" },
  av_version_info: { parameters: [], result: cstring },
  av_strdup: { parameters: [input], result: cstring },
  av_mallocz: { parameters: ["usize"], result: bytes },
  av_free: { parameters: ["pointer"], result: "void" },
  av_strerror: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  av_log_set_level: { parameters: ["i32"], result: "void" },
  av_log_get_level: { parameters: [], result: "i32" },

  av_dict_set: { parameters: [out, input, input, "i32"], result: "i32" },
  av_dict_get: { parameters: [dictionary, input, dictionaryEntry, "i32"], result: dictionaryEntry },
  av_dict_free: { parameters: [out], result: "void" },

  av_opt_set: { parameters: [object, input, input, "i32"], result: "i32" },
  av_opt_get: { parameters: [object, input, "i32", out], result: "i32" },
  av_opt_find: { parameters: [object, input, input, "i32", "i32"], result: option },
  // The same, of a class alone: the object is the address of a pointer to the class.
  av_opt_find_in_class: {
    name: "av_opt_find",
    parameters: ["buffer", input, input, "i32", "i32"],
    result: option,
  },
  av_opt_next: { parameters: ["buffer", option], result: option },
  av_opt_child_class_iterate: { parameters: [avClass, out], result: avClass, optional: true },
  av_opt_child_class_next: { parameters: [avClass, avClass], result: avClass, optional: true },

  av_frame_alloc: { parameters: [], result: frame },
  av_frame_free: { parameters: [out], result: "void" },
  av_frame_unref: { parameters: [frame], result: "void" },
  av_frame_ref: { parameters: [frame, frame], result: "i32" },
  av_frame_get_buffer: { parameters: [frame, "i32"], result: "i32" },
  av_frame_is_writable: { parameters: [frame], result: "i32" },
  av_frame_get_side_data: { parameters: [frame, "i32"], result: frameSideData },

  av_d2q: { parameters: ["f64", "i32"], result: { struct: ["i32", "i32"] } },
  av_get_media_type_string: { parameters: ["i32"], result: cstring },
  av_get_pix_fmt: { parameters: [input], result: "i32" },
  av_get_pix_fmt_name: { parameters: ["i32"], result: cstring },
  av_pix_fmt_desc_get: { parameters: ["i32"], result: pixFmtDescriptor },
  av_pix_fmt_desc_next: { parameters: [pixFmtDescriptor], result: pixFmtDescriptor },
  av_pix_fmt_count_planes: { parameters: ["i32"], result: "i32" },
  av_image_get_linesize: { parameters: ["i32", "i32", "i32"], result: "i32" },
  av_image_get_buffer_size: { parameters: ["i32", "i32", "i32", "i32"], result: "i32" },
  av_image_check_size: { parameters: ["u32", "u32", "i32", object], result: "i32" },
  av_image_copy_plane: {
    parameters: [bytes, "i32", input, "i32", "i32", "i32"],
    result: "void",
  },
  av_image_copy_to_buffer: {
    parameters: ["buffer", "i32", "pointer", "pointer", "i32", "i32", "i32", "i32"],
    result: "i32",
  },
  av_get_bytes_per_sample: { parameters: ["i32"], result: "i32" },

  // FFmpeg 5.1 and later: a channel layout is a struct.
  av_channel_layout_default: { parameters: [channelLayout, "i32"], result: "void", optional: true },
  av_channel_layout_copy: {
    parameters: [channelLayout, channelLayout],
    result: "i32",
    optional: true,
  },
  av_channel_layout_uninit: { parameters: [channelLayout], result: "void", optional: true },
  av_channel_layout_from_mask: {
    parameters: [channelLayout, "u64"],
    result: "i32",
    optional: true,
  },
  av_channel_layout_describe: {
    parameters: [channelLayout, "buffer", "usize"],
    result: "i32",
    optional: true,
  },
  // Before: a channel layout is a mask of bits.
  av_get_default_channel_layout: { parameters: ["i32"], result: "i64", optional: true },
  av_get_channel_layout_string: {
    parameters: ["buffer", "i32", "i32", "u64"],
    result: "void",
    optional: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Where the C library's `atoi` is: see `interrupt.ts`. FFmpeg's libavutil depends on it. */
export const libc = { atoi: { type: "pointer" } } as const satisfies Deno.ForeignLibraryInterface;

/** The C library's pipes: see `input_pipe.ts`. */
export const unixPipes = {
  pipe: { parameters: ["buffer"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32", optional: true },
  ioctl: { parameters: ["i32", "usize"], result: "i32" }, // as long as nothing follows
  write: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What one of libavformat's contexts reads from another by: see `input_pipe.ts`. */
export const ioCallbacks = {
  avio_read_partial: { type: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The same on Windows. */
export const windowsPipes = {
  _pipe: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  _write: { parameters: ["i32", "buffer", "u32"], result: "i32", nonblocking: true },
  _close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libavcodec. */
export const avcodec = {
  avcodec_version: { parameters: [], result: "u32" },
  avcodec_configuration: { parameters: [], result: cstring },
  avcodec_license: { parameters: [], result: cstring },
  avcodec_find_encoder: { parameters: ["u32"], result: codec },
  avcodec_find_encoder_by_name: { parameters: [input], result: codec },
  avcodec_find_decoder: { parameters: ["u32"], result: codec },
  avcodec_find_decoder_by_name: { parameters: [input], result: codec },
  avcodec_descriptor_get: { parameters: ["u32"], result: codecDescriptor },
  avcodec_get_name: { parameters: ["u32"], result: cstring },
  av_codec_iterate: { parameters: [out], result: codec },
  av_codec_is_encoder: { parameters: [codec], result: "i32" },
  av_codec_is_decoder: { parameters: [codec], result: "i32" },
  avcodec_get_class: { parameters: [], result: avClass },
  avcodec_get_supported_config: {
    parameters: [codecContext, codec, "i32", "u32", out, out],
    result: "i32",
    optional: true,
  },
  avcodec_alloc_context3: { parameters: [codec], result: codecContext },
  avcodec_free_context: { parameters: [out], result: "void" },
  avcodec_open2: { parameters: [codecContext, codec, "pointer"], result: "i32" },
  avcodec_flush_buffers: { parameters: [codecContext], result: "void" },
  avcodec_parameters_from_context: { parameters: [codecParameters, codecContext], result: "i32" },
  avcodec_parameters_to_context: { parameters: [codecContext, codecParameters], result: "i32" },
  avcodec_send_frame: { parameters: [codecContext, frame], result: "i32" },
  avcodec_receive_packet: { parameters: [codecContext, packet], result: "i32" },
  avcodec_send_packet: { parameters: [codecContext, packet], result: "i32" },
  avcodec_receive_frame: { parameters: [codecContext, frame], result: "i32" },
  av_packet_alloc: { parameters: [], result: packet },
  av_packet_clone: { parameters: [packet], result: packet },
  av_new_packet: { parameters: [packet, "i32"], result: "i32" },
  av_packet_copy_props: { parameters: [packet, packet], result: "i32" },
  av_packet_free: { parameters: [out], result: "void" },
  av_packet_unref: { parameters: [packet], result: "void" },
  av_packet_get_side_data: { parameters: [packet, "i32", "pointer"], result: bytes },
  av_packet_side_data_get: {
    parameters: ["pointer", "i32", "i32"],
    result: packetSideData,
    optional: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** libavformat. */
export const avformat = {
  avformat_version: { parameters: [], result: "u32" },
  avformat_network_init: { parameters: [], result: "i32" },
  avformat_get_class: { parameters: [], result: avClass },
  av_muxer_iterate: { parameters: [out], result: outputFormat },
  av_demuxer_iterate: { parameters: [out], result: inputFormat },
  av_guess_format: { parameters: [input, input, input], result: outputFormat },
  av_find_input_format: { parameters: [input], result: inputFormat },
  av_guess_codec: { parameters: [outputFormat, input, input, input, "i32"], result: "u32" },
  avformat_get_riff_video_tags: { parameters: [], result: bytes },
  avformat_get_riff_audio_tags: { parameters: [], result: bytes },
  av_codec_get_id: { parameters: ["pointer", "u32"], result: "u32" },
  av_codec_get_tag: { parameters: ["buffer", "u32"], result: "u32" },
  avformat_query_codec: { parameters: [outputFormat, "u32", "i32"], result: "i32" },
  avio_protocol_get_class: { parameters: [input], result: avClass, optional: true },
  avio_find_protocol_name: { parameters: [input], result: cstring },
  avio_enum_protocols: { parameters: [out, "i32"], result: cstring },
  avio_open2: { parameters: [out, input, "i32", "pointer", "buffer"], result: "i32" },
  avio_alloc_context: {
    parameters: [bytes, "i32", "i32", "pointer", "pointer", "pointer", "pointer"],
    result: ioContext,
  },
  avio_context_free: { parameters: [out], result: "void" },
  avio_closep: { parameters: [out], result: "i32" },
  avio_flush: { parameters: [ioContext], result: "void" },
  avio_size: { parameters: [ioContext], result: "i64" },
  avformat_alloc_context: { parameters: [], result: formatContext },
  avformat_free_context: { parameters: [formatContext], result: "void" },
  avformat_alloc_output_context2: {
    parameters: [out, outputFormat, input, input],
    result: "i32",
  },
  avformat_new_stream: { parameters: [formatContext, codec], result: stream },
  avformat_write_header: { parameters: [formatContext, "buffer"], result: "i32" },
  av_write_frame: { parameters: [formatContext, packet], result: "i32" },
  av_interleaved_write_frame: { parameters: [formatContext, packet], result: "i32" },
  av_get_output_timestamp: { parameters: [formatContext, "i32", out, out], result: "i32" },
  av_sdp_create: { parameters: ["buffer", "i32", "buffer", "i32"], result: "i32" },
  av_write_trailer: { parameters: [formatContext], result: "i32" },
  avformat_open_input: { parameters: [out, input, inputFormat, "buffer"], result: "i32" },
  avformat_find_stream_info: { parameters: [formatContext, "pointer"], result: "i32" },
  avformat_close_input: { parameters: [out], result: "void" },
  av_find_best_stream: {
    parameters: [formatContext, "i32", "i32", "i32", "pointer", "i32"],
    result: "i32",
  },
  av_read_frame: { parameters: [formatContext, packet], result: "i32" },
  avformat_seek_file: {
    parameters: [formatContext, "i32", "i64", "i64", "i64", "i32"],
    result: "i32",
  },
  av_guess_frame_rate: {
    parameters: [formatContext, stream, frame],
    result: { struct: ["i32", "i32"] },
  },
  av_stream_new_side_data: {
    parameters: [stream, "i32", "usize"],
    result: bytes,
    optional: true,
  },
  av_stream_get_side_data: {
    parameters: [stream, "i32", "pointer"],
    result: bytes,
    optional: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** libavfilter. */
export const avfilter = {
  avfilter_version: { parameters: [], result: "u32" },
  avfilter_get_by_name: { parameters: [input], result: filter },
  avfilter_pad_get_type: { parameters: ["pointer", "i32"], result: "i32" },
  av_filter_iterate: { parameters: [out], result: filter },
  avfilter_graph_alloc: { parameters: [], result: filterGraph },
  avfilter_graph_free: { parameters: [out], result: "void" },
  avfilter_graph_create_filter: {
    parameters: [out, filter, input, input, "pointer", filterGraph],
    result: "i32",
  },
  avfilter_graph_parse_ptr: {
    parameters: [filterGraph, input, out, out, "pointer"],
    result: "i32",
  },
  avfilter_graph_config: { parameters: [filterGraph, "pointer"], result: "i32" },
  avfilter_inout_alloc: { parameters: [], result: filterInOut },
  avfilter_inout_free: { parameters: [out], result: "void" },
  av_buffersrc_add_frame_flags: { parameters: [filterContext, frame, "i32"], result: "i32" },
  av_buffersrc_close: { parameters: [filterContext, "i64", "u32"], result: "i32" },
  av_buffersink_get_frame: { parameters: [filterContext, frame], result: "i32" },
  av_buffersink_set_frame_size: { parameters: [filterContext, "u32"], result: "void" },
  av_buffersink_get_time_base: {
    parameters: [filterContext],
    result: { struct: ["i32", "i32"] },
  },
  av_buffersink_get_frame_rate: {
    parameters: [filterContext],
    result: { struct: ["i32", "i32"] },
  },
  av_buffersink_get_format: { parameters: [filterContext], result: "i32" },
  av_buffersink_get_w: { parameters: [filterContext], result: "i32" },
  av_buffersink_get_h: { parameters: [filterContext], result: "i32" },
  av_buffersink_get_channels: { parameters: [filterContext], result: "i32" },
  av_buffersink_get_sample_rate: { parameters: [filterContext], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libswscale and libswresample are used through libavfilter: only their versions are asked. */
export const swscale = {
  swscale_version: { parameters: [], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libswresample. */
export const swresample = {
  swresample_version: { parameters: [], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libavdevice. */
export const avdevice = {
  avdevice_version: { parameters: [], result: "u32" },
  avdevice_register_all: { parameters: [], result: "void" },
  av_input_audio_device_next: { parameters: [inputFormat], result: inputFormat },
  av_input_video_device_next: { parameters: [inputFormat], result: inputFormat },
  av_output_audio_device_next: { parameters: [outputFormat], result: outputFormat },
  av_output_video_device_next: { parameters: [outputFormat], result: outputFormat },
  avdevice_list_input_sources: {
    parameters: [inputFormat, input, dictionary, deviceInfoList],
    result: "i32",
  },
  avdevice_list_output_sinks: {
    parameters: [outputFormat, input, dictionary, deviceInfoList],
    result: "i32",
  },
  avdevice_free_list_devices: { parameters: [deviceInfoList], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
