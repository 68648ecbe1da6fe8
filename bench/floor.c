/*
 * The floor of the benchmark: every job straight on FFmpeg's libraries, with only those copies that a
 * binding needs as well. A chunk in the caller's buffer is copied into a frame, a decoded frame is
 * copied into one buffer of the caller's, used again and again; raw formats go to the muxer as packets.
 *
 * floor JOB key=value...; the jobs and their values are those of jobs.ts.
 *
 * Built twice: with AUDIO_ONLY it needs neither libavfilter nor libswscale, as loading them (and all
 * that they load) would cost a program that writes a wav more time than its work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

static char **arguments;

/* The value of key=value on the command line. */
static const char *text(const char *key) {
  size_t length = strlen(key);
  for (char **argument = arguments; *argument; argument++) {
    if (!strncmp(*argument, key, length) && (*argument)[length] == '=') return *argument + length + 1;
  }
  fprintf(stderr, "floor: %s=... is missing\n", key);
  exit(2);
}

static int check(int code, const char *action) {
  if (code >= 0) return code;
  char reason[AV_ERROR_MAX_STRING_SIZE];
  av_strerror(code, reason, sizeof reason);
  fprintf(stderr, "floor: cannot %s: %s\n", action, reason);
  exit(1);
}

static void *present(void *pointer, const char *action) {
  if (!pointer) check(AVERROR(ENOMEM), action);
  return pointer;
}

/* Muxing: one output with one stream. */

static AVFormatContext *make_output(void) {
  AVFormatContext *output = NULL;
  check(avformat_alloc_output_context2(&output, NULL, text("container"), text("output")),
        "choose the container");
  present(avformat_new_stream(output, NULL), "add a stream");
  return output;
}

static void start_output(AVFormatContext *output) {
  check(avio_open(&output->pb, output->url, AVIO_FLAG_WRITE), "open the destination");
  check(avformat_write_header(output, NULL), "write the header");
}

static void finish_output(AVFormatContext *output) {
  check(av_write_trailer(output), "write the trailer");
  check(avio_closep(&output->pb), "close the destination");
  avformat_free_context(output);
}

/* The packet borrows the data: a muxer that needs it for longer makes its own copy. */
static void write_raw(AVFormatContext *output, AVPacket *packet, const uint8_t *data, int size,
                      int64_t pts, int64_t duration) {
  packet->data = (uint8_t *)data;
  packet->size = size;
  packet->pts = packet->dts = pts;
  packet->duration = duration;
  packet->flags = AV_PKT_FLAG_KEY;
  check(av_write_frame(output, packet), "write a packet");
}

/* Sound: s16 stereo packets straight to the muxer. */

enum { CHANNELS = 2, FRAME_BYTES = CHANNELS * sizeof(int16_t) };

static AVFormatContext *open_wav(int rate) {
  AVFormatContext *output = make_output();
  AVCodecParameters *codec = output->streams[0]->codecpar;
  codec->codec_type = AVMEDIA_TYPE_AUDIO;
  codec->codec_id = AV_CODEC_ID_PCM_S16LE;
  codec->sample_rate = rate;
  codec->bits_per_coded_sample = 16;
  codec->block_align = FRAME_BYTES;
  codec->bit_rate = (int64_t)rate * FRAME_BYTES * 8;
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 28, 100)
  av_channel_layout_default(&codec->ch_layout, CHANNELS);
#else
  codec->channels = CHANNELS;
#endif
  output->streams[0]->time_base = (AVRational){1, rate};
  start_output(output);
  return output;
}

/* One second of a sawtooth in one chunk, by a process that does nothing else. */
static void write_second(void) {
  enum { RATE = 48000 };
  static int16_t samples[RATE * CHANNELS];
  for (int i = 0; i < RATE * CHANNELS; i++) samples[i] = (i % 997) * 32;
  AVFormatContext *output = open_wav(RATE);
  AVPacket *packet = present(av_packet_alloc(), "allocate a packet");
  write_raw(output, packet, (const uint8_t *)samples, sizeof samples, 0, RATE);
  av_packet_free(&packet);
  finish_output(output);
}

#ifdef AUDIO_ONLY

int main(int count, char **values) {
  arguments = values + 1;
  if (count < 3 || strcmp(values[1], "second")) return 2;
  write_second();
  return 0;
}

#else

#include <time.h>

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

static int number(const char *key) { return atoi(text(key)); }

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

