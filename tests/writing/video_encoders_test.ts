/**
 * Video in every container and encoder pair in common use, against the packets of the `ffmpeg`
 * program, lossless ones against the input's bytes.
 */

import { strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import { ffprobe, hasEncoder, pixels, sameBytes, tempDir } from "../support/helpers.ts";
import { single, type VideoOptions, writeVideo, X264 } from "../support/writer_helpers.ts";
import { AS_NAMED, type Pair, testPairs, UNTITLED } from "../support/writer_pairs.ts";

const RAW_PICTURES = ["-f", "rawvideo", "-pix_fmt"];

interface VideoPair extends Pair {
  readonly format: string;
  /** The pixel format that is encoded, if it must be named. */
  readonly encoderFormat?: string;
  readonly encoderOption?: Record<string, string>;
}

const SIZE = { width: 64, height: 48 } as const;
const NUM_PICTURES = 12;

/** Bytes in one frame of 64x48. */
const PICTURE_BYTES: Readonly<Record<string, number>> = {
  gray: 3072,
  yuv420p: 4608,
  yuv422p: 6144,
  nv12: 4608,
  rgb24: 9216,
  bgr24: 9216,
  gbrp: 9216,
  yuv444p: 9216,
  yuv420p10le: 9216,
  rgba: 12288,
  bgr0: 12288,
};

function film(
  [file, uses]: [file: string, uses: string],
  format: string,
  [codec_name, pix_fmt]: [codec: string, pixelFormat: string],
  seconds: number | undefined,
  more: Partial<VideoPair> = {},
): VideoPair {
  const { stream, ...rest } = more;
  const [r_frame_rate, avg_frame_rate] = ["25/1", "25/1"];
  return {
    ...{ file, uses, format, seconds, packets: NUM_PICTURES },
    stream: { codec_name, pix_fmt, ...SIZE, r_frame_rate, avg_frame_rate, ...stream },
    ...rest,
  };
}

const NO_AVERAGE = { stream: { avg_frame_rate: "0/0" } } as const;
const NO_DELAY = ["-muxdelay", "0", "-muxpreload", "0"]; // what the program adds, not the library
const FAST_AV1 = { "cpu-used": "8", usage: "realtime" };
const QUIET_X265 = { "x265-params": "log-level=none" };

// Twelve frames of 64x48 at 25 frames/s each.
const VIDEO_PAIRS: readonly VideoPair[] = [
  film(["a.mp4", "libx264"], "rgb24", ["h264", "yuv420p"], 0.48, {
    encoderFormat: "yuv420p",
    encoderOption: X264,
  }),
  film(["a.mp4", "libx265"], "yuv420p", ["hevc", "yuv420p"], 0.48, {
    ...AS_NAMED,
    encoderOption: QUIET_X265,
  }),
  film(["a.mp4", "mpeg4"], "rgb24", ["mpeg4", "yuv420p"], 0.48, AS_NAMED),
  film(["a.mov", "libx264"], "yuv420p", ["h264", "yuv420p"], 0.48, { encoderOption: X264 }),
  film(["a.mov", "prores_ks"], "rgb24", ["prores", "yuv422p10le"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "yuv422p10le",
  }),
  film(["a.mov", "ffv1"], "yuv420p", ["ffv1", "yuv420p"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "yuv420p"],
  }),
  film(["a.avi", "prores_ks"], "yuv420p", ["prores", "yuv422p10le"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "yuv422p10le",
  }),
  film(["a.mov", "qtrle"], "rgb24", ["qtrle", "rgb24"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "rgb24"],
  }),
  film(["a.mov", "png"], "rgba", ["png", "rgba"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "rgba",
    lossless: [...RAW_PICTURES, "rgba"],
  }),
  film(["a.mkv", "libx264"], "yuv420p", ["h264", "yuv420p"], 0.48, { encoderOption: X264 }),
  film(["a.mkv", "libx264rgb"], "rgb24", ["h264", "gbrp"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "rgb24",
    encoderOption: { ...X264, qp: "0" },
    lossless: [...RAW_PICTURES, "rgb24"],
  }),
  film(["a.mkv", "ffv1"], "yuv420p", ["ffv1", "yuv420p"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "yuv420p"],
  }),
  film(["a.mkv", "ffv1"], "yuv444p", ["ffv1", "yuv444p"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "yuv444p",
    lossless: [...RAW_PICTURES, "yuv444p"],
  }),
  film(["a.mkv", "ffv1"], "yuv420p10le", ["ffv1", "yuv420p10le"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "yuv420p10le",
    lossless: [...RAW_PICTURES, "yuv420p10le"],
  }),
  film(["a.webm", "libvpx-vp9"], "yuv420p", ["vp9", "yuv420p"], 0.48),
  film(["a.webm", "libvpx"], "yuv420p", ["vp8", "yuv420p"], 0.48, AS_NAMED),
  film(["a.webm", "libaom-av1"], "yuv420p", ["av1", "yuv420p"], 0.48, {
    ...AS_NAMED,
    cli: ["-strict", "experimental"], // as FFmpeg 4 has it
    encoderOption: FAST_AV1,
  }),
  film(["a.avi", "mpeg4"], "rgb24", ["mpeg4", "yuv420p"], 0.48),
  film(["a.avi", "mjpeg"], "yuv420p", ["mjpeg", "yuvj420p"], 0.48, {
    ...AS_NAMED,
    encoderFormat: "yuvj420p",
  }),
  film(["a.avi", "huffyuv"], "yuv422p", ["huffyuv", "yuv422p"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "yuv422p"],
  }),
  film(["a.avi", "utvideo"], "gbrp", ["utvideo", "gbrp"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "gbrp"],
  }),
  film(["a.avi", "rawvideo"], "yuv420p", ["rawvideo", "yuv420p"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "yuv420p"],
  }),
  film(["a.avi", "rawvideo"], "bgr24", ["rawvideo", "bgr24"], 0.48, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "bgr24"],
  }),
  film(["a.nut", "rawvideo"], "rgb24", ["rawvideo", "rgb24"], 0.44, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "rgb24"],
  }),
  film(["a.nut", "rawvideo"], "nv12", ["rawvideo", "nv12"], 0.44, {
    ...AS_NAMED,
    lossless: [...RAW_PICTURES, "nv12"],
  }),
  film(["a.nut", "mpeg4"], "yuv420p", ["mpeg4", "yuv420p"], 0.44, NO_AVERAGE),
  film(["a.y4m", "wrapped_avframe"], "yuv420p", ["rawvideo", "yuv420p"], 0.48, {
    ...UNTITLED,
    lossless: [...RAW_PICTURES, "yuv420p"],
  }),
  film(["a.yuv", "rawvideo"], "yuv420p", ["rawvideo", "yuv420p"], 0.48, {
    ...UNTITLED,
    ...NO_AVERAGE,
    readArgs: ["-f", "rawvideo", "-video_size", "64x48"],
    lossless: [...RAW_PICTURES, "yuv420p"],
  }),
  film(["a.gif", "gif"], "rgb24", ["gif", "bgra"], 0.48, {
    ...UNTITLED,
    encoderFormat: "rgb8",
  }),
  film(["a.apng", "apng"], "rgb24", ["apng", "rgb24"], undefined, {
    ...UNTITLED,
    lossless: [...RAW_PICTURES, "rgb24"],
  }),
  film(["picture%02d.png", "png"], "rgb24", ["png", "rgb24"], 0.48, {
    ...UNTITLED,
    lossless: [...RAW_PICTURES, "rgb24"],
  }),
  film(["picture%02d.bmp", "bmp"], "bgr24", ["bmp", "bgr24"], 0.48, {
    ...UNTITLED,
    encoderFormat: "bgr24",
    lossless: [...RAW_PICTURES, "bgr24"],
  }),
  film(["picture%02d.jpg", "mjpeg"], "yuv420p", ["mjpeg", "yuvj420p"], 0.48, {
    ...UNTITLED,
    encoderFormat: "yuvj420p",
  }),
  film(["a.flv", "flv"], "rgb24", ["flv1", "yuv420p"], 0.48),
  film(["a.flv", "libx264"], "yuv420p", ["h264", "yuv420p"], 0.56, {
    ...AS_NAMED,
    encoderOption: X264,
  }),
  film(["a.ts", "mpeg2video"], "rgb24", ["mpeg2video", "yuv420p"], 0.48, {
    ...UNTITLED,
    cli: NO_DELAY,
  }),
  film(["a.ts", "libx264"], "yuv420p", ["h264", "yuv420p"], 0.48, {
    cli: NO_DELAY,
    ...AS_NAMED,
    ...UNTITLED,
    encoderOption: X264,
  }),
  film(["a.mpg", "mpeg1video"], "rgb24", ["mpeg1video", "yuv420p"], 0.48, UNTITLED),
  film(["a.ogv", "libtheora"], "yuv420p", ["theora", "yuv420p"], 0.48, NO_AVERAGE),
  film(["a.wmv", "msmpeg4"], "rgb24", ["msmpeg4v3", "yuv420p"], 0.48),
  film(["a.mxf", "mpeg2video"], "rgb24", ["mpeg2video", "yuv420p"], 0.48, UNTITLED),
];

