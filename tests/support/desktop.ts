/**
 * A desktop for tests: an X display and a sound server of their own, which nobody sees or hears, and
 * the programs that judge what is shown and played there.
 */

import { hasProgram } from "../../tools/machine.ts";

/** Whether windows can be tested here. */
export const HAS_DISPLAY: boolean = ["Xvfb", "xdotool", "import"].every(hasProgram);

/** Whether sound can be tested here. */
export const HAS_SOUND: boolean = ["pulseaudio", "parec", "pactl"].every(hasProgram);

/** Whether a version of SDL is there to be tested. */
export function hasSdl(version: "2" | "3"): boolean {
  try {
    Deno.dlopen({ 2: "libSDL2-2.0.so.0", 3: "libSDL3.so.0" }[version], {}).close();
    return true;
  } catch {
    return false;
  }
}

/** The rate of the sound server's devices, in samples per second. */
export const SOUND_RATE = 48000;

/** Something that runs until it is stopped: `await using`. */
interface Running extends AsyncDisposable {
  /** The environment for programs that use it. */
  readonly env: Record<string, string>;
}

async function stop(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch {
    // it has ended by itself
  }
  await child.status;
}

async function programOutput(command: string, args: string[], env: Record<string, string>) {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, env }).output();
  if (success) return stdout;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Asks again and again until there is an answer. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  seconds = 10,
): Promise<T> {
  const limit = performance.now() + seconds * 1000;
  while (performance.now() < limit) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Expected ${what} within ${seconds} s`);
}

/** A display of 800x600 pixels in memory, without a window manager. */
export interface TestDisplay extends Running {
  /** What is on the screen from (x, y) on, as rgb24. */
  pixels(x: number, y: number, width: number, height: number): Promise<Uint8Array>;
  /** The number of the window with a title, once it is there. */
  window(title: string): Promise<string>;
  /** Where a window is. */
  place(window: string): Promise<{ x: number; y: number; width: number; height: number }>;
  /** Presses a key in a window. */
  press(window: string, key: string): Promise<void>;
  /** Changes a window's size. */
  resize(window: string, width: number, height: number): Promise<void>;
  /** Does what a window manager does when the window's close button is pressed. */
  pressCloseButton(window: string): void;
}

/** Starts a display under a free number. */
export async function startDisplay(): Promise<TestDisplay> {
  const child = new Deno.Command("Xvfb", {
    args: ["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  let number = "";
  while (!number.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("Xvfb ended before it was ready");
    number += new TextDecoder().decode(value);
  }
  const env = { DISPLAY: `:${number.trim()}` };
  const tool = async (...args: string[]) =>
    new TextDecoder().decode(await programOutput("xdotool", args, env));
  return {
    env,
    async pixels(x, y, width, height) {
      const args = ["-silent", "-window", "root", "-crop", `${width}x${height}+${x}+${y}`];
      return await programOutput("import", [...args, "-depth", "8", "rgb:-"], env);
    },
    window: (title) =>
      eventually(`a window "${title}"`, async () => {
        const found = await tool("search", "--onlyvisible", "--name", title).catch(() => "");
        return found.trim().split("\n")[0] || undefined;
      }),
    async place(window) {
      const text = await tool("getwindowgeometry", "--shell", window);
      const number = (name: string) => Number(new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1]);
      return { x: number("X"), y: number("Y"), width: number("WIDTH"), height: number("HEIGHT") };
    },
    press: async (window, key) => void await tool("windowfocus", "--sync", window, "key", key),
    resize: async (window, width, height) =>
      void await tool("windowsize", "--sync", window, `${width}`, `${height}`),
    pressCloseButton: (window) => sendDelete(env.DISPLAY, Number(window)),
    async [Symbol.asyncDispose]() {
      await stop(child);
      await reader.cancel();
    },
  };
}

/** Sends a window the message that asks it to close. */
function sendDelete(display: string, window: number): void {
  const x11 = Deno.dlopen("libX11.so.6", {
    XOpenDisplay: { parameters: ["buffer"], result: "pointer" },
    XInternAtom: { parameters: ["pointer", "buffer", "i32"], result: "u64" },
    XSendEvent: { parameters: ["pointer", "u64", "i32", "i64", "buffer"], result: "i32" },
    XCloseDisplay: { parameters: ["pointer"], result: "i32" },
  });
  const text = (it: string) => new TextEncoder().encode(`${it}\0`);
  const connection = x11.symbols.XOpenDisplay(text(display));
  const atom = (name: string) => x11.symbols.XInternAtom(connection, text(name), 0);
  const event = new DataView(new ArrayBuffer(192)); // an XClientMessageEvent
  event.setInt32(0, 33, true); // ClientMessage
  event.setBigUint64(32, BigInt(window), true);
  event.setBigUint64(40, atom("WM_PROTOCOLS"), true);
  event.setInt32(48, 32, true); // in units of 32 bits
  event.setBigUint64(56, atom("WM_DELETE_WINDOW"), true);
  x11.symbols.XSendEvent(connection, BigInt(window), 0, 0n, new Uint8Array(event.buffer));
  x11.symbols.XCloseDisplay(connection);
  x11.close();
}

/** A recording that is under way. */
export interface Recording {
  /** Ends it; returns the samples of the left channel, those of the right one, from -1 to 1. */
  stop(): Promise<[left: Float32Array, right: Float32Array]>;
}

/** A sound server whose devices play to nobody. */
export interface TestSound extends Running {
  /** The environment for a program whose usual device is to be this one. */
  with(sink: string): Record<string, string>;
  /** Records what a device plays. */
  record(sink: string): Promise<Recording>;
}

/**
 * Starts a sound server with devices of these names; what users are to see follows a colon. ALSA's usual device plays to it, too.
 */
export async function startSound(...sinks: string[]): Promise<TestSound> {
  const home = await Deno.makeTempDir({ prefix: "sluice-sound-" });
  await Deno.chmod(home, 0o700);
  const alsa = `${home}/alsa.conf`;
  await Deno.writeTextFile(
    alsa,
    "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n",
  );
  const env = { XDG_RUNTIME_DIR: home, HOME: home, ALSA_CONFIG_PATH: alsa };
  const devices = sinks.flatMap(
    (sink) => {
      const [name, description = name] = sink.split(":");
      const properties = `sink_properties="device.description='${description}'"`;
      return ["-L", `module-null-sink sink_name=${name} rate=${SOUND_RATE} ${properties}`];
    },
  );
  const child = new Deno.Command("pulseaudio", {
    args: [
      ...["--daemonize=no", "--exit-idle-time=60", "--disallow-exit", "--use-pid-file=no", "-n"],
      ...["-L", "module-native-protocol-unix", ...devices],
    ],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await eventually("a sound server", async () => {
    const { success } = await new Deno.Command("pactl", { args: ["info"], env }).output();
    return success || undefined;
  });
  let stopped = false;
  return {
    env,
    with: (sink) => ({ ...env, PULSE_SINK: sink }),
    record: (sink) => record(sink, env),
    async [Symbol.asyncDispose]() {
      if (stopped) return;
      stopped = true;
      await stop(child);
      await Deno.remove(home, { recursive: true });
    },
  };
}

async function record(sink: string, env: Record<string, string>): Promise<Recording> {
  const child = new Deno.Command("parec", {
    args: [
      ...["--raw", "--format=float32le", `--rate=${SOUND_RATE}`, "--channels=2"],
      ...["--latency-msec=20", `--device=${sink}.monitor`],
    ],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const parts: Uint8Array[] = [];
  // A device that nobody listened to yet needs up to 2 s to begin, and ALSA's sound, FFmpeg's own
  // player's too, is cut until then.
  const begun = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const part of child.stdout) {
      parts.push(part);
      begun.resolve();
    }
    begun.reject(new Error("parec ended before it had recorded anything"));
  })();
  await begun.promise;
  return {
    async stop() {
      await new Promise((resolve) => setTimeout(resolve, 200)); // what is on its way
      await stop(child);
      await reading;
      const bytes = await new Blob(parts as BlobPart[]).arrayBuffer();
      const samples = new Float32Array(bytes.slice(0, bytes.byteLength & ~7));
      const frames = samples.length / 2;
      const channel = (c: number) =>
        Float32Array.from({ length: frames }, (_, i) => samples[2 * i + c]!);
      return [channel(0), channel(1)];
    },
  };
}

/** The part of a recording that is not silence; `skip` samples of its beginning are dropped. */
export function heardPart(samples: Float32Array, skip = 0): Float32Array {
  const loud = (it: number) => Math.abs(it) > 1e-3;
  const begin = samples.findIndex((it, i) => i >= skip && loud(it));
  return begin < 0
    ? samples.subarray(0, 0)
    : samples.subarray(begin, samples.findLastIndex(loud) + 1);
}

/** How much of a recording's beginning is not to be trusted: 20 ms. */
const UNSTEADY = SOUND_RATE * 0.02;

/**
 * How alike two sounds are, from -1 to 1, where they lie up to 50 ms apart. A recording's first
 * milliseconds do not count: a sound server's device may leave some out, or repeat them, when a stream
 * begins (what PulseAudio's own player plays is recorded no better).
 */
export function correlation(heard: Float32Array, sent: Float32Array): number {
  const middle = heard.length >> 1;
  let [best, shift] = [-1, 0];
  for (let candidate = -SOUND_RATE * 0.05; candidate < SOUND_RATE * 0.05; candidate++) {
    const alike = correlationAt(heard, sent, candidate, middle, middle + 1000);
    if (alike > best) [best, shift] = [alike, candidate];
  }
  return correlationAt(heard, sent, shift, UNSTEADY, heard.length);
}

/** Fewer samples than these are not compared. */
const FEW = 200;

/** How alike `a` from `begin` to `end` is to `b` at `shift` from there. */
function correlationAt(
  a: Float32Array,
  b: Float32Array,
  shift: number,
  begin: number,
  end: number,
): number {
  let [ab, aa, bb] = [0, 0, 0];
  const last = Math.min(end, a.length, b.length - shift);
  if (last - begin < FEW) return -1; // any few samples are alike somewhere
  for (let i = Math.max(begin, -shift); i < last; i++) {
    const [x, y] = [a[i]!, b[i + shift]!];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb || 1);
}
