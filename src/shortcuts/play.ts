/**
 * Playing a file or samples in one call.
 *
 * @module
 */

import { FFmpegError } from "../../ffi/error.ts";
import { flag, given, optionalText, optionsObject } from "../base/arguments.ts";
import type { AudioChunk, AudioInput, VideoChunk, Waveform } from "../media/chunk.ts";
import type { SourceAudioStream, SourceVideoStream } from "../reading/demuxer.ts";
import { StreamReader } from "../reading/stream_reader.ts";
import { checkedOptions, urlParts } from "../writing/destinations.ts";
import { StreamWriter } from "../writing/stream_writer.ts";
import { Writer } from "../writing/writer.ts";
import { WriterCalls } from "../writing/writer_calls.ts";
import { noSound } from "./sound_reading.ts";
import { type Sound, soundOf } from "./waveform.ts";

/** How sound is played. */
export interface PlayAudioOptions {
  /** Samples per second; needed for samples; a file and a waveform have their own. */
  readonly sampleRate?: number;
  /** Channels of interleaved samples. @default {1} */
  readonly numChannels?: number;
  /** The output device, by FFmpeg's name, such as `"alsa"`. @default {"audio"} */
  readonly format?: string;
  /** Which one of the device's outputs, by its own name for it. Default: the usual one. */
  readonly device?: string;
  /** Stops playing when it is aborted. */
  readonly signal?: AbortSignal;
}

/** How a video is played. */
export interface PlayVideoOptions {
  /** What is written in the window's title bar. Default: the source's name. */
  readonly title?: string;
  /** Whether the window takes the whole screen. @default {false} */
  readonly fullscreen?: boolean;
  /** Whether the sound is played, too. @default {true} */
  readonly sound?: boolean;
  /** The output device for video frames, by FFmpeg's name. @default {"video"} */
  readonly format?: string;
  /** The output device for sound, by FFmpeg's name. @default {"audio"} */
  readonly soundFormat?: string;
  /** Stops playing when it is aborted. */
  readonly signal?: AbortSignal;
}

/** How many frames of a video were shown, and how it ended. */
export interface PlayVideoResult {
  /** Video frames shown. */
  readonly shown: number;
  /** Video frames that were late and so dropped. */
  readonly dropped: number;
  /** Whether the user closed the window before the end. */
  readonly closed: boolean;
}

/** How much sound is decoded at a time, in seconds. */
const SOUND_CHUNK = 0.05;
/** How much sound, in seconds, a device that is playing is given ahead of time. */
const PLENTY = 1.5;
/** Frames per second above which a rate is taken for a unit of time. */
const MAX_FRAME_RATE = 240;
/** Frames per second where a source has no usable rate. */
const USUAL_FRAME_RATE = 25;

/**
 * Plays samples or the sound of a file, to the end.
 *
 * @param source Samples (interleaved, or one array per channel, or a chunk from a `StreamReader`, or a
 * waveform from `load`), or a path or URL.
 * @param options The sample rate of samples, and the device.
 * @throws {TypeError} For samples without a rate, or a source without sound.
 * @throws {FFmpegError} When the device can't be opened.
 *
 * @example A short beep
 * ```ts ignore
 * import { playAudio } from "@sluice/av";
 *
 * const beep = Float32Array.from({ length: 4800 }, (_, i) => 0.2 * Math.sin(i * 0.0576));
 * await playAudio(beep, { sampleRate: 48000 });
 * ```
 */
export async function playAudio(
  source: AudioInput | string | URL,
  options?: PlayAudioOptions,
): Promise<void> {
  const checked = optionsObject("the options of playAudio", options, [
    "sampleRate",
    "numChannels",
    "format",
    "device",
    "signal",
  ]);
  if (typeof source === "string" || source instanceof URL) return await playFile(source, checked);
  const { input, format: { name: format }, sampleRate, numChannels } = samplesOf(source, checked);
  const wait = given({ signal: checked.signal });
  await toDevice(
    checked,
    (writer) => writer.addAudioStream(sampleRate, numChannels, { format }),
    (out) => out.writeAudioChunk(0, input, undefined, wait),
  );
}

async function playFile(source: string | URL, options: PlayAudioOptions): Promise<void> {
  const wait = given({ signal: options.signal });
  await using reader = await StreamReader.open(source, wait);
  const { sampleRate, numChannels } = addSound(reader, source);
  await toDevice(
    options,
    (writer) => writer.addAudioStream(sampleRate, numChannels),
    async (out) => {
      for await (const [chunk] of reader.stream<[AudioChunk]>(wait)) {
        await out.writeAudioChunk(0, chunk!, undefined, wait);
      }
    },
  );
}