typedef struct {
  uint8_t *data;
  size_t size;
} Bytes;

static Bytes read_file(const char *path) {
  FILE *file = present(fopen(path, "rb"), "open the input");
  fseek(file, 0, SEEK_END);
  Bytes bytes = {NULL, ftell(file)};
  rewind(file);
  bytes.data = present(malloc(bytes.size), "allocate the input");
  if (fread(bytes.data, 1, bytes.size, file) != bytes.size) check(AVERROR(EIO), "read the input");
  fclose(file);
  return bytes;
}

static int write_audio(Bytes input, int count) {
  int frames = number("frames"), size = frames * FRAME_BYTES;
  size_t different = input.size / size;
  AVFormatContext *output = open_wav(number("rate"));
  AVPacket *packet = present(av_packet_alloc(), "allocate a packet");
  for (int i = 0; i < count; i++) {
    write_raw(output, packet, input.data + i % different * size, size, (int64_t)i * frames, frames);
  }
  av_packet_free(&packet);
  finish_output(output);
  return count;
}

/* A filter graph with one input and one output. Calling libswscale directly was measured to be no faster.
 * Nor were several threads for the slices of a frame: they slow down the codec beside them. */

typedef struct {
  AVFilterGraph *graph;
  AVFilterContext *source, *sink;
} Filter;

static Filter open_filter(int width, int height, enum AVPixelFormat format, const char *filters) {
  Filter filter = {.graph = present(avfilter_graph_alloc(), "allocate a filter graph")};
  filter.graph->nb_threads = 1;
  char description[512];
  snprintf(description, sizeof description,
           "buffer=video_size=%dx%d:pix_fmt=%s:time_base=1/30,%s,buffersink", width, height,
           av_get_pix_fmt_name(format), filters);
  AVFilterInOut *inputs = NULL, *outputs = NULL;
  check(avfilter_graph_parse2(filter.graph, description, &inputs, &outputs), "parse the filters");
  filter.source = filter.graph->filters[0];
  filter.sink = filter.graph->filters[filter.graph->nb_filters - 1];
  check(avfilter_graph_config(filter.graph, NULL), "connect the filters");
  return filter;
}

static void run_filter(Filter *filter, AVFrame *input, AVFrame *output, int flags) {
  flags |= AV_BUFFERSRC_FLAG_PUSH;
  check(av_buffersrc_add_frame_flags(filter->source, input, flags), "filter a frame");
  check(av_buffersink_get_frame(filter->sink, output), "take a filtered frame");
}

/* Writing video: the caller's bytes to a frame, to the encoder's format, to packets, to the muxer. */

typedef struct {
  AVFormatContext *output;
  AVCodecContext *encoder;
  AVPacket *packet;
  AVFrame *frame, *converted;
  Filter filter;
  int64_t written;
} VideoWriter;

static AVFrame *make_frame(int width, int height, enum AVPixelFormat format) {
  AVFrame *frame = present(av_frame_alloc(), "allocate a frame");
  frame->width = width;
  frame->height = height;
  frame->format = format;
  check(av_frame_get_buffer(frame, 0), "allocate a frame");
  return frame;
}

static AVCodecContext *open_encoder(AVFormatContext *output, int width, int height) {
  const AVCodec *codec = present((void *)avcodec_find_encoder_by_name(text("encoder")), "find the encoder");
  AVCodecContext *encoder = present(avcodec_alloc_context3(codec), "allocate the encoder");
  encoder->width = width;
  encoder->height = height;
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->framerate = (AVRational){30, 1};
  encoder->time_base = (AVRational){1, 30};
  if (output->oformat->flags & AVFMT_GLOBALHEADER) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  AVDictionary *options = NULL;
  check(av_dict_parse_string(&options, text("options"), "=", ":", 0), "parse the options");
  check(avcodec_open2(encoder, codec, &options), "open the encoder");
  av_dict_free(&options);
  return encoder;
}

static VideoWriter open_video_writer(int width, int height, const char *format) {
  VideoWriter writer = {.output = make_output()};
  writer.encoder = open_encoder(writer.output, width, height);
  AVStream *stream = writer.output->streams[0];
  check(avcodec_parameters_from_context(stream->codecpar, writer.encoder), "describe the stream");
  stream->time_base = writer.encoder->time_base;
  stream->avg_frame_rate = writer.encoder->framerate;
  start_output(writer.output);
  enum AVPixelFormat pixels = av_get_pix_fmt(format);
  writer.frame = make_frame(width, height, pixels);
  writer.converted = present(av_frame_alloc(), "allocate a frame");
  writer.packet = present(av_packet_alloc(), "allocate a packet");
  if (pixels != writer.encoder->pix_fmt) {
    writer.filter = open_filter(width, height, pixels, "format=yuv420p");
  }
  return writer;
}

