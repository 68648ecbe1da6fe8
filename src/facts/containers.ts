/**
 * What FFmpeg does not report of its containers.
 *
 * @module
 */

/** Containers for one format, among those that do not report what they hold. */
export const ONE_FORMAT = new Set(
  ("mp3 flac gif apng ac3 eac3 tta wv amr h264 hevc mjpeg m4v mp2 dts truehd mlp g722 gsm aptx " +
    "aptx_hd sbc opus spx webp obu ivf_av1 codec2 codec2raw dirac vc1")
    .split(" "),
);

/** The names of Ogg containers, which do not report what they hold either. */
export const OGG_NAMES = new Set(["ogg", "oga", "ogv", "spx", "opus"]);

/** The formats that Ogg holds. */
export const OGG_FORMATS = new Set(["vorbis", "opus", "flac", "speex", "theora", "vp8"]);

/** Containers that do not keep times, beside those that FFmpeg marks so. */
export const TIMELESS = new Set(["wav", "w64", "rf64", "aiff", "au", "caf", "tta", "wv", "voc"]);

/** Containers that write several files into one folder. */
export const FOLDERS = new Set(["image2", "hls", "dash", "segment", "stream_segment,ssegment"]);

/** Containers that are completed at their beginning, and so need a seekable output. */
export const NEEDS_SEEKING = new Set(["mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "avif"]);

/** Audio formats of which FLV can hold more than two channels; all others are mono or stereo in it. */
export const FLV_SURROUND = new Set(["aac", "ac3", "eac3", "flac", "opus"]);
