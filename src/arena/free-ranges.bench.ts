/**
 * What free ranges cost. The promise: an allocation and a free with a million ranges cost at most 4 × what they cost
 * with a thousand, and a replay of a million frees takes at most 100 ms. Run with `npx vitest bench src/arena`.
 */
import { bench, describe } from 'vitest';
import { Random } from '../sim/random.ts';
import { FreeRanges } from './free-ranges.ts';

const PAIRS = 100_000;

/** `rangeCount` ranges of one block with holes of one block between them, freed in a random order. */
function scattered(rangeCount: number): FreeRanges {
  const ranges = new FreeRanges();
  const random = new Random(1);
  const starts = new Uint32Array(rangeCount);
  for (let n = 0; n < rangeCount; n += 1) starts[n] = n * 2;
  for (let n = rangeCount - 1; n > 0; n -= 1) {
    const other = random.below(n + 1);
    const start = starts[n] as number;
    starts[n] = starts[other] as number;
    starts[other] = start;
  }
  for (const start of starts) ranges.freeRange(start, 1);
  return ranges;
}

/** Takes the lowest block and frees one anywhere: how a store that runs for long uses its arena. */
function allocateAndFree(ranges: FreeRanges, rangeCount: number): void {
  const random = new Random(2);
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const start = ranges.allocateLow(1);
    const hole = random.below(rangeCount) * 2;
    if (!ranges.tryFreeRange(hole, 1)) ranges.freeRange(start, 1);
  }
}

/** Takes a block anywhere and gives it back: every search and every shift is in another chunk. */
function grabAndFree(ranges: FreeRanges, rangeCount: number): void {
  const random = new Random(3);
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const start = random.below(rangeCount) * 2;
    if (ranges.grabRange(start, 1)) ranges.freeRange(start, 1);
  }
}

for (const rangeCount of [10, 1000, 1_000_000]) {
  describe(`${PAIRS} pairs with ${rangeCount} ranges`, () => {
    const ranges = scattered(rangeCount);
    bench('allocate the lowest, free anywhere', () => allocateAndFree(ranges, rangeCount));
    bench('grab and free anywhere', () => grabAndFree(ranges, rangeCount));
    bench('allocate and free a run of 2 that only the top has', () => {
      ranges.tryFreeRange(rangeCount * 2, 2);
      for (let pair = 0; pair < 1000; pair += 1) ranges.freeRange(ranges.allocateRunLow(2), 2);
    });
  });
}

describe('replay', () => {
  bench('a million frees in ascending order', () => {
    const ranges = new FreeRanges();
    for (let n = 0; n < 1_000_000; n += 1) ranges.freeRange(n * 2, 1);
  });
  bench('a million frees in descending order', () => {
    const ranges = new FreeRanges();
    for (let n = 999_999; n >= 0; n -= 1) ranges.freeRange(n * 2, 1);
  });
  bench('a million frees in random order', () => {
    scattered(1_000_000);
  });
});
