/**
 * Playing a file or samples in one call.
 *
 * @module
 */

import { FFmpegError } from "../../ffi/error.ts";
import { flag, optionalText, optionsObject } from "../base/arguments.ts";
import type { AudioChunk, AudioInput, VideoChunk, Waveform } from "../media/chunk.ts";
import { StreamReader } from "../reading/stream_reader.ts";
import { checkedOptions, urlParts } from "../writing/destinations.ts";
import { StreamWriter } from "../writing/stream_writer.ts";
import { Writer } from "../writing/writer.ts";
import { WriterCalls } from "../writing/writer_calls.ts";
import { type Sound, soundOf } from "./waveform.ts";

/** How sound is played. */
export interface PlayAudioOptions {
  /** Samples per second; needed for samples, a file and a waveform tell their own. */
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

/** How a film is played. */
export interface PlayVideoOptions {
  /** What is written in the window's title bar. Default: the source's name. */
  readonly title?: string;
  /** Whether the window takes the whole screen. @default {false} */
  readonly fullscreen?: boolean;
  /** Whether the sound is played, too. @default {true} */
  readonly sound?: boolean;
  /** The output device for pictures, by FFmpeg's name. @default {"video"} */
  readonly format?: string;
  /** The output device for sound, by FFmpeg's name. @default {"audio"} */
  readonly soundFormat?: string;
  /** Stops playing when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What playing a film has come to. */
export interface PlayVideoResult {
  /** Pictures shown. */
  readonly shown: number;
  /** Pictures that came too late and were left out. */
  readonly dropped: number;
  /** Whether the user closed the window before the end. */
  readonly closed: boolean;
}

/** How much sound is decoded at a time, in seconds. */
const SOUND_CHUNK = 0.05;
/** How much sound, in seconds, a device that is playing is given ahead of time. */
const PLENTY = 1.5;

/**
 * Plays samples or the sound of a file, to the end.
 *
 * @param source Samples (interleaved, or one array per channel, or a chunk of a `StreamReader`'s, or a
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
  const given = optionsObject("the options of playAudio", options, [
    "sampleRate",
    "numChannels",
    "format",
    "device",
    "signal",
  ]);
  if (typeof source === "string" || source instanceof URL) return await playFile(source, given);
  const { input, format: { name: format }, sampleRate, numChannels } = samplesOf(source, given);
  const writer = soundWriter(given);
  writer.addAudioStream(given.sampleRate ?? sampleRate, numChannels, { format });
  await using out = await writer.open(soundOptions(given));
  await untilAborted(
    out,
    given.signal,
    () => out.writeAudioChunk(0, input, undefined, wait(given)),
  );
}

async function playFile(source: string | URL, options: PlayAudioOptions): Promise<void> {
  await using reader = await StreamReader.open(source, wait(options));
  const { index, sampleRate, numChannels } = bestSound(reader, source);
  reader.addBasicAudioStream(Math.ceil(sampleRate * SOUND_CHUNK), {
    streamIndex: index,
    format: "flt",
  });
  const writer = soundWriter(options);
  writer.addAudioStream(sampleRate, numChannels);
  await using out = await writer.open(soundOptions(options));
  await untilAborted(out, options.signal, async () => {
    for await (const [chunk] of reader.stream<[AudioChunk]>(wait(options))) {
      await out.writeAudioChunk(0, chunk!, undefined, wait(options));
    }
  });
}

function soundWriter({ format, device }: PlayAudioOptions): StreamWriter {
  const name = optionalText("format", format) ?? "audio";
  return new StreamWriter(name === "alsa" && device ? device : "-", { format: name });
}

function soundOptions({ format, device }: PlayAudioOptions): Record<string, string> {
  return device && format !== "alsa" ? { device } : {};
}

function wait({ signal }: { readonly signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

/** Does something with a sound writer; when that is aborted, the rest is not heard. */
async function untilAborted(
  out: StreamWriter,
  signal: AbortSignal | undefined,
  play: () => Promise<void>,
): Promise<void> {
  try {
    await play();
    await out.close(wait(signal ? { signal } : {}));
  } catch (error) {
    await out.close({ drain: false }).catch(() => {}); // the first error says what happened
    throw error;
  }
}

function bestSound(reader: StreamReader, source: string | URL) {
  const index = reader.defaultAudioStream;
  const info = index === undefined ? undefined : reader.getSrcStreamInfo(index);
  if (index === undefined || info?.mediaType !== "audio") {
    throw new TypeError(`Expected a source with sound, got "${source}", which has none`);
  }
  return { index, sampleRate: info.sampleRate, numChannels: info.numChannels };
}

/** What samples are; those in one typed array are interleaved. */
function samplesOf(source: AudioInput, { sampleRate, numChannels }: PlayAudioOptions): Sound {
  const rate = (source as Partial<Waveform> | null)?.sampleRate ?? sampleRate;
  if (!ArrayBuffer.isView(source)) return soundOf(source, { sampleRate: rate });
  return soundOf(source, { sampleRate, numChannels, channelsFirst: false });
}

/**
 * Plays a film: pictures in a window, sound on the sound device, in step. The pictures follow the
 * sound; those that come too late are left out. It ends with the film, or when the user presses `q` or
 * Escape or closes the window.
 *
 * @param source A path or URL.
 * @param options How the window looks, and the devices.
 * @returns How many pictures were shown and left out.
 * @throws {TypeError} For a source without pictures.
 * @throws {FFmpegError} When a device can't be opened.
 *
 * @example A film in a window
 * ```ts ignore
 * import { playVideo } from "@sluice/av";
 *
 * await playVideo("film.mp4", { title: "A film" });
 * ```
 */
export async function playVideo(
  source: string | URL,
  options?: PlayVideoOptions,
): Promise<PlayVideoResult> {
  const given = optionsObject("the options of playVideo", options, [
    "title",
    "fullscreen",
    "sound",
    "format",
    "soundFormat",
    "signal",
  ]);
  await using pictures = await StreamReader.open(source, wait(given));
  // Sound has a reader of its own: a sound device may want to be seconds ahead of the pictures.
  await using sound = await StreamReader.open(source, wait(given));
  return await new Film(pictures, sound, source, given).play();
}

/** A writer to a device, without its façade: how much has been heard is known here. */
interface Player {
  readonly writer: Writer;
  readonly calls: WriterCalls;
}

function playerFor(format: string, clock?: () => number): Player {
  const parts = urlParts("-", checkedOptions({ format }), clock);
  const writer = new Writer({ name: "StreamWriter", ...parts });
  return { writer, calls: new WriterCalls(writer) };
}

/** A film that is being played. */
class Film {
  readonly #options: PlayVideoOptions;
  readonly #source: string | URL;
  readonly #pictures: StreamReader;
  readonly #samples: StreamReader;
  readonly #frameRate: number;
  readonly #screen: Player;
  readonly #sound: Player | undefined;
  /** Breaks off the sound when the pictures end early. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #soundIsOver = false;
  /** The sound's time when it last moved on, and when that was. */
  #heard = { time: 0, at: performance.now() };

