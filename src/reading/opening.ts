/**
 * Opening a source: its options, its permissions, its demuxer.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import { protocolClass } from "../../ffi/compat.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import {
  flag,
  location,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  textRecord,
} from "../base/arguments.ts";
import {
  openableFor,
  requireAccess,
  requireFilters,
  requireFolder,
  requireList,
  requireOptions,
  stayingPut,
} from "../base/permissions.ts";
import { checkPort } from "../facts/network.ts";
import { isBytesSource, type ObjectSource, objectSource } from "../io/object_source.ts";
import { openFailure, UrlSource } from "../io/source.ts";
import { Demuxer, isInputDevice } from "./demuxer.ts";
import type { StreamReaderOptions } from "./options.ts";

/** A source that is to be opened: what was asked for, checked. */
export class Opening {
  readonly url: string;
  readonly strict: boolean;
  /** What interrupts calls that wait, once opening has begun. */
  interrupt: Interrupt | undefined;
  readonly #format: string | undefined;
  readonly #options: Record<string, string>;
  readonly #object: ObjectSource | undefined;

  constructor(src: unknown, options: StreamReaderOptions | undefined, sync: boolean) {
    const { format, option, bufferSize, strict } = optionsObject(
      "the options of StreamReader.open",
      options,
      ["format", "option", "bufferSize", "strict"],
    );
    const size = optionalWholeNumber("bufferSize", bufferSize) ?? BUFFER_SIZE;
    this.#object = isBytesSource(src) ? objectSource(src, sync, size) : undefined;
    this.url = this.#object ? "an object" : location("src", src, OTHER_SOURCES);
    if (!this.#object) checkPort(this.url);
    this.strict = flag("strict", strict);
    this.#format = optionalText("format", format);
    this.#options = textRecord("option", option);
    requireOptions(this.#options);
  }

  /** Whether the source is asynchronous and so needs the async API. */
  get asyncOnly(): boolean {
    return this.#object !== undefined && !this.#object.callsBack;
  }

  /** Makes a call that waits for bytes of an object return, as if these had ended. */
  abort(): void {
    this.#object?.abort();
  }

  /** Opens it. */
  *open(): Steps<Demuxer> {
    const interrupt = this.interrupt = new Interrupt();
    try {
      return yield* this.#open(interrupt);
    } catch (error) {
      interrupt[Symbol.dispose]();
      throw error;
    }
  }

  *#open(interrupt: Interrupt): Steps<Demuxer> {
    if (this.#object) return yield* this.#openObject(this.#object, interrupt);
    const device = this.#format !== undefined && isInputDevice(this.#format);
    const sequence = IMAGE_SEQUENCE.test(this.url) && (this.#format ?? "image2") === "image2";
    requireList(this.url, this.#format);
    if (sequence) requireFolder(this.url, "read");
    else if (!device || isPath(this.url, this.#format)) requireAccess(this.url, "read");
    else if (this.#format === "lavfi") requireFilters(this.url);
    const openable = device || sequence ? "all" : openableFor(this.url);
    const whitelist: Record<string, string> = typeof openable === "string"
      ? {}
      : { protocol_whitelist: openable.join(",") };
    return yield* Demuxer.open({
      url: this.url,
      format: sequence ? "image2" : this.#format,
      options: { ...this.#options, ...whitelist, ...stayingPut(this.url) },
      optionClasses: [protocolClass(protocolOf(this.url))],
      source: openable === "none" ? new UrlSource(this.url) : undefined,
      waits: device || protocolOf(this.url) !== "file",
      openFailure,
    }, interrupt);
  }

  *#openObject(source: ObjectSource, interrupt: Interrupt): Steps<Demuxer> {
    if (this.#format !== undefined && isInputDevice(this.#format)) {
      throw new TypeError(`Expected a container for an object, got the device "${this.#format}"`);
    }
    return yield* Demuxer.open({
      url: this.url,
      format: this.#format,
      options: this.#options,
      optionClasses: [],
      source,
      waits: !source.callsBack,
      openFailure,
    }, interrupt);
  }
}

/** What is read from beside paths and URLs. */
const OTHER_SOURCES = "bytes in memory, a ReadableStream or an object with a method read()";

/** How many bytes an object is asked for at once. */
const BUFFER_SIZE = 65536;

/** A path with a number in it, such as "frame%03d.png": it stands for a sequence of images. */
const IMAGE_SEQUENCE =
  /%0?\d*d[^\\/]*\.(png|jpe?g|bmp|gif|tiff?|webp|pgm|ppm|pbm|pam|tga|dpx|exr)$/i;

/** Whether a device is named by a path, as `/dev/video0` is. */
function isPath(url: string, format: string | undefined): boolean {
  return format !== "lavfi" && /[\\/]/.test(url);
}
