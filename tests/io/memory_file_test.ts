/** A file in memory: positions, growth, and its end. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { MemoryFile } from "../../mod.ts";

const { Start, Current, End } = Deno.SeekMode;

Deno.test("a MemoryFile is a file", () => {
  const file = new MemoryFile();
  strictEqual(file.read(new Uint8Array(4)), null);
  strictEqual(file.write(Uint8Array.of(1, 2, 3, 4)), 4);
  strictEqual(file.seek(-2, End), 2);
  strictEqual(file.write(Uint8Array.of(9)), 1);
  strictEqual(file.seek(1, Current), 4);
  const into = new Uint8Array(8);
  strictEqual(file.seekSync(1, Start), 1);
  strictEqual(file.readSync(into), 3);
  deepStrictEqual([...into], [2, 9, 4, 0, 0, 0, 0, 0]);
  strictEqual(file.readSync(into), null);
  file.seek(100_000, Start);
  file.write(Uint8Array.of(5));
  strictEqual(file.length, 100_001);
  const bytes = file.bytes();
  deepStrictEqual([...bytes.subarray(0, 6)], [1, 2, 9, 4, 0, 0]);
  strictEqual(bytes[100_000], 5);
  bytes[0] = 77; // a copy
  strictEqual(file.bytes()[0], 1);
});

Deno.test("a MemoryFile keeps its bytes while it grows", () => {
  const file = new MemoryFile();
  const chunk = Uint8Array.from({ length: 50_000 }, (_, i) => i % 251);
  for (let i = 0; i < 10; i++) file.write(chunk);
  strictEqual(file.length, 500_000);
  const bytes = file.bytes();
  for (let i = 0; i < 10; i++) {
    deepStrictEqual(bytes.subarray(i * chunk.length, (i + 1) * chunk.length), chunk, `chunk ${i}`);
  }
});

Deno.test("a MemoryFile is overwritten in place, and never seeks before its beginning", () => {
  const file = new MemoryFile();
  file.write(Uint8Array.of(1, 2, 3, 4, 5));
  strictEqual(file.seek(-100, Current), 0);
  file.write(Uint8Array.of(8, 9));
  deepStrictEqual([...file.bytes()], [8, 9, 3, 4, 5]);
  strictEqual(file.length, 5);
  strictEqual(file.seek(0, Current), 2);
  strictEqual(file.seek(0, End), 5);
  file.write(Uint8Array.of(6));
  deepStrictEqual([...file.bytes()], [8, 9, 3, 4, 5, 6]);
});

Deno.test("a MemoryFile reads zeros where nothing was written, and nothing beyond its end", () => {
  const file = new MemoryFile();
  file.seek(3, Start);
  file.write(Uint8Array.of(7));
  file.seek(1, Start);
  const into = new Uint8Array(2).fill(99);
  strictEqual(file.readSync(into), 2);
  deepStrictEqual([...into], [0, 0]);
  strictEqual(file.readSync(into), 1);
  deepStrictEqual([...into], [7, 0]);
  file.seek(50, Start);
  strictEqual(file.readSync(into), null);
  strictEqual(file.length, 4);
});
