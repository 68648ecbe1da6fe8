/**
 * What FFmpeg does not report of its encoders: which of the settings that all of them have they look at.
 *
 * @module
 */

const names = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** Encoders that look at `global_quality` and the quality of each frame. */
const QSCALE = names(
  "mpeg1video mpeg2video mpeg4 mjpeg amv h261 h263 h263p flv rv10 rv20 wmv1 wmv2 speedhq msmpeg4v2 " +
    "msmpeg4 snow svq1 cinepak roqvideo asv1 asv2 jpeg2000 prores_ks a64multi a64multi5 libtheora " +
    "libxvid libwebp libwebp_anim libjxl libjxl_anim aac libfdk_aac libmp3lame libtwolame libvorbis " +
    "vorbis libspeex sbc",
);

/** Encoders that look at `compression_level`. */
const COMPRESSION_LEVEL = names(
  "flac alac wavpack libmp3lame libopus libspeex png apng zlib zmbv flashsv flashsv2 libwebp " +
    "libwebp_anim libopenjpeg pdv",
);

/** Encoders of other systems and hardware: what they look at depends on these. */
const FOREIGN =
  /_(vaapi|qsv|nvenc|amf|mf|at|videotoolbox|mediacodec|vulkan|v4l2m2m|omx|d3d12va|rkmpp)$/;

/** Whether an encoder looks at a setting; `true` also where that is not known. */
export function looksAt(encoder: string, setting: "qscale" | "compressionLevel"): boolean {
  const set = setting === "qscale" ? QSCALE : COMPRESSION_LEVEL;
  return set.has(encoder) || FOREIGN.test(encoder);
}

/** Options for constant quality, of encoders that have one of their own; the first is used. */
export const QUALITY_OPTIONS = ["crf", "qp"] as const;

/** Encoders whose effort is set by the names of presets. */
export const HAS_PRESETS = names("libx264 libx264rgb libx265");

/** Their presets, the fastest first. */
export const PRESETS = [
  "ultrafast",
  "superfast",
  "veryfast",
  "faster",
  "fast",
  "medium",
  "slow",
  "slower",
  "veryslow",
  "placebo",
] as const;
