/**
 * Opens FFmpeg's libraries before the first test: they stay open, and the resource sanitizer would
 * take them for a leak of the test that happens to use them first.
 */
import { bindPipes } from "../../ffi/avio/input_pipe.ts";
import { addressOfAtoi } from "../../ffi/interrupt.ts";
import { bindAll } from "../../ffi/libraries.ts";

bindAll();
addressOfAtoi();
bindPipes();
