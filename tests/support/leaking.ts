/** Tests one of which leaks, for `leaks_test.ts`, which runs them in a process of their own. */

import { Handle } from "../../ffi/handle.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { nameLeakingTests } from "./leaks.ts";

class Thing extends Handle<"Thing"> {
  constructor() {
    super("Thing", {} as Pointer<"Thing">);
  }

  protected override free(): void {}
}

nameLeakingTests(200);

const shared = new Thing(); // of the file, not of a test

Deno.test("frees in time", () => {
  using _ = new Thing();
});

Deno.test("leaks", () => {
  new Thing();
});

Deno.test("frees a little later", () => {
  const thing = new Thing();
  setTimeout(() => thing[Symbol.dispose](), 20);
});

Deno.test("frees what is the file's", () => shared[Symbol.dispose]());
