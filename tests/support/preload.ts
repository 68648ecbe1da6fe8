/**
 * Opens FFmpeg's libraries before the first test: they stay open, and the resource sanitizer would
 * take them for a leak of the test that happens to use them first.
 */
import { load } from "../../src/capabilities/ffmpeg.ts";

await load();
