/**
 * The command that plays a file.
 *
 * @module
 */

import { ffmpeg, playAudio, playVideo, StreamReader } from "../mod.ts";
import { type Command, CommandError, type Given, UsageError } from "./command.ts";
import { askedLater } from "./failures.ts";
import { duration, note, Quit } from "./terminal.ts";

/** The command. */
export const playCommand: Command = {
  name: "play",
  summary: "Plays a file: video in a window, sound on the sound device",
  parameters: ["FILE"],
  options: {
    fullscreen: { help: "Takes the whole screen" },
    "no-audio": { help: "Plays no sound" },
    "no-video": { help: "Shows no video" },
  },
  notes: ["q and Escape stop it, in the window as well as in the terminal; so does Ctrl-C."],
  async run(given) {
    const path = given.args[0]!;
    ffmpeg.setLogLevel("fatal");
    const video = await hasVideo(path, given);
    using quit = new Quit(true);
    try {
      await play(path, video, given, quit.signal);
    } catch (error) {
      if (!quit.signal.aborted) throw error;
    }
    return 0;
  },
};

/** Whether there is video to be shown; says what is about to be played. */
async function hasVideo(path: string, given: Given): Promise<boolean> {
  if (given.has("no-audio") && given.has("no-video")) {
    throw new UsageError("Expected --no-audio or --no-video, got both: nothing is left to play");
  }
  await using reader = await StreamReader.open(path);
  const video = reader.defaultVideoStream !== undefined && !given.has("no-video");
  const sound = reader.defaultAudioStream !== undefined && !given.has("no-audio");
  if (!video && !sound) throw new CommandError(`There is nothing to play in "${path}"`);
  const length = reader.duration === undefined ? "" : ` (${duration(reader.duration)})`;
  note(`Playing ${path}${length}${Deno.stdin.isTerminal() ? ", q stops" : ""}`);
  return video;
}

async function play(
  path: string,
  video: boolean,
  given: Given,
  signal: AbortSignal,
): Promise<void> {
  if (!video) return await askedLater(() => playAudio(path, { signal }));
  const fullscreen = given.has("fullscreen");
  const sound = !given.has("no-audio");
  const title = path.split(/[\\/]/).at(-1)!;
  await askedLater(() => playVideo(path, { title, fullscreen, sound, signal }));
}
