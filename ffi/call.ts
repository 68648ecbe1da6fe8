/**
 * One body for the sync and the async form of every operation.
 *
 * What may block is written once, as a generator (`Steps`) that yields each call that may take long.
 * `runSync` makes those calls on the spot; `runAsync` makes them on another thread and awaits them.
 * Short calls are made directly in the generator's body, in both forms.
 *
 * @module
 */

/** A call that may take long: made here and now, or on another thread. */
export interface Call<R = unknown> {
  /** Makes the call and blocks until it returns. */
  now(): R;
  /** Makes the call without blocking the event loop. */
  later(): Promise<R>;
  /** Whether it only lets time pass: the operation may then be aborted at this point. */
  readonly idle?: true;
  /** Whether it waits for the user's own code: an operation that is aborted abandons that. */
  readonly foreign?: true;
}

/** An operation: yields the calls that may take long, returns its result. */
// deno-lint-ignore no-explicit-any -- each call's result returns to the line that yielded it
export type Steps<T> = Generator<Call, T, any>;

/** A C function that may block, in its two forms. */
export interface Twin<A extends unknown[], R> {
  /** The blocking form. */
  readonly sync: (...args: A) => R;
  /** The form that runs on another thread. */
  readonly async: (...args: A) => Promise<R>;
}

/** Calls a function that may block, in the form that the runner chooses. */
export function* call<A extends unknown[], R>(twin: Twin<A, R>, ...args: A): Steps<R> {
  return yield { now: () => twin.sync(...args), later: () => twin.async(...args) };
}

/** Runs an operation on the calling thread. */
export function runSync<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) {
    let result: unknown;
    try {
      result = step.value.now();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(result);
  }
  return step.value;
}

/** Runs an operation without blocking the event loop; a signal ends it where it is idle. */
export async function runAsync<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    let result: unknown;
    try {
      const made = step.value.later();
      result = await (step.value.foreign && signal ? unlessAborted(made, signal) : made);
      if (step.value.idle) signal?.throwIfAborted();
      else turn = performance.now(); // a call on another thread gave other work its turn
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(result);
  }
  return step.value;
}

/** What a promise resolves to, unless the signal is aborted first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Waits for a time, in milliseconds, in the form that the runner chooses. */
export function* sleep(milliseconds: number): Steps<void> {
  yield {
    idle: true,
    now: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
    later: () => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
  };
}

/** How long, in milliseconds, an async operation may keep the event loop from other work. */
const MAX_TURN = 5;

let turn = 0;

const macrotask: Call<void> = {
  idle: true,
  now() {
    turn = performance.now();
  },
  async later() {
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    turn = performance.now();
  },
};

/** Whether the event loop has been kept from other work for long enough. */
export function shouldYield(): boolean {
  return performance.now() - turn > MAX_TURN;
}

/** Yields to the event loop, when it is time to: for loops of short calls, which never wait. */
export function* yieldToEventLoop(): Steps<void> {
  if (shouldYield()) yield macrotask;
}

/**
 * Calls a function of the user's that may return a promise.
 *
 * @param name Its name, for messages.
 * @param now What a sync call does; it must not return a promise.
 * @param later What an async call does.
 */
export function* awaited<T>(
  name: string,
  now: () => T | PromiseLike<T>,
  later: () => T | PromiseLike<T>,
): Steps<T> {
  return yield {
    foreign: true,
    now() {
      const result = now();
      if (!isPromise(result)) return result;
      result.then(undefined, () => {}); // it is not waited for
      throw new TypeError(
        `Expected ${name}() to return no promise in a sync call: use the async calls`,
      );
    },
    later: async () => await later(),
  };
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

const point: Call<void> = { idle: true, now() {}, later: () => Promise.resolve() };

/** A point between two pieces of work, at which an operation may be aborted. */
export function* abortable(): Steps<void> {
  yield point;
}

/** Steps that are still to be run; `undefined` where all is done already. */
export type Pending = Steps<void> | undefined;

/**
 * Where a stage forwards its results to, one by one; each is borrowed until the pending steps have
 * been run. Where nothing had to wait, no generator is made: for small chunks that would be most of
 * the cost.
 */
export type Sink<T> = (item: T) => Pending;
