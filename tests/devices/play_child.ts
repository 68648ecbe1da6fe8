/**
 * What the tests of playing do in a process of its own, whose environment names a display or a sound
 * server: `play_child.ts SCENE JSON`. It prints what came of it as JSON; lines before that tell how
 * far it has come.
 */

import {
  type AudioChunk,
  ffmpeg,
  FFmpegError,
  playAudio,
  playVideo,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../../mod.ts";
import { picture, type Scene, sound, type Told } from "./play_scenes.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function describe(error: unknown): Told["error"] {
  const { name, message } = error as Error;
  return error instanceof FFmpegError
    ? { name, message, codeName: error.codeName }
    : { name, message };
}

async function attempt(work: () => Promise<Partial<Told>>): Promise<Told> {
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  try {
    return { ...await work(), seconds: elapsed() };
  } catch (error) {
    return { error: describe(error), seconds: elapsed() };
  }
}

/** Shows pictures in a window, one by one; gives when each was shown. */
async function window(scene: Scene) {
  const { count = 1, rate = 30, options = {}, wait = 0, chunk = 1, pauseAt, realtime } = scene;
  const { width, height, pixels } = picture();
  const paced = realtime === undefined ? {} : { realtime };
  const writer = new StreamWriter("-", { format: "sdl", ...paced });
  writer.addVideoStream(rate, width, height, { format: "rgb24" });
  await using out = await writer.open(options);
  const times: number[] = [];
  const data = new Uint8Array(pixels.length * chunk);
  for (let i = 0; i < chunk; i++) data.set(pixels, i * pixels.length);
  let error: Told["error"];
  try {
    for (let i = 0; i < count; i++) {
      await out.writeVideoChunk(0, data);
      times.push(performance.now());
      if (i === 0) console.log("shown");
      if (wait && (pauseAt ?? i) === i) await pause(wait);
    }
  } catch (caught) {
    error = describe(caught);
  }
  await out.close();
  return { times, stats: out.stats, ...(error ? { error } : {}) };
}

/** Plays samples on a device, chunk by chunk. */
async function device(scene: Scene) {
  const { format = "pulse", sampleFormat = "flt", seconds = 1, chunk = 256, pauseAt, drain } =
    scene;
  const samples = sound(seconds, sampleFormat);
  const writer = new StreamWriter(scene.url ?? "-", { format });
  writer.addAudioStream(48000, 2, { format: sampleFormat });
  await writer.open(scene.options ?? {});
  const frames = samples.length / 2;
  for (let i = 0; i < frames; i += chunk) {
    if (pauseAt !== undefined && i <= pauseAt * 48000 && i + chunk > pauseAt * 48000) {
      await pause(scene.wait ?? 1000);
    }
    await writer.writeAudioChunk(0, samples.subarray(i * 2, (i + chunk) * 2));
    if (scene.slowStart !== undefined && i + chunk < 4800) await pause(scene.slowStart);
    const flushAt = (scene.flushAt ?? Infinity) * 48000;
    if (i <= flushAt && i + chunk > flushAt) await writer.flush();
  }
  const closing = performance.now();
  await writer.close(drain === undefined ? {} : { drain });
  return { closing: (performance.now() - closing) / 1000, stats: writer.stats };
}

/** Plays a long sound and aborts it. */
async function abort({ wait = 500, format = "pulse", options = {} }: Scene) {
  const writer = new StreamWriter("-", { format });
  writer.addAudioStream(48000, 2, { format: "flt" });
  await writer.open(options);
  const stop = new AbortController();
  let aborted = 0;
  setTimeout(() => {
    aborted = performance.now();
    stop.abort();
  }, wait);
  const error = await writer.writeAudioChunk(0, sound(8, "flt"), undefined, { signal: stop.signal })
    .then(() => undefined, describe);
  const late = (performance.now() - aborted) / 1000;
  const closing = performance.now();
  await writer.close({ drain: false });
  return {
    ...(error ? { error } : {}),
    late,
    closing: (performance.now() - closing) / 1000,
  };
}

/** Plays on two devices at once. */
async function two(scene: Scene) {
  const [first, second] = scene.devices!;
  const [a, b] = await Promise.all([
    device({ ...scene, options: { device: first! } }),
    device({ ...scene, options: { device: second! } }),
  ]);
  return { closing: Math.max(a.closing, b.closing), stats: a.stats };
}

/** Plays a file's or samples' sound in one call. */
async function audio({ path, seconds = 1, sampleFormat = "flt", wait, format }: Scene) {
  const signal = wait === undefined ? {} : { signal: AbortSignal.timeout(wait) };
  const device = format === undefined ? {} : { format };
  if (path !== undefined) await playAudio(path, { ...signal, ...device });
  else {
    await playAudio(sound(seconds, sampleFormat), {
      sampleRate: 48000,
      numChannels: 2,
      ...signal,
      ...device,
    });
  }
  return {};
}

/** Plays a film in one call. */
async function film({ path, title = "film", wait }: Scene) {
  const signal = wait === undefined ? {} : { signal: AbortSignal.timeout(wait) };
  return { film: await playVideo(path!, { title, ...signal }) };
}

/** Records what is on the screen or on a sound device. */
async function capture({ url = "", format = "x11grab", options = {}, count = 1 }: Scene) {
  await using reader = await StreamReader.open(url, { format, option: options });
  const isSound = format === "pulse" || format === "alsa";
  if (isSound) reader.addBasicAudioStream(4800, { format: "flt" });
  else reader.addBasicVideoStream(1, { format: "rgb24" });
  console.log("open");
  const parts: Uint8Array[] = [];
  for await (const [chunk] of reader.stream<[AudioChunk | VideoChunk]>({ timeout: 10_000 })) {
    const { buffer, byteOffset, byteLength } = chunk!.data;
    parts.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
    if (parts.length >= count) break;
  }
  await Deno.writeFile(Deno.env.get("CAPTURED")!, new Blob(parts as BlobPart[]).stream());
  return {};
}

/** Opens a device with streams that it may not take. */
async function open({ format = "sdl", streams = "v", url = "-", options = {} }: Scene) {
  const writer = new StreamWriter(url, { format });
  try {
    for (const type of streams) {
      if (type === "v") writer.addVideoStream(30, 320, 240);
      else writer.addAudioStream(48000, 2);
    }
    await writer.open(options);
  } finally {
    await writer.close({ drain: false });
  }
  return {};
}

const SCENES = { window, device, abort, two, audio, film, capture, open };

if (import.meta.main) {
  const [name, json = "{}"] = Deno.args;
  ffmpeg.version; // opens the libraries, so that no time below holds that
  const told = await attempt(() => SCENES[name as keyof typeof SCENES](JSON.parse(json)));
  console.log(JSON.stringify(told));
}
