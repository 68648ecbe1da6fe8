/**
 * Sources: where a demuxer's bytes come from.
 *
 * @module
 */

import { posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { failure } from "../base/failure.ts";
import { networkHint } from "../facts/network.ts";
import { UrlIo } from "./url.ts";

/** A file or a URL to read from. */
export class UrlSource extends UrlIo {
  protected override get flag(): number {
    return ffmpeg().layout.constants.AVIO_FLAG_READ;
  }

  protected override failure(code: number): Error {
    return openFailure(code, this.url);
  }
}

/** The error for a source that can't be opened, with what that usually means. */
export function openFailure(code: number, url: string): Error {
  return failure(code, `open "${url}" for reading`, openHint(code, url));
}

function openHint(code: number, url: string): string {
  if (code === posixCode("EISDIR")) return "it is a folder, not a file";
  if (code === ffmpeg().layout.constants.AVERROR_INVALIDDATA) {
    return "it is not a media file that FFmpeg knows, or it is damaged (raw data needs { format })";
  }
  return networkHint(code, url);
}
