import { strictEqual } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import { DeviceMuxer } from "../../src/outputs/device_muxer.ts";
import { AudioOutputStream } from "../../src/writing/output_stream.ts";
import { noLiveHandles } from "../support/helpers.ts";

Deno.test("DeviceMuxer is not asked for what was heard once its end has begun", () => {
  {
    using muxer = new DeviceMuxer("-", "null");
    using stream = AudioOutputStream.create(muxer, 8000, 1, { format: "s16" }, () => undefined);
    muxer.addStream(stream.encoder.context);
    strictEqual(muxer.opened, false);
    runSync(muxer.open({}));
    strictEqual(muxer.opened, true);
    const ending = muxer.finish();
    const step = ending.next(); // as if the trailer was being written on another thread
    strictEqual(step.done, false);
    strictEqual(muxer.opened, false);
    strictEqual(muxer.heard(0), undefined);
    ending.next(step.value!.now());
  }
  noLiveHandles();
});
