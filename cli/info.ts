/**
 * The command that shows what is in files.
 *
 * @module
 */

import { type SourceStream, StreamReader } from "../mod.ts";
import { given } from "../src/base/arguments.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { askedLater, reportFailure } from "./failures.ts";
import { duration, printJson } from "./terminal.ts";

/** What is in a file. */
interface FileInfo {
  readonly path: string;
  readonly format: string;
  readonly duration: number | undefined;
  readonly startTime: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly streams: readonly (SourceStream & { readonly index: number })[];
}

/** The command. */
export const infoCommand: Command = {
  name: "info",
  summary: "Shows what is in files: streams, durations, codecs, metadata",
  parameters: ["FILE..."],
  options: {
    format: { value: "NAME", help: "The container, where the data does not show it" },
    json: JSON_OPTION,
  },
  async run(given) {
    const files: FileInfo[] = [];
    let code = 0;
    for (const path of given.args) {
      try {
        files.push(await infoOf(path, given.text("format")));
        if (!given.has("json")) console.log(text(files.at(-1)!));
      } catch (error) {
        code = reportFailure(error);
      }
    }
    if (given.has("json")) printJson(files);
    return code;
  },
};

async function infoOf(path: string, format: string | undefined): Promise<FileInfo> {
  await using reader = await askedLater(() => StreamReader.open(path, given({ format })));
  return {
    path,
    format: reader.format,
    duration: reader.duration,
    startTime: reader.startTime,
    metadata: reader.getMetadata(),
    streams: Array.from(
      { length: reader.numSrcStreams },
      (_, index) => ({ index, ...reader.getSrcStreamInfo(index) }),
    ),
  };
}

function text(file: FileInfo): string {
  const length = file.duration === undefined ? "of unknown duration" : duration(file.duration);
  return [
    `${file.path}: ${file.format}, ${length}`,
    ...file.streams.flatMap((stream) => [
      `  #${stream.index} ${describe(stream)}`,
      ...metadataLines(stream.metadata, "     "),
    ]),
    ...metadataLines(file.metadata, "  "),
  ].join("\n");
}

/** What a stream is, in one line. */
export function describe(stream: SourceStream): string {
  const parts = [`${stream.mediaType}: ${stream.codec}`, stream.format ?? ""];
  if (stream.mediaType === "video") {
    parts.push(`${stream.width}x${stream.height}`);
    parts.push(`${Number(stream.frameRate.toFixed(3))} frames/s`);
    if (stream.rotation !== 0) parts.push(`to be turned by ${stream.rotation}°`);
  }
  if (stream.mediaType === "audio") {
    parts.push(`${stream.sampleRate} Hz`);
    parts.push(`${stream.numChannels} channel${stream.numChannels === 1 ? "" : "s"}`);
  }
  if (stream.bitRate > 0) parts.push(`${Math.round(stream.bitRate / 1000)} kb/s`);
  if (stream.duration !== undefined) parts.push(duration(stream.duration));
  return parts.filter((part) => part !== "").join(", ");
}

/** Metadata that say nothing, as MP4 has them in every stream. */
const EMPTY = /^(vendor_id: \[0\]|language: und|handler_name: \w+Handler$)/;

function metadataLines(metadata: Readonly<Record<string, string>>, indent: string): string[] {
  const shown = Object.entries(metadata).filter(([name, value]) =>
    !EMPTY.test(`${name}: ${value}`)
  );
  return shown.map(([name, value]) => `${indent}${name}: ${value.replaceAll(/\s*\n\s*/g, " / ")}`);
}
