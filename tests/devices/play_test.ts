/** Playing: windows on an X display that nobody sees, sound devices that nobody hears. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import {
  correlation,
  eventually,
  HAS_DISPLAY,
  HAS_SOUND,
  hasSdl,
  heardPart,
  SOUND_RATE,
  startDisplay,
  startSound,
} from "../support/desktop.ts";
import {
  ffprobe,
  media,
  programHasOption,
  run,
  runDeno,
  tempDir,
  testPictures,
  testTone,
  threeTries,
} from "../support/helpers.ts";
import { picture, type Scene, sound, type Told } from "./play_scenes.ts";
import { ffmpeg, playAudio, StreamWriter } from "../../mod.ts";

if (!HAS_DISPLAY) console.log("Skipped, as Xvfb, xdotool or ImageMagick is missing: windows");
if (!HAS_SOUND) console.log("Skipped, as PulseAudio or its tools are missing: sound devices");

/** Where windows and sound devices of Sluice's own can be tested: by these versions of SDL. */
const SDL = (["2", "3"] as const).filter(hasSdl);
for (const version of ["2", "3"] as const) {
  if (!SDL.includes(version)) {
    console.log(
      `Skipped, as SDL ${version} is missing: windows and sound devices by SDL ${version}`,
    );
  }
}

/** The windows there are: FFmpeg's own, and Sluice's. */
const WINDOWS: Readonly<Record<string, string>> = Object.fromEntries([
  ...("sdl,sdl2" in ffmpeg.outputDevices() ? [["FFmpeg's sdl", ""]] : []),
  ...SDL.map((version) => [`Sluice's own window by SDL ${version}`, version]),
]);

/** FFmpeg's sound devices for a sound server, as far as this one was built with them. */
const FFMPEG_DEVICES = ["pulse", "alsa"].filter((it) => it in ffmpeg.outputDevices());
const hasPulse = FFMPEG_DEVICES.includes("pulse") && "pulse" in ffmpeg.inputDevices();

/** Whether the program can record what is seen and what is heard, and so be the judge of both. */
const programDevices = (await run("ffmpeg", ["-v", "error", "-devices"])).text;
const canRecord = /^ D.* x11grab /m.test(programDevices) && /^ D.* pulse /m.test(programDevices) &&
  // What Debian 11's FFmpeg 4.3 records of its PulseAudio is up to 0.4 s off. The same libraries play
  // in step where a newer program records, such as one with this option.
  await programHasOption("fps_mode");

const onDisplay = (name: string, fn: () => Promise<void>, ignore = false) =>
  Deno.test({ name, fn: threeTries(fn), ignore: !HAS_DISPLAY || ignore });
const onSound = (name: string, fn: () => Promise<void>, ignore = false) =>
  Deno.test({ name, fn: threeTries(fn), ignore: !HAS_SOUND || ignore });
/** A sound device that is tested. */
interface Device {
  readonly name: string;
  readonly format: string;
  /** What a process that plays on it must be told. */
  readonly env: Record<string, string>;
  /** The options of `open` that choose a sink; other devices go by the environment. */
  readonly to: (sink: string) => Record<string, string>;
}

/** The sound devices there are: FFmpeg's, and SDL's. */
const DEVICES: readonly Device[] = [
  ...FFMPEG_DEVICES.map((format) => ({ name: format, format, env: {}, to: () => ({}) })),
  ...SDL.map((version) => ({
    name: `SDL ${version}`,
    format: "audio",
    env: soundBySdl(version),
    to: (device: string) => ({ device }),
  })),
];

/** Lets "audio" stand for SDL's device, and that for the sound server's. */
function soundBySdl(version: string): Record<string, string> {
  const driver = "pulseaudio";
  return { SLUICE_SDL: version, SDL_AUDIODRIVER: driver, SDL_AUDIO_DRIVER: driver };
}

/** Tests each of the windows there are, at the same time. */
const onWindows = (name: string, fn: (env: Record<string, string>) => Promise<void>) =>
  onDisplay(`each window: ${name}`, async () => {
    await all(
      Object.entries(WINDOWS).map(async ([window, SLUICE_SDL]) => {
        try {
          await fn({ SLUICE_SDL });
        } catch (error) {
          throw new Error(`${window}: ${(error as Error).message}`, { cause: error });
        }
      }),
    );
  });
const onBoth = (name: string, fn: () => Promise<void>, ignore = false) =>
  Deno.test({ name, fn: threeTries(fn), ignore: !HAS_DISPLAY || !HAS_SOUND || ignore });

/** A scene that is being played. */
interface Playing {
  /** Waits until it has said something. */
  said(line: string): Promise<true>;
  /** What came of it. */
  readonly told: Promise<Told>;
}

