/**
 * Destinations: where a muxer's bytes go.
 *
 * @module
 */

import { call, type Steps } from "../ffi/call.ts";
import { protocolOf } from "../ffi/compat.ts";
import { posixCode } from "../ffi/error.ts";
import { ffmpeg } from "../ffi/load.ts";
import { failure } from "./failure.ts";
import { networkHint } from "./network.ts";
import { UrlIo } from "./url_io.ts";

/** A file or a URL to write to. */
export class UrlDestination extends UrlIo {
  protected override get flag(): number {
    return ffmpeg().layout.constants.AVIO_FLAG_WRITE;
  }

  protected override failure(code: number): Error {
    return failure(code, `open "${this.url}" for writing`, openHint(code, this.url));
  }

  /** Pushes out what is buffered. */
  *flush(): Steps<void> {
    const pointer = this.slot.value;
    if (pointer === null) return;
    yield* call(ffmpeg().io.avio_flush, pointer);
    const code = ffmpeg().view("AVIOContext", pointer).error;
    if (code < 0) throw this.#writeFailure(code, "write to");
  }

  /** Closes it; an error that FFmpeg met while writing comes out at the latest here. */
  *close(): Steps<void> {
    if (this.slot.value === null) return;
    const code: number = yield* call(ffmpeg().io.avio_closep, this.slot.address);
    if (code < 0) throw this.#writeFailure(code, "finish writing to");
  }

  #writeFailure(code: number, action: string): Error {
    return failure(code, `${action} "${this.url}"`, networkHint(code, this.url));
  }
}

/** What a failure to open a path for writing usually means. */
function openHint(code: number, url: string): string {
  const folder = url.replace(/^file:/, "").replace(/[\\/]?[^\\/]*$/, "") || ".";
  if (protocolOf(url) !== "file") return networkHint(code, url);
  if (code === posixCode("ENOENT")) return `the folder "${folder}" does not exist`;
  if (code === posixCode("EISDIR")) return "it is a folder, not a file";
  if (code === posixCode("ENOTDIR")) return `"${folder}" is not a folder`;
  return "";
}