/** Opens a sound device and plays on it; when that is aborted, the rest is not heard. */
async function toDevice(
  { format, device, signal }: PlayAudioOptions,
  addStream: (writer: StreamWriter) => void,
  play: (out: StreamWriter) => Promise<void>,
): Promise<void> {
  const name = optionalText("format", format) ?? "audio";
  const dst = name === "alsa" && device ? device : "-"; // other kinds take the device as an option
  await using out = new StreamWriter(dst, { format: name });
  addStream(out);
  await out.open(device && dst === "-" ? { device } : {}, given({ signal }));
  try {
    await play(out);
    await out.close(given({ signal }));
  } catch (error) {
    await out.close({ drain: false }).catch(() => {}); // the first error says what happened
    throw error;
  }
}

/** Adds a reader's best audio stream, decoded in short chunks. */
function addSound(reader: StreamReader, source: string | URL): SourceAudioStream {
  const streamIndex = reader.defaultAudioStream;
  const info = streamIndex === undefined ? undefined : reader.getSrcStreamInfo(streamIndex);
  if (streamIndex === undefined || info?.mediaType !== "audio") throw noSound(source);
  const framesPerChunk = Math.ceil(info.sampleRate * SOUND_CHUNK);
  reader.addBasicAudioStream(framesPerChunk, { streamIndex, format: "flt" });
  return info;
}

/** Recognizes samples: those in one typed array are interleaved, and a given rate wins. */
function samplesOf(source: AudioInput, options: PlayAudioOptions): Sound {
  const { sampleRate, numChannels } = options;
  if (ArrayBuffer.isView(source)) {
    return soundOf(source, { sampleRate, numChannels, channelsFirst: false });
  }
  const own = (source as Partial<Waveform> | null)?.sampleRate ?? sampleRate;
  const sound = soundOf(source, { sampleRate: own });
  return { ...sound, sampleRate: sampleRate ?? sound.sampleRate };
}

/**
 * Plays a video: its frames in a window, its sound on the sound device, in step. The frames follow the
 * sound; those that are late are dropped. It ends with the video, or when the user presses `q` or
 * Escape or closes the window.
 *
 * @param source A path or URL.
 * @param options How the window looks, and the devices.
 * @returns How many frames were shown and dropped.
 * @throws {TypeError} For a source without video.
 * @throws {FFmpegError} When a device can't be opened.
 *
 * @example A video in a window
 * ```ts ignore
 * import { playVideo } from "@sluice/av";
 *
 * await playVideo("holiday.mp4", { title: "Our holiday" });
 * ```
 */
export async function playVideo(
  source: string | URL,
  options?: PlayVideoOptions,
): Promise<PlayVideoResult> {
  const checked = optionsObject("the options of playVideo", options, [
    "title",
    "fullscreen",
    "sound",
    "format",
    "soundFormat",
    "signal",
  ]);
  const wait = given({ signal: checked.signal });
  await using frames = await StreamReader.open(source, wait);
  // Sound has a reader of its own: a sound device may want to be seconds ahead of the frames.
  await using samples = await StreamReader.open(source, wait);
  return await new VideoPlayer(frames, samples, source, checked).play();
}

/** A writer to a device, without its façade: how much has been heard is known here. */
interface Device {
  readonly writer: Writer;
  readonly calls: WriterCalls;
}

function deviceFor(format: string, clock?: () => number): Device {
  const parts = urlParts("-", checkedOptions({ format }), clock);
  const writer = new Writer({ name: "StreamWriter", ...parts });
  return { writer, calls: new WriterCalls(writer) };
}

/** The best video stream of a source. */
function bestVideo(reader: StreamReader, source: string | URL): SourceVideoStream {
  const index = reader.defaultVideoStream;
  const info = index === undefined ? undefined : reader.getSrcStreamInfo(index);
  if (info?.mediaType === "video") return info;
  throw new TypeError(`Expected a source with video, got "${source}", which has none`);
}

/** The rate at which a stream is shown: a value that can't be one may be a unit of time. */
function rateOf({ frameRate }: SourceVideoStream): number {
  return frameRate > 0 && frameRate <= MAX_FRAME_RATE ? frameRate : USUAL_FRAME_RATE;
}