  constructor(
    pictures: StreamReader,
    samples: StreamReader,
    source: string | URL,
    options: PlayVideoOptions,
  ) {
    this.#options = options;
    this.#source = source;
    this.#pictures = pictures;
    this.#samples = samples;
    const { signal } = options;
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const info = this.#addPictures();
    this.#frameRate = info.frameRate;
    if (flag("sound", options.sound, true) && samples.defaultAudioStream !== undefined) {
      this.#sound = this.#addSound();
    }
    this.#screen = this.#addScreen(info);
  }

  #addPictures(): { width: number; height: number; frameRate: number } {
    const index = this.#pictures.defaultVideoStream;
    const info = index === undefined ? undefined : this.#pictures.getSrcStreamInfo(index);
    if (info?.mediaType !== "video") {
      throw new TypeError(`Expected a source with pictures, got "${this.#source}", which has none`);
    }
    const frameRate = info.frameRate > 0 && info.frameRate <= 240 ? info.frameRate : 25;
    this.#pictures.addBasicVideoStream(1, { format: "yuv420p", frameRate });
    const sideways = info.rotation % 180 === 90;
    const [width, height] = sideways ? [info.height, info.width] : [info.width, info.height];
    return { width, height, frameRate };
  }

  #addSound(): Player {
    const { index, sampleRate, numChannels } = bestSound(this.#samples, this.#source);
    this.#samples.addBasicAudioStream(Math.ceil(sampleRate * SOUND_CHUNK), {
      streamIndex: index,
      format: "flt",
    });
    const player = playerFor(optionalText("format", this.#options.soundFormat) ?? "audio");
    player.writer.addAudioStream(sampleRate, numChannels);
    return player;
  }

  #addScreen({ width, height }: { width: number; height: number }): Player {
    const format = optionalText("format", this.#options.format) ?? "video";
    const player = playerFor(format, this.#sound && (() => this.#clock()));
    player.writer.addVideoStream(this.#frameRate, width, height, { format: "yuv420p" });
    return player;
  }

  async play(): Promise<PlayVideoResult> {
    const { title = String(this.#source), fullscreen = false } = this.#options;
    const { writer, calls } = this.#screen;
    const options = { window_title: title, window_fullscreen: flag("fullscreen", fullscreen) };
    await calls.open(options, undefined);
    await using _screen = { [Symbol.asyncDispose]: () => calls.close() };
    const sound = this.#play();
    sound.catch(() => {}); // it is awaited below, after the pictures
    const closed = await this.#show();
    if (closed) this.#stop.abort();
    await sound;
    const { packets, dropped } = writer.stats;
    return { shown: packets - dropped, dropped, closed };
  }

  /** Plays the sound to its end. */
  async #play(): Promise<void> {
    if (!this.#sound) return;
    const { calls } = this.#sound;
    await calls.open(undefined, undefined);
    try {
      for await (const [chunk] of this.#samples.stream<[AudioChunk]>({ signal: this.#signal })) {
        await this.#untilNear(this.#time(chunk!));
        await calls.writeAudio(0, chunk!, this.#time(chunk!), { signal: this.#signal });
      }
      this.#soundIsOver = true;
      await calls.close({ signal: this.#signal });
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
      const heard = this.#sound!.writer.heard;
      if (heard <= 0 || time - heard < PLENTY) return;
      await new Promise((resolve) => setTimeout(resolve, 1000 * SOUND_CHUNK));
    }
  }

  /** Shows the pictures when they are due; returns whether the user closed the window. */
  async #show(): Promise<boolean> {
    const { calls } = this.#screen;
    const again = { reuse: true, ...wait(this.#options) };
    try {
      for await (const [picture] of this.#pictures.stream<[VideoChunk]>(again)) {
        await calls.writeVideo(0, picture!, this.#time(picture!), wait(this.#options));
      }
      return false;
    } catch (error) {
      if (error instanceof FFmpegError && error.codeName === "EIO") return true;
      this.#stop.abort();
      throw error;
    }
  }

  /** When a chunk is due, in seconds from the beginning of the film. */
  #time({ pts }: { readonly pts: number }): number {
    return Math.max(0, pts - this.#pictures.startTime);
  }

  /** The film's time by its sound; once that is over, by the wall clock. */
  #clock(): number {
    const time = this.#sound!.writer.heard;
    const now = performance.now();
    if (time > this.#heard.time + 0.001) this.#heard = { time, at: now };
    return this.#soundIsOver ? this.#heard.time + (now - this.#heard.at) / 1000 : time;
  }
}