/** Plays a scene in a process of its own. */
function play(name: string, scene: Scene, env: Record<string, string>): Playing {
  const script = new URL("play_child.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, name, JSON.stringify(scene)],
    env: { NO_COLOR: "1", SLUICE_SDL: "", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  let text = "";
  const decode = async (stream: ReadableStream<Uint8Array>, add: (text: string) => void) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
  };
  let errors = "";
  const reading = Promise.all([
    decode(child.stdout, (it) => text += it),
    decode(child.stderr, (it) => errors += it),
  ]);
  const told = (async () => {
    const status = await child.status;
    clearTimeout(timer);
    await reading;
    const last = text.trim().split("\n").at(-1) ?? "";
    if (!status.success || !last.startsWith("{")) {
      throw new Error(`${name} ended with ${status.code} ${status.signal}: ${text}${errors}`);
    }
    return JSON.parse(last) as Told;
  })();
  told.catch(() => {}); // whoever waits for it is told
  return {
    told,
    said: (line) => eventually(line, () => text.split("\n").includes(line) || undefined),
  };
}

/** Makes links to FFmpeg's libraries, those whose names are wanted, in a folder. */
function linkLibraries(folder: string, wanted: (name: string) => boolean): void {
  const loaded = Deno.readTextFileSync("/proc/self/maps");
  const from = /(\/\S+)\/libavutil[^/]*\n/.exec(loaded)![1]!;
  const isPackage = from === Deno.env.get("SLUICE_LIBRARY_PATH");
  for (const { name } of Deno.readDirSync(from)) {
    // Where FFmpeg has a folder of its own, what it needs is beside it.
    if ((isPackage || /^lib(av|sw|postproc)[^/]*\.so\.\d/.test(name)) && wanted(name)) {
      Deno.symlinkSync(`${from}/${name}`, `${folder}/${name}`);
    }
  }
}

/** Waits for all, also when one fails: what others have started must have ended then. */
async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).filter((it) => it.status === "rejected");
  if (failed.length === 1) throw failed[0]!.reason;
  if (failed.length > 1) throw new Error(failed.map((it) => it.reason.message).join("\n"));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** How far off the times are from a steady rate, in milliseconds. */
function timeErrors(times: readonly number[], rate: number): number[] {
  const offsets = times.map((time, i) => time - i * 1000 / rate);
  const middle = median(offsets);
  return offsets.map((it) => Math.abs(it - middle));
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Fails unless two pictures are the same, to within rounding. */
function samePixels(actual: Uint8Array, expected: Uint8Array, tolerance = 2): void {
  strictEqual(actual.length, expected.length);
  const worst = actual.reduce((max, it, i) => Math.max(max, Math.abs(it - expected[i]!)), 0);
  ok(worst <= tolerance, `pixels differ by ${worst}`);
}

onWindows("realtime: false shows pictures as fast as they come", async (sdl) => {
  await using display = await startDisplay();
  const scene = { count: 60, rate: 10, realtime: false };
  const { error, times } = await play("window", scene, { ...display.env, ...sdl }).told;
  strictEqual(error, undefined);
  const seconds = (times!.at(-1)! - times![0]!) / 1000;
  ok(seconds < 3, `took ${seconds} s`);
});

onDisplay("a window catches up without a burst, and counts what was late", async () => {
  await using display = await startDisplay();
  const scene = { count: 60, rate: 30, pauseAt: 10, wait: 400 };
  const { error, times, stats } = await play("window", scene, display.env).told;
  strictEqual(error, undefined);
  ok(stats!.late >= 5 && stats!.late <= 30, `${stats!.late} were late`);
  strictEqual(stats!.dropped, 0);
  const steps = times!.slice(1).map((time, i) => time - times![i]!);
  const shortest = median(steps.slice(10, 16));
  ok(shortest > 12, `pictures came ${shortest} ms apart`);
  const seconds = (times!.at(-1)! - times![0]!) / 1000;
  ok(Math.abs(seconds - 59 / 30) < 0.15, `took ${seconds} s`);
});

onWindows(
  "a picture stays when the window is resized while the script waits",
  async (sdl) => {
    if (sdl.SLUICE_SDL === "") return; // FFmpeg's does not do that
    await using display = await startDisplay();
    const env = { ...display.env, ...sdl };
    const scene = { count: 2, wait: 2500, options: { window_title: "stays" } };
    const playing = play("window", scene, env);
    await playing.said("shown");
    const window = await display.window("stays");
    await display.resize(window, 480, 360);
    const { x, y } = await display.place(window);
    const { pixels } = picture();
    const from = (200 * 320 + 290) * 3;
    await eventually("the picture in its new size", async () => {
      const spot = await display.pixels(x + 435, y + 300, 1, 1);
      return spot.every((it, i) => Math.abs(it - pixels[from + i]!) <= 4) || undefined;
    }, 2).finally(async () => {
      await display.press(window, "q");
      await playing.told;
    });
  },
);

onWindows("the window shows the frame that was sent", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const options = { window_title: "a title of its own" };
  const playing = play("window", { count: 90, options }, env);
  await playing.said("shown");
  const window = await display.window(options.window_title);
  const { x, y, width, height } = await display.place(window);
  const { pixels, ...size } = picture();
  deepStrictEqual({ width, height }, size);
  samePixels(await display.pixels(x, y, width, height), pixels);
  await display.press(window, "q");
  await playing.told;
});

