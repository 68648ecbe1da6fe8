/**
 * Frames to samples and pixels: the last stage of reading. What it returns is borrowed: it lies in
 * native memory until the next frame comes.
 *
 * @module
 */

import { layoutOf } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import {
  type AudioSamples,
  frameBytes,
  type PixelFormat,
  pixelFormat,
  pixelFormatName,
  planesOf,
  sampleFormat,
  sampleFormatName,
} from "../media/formats.ts";
import type { Frame } from "../media/frame.ts";

/** Samples in native memory. */
export interface BorrowedSamples {
  /** The samples in (frame, channel) order. */
  readonly data: AudioSamples;
  /** How many samples per channel there are. */
  readonly numFrames: number;
  /** How many channels there are. */
  readonly numChannels: number;
}

/** The samples of a frame whose format is packed, or that has one channel. */
export function samplesOf(frame: Frame): BorrowedSamples {
  const { nb_samples: numFrames, format } = frame.fields;
  const { channels: numChannels } = layoutOf(frame.fields);
  const { array } = sampleFormat(sampleFormatName(format));
  const bytes = numFrames * numChannels * array.BYTES_PER_ELEMENT;
  return { data: new array(frame.plane(0, bytes).buffer), numFrames, numChannels };
}

/** The shape of a video frame, and the way to get its pixels. */
export interface BorrowedPicture {
  /** The width. */
  readonly width: number;
  /** The height. */
  readonly height: number;
  /** The pixel format. */
  readonly format: PixelFormat;
  /** How many bytes the pixels take without padding. */
  readonly size: number;
  /** Copies the pixels without padding into memory of at least `size` bytes. */
  copyTo(target: Uint8Array<ArrayBuffer>): void;
}

/** Looks at the pixels of frames. */
export class PictureReader {
  #shape: Omit<BorrowedPicture, "copyTo"> | undefined;

  /** The pixels of a frame. */
  picture(frame: Frame): BorrowedPicture {
    const { width, height, format: id, extended_data } = frame.fields;
    const shape = this.#shapeOf(width, height, id);
    return {
      ...shape,
      copyTo: (target) => {
        ffmpeg().avutil.av_image_copy_to_buffer(
          target,
          shape.size,
          extended_data as AnyPointer,
          frame.fields.$at("linesize"),
          id,
          width,
          height,
          1,
        );
      },
    };
  }

  #shapeOf(width: number, height: number, id: number): Omit<BorrowedPicture, "copyTo"> {
    const last = this.#shape;
    if (last && last.width === width && last.height === height && last.format.id === id) {
      return last;
    }
    const format = pixelFormat(pixelFormatName(id));
    const size = frameBytes(planesOf(format, width, height));
    return this.#shape = { width, height, format, size };
  }
}
