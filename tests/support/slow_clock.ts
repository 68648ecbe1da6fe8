/**
 * A clock by which everything takes long: whoever yields to the event loop after some time then does so
 * at each occasion, however fast the machine is.
 *
 * @module
 */

/** How many milliseconds pass from one look at the clock to the next. */
const STEP = 1000;

/** Runs something by that clock; returns how many turns other work of the event loop had meanwhile. */
export async function withSlowClock(action: () => Promise<void>): Promise<number> {
  const { now } = performance;
  let time = now.call(performance);
  let turns = 0;
  let timer: ReturnType<typeof setTimeout>;
  const turn = () => {
    turns++;
    timer = setTimeout(turn, 0);
  };
  timer = setTimeout(turn, 0);
  performance.now = () => time += STEP;
  try {
    await action();
    return turns;
  } finally {
    performance.now = now;
    clearTimeout(timer);
  }
}
