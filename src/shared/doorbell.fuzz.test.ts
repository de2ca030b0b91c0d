/** No wake-up is lost, in any interleaving of those who ring with those who sleep. */
import { test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { enumerate } from '../sim/enumerate.ts';
import { sleepUntil } from '../sim/schedule-atomics.ts';
import { atomicAdd, atomicExchange } from './atomics.ts';
import { Doorbell } from './doorbell.ts';

vi.mock('./atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);

const words = new Int32Array(new SharedArrayBuffer(64));
const BELL = 0;
const WORK = 1;

/** Puts a piece of work there, and rings, so often. */
function ringer(times: number) {
  return () => () => {
    for (let n = 0; n < times; n += 1) {
      atomicAdd(words, WORK, 1);
      new Doorbell(words, BELL).ring();
    }
  };
}

/** Takes pieces of work until it has had so many; sleeps while there are none. */
function sleeper(pieces: number, sleep: (bell: Doorbell, seen: number) => void) {
  return () => () => {
    const bell = new Doorbell(words, BELL);
    let had = 0;
    while (had < pieces) {
      const seen = bell.value;
      const found = atomicExchange(words, WORK, 0);
      had += found;
      if (found === 0) sleep(bell, seen);
    }
    return had;
  };
}

const blocking = (bell: Doorbell, seen: number) => bell.wait(seen, 1000);
const asynchronous = (bell: Doorbell, seen: number) => sleepUntil(bell.waitAsync(seen));

const start = (sleep: (bell: Doorbell, seen: number) => void, ringers: readonly number[]) => () => {
  words.fill(0);
  words[BELL] = -1;
  const pieces = ringers.reduce((sum, times) => sum + times, 0);
  return {
    threads: [sleeper(pieces, sleep), ...ringers.map(ringer)],
    judge: ([had]: readonly unknown[]) => assert(had === pieces, 'no piece of work is lost'),
  };
};

test.each([
  ['one that rings five times', [5], 1_000],
  ['two that ring twice', [2, 2], 10_000],
])('a thread that sleeps is woken by %s', (name, ringers, atLeast) => {
  enumerate(`doorbell, ${name}`, atLeast, {}, start(blocking, ringers));
});

test('a page that waits without blocking is woken too, although it wakes for no reason as well', () => {
  enumerate('doorbell, asynchronous', 10_000, { wakes: 2 }, start(asynchronous, [2, 1]));
});
