/**
 * A sound device by the SDL library, version 2 or 3, where FFmpeg has no output device for sound.
 *
 * @module
 */

import { cString, cStringOrNull, int32At, readCString } from "../memory.ts";
import type { AnyPointer } from "../pointer.ts";
import {
  queuedEvents,
  quitSubsystem,
  sdlError,
  type SdlLibrary,
  sdlLibrary,
  startSubsystem,
  succeeded,
} from "./library.ts";

/** What is played, and where. */
export interface SoundSettings {
  /** The device's name; default: the default device. */
  readonly device?: string | undefined;
  /** The sample format, one of `SDL_SAMPLE_FORMATS`. */
  readonly format: string;
  /** Samples per second. */
  readonly sampleRate: number;
  /** The number of channels. */
  readonly channels: number;
}

/** The sample formats of sound: FFmpeg's names, and SDL's numbers for them. */
export const SDL_SAMPLE_FORMATS: Readonly<Record<string, number>> = {
  flt: 0x8120,
  s16: 0x8010,
  s32: 0x8020,
  u8: 0x0008,
};

const INIT_AUDIO = 0x10;
/** Version 2: the size of an SDL_AudioSpec, and where it holds the samples of the device's buffer. */
const SPEC_SIZE = 32;
const SPEC_SAMPLES = 8;
/** How much sound, in seconds, the device's buffer holds at least. */
const BUFFER = 0.03;
/** Version 2: the status of a device that is gone. */
const STOPPED = 0;
/** Version 3: the number of the default device. */
const DEFAULT = 0xffffffff;
/** Version 3: the event of a device that is gone, and where it holds the device's number. */
const DEVICE_REMOVED = 0x1101;
const EVENT_WHICH = 16;

