/**
 * The command that decodes a file and re-encodes it.
 *
 * @module
 */

import { ffmpeg } from "../mod.ts";
import { type Command, CommandError, type Given, UsageError } from "./command.ts";
import { Conversion, type ConversionOptions } from "./conversion.ts";
import { duration, note, printJson, Progress, Quit, size } from "./terminal.ts";

/** The command. */
export const convertCommand: Command = {
  name: "convert",
  summary: "Decodes a file and re-encodes it, into the container that the new file's name says",
  parameters: ["IN", "OUT"],
  options: {
    "video-encoder": { value: "NAME", help: 'The encoder for video; "sluice encoders" lists all' },
    "audio-encoder": { value: "NAME", help: "The encoder for audio" },
    "encoder-option": {
      value: "KEY=VALUE",
      multiple: true,
      help: 'An encoder\'s option, such as crf=20; "audio:b=96k" is for that of the audio',
    },
    size: { value: "WxH", help: "The size of the video, such as 640x360" },
    rate: { value: "N", help: "Video frames per second, such as 30 or 30000/1001" },
    "sample-rate": { value: "HZ", help: "Samples per second" },
    start: { value: "TIME", help: "Where to begin: seconds or h:mm:ss" },
    duration: { value: "TIME", help: "How much of it" },
    "no-audio": { help: "Drops the audio" },
    "no-video": { help: "Drops the video" },
    format: { value: "NAME", help: "The container, where the name of OUT does not say it" },
    overwrite: { help: "Replaces OUT if it is there already", short: "y" },
    json: { help: "Prints what has been done as JSON, for scripts" },
  },
  notes: [
    "All audio and video are converted as far as the container holds them, and the metadata copied.",
    "Names that stand for audio, such as song.mp3, get no video unless --video-encoder is given.",
    "Ctrl-C ends the new file where it is.",
  ],
  async run(given) {
    const options = optionsOf(given);
    const [input, output] = given.args as [string, string];
    ffmpeg.setLogLevel("fatal");
    await using conversion = await Conversion.open(input, options);
    if (given.has("overwrite") && isSame(input, output)) {
      throw new CommandError(`Expected two files, got "${input}" as the old and the new one`);
    }
    using place = new Place(given.has("overwrite") ? undefined : output);
    using quit = new Quit(false);
    await conversion.start(output, options);
    place.taken = true;
    const progress = new Progress(conversion.total);
    try {
      await conversion.run(quit.signal, ({ seconds, speed }) => progress.show(seconds, speed));
    } finally {
      progress.clear();
    }
    return report(conversion, output, given.has("json"), quit.signal.aborted);
  },
};

function optionsOf(given: Given): ConversionOptions {
  if (given.has("no-audio") && given.has("no-video")) {
    throw new UsageError("Expected --no-audio or --no-video, got both: nothing is left to convert");
  }
  return {
    format: given.text("format"),
    audio: given.has("no-audio") ? false : {
      encoder: given.text("audio-encoder"),
      sampleRate: given.whole("sample-rate"),
    },
    video: given.has("no-video") ? false : {
      encoder: given.text("video-encoder"),
      size: sizeOf(given.text("size")),
      rate: given.number("rate"),
    },
    encoderOptions: given.all("encoder-option").map(encoderOption),
    start: given.seconds("start") ?? 0,
    duration: given.seconds("duration"),
  };
}

function sizeOf(text: string | undefined): { width: number; height: number } | undefined {
  if (text === undefined) return undefined;
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text) ?? [];
  if (width !== undefined) return { width: Number(width), height: Number(height) };
  throw new UsageError(`Expected a size such as 640x360 after --size, got "${text}"`);
}

function encoderOption(text: string): ConversionOptions["encoderOptions"][number] {
  const [, type, name, value] = /^(?:(audio|video):)?([^=:]+)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined) {
    return { type: type as "audio" | "video" | undefined, name, value: value! };
  }
  throw new UsageError(`Expected KEY=VALUE after --encoder-option, got "${text}"`);
}

/**
 * A place for a new file: an empty one that is made for it, so that nothing is overwritten unasked. It
 * is removed unless it has been taken.
 */
class Place implements Disposable {
  /** Whether the new file has begun. */
  taken = false;
  readonly #path: string | undefined;

  /** Makes the file; nothing for a URL, a sequence of images, or without a path. */
  constructor(path: string | undefined) {
    if (path === undefined || /^\w[\w+.-]+:|%\d*d|^-$/.test(path)) return;
    try {
      Deno.openSync(path, { write: true, createNew: true }).close();
      this.#path = path;
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new CommandError(`"${path}" is there already: --overwrite replaces it`);
      }
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new CommandError(`Cannot make "${path}", as there is no such folder`);
    }
  }

  [Symbol.dispose](): void {
    if (this.#path !== undefined && !this.taken) Deno.removeSync(this.#path);
  }
}

/** Whether two paths lead to the same file, as far as the script may know. */
function isSame(a: string, b: string): boolean {
  try {
    return Deno.realPathSync(a) === Deno.realPathSync(b);
  } catch {
    return a === b;
  }
}

function report(conversion: Conversion, path: string, json: boolean, stopped: boolean): number {
  const { frames, packets, bytes, seconds, speed } = conversion.stats;
  if (json) printJson({ path, seconds, frames, packets, bytes, speed, complete: !stopped });
  else {
    const fast = `${speed.toFixed(1)}x`;
    note(`${stopped ? "Stopped" : "Wrote"} ${path}: ${duration(seconds)}, ${size(bytes)}, ${fast}`);
  }
  return stopped ? 1 : 0;
}
