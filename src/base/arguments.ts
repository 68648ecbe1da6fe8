/**
 * Checks of arguments, before anything native happens.
 *
 * @module
 */

import { shown, suggestion } from "./text.ts";

/** The largest number that a C `int` holds. */
const INT_MAX = 2147483647;

/** Checks a whole number within limits. */
export function wholeNumber(
  name: string,
  value: unknown,
  { min = 1, max = INT_MAX }: { min?: number; max?: number } = {},
): number {
  if (typeof value !== "number") {
    throw new TypeError(`Expected ${name} to be a number, got ${shown(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `Expected ${name} to be a whole number from ${min} to ${max}, got ${value}`,
    );
  }
  return value;
}

/** The same, where it may be omitted. */
export function optionalWholeNumber(
  name: string,
  value: unknown,
  limits: { min?: number; max?: number } = {},
): number | undefined {
  return value === undefined || value === null ? undefined : wholeNumber(name, value, limits);
}

/** Checks a finite number that is not negative. */
export function nonNegative(name: string, value: unknown): number {
  if (typeof value !== "number") {
    throw new TypeError(`Expected ${name} to be a number, got ${shown(value)}`);
  }
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`Expected ${name} to be zero or more and finite, got ${value}`);
  }
  return value;
}

/** Checks a text; one without zero bytes, which would end it in C. */
export function text(name: string, value: unknown): string {
  if (typeof value !== "string") {
    throw new TypeError(`Expected ${name} to be a string, got ${shown(value)}`);
  }
  if (value.includes("\0")) throw new TypeError(`Expected ${name} to have no zero byte`);
  return value;
}

/** The same, where it may be omitted. */
export function optionalText(name: string, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : text(name, value);
}

/** Whether a value is an object as `{}` makes them, not an array, a Map or the like. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Checks a record of options or metadata; numbers and booleans are taken as their text. */
export function textRecord(name: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isPlain(value)) {
    throw new TypeError(`Expected ${name} to be a record of strings, got ${shown(value)}`);
  }
  const record: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (!["string", "number", "boolean", "bigint"].includes(typeof entry)) {
      throw new TypeError(`Expected ${name}.${key} to be a string, got ${shown(entry)}`);
    }
    const plain = typeof entry === "boolean" ? (entry ? "1" : "0") : String(entry);
    record[text(`a key of ${name}`, key)] = text(`${name}.${key}`, plain);
  }
  return record;
}

/** Checks a switch; omitted, it is off unless `byDefault` says otherwise. */
export function flag(name: string, value: unknown, byDefault = false): boolean {
  if (value === undefined) return byDefault;
  if (typeof value === "boolean") return value;
  throw new TypeError(`Expected ${name} to be true or false, got ${shown(value)}`);
}

/** An object without the entries that are `undefined`, for options that may be omitted but not undefined. */
export function given<T extends object>(
  entries: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const there = Object.entries(entries).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Checks a trailing options object, and that it has no key that would be ignored in silence. */
export function optionsObject<T extends object>(
  name: string,
  value: T | undefined,
  keys: readonly (keyof T & string)[],
): T {
  if (value === undefined || value === null) return {} as T;
  if (!isPlain(value)) {
    throw new TypeError(`Expected ${name} to be an object, got ${shown(value)}`);
  }
  for (const key of Object.keys(value)) {
    if ((keys as readonly string[]).includes(key)) continue;
    throw new TypeError(
      `Unknown option "${key}" in ${name}${suggestion(key, keys)} (it takes ${keys.join(", ")})`,
    );
  }
  return value;
}

/**
 * Checks a path or URL; returns it as FFmpeg takes it, which wants files as plain paths.
 *
 * @param name What it is, for messages.
 * @param value The argument.
 * @param others What else would do, for messages: `or an object with a method read()`.
 */
export function location(name: string, value: unknown, others?: string): string {
  if (!(value instanceof URL)) {
    if (others !== undefined && typeof value !== "string") {
      throw new TypeError(`Expected ${name} to be a string, a URL, ${others}, got ${shown(value)}`);
    }
    const place = text(name, value);
    if (place === "") throw new TypeError(`Expected ${name} to be a path or a URL, got ""`);
    return place;
  }
  if (value.protocol !== "file:") return value.href;
  const path = decodeURIComponent(value.pathname);
  return Deno.build.os === "windows" ? path.replace(/^\/(?=\w:)/, "") : path;
}
