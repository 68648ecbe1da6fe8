/**
 * ALSA's own library, for the one thing that FFmpeg's device does not do: to stop at once. Closing
 * the device always plays what is left.
 *
 * @module
 */

import { pointerAt } from "../memory.ts";
import { type AnyPointer, type Pointer, to } from "../pointer.ts";

const pcm = to<"snd_pcm_t">();

const ALSA = {
  snd_pcm_drop: { parameters: [pcm], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Where the device's private data hold ALSA's handle: after the class, in every FFmpeg. */
const HANDLE = 1;

let library: Deno.DynamicLibrary<typeof ALSA> | undefined;

/** Opens the library. */
export function bindAlsa(): void {
  library ??= Deno.dlopen("libasound.so.2", ALSA); // the one that FFmpeg's device has loaded
}

/** Makes an open ALSA device forget what it has not played yet. */
export function dropSamples(privateData: AnyPointer): void {
  const handle: Pointer<"snd_pcm_t"> | null = pointerAt(privateData, HANDLE);
  if (handle === null) return;
  bindAlsa();
  library!.symbols.snd_pcm_drop(handle);
}
