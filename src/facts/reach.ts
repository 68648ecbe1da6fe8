/**
 * What of FFmpeg reaches files and hosts: protocols, filters, options. FFmpeg does not report it.
 *
 * @module
 */

/** The protocols that reach one host, whose name and port are in the URL. */
export const NETWORK: ReadonlySet<string> = new Set(
  ("ftp gopher gophers http httpproxy https icecast mmsh mmst rtmp rtmpe rtmps rtmpt rtmpte rtmpts " +
    "rtp rtsp rtsps sctp sftp srt srtp tcp tls udp udplite rist zmq").split(" "),
);

/** The ports that URLs without one mean. */
export const PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  icecast: 8000,
  rtmp: 1935,
  rtmps: 443,
  rtmpt: 80,
  rtsp: 554,
  rtsps: 322,
  ftp: 21,
  sftp: 22,
};

/** The protocols that take options from a URL's query: that of others is for the server. */
export const QUERY_OPTIONS: ReadonlySet<string> = new Set(
  "tcp udp udplite tls srt rtp srtp rist sctp prompeg zmq".split(" "),
);

/** Those that go wherever the server sends them: by a redirect, or as HTTP below another protocol. */
export const REDIRECTED: ReadonlySet<string> = new Set(
  "http https httpproxy icecast mmsh rtmpt rtmpts rtmpte rtsp rtsps".split(" "),
);

/** Those that use more ports of the host than the URL names. */
export const MANY_PORTS: ReadonlySet<string> = new Set("ftp mmst rist".split(" "));

/** Filters that read or write files, or open sockets, that their arguments name. */
export const FILE_FILTERS: ReadonlySet<string> = new Set(
  ("movie amovie subtitles ass lut3d lut1d drawtext metadata ametadata psnr ssim xpsnr libvmaf " +
    "vmafmotion vidstabdetect vidstabtransform signature arnndn sofalizer frei0r frei0r_src ladspa " +
    "lv2 removelogo find_rect cover_rect dnn_processing dnn_detect dnn_classify derain sr " +
    "libplacebo program_opencl openclsrc zmq azmq deshake loudnorm haldclutsrc firequalizer " +
    "sendcmd asendcmd paletteuse curves selectivecolor showcqt nnedi fieldhint life cellauto flite asr ocr lensfun whisper " +
    "qrencode qrencodesrc drawvg coreimage coreimagesrc")
    .split(" "),
);

/**
 * Options of encoders, containers and protocols that name files or hosts, with "-" for "_", which some
 * of them take for the same.
 */
export const FILE_OPTIONS: ReadonlySet<string> = new Set(
  ("stats passlogfile vstats http-proxy ca-file cafile cert-file cert key-file key private-key " +
    "rtmp-conn rtmp-tcurl encryption-key-file filename fd dump attach qpfile csv " +
    "cqmfile dump-yuv log-file lambda-file scaling-list recon dhdr10-info zonefile nalu-file " +
    "send-expect-100 dolby-vision-rpu film-grain fgs-table analysis-reuse-file analysis-save analysis-load opencl")
    .split(" "),
);

/** Options of containers that write several files: those that can't name one elsewhere. */
export const HARMLESS: ReadonlySet<string> = new Set(
  ("hls-time hls-init-time hls-list-size hls-segment-type hls-segment-size hls-flags start-number " +
    "hls-playlist-type hls-delete-threshold hls-allow-cache hls-start-number-source method timeout " +
    "seg-duration frag-duration frag-type window-size extra-window-size remove-at-exit streaming " +
    "use-template use-timeline single-file ldash hls-playlist adaptation-sets dash-segment-type " +
    "target-latency write-prft update-period index-correction segment-time segment-format " +
    "segment-frames segment-times segment-start-number segment-wrap segment-list-size " +
    "reset-timestamps break-non-keyframes individual-header-trailer min-seg-duration " +
    "update frame-pts strftime atomic-writing flush-packets fflags avioflags max-delay packetsize")
    .split(" "),
);

/** Those of `hls_flags`. With others, files that an old playlist lists may be deleted. */
export const HARMLESS_FLAGS: ReadonlySet<string> = new Set(
  ("single_file temp_file delete_segments round_durations discont_start omit_endlist " +
    "split_by_time program_date_time independent_segments iframes_only").split(" "),
);

/** Demuxers of lists, which open what the lists name. */
export const LISTS: ReadonlySet<string> = new Set(
  "concat hls applehttp dash imf concatf rtsp sdp sap".split(" "),
);