const SDL2 = {
  SDL_GetNumAudioDevices: { parameters: ["i32"], result: "i32" },
  SDL_GetAudioDeviceName: { parameters: ["i32", "i32"], result: "pointer" },
  SDL_OpenAudioDevice: {
    parameters: ["buffer", "i32", "buffer", "buffer", "i32"],
    result: "u32",
  },
  SDL_PauseAudioDevice: { parameters: ["u32", "i32"], result: "void" },
  SDL_GetAudioDeviceStatus: { parameters: ["u32"], result: "i32" },
  SDL_QueueAudio: { parameters: ["u32", "pointer", "u32"], result: "i32" },
  SDL_GetQueuedAudioSize: { parameters: ["u32"], result: "u32" },
  SDL_ClearQueuedAudio: { parameters: ["u32"], result: "void" },
  SDL_CloseAudioDevice: { parameters: ["u32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

const SDL3 = {
  SDL_GetAudioPlaybackDevices: { parameters: ["buffer"], result: "pointer" },
  SDL_GetAudioDeviceName: { parameters: ["u32"], result: "pointer" },
  SDL_SetHint: { parameters: ["buffer", "buffer"], result: "i32" },
  SDL_free: { parameters: ["pointer"], result: "void" },
  SDL_OpenAudioDeviceStream: {
    parameters: ["u32", "buffer", "pointer", "pointer"],
    result: "pointer",
  },
  SDL_GetAudioStreamDevice: { parameters: ["pointer"], result: "u32" },
  SDL_GetAudioDeviceFormat: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
  SDL_ResumeAudioStreamDevice: { parameters: ["pointer"], result: "i32" },
  SDL_PutAudioStreamData: { parameters: ["pointer", "pointer", "i32"], result: "i32" },
  SDL_GetAudioStreamQueued: { parameters: ["pointer"], result: "i32" },
  SDL_ClearAudioStream: { parameters: ["pointer"], result: "i32" },
  SDL_DestroyAudioStream: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** A sound device that plays what is queued. */
export interface SdlSound extends Disposable {
  /** About how long a sample takes from leaving the queue until it is heard, in seconds. */
  readonly latency: number;
  /** How many bytes are still queued. */
  readonly queued: number;
  /** Whether the device is gone. */
  readonly gone: boolean;
  /** Queues samples; throws an `SdlError` where that fails. */
  queue(samples: AnyPointer, bytes: number): void;
  /** Drops what is queued. */
  clear(): void;
}

/** The sound devices of one version of SDL. */
interface Devices {
  /** The names of all devices. */
  names(): string[];
  /** Opens one, which starts to play at once. */
  open(settings: SoundSettings): SdlSound;
}

let opened: Devices | undefined;

/** The sound devices of the SDL that was found. */
function devices(): Devices {
  const library = sdlLibrary();
  return opened ??= library!.major === 2 ? new Devices2(library!) : new Devices3(library!);
}

/** Binds the functions for sound, where SDL is installed. */
export function bindSound(): void {
  if (sdlLibrary() !== null) devices();
}

/**
 * Opens a sound device; throws an `SdlError` with SDL's own reason.
 *
 * @param settings What is played, and where.
 */
export function openSdlSound(settings: SoundSettings): SdlSound {
  startSubsystem(INIT_AUDIO, "reach the sound devices");
  try {
    return devices().open(settings);
  } catch (error) {
    quitSubsystem(INIT_AUDIO);
    throw error;
  }
}

/** The names of the sound devices; throws an `SdlError` where there can't be any. */
export function sdlSoundDevices(): string[] {
  startSubsystem(INIT_AUDIO, "reach the sound devices");
  try {
    return devices().names();
  } finally {
    quitSubsystem(INIT_AUDIO);
  }
}

/** How many samples the device's buffer is to hold: a power of 2. */
function bufferSamples(sampleRate: number): number {
  return Math.min(32768, 2 ** Math.ceil(Math.log2(sampleRate * BUFFER)));
}

/** The sound devices of SDL 2. */
class Devices2 implements Devices {
  readonly #symbols: Deno.DynamicLibrary<typeof SDL2>["symbols"];

  constructor(library: SdlLibrary) {
    this.#symbols = Deno.dlopen(library.path, SDL2).symbols;
  }

  /** How many there are. */
  #count(): number {
    return Math.max(0, this.#symbols.SDL_GetNumAudioDevices(0));
  }

  names(): string[] {
    const nameOf = (index: number) => readCString(this.#symbols.SDL_GetAudioDeviceName(index, 0));
    return Array.from({ length: this.#count() }, (_, index) => nameOf(index));
  }

  open({ device, format, sampleRate, channels }: SoundSettings): SdlSound {
    const wanted = new DataView(new ArrayBuffer(SPEC_SIZE));
    wanted.setInt32(0, sampleRate, true);
    wanted.setUint16(4, SDL_SAMPLE_FORMATS[format]!, true);
    wanted.setUint8(6, channels);
    wanted.setUint16(SPEC_SAMPLES, bufferSamples(sampleRate), true);
    const spec = new Uint8Array(wanted.buffer);
    const got = new DataView(new ArrayBuffer(SPEC_SIZE));
    const name = cStringOrNull(device);
    // An SDL 2 on top of SDL 3 knows the names of devices only after it was asked for their number.
    if (name !== null) this.#count();
    const obtained = new Uint8Array(got.buffer);
    const id = this.#symbols.SDL_OpenAudioDevice(name, 0, spec, obtained, 0);
    if (id === 0) throw sdlError("open the sound device");
    this.#symbols.SDL_PauseAudioDevice(id, 0);
    return this.#sound(id, 2 * got.getUint16(SPEC_SAMPLES, true) / sampleRate);
  }

  #sound(id: number, latency: number): SdlSound {
    const symbols = this.#symbols;
    // An SDL 2 on top of SDL 3 goes on playing without a device: then its list of devices is empty.
    const isGone = () => symbols.SDL_GetAudioDeviceStatus(id) === STOPPED || this.#count() === 0;
    return {
      latency,
      get queued() {
        return symbols.SDL_GetQueuedAudioSize(id);
      },
      get gone() {
        return isGone();
      },
      queue(samples, bytes) {
        if (!succeeded(symbols.SDL_QueueAudio(id, samples, bytes))) throw sdlError("play sound");
      },
      clear: () => symbols.SDL_ClearQueuedAudio(id),
      [Symbol.dispose]() {
        symbols.SDL_CloseAudioDevice(id);
        quitSubsystem(INIT_AUDIO);
      },
    };
  }
}

/** The sound devices of SDL 3. */
class Devices3 implements Devices {
  readonly #symbols: Deno.DynamicLibrary<typeof SDL3>["symbols"];
  /** The devices that are gone: SDL before 3.4 still lists them, and goes on playing. */
  readonly #removed = new Set<number>();

  constructor(library: SdlLibrary) {
    this.#symbols = Deno.dlopen(library.path, SDL3).symbols;
  }

  names(): string[] {
    return this.#ids().map((id) => this.#nameOf(id));
  }

  #ids(): number[] {
    for (const event of queuedEvents("take", DEVICE_REMOVED, DEVICE_REMOVED)) {
      this.#removed.add(event.getUint32(EVENT_WHICH, true));
    }
    const count = new Int32Array(1);
    const list = this.#symbols.SDL_GetAudioPlaybackDevices(bytesOf(count)) as AnyPointer | null;
    if (list === null) return [];
    const ids = Array.from({ length: count[0]! }, (_, i) => int32At(list, i) >>> 0);
    this.#symbols.SDL_free(list);
    return ids.filter((id) => !this.#removed.has(id));
  }

  #nameOf(id: number): string {
    return readCString(this.#symbols.SDL_GetAudioDeviceName(id));
  }

  open({ device, format, sampleRate, channels }: SoundSettings): SdlSound {
    const named = () => this.#ids().find((id) => this.#nameOf(id) === device) ?? 0;
    const id = device === undefined ? DEFAULT : named();
    const spec = Int32Array.of(SDL_SAMPLE_FORMATS[format]!, channels, sampleRate);
    const samples = String(bufferSamples(sampleRate));
    this.#symbols.SDL_SetHint(cString("SDL_AUDIO_DEVICE_SAMPLE_FRAMES"), cString(samples));
    const stream = this.#symbols.SDL_OpenAudioDeviceStream(id, bytesOf(spec), null, null);
    if (stream === null) throw sdlError("open the sound device");
    this.#symbols.SDL_ResumeAudioStreamDevice(stream);
    return this.#sound(id, stream);
  }

  #sound(id: number, stream: Deno.PointerObject): SdlSound {
    const symbols = this.#symbols;
    const isGone = () => {
      const there = this.#ids();
      return id === DEFAULT ? there.length === 0 : !there.includes(id);
    };
    return {
      latency: this.#latencyOf(stream),
      get queued() {
        return symbols.SDL_GetAudioStreamQueued(stream);
      },
      get gone() {
        return isGone();
      },
      queue(samples, bytes) {
        const result = symbols.SDL_PutAudioStreamData(stream, samples, bytes);
        if (!succeeded(result)) throw sdlError("play sound");
      },
      clear: () => void symbols.SDL_ClearAudioStream(stream),
      [Symbol.dispose]() {
        const gone = isGone();
        symbols.SDL_DestroyAudioStream(stream);
        // The thread of a device that is gone continues for a while, in code that this would unload.
        if (!gone) quitSubsystem(INIT_AUDIO);
      },
    };
  }

  #latencyOf(stream: Deno.PointerObject): number {
    const [spec, frames] = [new Int32Array(3), new Int32Array(1)];
    const id = this.#symbols.SDL_GetAudioStreamDevice(stream);
    this.#symbols.SDL_GetAudioDeviceFormat(id, bytesOf(spec), bytesOf(frames));
    return 2 * frames[0]! / (spec[2] || 1);
  }
}

function bytesOf(array: Int32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer);
}