static void encode(VideoWriter *writer, AVFrame *frame) {
  AVStream *stream = writer->output->streams[0];
  check(avcodec_send_frame(writer->encoder, frame), "encode a frame");
  for (;;) {
    int code = avcodec_receive_packet(writer->encoder, writer->packet);
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    check(code, "take a packet");
    writer->packet->duration = 1;
    av_packet_rescale_ts(writer->packet, writer->encoder->time_base, stream->time_base);
    check(av_interleaved_write_frame(writer->output, writer->packet), "write a packet");
  }
}

static void write_frame(VideoWriter *writer, const uint8_t *bytes) {
  AVFrame *frame = writer->frame;
  uint8_t *planes[4];
  int strides[4];
  check(av_frame_make_writable(frame), "reuse a frame");
  av_image_fill_arrays(planes, strides, bytes, frame->format, frame->width, frame->height, 1);
  av_image_copy(frame->data, frame->linesize, (const uint8_t **)planes, strides, frame->format,
                frame->width, frame->height);
  frame->pts = writer->written++;
  if (!writer->filter.graph) {
    encode(writer, frame);
    return;
  }
  run_filter(&writer->filter, frame, writer->converted, AV_BUFFERSRC_FLAG_KEEP_REF);
  encode(writer, writer->converted);
  av_frame_unref(writer->converted);
}

static void close_video_writer(VideoWriter *writer) {
  encode(writer, NULL);
  finish_output(writer->output);
  avfilter_graph_free(&writer->filter.graph);
  avcodec_free_context(&writer->encoder);
  av_packet_free(&writer->packet);
  av_frame_free(&writer->frame);
  av_frame_free(&writer->converted);
}

static int write_raw_video(Bytes input, int count) {
  int width = number("width"), height = number("height"), size = width * height * 3;
  AVFormatContext *output = make_output();
  AVStream *stream = output->streams[0];
  stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
  stream->codecpar->codec_id = AV_CODEC_ID_RAWVIDEO;
  stream->codecpar->codec_tag = avcodec_pix_fmt_to_codec_tag(AV_PIX_FMT_RGB24);
  stream->codecpar->format = AV_PIX_FMT_RGB24;
  stream->codecpar->width = width;
  stream->codecpar->height = height;
  stream->time_base = (AVRational){1, 30};
  stream->avg_frame_rate = (AVRational){30, 1};
  start_output(output);
  AVPacket *packet = present(av_packet_alloc(), "allocate a packet");
  int64_t tick = av_rescale_q(1, (AVRational){1, 30}, stream->time_base);
  for (int i = 0; i < count; i++) {
    write_raw(output, packet, input.data + i % (input.size / size) * size, size, i * tick, tick);
  }
  av_packet_free(&packet);
  finish_output(output);
  return count;
}

static int write_video(Bytes input, int count) {
  if (!strcmp(text("encoder"), "rawvideo")) return write_raw_video(input, count);
  int width = number("width"), height = number("height");
  size_t size = (size_t)width * height * 3, different = input.size / size;
  VideoWriter writer = open_video_writer(width, height, "rgb24");
  for (int i = 0; i < count; i++) write_frame(&writer, input.data + i % different * size);
  close_video_writer(&writer);
  return count;
}

/* Reading video: packets to decoded frames, to the caller's format, to the caller's one buffer. */

typedef struct {
  AVFormatContext *input;
  AVCodecContext *decoder;
  AVPacket *packet;
  AVFrame *decoded, *converted;
  Filter filter;
  int stream;
} VideoReader;

