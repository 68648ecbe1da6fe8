/**
 * SDP, the session description protocol: what a viewer of RTP needs to know.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { addressOf, textIn } from "../../ffi/memory.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { check } from "../base/failure.ts";

/** The longest description, in bytes. */
const MAX_SDP = 16384;

/** Describes where streams go and how they are encoded, by the contexts of their containers. */
export function sessionDescription(contexts: readonly AnyPointer[]): string {
  const list = BigUint64Array.from(contexts, addressOf);
  const text = new Uint8Array(MAX_SDP);
  check(
    ffmpeg().avformat.av_sdp_create(list, list.length, text, text.length),
    "describe the streams in SDP",
  );
  return textIn(text);
}
