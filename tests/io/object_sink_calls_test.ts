/** Which methods of an object `ObjectSink` calls, with what, and in which order. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import type { BytesWriter } from "../../mod.ts";
import { filePosition } from "../../src/io/bytes.ts";
import { ObjectSink } from "../../src/io/object_sink.ts";
import { tempDir } from "../support/helpers.ts";

/** An object that writes down its calls. */
function recorder(methods: Partial<BytesWriter> = {}) {
  const calls: string[] = [];
  const object: BytesWriter = {
    write: (bytes) => void calls.push(`write ${bytes.join()}`),
    seek: (offset) => void calls.push(`seek ${offset}`),
    end: () => void calls.push("end"),
    abandon: () => void calls.push("abandon"),
    ...methods,
  };
  return { calls, object };
}

const bytes = (...values: number[]) => Uint8Array.from(values);

/** Writes out what is due, if anything is. */
function settle(sink: ObjectSink): boolean {
  const pending = sink.settle();
  if (pending) runSync(pending);
  return pending !== undefined;
}

Deno.test("ObjectSink writes as soon as bufferSize bytes are buffered", () => {
  const { calls, object } = recorder();
  const sink = new ObjectSink(object, 4);
  sink.open();
  sink.write(bytes(1, 2, 3));
  strictEqual(settle(sink), false);
  sink.write(bytes(4));
  strictEqual(settle(sink), true);
  strictEqual(settle(sink), false);
  sink.write(bytes(5));
  runSync(sink.close());
  deepStrictEqual(calls, ["write 1,2,3,4", "write 5", "end"]);
});

Deno.test("ObjectSink joins the bytes between two seeks, and keeps the order", () => {
  const { calls, object } = recorder();
  const sink = new ObjectSink(object, 1000);
  sink.open();
  sink.write(bytes(1));
  sink.write(bytes(2, 3));
  sink.seek!(0);
  sink.write(bytes(4));
  sink.seek!(7);
  sink.seek!(8);
  sink.write(bytes(5));
  sink.write(bytes(6));
  runSync(sink.flush());
  deepStrictEqual(calls, ["write 1,2,3", "seek 0", "write 4", "seek 7", "seek 8", "write 5,6"]);
});

Deno.test("ObjectSink writes the rest of what was taken in part", () => {
  const taken: number[] = [];
  const write = (part: Uint8Array) => {
    taken.push(part.length);
    return Math.min(3, part.length);
  };
  const sink = new ObjectSink({ write }, 1);
  sink.open();
  sink.write(bytes(1, 2, 3, 4, 5, 6, 7));
  settle(sink);
  deepStrictEqual(taken, [7, 4, 1]);
});

Deno.test("ObjectSink prefers the sync methods in sync calls", () => {
  const { calls, object } = recorder({
    writeSync: (part) => void calls.push(`writeSync ${part.join()}`),
    seekSync: (offset) => void calls.push(`seekSync ${offset}`),
  });
  const sink = new ObjectSink(object, 1);
  sink.open();
  sink.write(bytes(1));
  sink.seek!(2);
  settle(sink);
  deepStrictEqual(calls, ["writeSync 1", "seekSync 2"]);
});

Deno.test("ObjectSink seeks only in objects that can, and from where a file is", async () => {
  const unseekable = new ObjectSink({ write: () => {} }, 1);
  unseekable.open();
  strictEqual(unseekable.seek, undefined);
  using dir = tempDir();
  using file = await Deno.open(dir.file("a"), { write: true, create: true });
  file.writeSync(bytes(9, 9));
  const sink = new ObjectSink(file, 1);
  sink.open();
  sink.write(bytes(1, 2));
  sink.seek!(1);
  sink.write(bytes(3));
  runSync(sink.close());
  deepStrictEqual([...await Deno.readFile(dir.file("a"))], [9, 9, 1, 3]);
});

Deno.test("ObjectSink calls an object that has thrown no more, but abandons it once", () => {
  const error = new Error("of my own");
  const { calls, object } = recorder();
  const fails = {
    ...object,
    write: () => {
      calls.push("write");
      throw error;
    },
  };
  const sink = new ObjectSink(fails, 1);
  sink.open();
  sink.write(bytes(1));
  throws(() => runSync(sink.flush()), error);
  sink.write(bytes(2));
  runSync(sink.flush());
  runSync(sink.close());
  sink.abandon();
  deepStrictEqual(calls, ["write", "abandon"]);
});

Deno.test("ObjectSink abandons no object that it has ended", () => {
  const { calls, object } = recorder();
  const sink = new ObjectSink(object, 1);
  sink.open();
  runSync(sink.close());
  sink.abandon();
  deepStrictEqual(calls, ["end"]);
});

Deno.test({
  name: "filePosition() is that of a file, and undefined for a pipe",
  ignore: Deno.build.os === "windows",
  async fn() {
    using dir = tempDir();
    using file = await Deno.open(dir.file("a"), { write: true, create: true });
    strictEqual(filePosition(file), 0);
    file.writeSync(bytes(1, 2, 3));
    strictEqual(filePosition(file), 3);
    await new Deno.Command("mkfifo", { args: [dir.file("pipe")] }).output();
    using pipe = await Deno.open(dir.file("pipe"), { read: true, write: true });
    strictEqual(filePosition(pipe), undefined);
  },
});