static VideoReader open_video_reader(const char *filters) {
  VideoReader reader = {0};
  check(avformat_open_input(&reader.input, text("input"), NULL, NULL), "open the input");
  check(avformat_find_stream_info(reader.input, NULL), "examine the input");
  reader.stream = check(av_find_best_stream(reader.input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0), "find the video");
  AVCodecParameters *codec = reader.input->streams[reader.stream]->codecpar;
  const AVCodec *decoder = avcodec_find_decoder(codec->codec_id);
  reader.decoder = present(avcodec_alloc_context3(decoder), "allocate the decoder");
  check(avcodec_parameters_to_context(reader.decoder, codec), "describe the decoder");
  reader.decoder->thread_count = number("threads");
  check(avcodec_open2(reader.decoder, decoder, NULL), "open the decoder");
  reader.filter = open_filter(codec->width, codec->height, codec->format, filters);
  reader.packet = present(av_packet_alloc(), "allocate a packet");
  reader.decoded = present(av_frame_alloc(), "allocate a frame");
  reader.converted = present(av_frame_alloc(), "allocate a frame");
  return reader;
}

static void feed_decoder(VideoReader *reader) {
  int code = av_read_frame(reader->input, reader->packet);
  if (code == AVERROR_EOF) {
    check(avcodec_send_packet(reader->decoder, NULL), "drain the decoder");
    return;
  }
  check(code, "read a packet");
  if (reader->packet->stream_index == reader->stream) {
    check(avcodec_send_packet(reader->decoder, reader->packet), "decode a packet");
  }
  av_packet_unref(reader->packet);
}

/* The size of the frame now in the buffer, 0 at the end. */
static int read_frame(VideoReader *reader, uint8_t *buffer, int size) {
  int code;
  while ((code = avcodec_receive_frame(reader->decoder, reader->decoded)) == AVERROR(EAGAIN)) {
    feed_decoder(reader);
  }
  if (code == AVERROR_EOF) return 0;
  check(code, "take a frame");
  AVFrame *frame = reader->converted;
  run_filter(&reader->filter, reader->decoded, frame, 0);
  code = av_image_copy_to_buffer(buffer, size, (const uint8_t *const *)frame->data, frame->linesize,
                                 frame->format, frame->width, frame->height, 1);
  av_frame_unref(frame);
  return check(code, "copy a frame");
}

static void close_video_reader(VideoReader *reader) {
  avfilter_graph_free(&reader->filter.graph);
  avcodec_free_context(&reader->decoder);
  avformat_close_input(&reader->input);
  av_packet_free(&reader->packet);
  av_frame_free(&reader->decoded);
  av_frame_free(&reader->converted);
}

static uint8_t *make_buffer(int *size) {
  *size = number("width") * number("height") * 3;
  return present(malloc(*size), "allocate the buffer");
}

static int read_video(Bytes unused, int count) {
  (void)unused;
  int size, read = 0;
  uint8_t *buffer = make_buffer(&size);
  VideoReader reader = open_video_reader("format=rgb24");
  while (read < count && read_frame(&reader, buffer, size)) read++;
  close_video_reader(&reader);
  free(buffer);
  return read;
}

static int transcode(Bytes unused, int count) {
  (void)unused;
  int size, read = 0, width = number("width"), height = number("height");
  char filters[64];
  snprintf(filters, sizeof filters, "scale=%d:%d,format=%s", width, height, text("format"));
  uint8_t *buffer = make_buffer(&size);
  VideoReader reader = open_video_reader(filters);
  VideoWriter writer = open_video_writer(width, height, text("format"));
  for (; read < count && read_frame(&reader, buffer, size); read++) write_frame(&writer, buffer);
  close_video_writer(&writer);
  close_video_reader(&reader);
  free(buffer);
  return read;
}

/* Once in small to load and warm what is needed, then the whole job by the clock. */
static void measure(int (*job)(Bytes, int), Bytes input) {
  job(input, number("warmup"));
  double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  int frames = job(input, number("count"));
  printf("{\"frames\": %d, \"seconds\": %.9f, \"cpuSeconds\": %.9f}\n", frames,
         seconds(CLOCK_MONOTONIC) - start, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int count, char **values) {
  const char *job = count > 1 ? values[1] : "";
  arguments = values + 1;
  Bytes none = {0};
  if (!strcmp(job, "encode")) measure(write_video, read_file(text("input")));
  else if (!strcmp(job, "audio")) measure(write_audio, read_file(text("input")));
  else if (!strcmp(job, "decode")) measure(read_video, none);
  else if (!strcmp(job, "transcode")) measure(transcode, none);
  else if (!strcmp(job, "second")) write_second();
  else {
    fprintf(stderr, "floor encode|audio|decode|transcode|second key=value...\n");
    return 2;
  }
  return 0;
}

#endif