testPairs(
  VIDEO_PAIRS,
  ({ file, uses, format }) => `addVideoStream() writes ${format} as ${uses} to ${file} like ffmpeg`,
  async (pair, path) => {
    const { uses, format, named, encoderFormat, encoderOption = {}, cli = [] } = pair;
    const bytes = pixels(PICTURE_BYTES[format]!, NUM_PICTURES);
    const wide = format.endsWith("10le");
    if (wide) bytes.forEach((byte, i) => (bytes[i] = i % 2 === 1 ? byte & 3 : byte));
    const pictures = wide ? new Uint16Array(bytes.buffer) : bytes;
    using writer = new StreamWriter(path);
    writer.setMetadata({ title: "Night" });
    const options: VideoOptions = {
      ...{ format, encoderOption },
      ...(named ? { encoder: uses } : {}),
      ...(encoderFormat ? { encoderFormat } : {}),
    };
    strictEqual(writer.addVideoStream(25, SIZE.width, SIZE.height, options), 0);
    {
      await using out = await writer.open();
      for (const picture of single(pictures, NUM_PICTURES)) await out.writeVideoChunk(0, picture);
    }
    const size = `${SIZE.width}x${SIZE.height}`;
    return {
      input: pictures,
      inputArgs: ["-f", "rawvideo", "-pix_fmt", format, "-video_size", size, "-r", "25"],
      cli: [
        ...(named ? ["-c:v", uses] : []),
        ...Object.entries(encoderOption).flatMap(([name, value]) => [`-${name}`, value]),
        ...(encoderFormat ? ["-pix_fmt", encoderFormat] : []),
        ...cli,
      ],
    };
  },
);

Deno.test("writeVideoChunk() to raw pixels writes the bytes themselves", () => {
  using dir = tempDir();
  const pictures = pixels(9216, 3);
  writeVideo(dir.file("a.rgb"), [25, 64, 48], single(pictures, 3), { encoder: "rawvideo" });
  sameBytes(Deno.readFileSync(dir.file("a.rgb")), pictures, "file and pictures");
});

for (const encoder of ["libx265", "libx264", "mpeg4"]) {
  Deno.test({
    name: `${encoder} encodes one frame and a few, again and again`,
    ignore: !await hasEncoder(encoder),
    async fn() {
      using dir = tempDir();
      const path = dir.file("a.mp4");
      const log = encoder === "libx265"
        ? { encoderOption: { "x265-params": "log-level=none" } }
        : {};
      for (let i = 0; i < 12; i++) {
        const count = 1 + i % 4;
        writeVideo(path, [10, 64, 48], [pixels(9216, count)], { encoder, ...log });
        const { streams: [stream] } = await ffprobe(
          path,
          "-count_frames",
          "-show_streams",
          "-show_format",
        );
        strictEqual(stream.nb_read_frames, String(count), `run ${i}`);
      }
    },
  });
}
