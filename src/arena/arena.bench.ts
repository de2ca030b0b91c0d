/**
 * What an allocation costs, logging included. The promises: a million pairs of allocation and free a second; a
 * million free ranges in 512 arenas cost at most twice what a thousand cost, in one arena at most four times; a log
 * of 100,000 records and more replays in 150 ms. Run with `npx vitest bench src/arena/arena.bench.ts`; vitest's imports
 * are indirect, bundled code is about twice as fast. `npm run bench` measures the same, bundled.
 */
import { bench, describe } from 'vitest';
import { scatteredMill } from '../sim/allocation-mill.ts';
import { halfFreeStore } from '../sim/half-free-store.ts';

const PAIRS = 100_000;

for (const [arenaCount, rangeCount] of [
  [1, 10],
  [1, 1000],
  [1, 1_000_000],
  [512, 1000],
  [512, 1_000_000],
] as const) {
  describe(`${PAIRS} pairs, ${rangeCount} free ranges in ${arenaCount} arenas`, () => {
    const mill = scatteredMill(arenaCount, rangeCount);
    bench('allocate, log, free, log, commit every 1,000', () => mill.run(PAIRS));
  });
}

describe('replay of 16 GiB, every second block free', () => {
  const replay = halfFreeStore();
  bench('500,000 ranges and 100,000 records in 256 logs', replay);
});