/** Plays one video. */
class VideoPlayer {
  readonly #options: PlayVideoOptions;
  readonly #source: string | URL;
  readonly #frames: StreamReader;
  readonly #samples: StreamReader;
  readonly #screen: Device;
  readonly #speaker: Device | undefined;
  /** Interrupts the sound when the frames end early. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #soundIsOver = false;
  /** The sound's time when it last moved on, and when that was. */
  #heard = { time: 0, at: performance.now() };

  constructor(
    frames: StreamReader,
    samples: StreamReader,
    source: string | URL,
    options: PlayVideoOptions,
  ) {
    this.#options = options;
    this.#source = source;
    this.#frames = frames;
    this.#samples = samples;
    const { signal } = options;
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const info = bestVideo(frames, source);
    frames.addBasicVideoStream(1, { format: "yuv420p", frameRate: rateOf(info) });
    if (flag("sound", options.sound, true) && samples.defaultAudioStream !== undefined) {
      this.#speaker = this.#makeSpeaker();
    }
    this.#screen = this.#makeScreen(info);
  }

  #makeSpeaker(): Device {
    const { sampleRate, numChannels } = addSound(this.#samples, this.#source);
    const device = deviceFor(optionalText("format", this.#options.soundFormat) ?? "audio");
    device.writer.addAudioStream(sampleRate, numChannels);
    return device;
  }

  #makeScreen(info: SourceVideoStream): Device {
    const format = optionalText("format", this.#options.format) ?? "video";
    const device = deviceFor(format, this.#speaker && (() => this.#clock()));
    const sideways = info.rotation % 180 === 90;
    const [width, height] = sideways ? [info.height, info.width] : [info.width, info.height];
    device.writer.addVideoStream(rateOf(info), width, height, { format: "yuv420p" });
    return device;
  }

  /** Plays the video to its end. */
  async play(): Promise<PlayVideoResult> {
    const { title = String(this.#source), fullscreen = false } = this.#options;
    const { writer, calls } = this.#screen;
    const options = { window_title: title, window_fullscreen: flag("fullscreen", fullscreen) };
    await using _screen = { [Symbol.asyncDispose]: () => calls.close() };
    await calls.open(options, given({ signal: this.#options.signal }));
    const sound = this.#playSound();
    sound.catch(() => {}); // it is awaited below, after the frames
    const closed = await this.#showFrames();
    if (closed) this.#stop.abort();
    await sound;
    const { packets, dropped } = writer.stats;
    return { shown: packets - dropped, dropped, closed };
  }

  /** Plays the sound to its end. */
  async #playSound(): Promise<void> {
    if (!this.#speaker) return;
    const { calls } = this.#speaker;
    const wait = { signal: this.#signal };
    try {
      await calls.open(undefined, wait);
      for await (const [chunk] of this.#samples.stream<[AudioChunk]>(wait)) {
        const time = this.#timeOf(chunk!);
        await this.#untilNear(time);
        await calls.writeAudio(0, chunk!, time, wait);
      }
      this.#soundIsOver = true;
      await calls.close(wait);
    } catch (error) {
      await calls.close({ drain: false }).catch(() => {}); // the first error says what happened
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      this.#soundIsOver = true;
    }
  }

  /** Waits while the sound device has plenty: a write to it that blocks can't be interrupted. */
  async #untilNear(time: number): Promise<void> {
    while (!this.#signal.aborted) {
      const heard = this.#speaker!.writer.heard;
      if (heard <= 0 || time - heard < PLENTY) return;
      await new Promise((resolve) => setTimeout(resolve, 1000 * SOUND_CHUNK));
    }
  }

  /** Shows the frames when they are due; returns whether the user closed the window. */
  async #showFrames(): Promise<boolean> {
    const { calls } = this.#screen;
    const wait = given({ signal: this.#options.signal });
    try {
      for await (const [frame] of this.#frames.stream<[VideoChunk]>({ reuse: true, ...wait })) {
        await calls.writeVideo(0, frame!, this.#timeOf(frame!), wait);
      }
      return false;
    } catch (error) {
      if (error instanceof FFmpegError && error.codeName === "EIO") return true;
      this.#stop.abort();
      throw error;
    }
  }

  /** When a chunk is due, in seconds from the beginning of the video. */
  #timeOf({ pts }: { readonly pts: number }): number {
    return Math.max(0, pts - this.#frames.startTime);
  }

  /** The time by the sound; once that is over, by the wall clock. */
  #clock(): number {
    const time = this.#speaker!.writer.heard;
    const now = performance.now();
    if (time > this.#heard.time + 0.001) this.#heard = { time, at: now };
    return this.#soundIsOver ? this.#heard.time + (now - this.#heard.at) / 1000 : time;
  }
}