for (const key of ["q", "Escape", "the close button"]) {
  onWindows(`${key} ends the loop with EIO`, async (sdl) => {
    await using display = await startDisplay();
    const playing = play("window", { count: 600, options: { window_title: "to be closed" } }, {
      ...display.env,
      ...sdl,
    });
    await playing.said("shown");
    const window = await display.window("to be closed");
    await pause(0.3);
    if (key === "the close button") display.pressCloseButton(window);
    else await display.press(window, key);
    const { error, seconds, times } = await playing.told;
    strictEqual(error?.name, "FFmpegError");
    strictEqual(error.codeName, "EIO");
    ok(times!.length < 300, `${times!.length} pictures were shown`);
    ok(seconds < 10, `took ${seconds} s`);
  });
}

onWindows("other keys do not end it", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const playing = play("window", { count: 30, options: { window_title: "goes on" } }, env);
  await playing.said("shown");
  await display.press(await display.window("goes on"), "x");
  const { error, times } = await playing.told;
  strictEqual(error, undefined);
  strictEqual(times!.length, 30);
});

onWindows("q is seen while the script waits for its next chunk", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const options = { window_title: "waits" };
  const playing = play("window", { count: 3, wait: 1000, options }, env);
  await playing.said("shown");
  await display.press(await display.window("waits"), "q");
  const { error, times } = await playing.told;
  strictEqual(error?.codeName, "EIO");
  ok(times!.length < 3);
});

for (const rate of [30, 60]) {
  onWindows(`${rate} frames/s are shown at their times`, async (sdl) => {
    await using display = await startDisplay();
    const env = { ...display.env, ...sdl };
    const { times, error, seconds } = await play("window", { count: rate + 1, rate }, env).told;
    strictEqual(error, undefined);
    const middle = median(timeErrors(times!, rate));
    ok(middle < 10, `median error ${middle.toFixed(2)} ms`);
    ok(Math.abs(times!.at(-1)! - times![0]! - 1000) < 150, `took ${seconds} s`);
  });
}

onWindows("window_size scales the picture", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const options = { window_title: "large", window_size: "640x480" };
  const playing = play("window", { count: 600, options }, env);
  await playing.said("shown");
  const window = await display.window("large");
  const { x, y, width, height } = await display.place(window);
  deepStrictEqual([width, height], [640, 480]);
  const shown = await display.pixels(x, y, width, height);
  const { pixels } = picture();
  for (const [px, py] of [[16, 16], [80, 16], [16, 80], [300, 220]] as const) {
    const at = (2 * py * 640 + 2 * px) * 3;
    const from = (py * 320 + px) * 3;
    samePixels(shown.slice(at, at + 3), pixels.slice(from, from + 3), 4);
  }
  await display.press(window, "q");
  await playing.told;
});

onWindows("a resized window keeps the picture's shape", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const playing = play("window", { count: 600, options: { window_title: "resized" } }, env);
  await playing.said("shown");
  const window = await display.window("resized");
  await display.resize(window, 400, 240); // 40 pixels too wide on either side
  const { x, y } = await display.place(window);
  const { pixels } = picture();
  await eventually("the picture in the middle", async () => {
    const middle = await display.pixels(x + 40, y, 320, 240);
    return middle.every((it, i) => Math.abs(it - pixels[i]!) <= 2) || undefined;
  }, 3);
  const edge = await display.pixels(x, y, 38, 240);
  ok(edge.every((it) => it === 0), "the edges are not black");
  await display.press(window, "q");
  await playing.told;
});

onWindows("an unknown option is an error that names it", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  const { error } = await play("open", { options: { window_titel: "x" } }, env).told;
  strictEqual(error?.name, "TypeError");
  match(error.message, /window_titel.*window_title/);
});

onWindows("no display is a clear error", async (sdl) => {
  for (const DISPLAY of ["", ":4711"]) { // the empty one counts as none
    // Without X older versions look for a console, and print what they do not find.
    const driver = { SDL_VIDEODRIVER: "x11", SDL_VIDEO_DRIVER: "x11" };
    const env = { DISPLAY, WAYLAND_DISPLAY: "", ...driver, ...sdl };
    const { error } = await play("open", {}, env).told;
    strictEqual(error?.name, "FFmpegError", `DISPLAY="${DISPLAY}": ${JSON.stringify(error)}`);
    match(error.message, /DISPLAY/);
  }
});

onWindows("sound, or a second video stream, in a window is a TypeError", async (sdl) => {
  await using display = await startDisplay();
  const env = { ...display.env, ...sdl };
  for (const streams of ["a", "va", "vv"]) {
    const { error } = await play("open", { streams }, env).told;
    strictEqual(error?.name, "TypeError", `${streams}: ${JSON.stringify(error)}`);
    match(error.message, streams === "vv" ? /one video stream/ : /does not take (?:audio|sound)/);
  }
});

