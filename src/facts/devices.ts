/**
 * What is known of output devices beyond what FFmpeg reports.
 *
 * @module
 */

/** The pixel formats that a device or container takes, best first, where FFmpeg does not report them. */
export const MUXER_PIXEL_FORMATS: Readonly<Record<string, readonly string[]>> = {
  "sdl,sdl2": ["yuv420p", "rgb24", "bgr24", "bgra", "rgba", "bgr0", "rgb0", "yuyv422", "uyvy422"],
  opengl: ["yuv420p", "rgb24", "bgr24", "rgba", "bgra", "gray", "yuv444p", "yuv422p", "gbrp"],
  xv: ["yuv420p", "yuyv422", "uyvy422"],
  caca: ["rgb24"],
  yuv4mpegpipe: ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray"],
};

const INSTALL_SDL =
  "install SDL 2 or SDL 3, which Sluice then uses itself (Debian: apt-get install libsdl2-2.0-0)";

/** What to install for devices that FFmpeg here may lack. */
const WANTED: Readonly<Record<string, string>> = {
  audio: INSTALL_SDL,
  sdl: INSTALL_SDL,
  sdl2: INSTALL_SDL,
  opengl: 'FFmpeg 8 and later have it no more: use format: "sdl"',
  pulse: "it needs an FFmpeg with PulseAudio, as Linux distributions have it",
  alsa: "it is for Linux, and needs an FFmpeg with ALSA",
  audiotoolbox: 'it is for macOS: use format: "audio" for the sound device of any system',
  xv: "it needs an FFmpeg with X11's XVideo",
  caca: 'it needs an FFmpeg with libcaca: use format: "sdl"',
  oss: "it is for systems with OSS",
  fbdev: "it is for Linux",
  v4l2: "it is for Linux",
};

/** Whether a name is that of a well-known output device. */
export function isKnownDevice(name: string): boolean {
  return Object.hasOwn(WANTED, name);
}

/** How to come by a well-known device. */
export function deviceAdvice(name: string): string {
  return WANTED[name] ?? "";
}

/** The sound devices to try for `format: "audio"`, best first. */
export function audioDevices(os: string): readonly string[] {
  if (os === "darwin") return ["audiotoolbox"];
  return ["pulse", "alsa", "oss"];
}

/** The name to open a device by: "-" stands for the usual one, which some know by another name. */
export function deviceUrl(device: string | undefined, url: string): string {
  if (url !== "-") return url;
  if (device === "alsa") return "default";
  return device === "oss" ? "/dev/dsp" : url;
}

/**
 * How much sound, in seconds, a device buffers before it starts to play, unless its options say
 * otherwise. Less than that is never played: silence must follow it.
 */
export const DEVICE_BUFFERS: Readonly<Record<string, number>> = { pulse: 2.2 };

/** The hint for a second stream of a device. */
export const ONE_STREAM: Readonly<Record<"audio" | "video", string>> = {
  audio: "Expected one audio stream for a sound device: open another device for another",
  video: "Expected one video stream for a window: open another window for another",
};

/** Sound devices that play the first sample as soon as they get it. */
export const STARTS_AT_ONCE: ReadonlySet<string> = new Set(["alsa", "oss"]);

/** What has happened when an open device rejects what it took before. */
export function deviceGone(name: string): string {
  switch (name.split(",")[0]) {
    case "sdl":
    case "opengl":
    case "xv":
      return "the display is gone";
    case "pulse":
      return "the device is gone, or its sound server has ended";
    default:
      return "the device is gone";
  }
}

/** What may be wrong when a device can't be opened. */
export function deviceHint(name: string): string {
  switch (name.split(",")[0]) {
    case "sdl":
    case "opengl":
    case "xv":
      return "is there a display (on X, the environment variable DISPLAY names it)?";
    case "pulse":
      return "is a PulseAudio or PipeWire server running, and does it have this device?";
    case "alsa":
      return "is there a sound card of this name (aplay -L lists them), is it free, and does it take " +
        "this many channels?";
    case "audio":
      return "is there a sound card or a sound server, is it free, and does it take this many channels?";
    case "oss":
      return "is there a /dev/dsp, and is it free?";
    case "fbdev":
      return "is there a /dev/fb0, and may this user write to it?";
    default:
      return "is the device there, and is it free?";
  }
}
