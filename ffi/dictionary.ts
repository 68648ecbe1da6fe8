/**
 * `AVDictionary`: options on their way into FFmpeg, metadata on its way out.
 *
 * @module
 */

import { ffmpeg } from "./libraries.ts";
import { cString, PointerSlot, readCString } from "./memory.ts";
import type { AnyPointer, Pointer } from "./pointer.ts";

/** A dictionary of options, owned here; C functions take from it the entries that they know. */
export class Dictionary extends PointerSlot<"AVDictionary"> implements Disposable {
  /** Makes a dictionary with the given entries. */
  constructor(entries: Readonly<Record<string, string>> = {}) {
    super();
    for (const [key, value] of Object.entries(entries)) setEntry(this, key, value);
  }

  /** The entries that are in it now: after a call, those that it did not take. */
  entries(): Record<string, string> {
    return readEntries(this.value);
  }

  /** Frees it. */
  [Symbol.dispose](): void {
    ffmpeg().avutil.av_dict_free(this.address);
  }
}

function setEntry(slot: PointerSlot<"AVDictionary">, key: string, value: string): void {
  const result = ffmpeg().avutil.av_dict_set(slot.address, cString(key), cString(value), 0);
  if (result < 0) throw new Error(`Cannot store the entry "${key}": out of memory`);
}

/** The entries of a dictionary that something else owns, such as a stream's metadata. */
export function readEntries(dictionary: AnyPointer | null): Record<string, string> {
  if (dictionary === null) return {};
  const { avutil, layout } = ffmpeg();
  const entries: Record<string, string> = {};
  const owner = dictionary as Pointer<"AVDictionary">;
  let entry: Pointer<"AVDictionaryEntry"> | null = null;
  const anyKey = cString("");
  const flags = layout.constants.AV_DICT_IGNORE_SUFFIX;
  while ((entry = avutil.av_dict_get(owner, anyKey, entry, flags)) !== null) {
    const { key, value } = ffmpeg().view("AVDictionaryEntry", entry);
    entries[readCString(key)] = readCString(value);
  }
  return entries;
}

/** Replaces all entries of a dictionary that something else owns; returns its new address. */
export function replaceEntries(
  dictionary: AnyPointer | null,
  entries: Readonly<Record<string, string>>,
): AnyPointer | null {
  const slot = new PointerSlot<"AVDictionary">(dictionary as Pointer<"AVDictionary"> | null);
  ffmpeg().avutil.av_dict_free(slot.address);
  for (const [key, value] of Object.entries(entries)) setEntry(slot, key, value);
  return slot.value;
}