onWindows("a display that ends is an error, and not the end of the process", async (sdl) => {
  await using display = await startDisplay();
  const playing = play("window", { count: 600 }, { ...display.env, ...sdl });
  await playing.said("shown");
  await display[Symbol.asyncDispose]();
  const { error, seconds } = await playing.told;
  strictEqual(error?.name, "FFmpegError");
  strictEqual(error.codeName, "ENODEV");
  match(error.message, /the display is gone/);
  ok(seconds < 5, `took ${seconds} s`);
});

onSound("sound devices play what was written, in chunks of 256 samples", async () => {
  const formats = ["flt", "s16"] as const;
  const cases = [
    ...DEVICES.flatMap((it) => formats.map((sampleFormat) => ({ ...it, sampleFormat }))),
    { ...DEVICES[0]!, name: "audio", format: "audio", sampleFormat: "flt" },
  ] as const;
  await using server = await startSound(...cases.map((_, i) => `sink${i}`));
  const half = cases.length >> 1; // not all at once: a busy machine has gaps of its own
  for (const some of [cases.slice(0, half), cases.slice(half)]) {
    await all(some.map(async ({ name, format, env, to, sampleFormat }, i) => {
      const what = `${name}, ${sampleFormat}`;
      const recording = await server.record(`sink${i}`);
      const scene = { format, sampleFormat, seconds: 2.5, options: to(`sink${i}`) };
      const playing = play("device", scene, { ...server.with(`sink${i}`), ...env });
      const { error, stats } = await playing.told;
      const channels = await recording.stop();
      strictEqual(error, undefined, `${what}: ${error?.message}`);
      strictEqual(stats!.underruns, 0, what);
      const sent = sound(2.5, "flt");
      for (const [c, recorded] of channels.entries()) {
        const heard = heardPart(recorded);
        const milliseconds = heard.length / SOUND_RATE * 1000;
        ok(Math.abs(milliseconds - 2500) < 50, `${what}: ${milliseconds} ms were heard`);
        const alike = correlation(heard, sent.filter((_, k) => k % 2 === c) as Float32Array);
        ok(alike > 0.99, `${what}, channel ${c}: correlation ${alike}`);
      }
    }));
  }
});

onSound("a beep of 0.1 s is heard whole", async () => {
  await using server = await startSound(...DEVICES.map((_, i) => `sink${i}`));
  await all(DEVICES.map(async ({ name, format, env, to }, i) => {
    const recording = await server.record(`sink${i}`);
    const scene = { format, seconds: 0.1, options: to(`sink${i}`) };
    const { error } = await play("device", scene, { ...server.with(`sink${i}`), ...env }).told;
    const [recorded] = await recording.stop();
    strictEqual(error, undefined, `${name}: ${error?.message}`);
    const heard = heardPart(recorded);
    const sent = sound(0.1, "flt").filter((_, i) => i % 2 === 0) as Float32Array;
    const milliseconds = heard.length / SOUND_RATE * 1000;
    ok(Math.abs(milliseconds - 100) < 30, `${name}: ${milliseconds} ms were heard`);
    ok(correlation(heard, sent) > 0.99, `${name}: ${correlation(heard, sent)}`);
  }));
});

onSound(
  "a sound whose first samples come slowly has no gap, and flush() loses nothing",
  async () => {
    await using server = await startSound(...DEVICES.map((_, i) => `sink${i}`));
    await all(DEVICES.map(async ({ name, format, env, to }, i) => {
      const recording = await server.record(`sink${i}`);
      const timing = { slowStart: 20, flushAt: 0.5 };
      const scene = { format, seconds: 1.5, ...timing, options: to(`sink${i}`) };
      const { error } = await play("device", scene, { ...server.with(`sink${i}`), ...env }).told;
      const [recorded] = await recording.stop();
      strictEqual(error, undefined, `${name}: ${error?.message}`);
      const heard = heardPart(recorded);
      const sent = sound(1.5, "flt").filter((_, k) => k % 2 === 0) as Float32Array;
      const milliseconds = heard.length / SOUND_RATE * 1000;
      ok(Math.abs(milliseconds - 1500) < 30, `${name}: ${milliseconds} ms were heard`);
      ok(correlation(heard, sent) > 0.99, `${name}: ${correlation(heard, sent)}`);
    }));
  },
);

onSound("an FFmpeg without devices plays sound by SDL", async () => {
  using libraries = tempDir();
  linkLibraries(libraries.path, (name) => !name.includes("avdevice"));
  await using server = await startSound("own");
  const recording = await server.record("own");
  const { error } = await play("device", { format: "audio", seconds: 1 }, {
    ...server.with("own"),
    ...soundBySdl(""),
    SLUICE_LIBRARY_PATH: libraries.path,
  }).told;
  const [recorded] = await recording.stop();
  strictEqual(error, undefined, error?.message);
  const seconds = heardPart(recorded).length / SOUND_RATE;
  ok(Math.abs(seconds - 1) < 0.05, `${seconds} s were heard`);
}, SDL.length === 0);

onDisplay("an FFmpeg without devices shows frames by SDL", async () => {
  using libraries = tempDir();
  linkLibraries(libraries.path, (name) => !name.includes("avdevice"));
  await using display = await startDisplay();
  const playing = play("window", { count: 600, options: { window_title: "own" } }, {
    ...display.env,
    SLUICE_LIBRARY_PATH: libraries.path,
  });
  await playing.said("shown");
  const window = await display.window("own");
  const { x, y, width, height } = await display.place(window);
  samePixels(await display.pixels(x, y, width, height), picture().pixels);
  await display.press(window, "q");
  strictEqual((await playing.told).error?.codeName, "EIO");
}, SDL.length === 0);

onSound("SDL's sound devices are chosen by name, and an unknown one lists them", async () => {
  await using server = await startSound("first", "second:The other one");
  await all(SDL.map(async (version) => {
    const env = { ...server.with("first"), ...soundBySdl(version) };
    const wrong = { format: "audio", seconds: 0.1, options: { device: "The other" } };
    const { error } = await play("device", wrong, env).told;
    strictEqual(error?.codeName, "ENODEV", `SDL ${version}: ${JSON.stringify(error)}`);
    match(error.message, /"The other".*SDL knows .*"The other one"/);
    const { error: none } = await play("open", { format: "audio", streams: "v" }, env).told;
    match(none?.message ?? "", /"audio" does not take video, only audio/);
  }));
  // By the destination, and by an option.
  const ways = [{ url: "The other one" }, { options: { device: "The other one" } }];
  for (const [i, version] of SDL.entries()) {
    const recording = await server.record("second");
    const scene = { format: "audio", seconds: 0.5, ...ways[i] };
    const env = { ...server.with("first"), ...soundBySdl(version) };
    const { error } = await play("device", scene, env).told;
    strictEqual(error, undefined, error?.message);
    const seconds = heardPart((await recording.stop())[0]).length / SOUND_RATE;
    ok(Math.abs(seconds - 0.5) < 0.05, `SDL ${version}: ${seconds} s were heard`);
  }
});

onSound("close({ drain: false }) does not wait for what is left", async () => {
  await using server = await startSound("one");
  await all(DEVICES.map(async ({ name, format, env }) => {
    const scene = { format, seconds: 1.5, drain: false };
    const { error, closing } = await play("device", scene, { ...server.env, ...env }).told;
    strictEqual(error, undefined, `${name}: ${error?.message}`);
    ok(closing! < 0.5, `${name}: closing took ${closing} s`);
  }));
});

onSound("an abort stops the sound at once", async () => {
  await using server = await startSound(...DEVICES.map((_, i) => `sink${i}`));
  await all(DEVICES.map(async ({ name, format, env, to }, i) => {
    const recording = await server.record(`sink${i}`);
    const { error, late, closing } = await play(
      "abort",
      { format, wait: 1500, options: to(`sink${i}`) },
      { ...server.with(`sink${i}`), ...env },
    ).told;
    await pause(1);
    const [recorded] = await recording.stop();
    strictEqual(error?.name, "AbortError", name);
    ok(late! < 0.3, `${name}: the write ended ${late} s after the abort`);
    ok(closing! < 0.5, `${name}: closing took ${closing} s`);
    const seconds = heardPart(recorded).length / SOUND_RATE;
    ok(seconds < 2.5, `${name}: ${seconds} s were heard`);
  }));
});

onSound("two writers play on two devices at once", async () => {
  await using server = await startSound("first", "second");
  const recordings = await Promise.all(["first", "second"].map(server.record));
  const scene = { seconds: 2.5, devices: ["first", "second"] };
  const { error, seconds } = await play("two", scene, server.env).told;
  strictEqual(error, undefined, error?.message);
  ok(seconds < 5, `took ${seconds} s`);
  const sent = sound(2.5, "flt").filter((_, i) => i % 2 === 0) as Float32Array;
  for (const recording of recordings) {
    const heard = heardPart((await recording.stop())[0]);
    ok(Math.abs(heard.length - sent.length) < SOUND_RATE * 0.05, `${heard.length} samples`);
    ok(correlation(heard, sent) > 0.99);
  }
}, !hasPulse);

onSound("stats count the underruns of a slow producer", async () => {
  await using server = await startSound(...DEVICES.map((_, i) => `sink${i}`));
  await all(DEVICES.map(async ({ name, format, env, to }, i) => {
    const timing = { seconds: 3, pauseAt: 2.5, wait: 3500, chunk: 4800 };
    const scene = { format, ...timing, options: to(`sink${i}`) };
    const playing = play("device", scene, { ...server.with(`sink${i}`), ...env });
    const { error, stats } = await playing.told;
    strictEqual(error, undefined, `${name}: ${error?.message}`);
    ok(
      stats!.underruns >= 1 && stats!.underruns <= 3,
      `${name}: ${stats!.underruns} underruns`,
    );
  }));
});

onSound("playAudio() plays samples and files to their end", async () => {
  await using server = await startSound("samples", "file", "aborted");
  const path = await media("tone.flac", ...testTone(44100, 2, 2));
  const cases = [
    ["samples", { seconds: 2, sampleFormat: "s16" }],
    ["file", { path }],
  ] as const;
  await all(cases.map(async ([sink, scene]) => {
    const recording = await server.record(sink);
    const { error } = await play("audio", scene, server.with(sink)).told;
    const [recorded] = await recording.stop();
    strictEqual(error, undefined, `${sink}: ${error?.message}`);
    const seconds = heardPart(recorded).length / SOUND_RATE;
    ok(Math.abs(seconds - 2) < 0.05, `${sink}: ${seconds} s were heard`);
  }));
  const long = await media("long.flac", ...testTone(44100, 2, 8));
  const { error, seconds } = await play(
    "audio",
    { path: long, wait: 700, format: FFMPEG_DEVICES[0] ?? "audio" },
    server.with("aborted"),
  ).told;
  strictEqual(error?.name, "TimeoutError");
  ok(seconds < 5, `took ${seconds} s`); // a busy machine takes its time, but not that of the sound
});

const filmInStep = async (sdl: Record<string, string>, limit = 80) => {
  await using display = await startDisplay();
  await using server = await startSound("film");
  // White and loud in turn: one second of either, from 1 s on.
  const path = await media(
    "flash.mkv",
    ...["-f", "lavfi", "-i", "color=black:s=320x240:r=30:d=4"],
    ...["-f", "lavfi", "-i", "aevalsrc=0.5*sin(440*2*PI*t)*mod(floor(t)\\,2):s=48000:d=4"],
    ...["-vf", "drawbox=t=fill:c=white:enable='mod(floor(t),2)'", "-c:v", "mpeg4", "-q:v", "2"],
    ...["-c:a", "pcm_s16le"],
  );
  // What is seen and what is heard are captured by one clock each; both start with ffmpeg.
  using dir = tempDir();
  const captured = dir.file("captured.mkv");
  const capture = new Deno.Command("ffmpeg", {
    args: [
      ...["-v", "error", "-y", "-f", "x11grab", "-framerate", "60", "-video_size", "800x600"],
      ...["-i", display.env.DISPLAY!, "-f", "pulse", "-fragment_size", "1920"],
      ...["-i", "film.monitor", "-vf", "crop=100:100:350:250,scale=16:16,format=gray"],
      ...["-c:v", "rawvideo", "-c:a", "pcm_s16le", "-copyts", captured],
    ],
    env: { ...display.env, ...server.env },
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = new Response(capture.stderr).text();
  await pause(0.7);
  const { film, error, seconds } = await play("film", { path }, {
    ...display.env,
    ...server.with("film"),
    ...sdl,
  }).told;
  const input = capture.stdin.getWriter();
  await input.write(new TextEncoder().encode("q"));
  await input.close();
  ok((await capture.status).success, await errors);
  await errors;
  strictEqual(error, undefined, error?.message);
  strictEqual(film!.closed, false);
  strictEqual(film!.shown + film!.dropped, 120);
  ok(film!.dropped < 12, `${film!.dropped} pictures were dropped`);
  ok(seconds > 3.8 && seconds < 6.5, `took ${seconds} s`);

  const flashes = await onsets(captured, "v", "signalstats,metadata=print:file=-", "YAVG", 128);
  const tones = await onsets(
    captured,
    "a",
    "asetnsamples=240,astats=metadata=1:reset=1,ametadata=print:file=-",
    "Overall.Peak_level",
    -30,
  );
  strictEqual(flashes.length, 2, `flashes at ${flashes}`);
  strictEqual(tones.length, 2, `tones at ${tones}`);
  for (const [i, flash] of flashes.entries()) {
    const apart = (flash - tones[i]!) * 1000;
    ok(Math.abs(apart) < limit, `picture and sound are ${apart.toFixed(0)} ms apart`);
  }
};

onBoth("playVideo() shows a film in step with its sound", () => filmInStep({}), !canRecord);
if (SDL.length > 0) {
  onBoth(
    "playVideo() is in step with a sound by SDL, too",
    // SDL tells nothing of what the sound server holds back: some 90 ms with its version 3.2.
    () => filmInStep(soundBySdl(SDL.at(-1)!), 120),
    !canRecord,
  );
}

/** When a value that FFmpeg's filters measure rises above a limit, in seconds. */
async function onsets(
  path: string,
  type: "v" | "a",
  filter: string,
  key: string,
  limit: number,
): Promise<number[]> {
  const { stdout } = await new Deno.Command("ffmpeg", {
    args: ["-v", "error", "-i", path, "-map", `0:${type}`, `-${type}f`, filter, "-f", "null", "-"],
  }).output();
  const times: number[] = [];
  let time = 0, was = false;
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    time = Number(/pts_time:(\S+)/.exec(line)?.[1] ?? time);
    const value = line.split("=");
    if (!value[0]!.endsWith(key)) continue;
    const is = Number(value[1]) > limit;
    if (is && !was) times.push(time);
    was = is;
  }
  return times;
}

onBoth("playVideo() is ended by q and by a signal", async () => {
  await using display = await startDisplay();
  await using server = await startSound("film");
  const path = await media(
    "long.mp4",
    ...testPictures("320x240", 30, 20),
    ...testTone(48000, 2, 20),
    ...["-c:v", "mpeg4", "-c:a", "aac"],
  );
  const env = { ...display.env, ...server.env };
  const playing = play("film", { path, title: "long film" }, env);
  const window = await display.window("long film");
  await pause(0.5);
  await display.press(window, "q");
  const pressed = performance.now();
  const { film, error } = await playing.told;
  const seconds = (performance.now() - pressed) / 1000;
  strictEqual(error, undefined, error?.message);
  strictEqual(film!.closed, true);
  ok(film!.shown < 200, `${film!.shown} pictures were shown`);
  ok(seconds < 1.2, `went on for ${seconds} s`);

  const aborted = await play("film", { path, wait: 1200 }, env).told;
  strictEqual(aborted.error?.name, "TimeoutError");
  ok(aborted.seconds < 3, `took ${aborted.seconds} s`);
});

onBoth("StreamReader captures the screen and what a sound device plays", async () => {
  await using display = await startDisplay();
  await using server = await startSound("captured");
  using dir = tempDir();
  const env = { ...display.env, ...server.env };
  const showing = play("window", { count: 600, options: { window_title: "captured" } }, env);
  await showing.said("shown");
  const window = await display.window("captured");
  const { x, y } = await display.place(window);
  const { error } = await play("capture", {
    url: `${display.env.DISPLAY}+${x},${y}`,
    options: { video_size: "320x240", framerate: 30, draw_mouse: 0 },
    count: 3,
  }, { ...env, CAPTURED: dir.file("pixels") }).told;
  strictEqual(error, undefined, error?.message);
  const { pixels } = picture();
  const captured = await Deno.readFile(dir.file("pixels"));
  strictEqual(captured.length, pixels.length * 3);
  samePixels(captured.slice(-pixels.length), pixels);
  await display.press(window, "q");
  await showing.told;

  const capturing = play("capture", {
    url: "captured.monitor",
    format: "pulse",
    options: { fragment_size: 9600 },
    count: 45, // of 0.1 s
  }, { ...env, CAPTURED: dir.file("samples") });
  await capturing.said("open");
  await play("device", { seconds: 2.5 }, env).told;
  const result = await capturing.told;
  strictEqual(result.error, undefined, result.error?.message);
  const samples = new Float32Array((await Deno.readFile(dir.file("samples"))).buffer);
  const heard = heardPart(samples.filter((_, i) => i % 2 === 0));
  const sent = sound(2.5, "flt").filter((_, i) => i % 2 === 0) as Float32Array;
  const milliseconds = heard.length / SOUND_RATE * 1000;
  ok(Math.abs(milliseconds - 2500) < 50, `${milliseconds} ms were heard`);
  ok(correlation(heard, sent) > 0.99, `${correlation(heard, sent)}`);
}, !hasPulse || !("x11grab" in ffmpeg.inputDevices()));

onSound("no sound server is a clear error", async () => {
  using dir = tempDir();
  const env = {
    XDG_RUNTIME_DIR: dir.path,
    HOME: dir.path,
    PULSE_SERVER: `unix:${dir.file("nothing")}`,
    ALSA_CONFIG_PATH: dir.file("nothing"),
  };
  for (const format of [...FFMPEG_DEVICES, "audio"]) {
    const { error, seconds } = await play("device", { format }, env).told;
    strictEqual(error?.name, "FFmpegError", `${format}: ${JSON.stringify(error)}`);
    match(error.message, /(server|card)/, format);
    ok(seconds < 5, `${format}: took ${seconds} s`);
  }
});

Deno.test("a signal that is already aborted keeps playAudio() from opening a device", async () => {
  const samples = new Float32Array(4800);
  for (const format of [...FFMPEG_DEVICES, "audio"]) {
    // Without a sound server, opening would be another error.
    await rejects(playAudio(samples, { sampleRate: 48000, format, signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  }
});

onSound("a device that the sound server does not have is a clear error", async () => {
  await using server = await startSound("there");
  const { error } = await play(
    "device",
    { format: "pulse", options: { device: "not there" } },
    server.env,
  ).told;
  strictEqual(error?.name, "FFmpegError", JSON.stringify(error));
  match(error.message, /device/);
}, !hasPulse);

onSound("a sound server that goes away while playing is an error, and no hang", async () => {
  await using server = await startSound("short-lived");
  const playing = DEVICES.map(({ name, format, env }) => ({
    name,
    told: play("device", { format, seconds: 8 }, { ...server.env, ...env }).told,
  }));
  await pause(2);
  await server[Symbol.asyncDispose]();
  await all(playing.map(async ({ name, told }) => {
    const { error, seconds } = await told;
    strictEqual(error?.name, "FFmpegError", `${name}: ${JSON.stringify(error)}`);
    match(error.message, /the device is gone/, name);
    ok(seconds < 6, `${name}: took ${seconds} s`);
  }));
});

onSound("a sound server that takes no more clients is a clear error", async () => {
  await using server = await startSound("busy");
  const path = `${server.env.XDG_RUNTIME_DIR}/pulse/native`;
  const clients: Deno.UnixConn[] = [];
  while (clients.length < 64) { // all it takes
    const connect = () => Deno.connect({ transport: "unix", path }).catch(() => undefined);
    clients.push(await eventually("a free place in the queue", connect));
  }
  try {
    for (const format of FFMPEG_DEVICES) {
      const { error, seconds } = await play("device", { format }, server.env).told;
      strictEqual(error?.name, "FFmpegError", `${format}: ${JSON.stringify(error)}`);
      match(error.message, /(server|is it free)/, format);
      ok(seconds < 5, `${format}: took ${seconds} s`);
    }
  } finally {
    for (const client of clients) client.close();
  }
}, FFMPEG_DEVICES.length === 0);

Deno.test("new StreamWriter() for an unknown device names what there is", () => {
  const message = (format: string) => {
    try {
      new StreamWriter("-", { format });
    } catch (error) {
      ok(error instanceof TypeError);
      return error.message;
    }
    throw new Error(`There is a device "${format}"`);
  };
  match(message("fbde"), /"fbde".*"fbdev"/);
  match(message("no-such-device"), /ffmpeg\.muxers\(\)/);
  const missing = ["audiotoolbox", "opengl", "caca", "oss"].find((it) => {
    try {
      new StreamWriter("-", { format: it }).closeSync();
      return false;
    } catch {
      return true;
    }
  });
  if (missing) match(message(missing), /FFmpeg here has /);
});

Deno.test("realtime: true paces what is written to a file", async () => {
  using dir = tempDir();
  for (const [realtime, least, most] of [[true, 0.9, 1.6], [false, 0, 0.5]] as const) {
    const path = dir.file(`${realtime}.mkv`);
    const writer = new StreamWriter(path, { realtime });
    writer.addVideoStream(30, 64, 48, { encoder: "mpeg4" });
    await using out = await writer.open();
    const began = performance.now();
    for (let i = 0; i < 31; i++) await out.writeVideoChunk(0, new Uint8Array(64 * 48 * 3));
    await out.close();
    const seconds = (performance.now() - began) / 1000;
    ok(seconds >= least && seconds <= most, `realtime: ${realtime} took ${seconds} s`);
    const { streams } = await ffprobe(path, "-count_packets", "-show_streams");
    strictEqual(streams[0].nb_read_packets, "31");
  }
});

Deno.test("realtime: true paces samples and pictures together", () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("both.mkv"), { realtime: true });
  writer.addVideoStream(10, 64, 48, { encoder: "mpeg4" });
  writer.addAudioStream(8000, 1, { encoder: "pcm_s16le" });
  using out = writer.openSync();
  const began = performance.now();
  for (let i = 0; i < 10; i++) {
    out.writeVideoChunkSync(0, new Uint8Array(64 * 48 * 3));
    out.writeAudioChunkSync(1, new Float32Array(800));
  }
  const seconds = (performance.now() - began) / 1000;
  ok(seconds > 0.7 && seconds < 1.5, `took ${seconds} s`);
});

/** Runs an example to its end. */
async function runExample(name: string, args: string[], env: Record<string, string>) {
  const script = new URL(`../../examples/${name}`, import.meta.url).pathname;
  const ran = await runDeno(script, { args, env: { SLUICE_SDL: "", ...env } });
  strictEqual(ran.code, 0, `${name}: ${ran.stderr}`);
  return ran.text;
}

onBoth("the examples that play do what they say", async () => {
  await using display = await startDisplay();
  await using server = await startSound("tone");
  const recording = await server.record("tone");
  await runExample("play_audio.ts", [], server.with("tone"));
  const [left] = await recording.stop();
  // The tone fades out to a fiftieth.
  ok(Math.abs(heardPart(left).length / SOUND_RATE - 2) < 0.3);

  const film = await media("short.mp4", ...testPictures("320x240", 30, 1), "-c:v", "mpeg4");
  match(await runExample("play_video.ts", [film], display.env), /^30 frames/);
});
