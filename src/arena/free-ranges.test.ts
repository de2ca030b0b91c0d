import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { ARENA_BLOCKS_MAX } from '../format/geometry.ts';
import { FreeRanges } from './free-ranges.ts';

function rangesOf(ranges: FreeRanges): [number, number][] {
  const list: [number, number][] = [];
  ranges.forEach((start, count) => {
    list.push([start, count]);
  });
  return list;
}

function freed(...list: readonly (readonly [number, number])[]): FreeRanges {
  const ranges = new FreeRanges();
  for (const [start, count] of list) ranges.freeRange(start, count);
  return ranges;
}

/** What tests damage on purpose: the list inside. */
interface Inside {
  chunkCount: number;
  rangeCount: number;
  pool: Uint32Array;
  slots: Uint32Array;
  firsts: Uint32Array;
  sizes: Uint32Array;
  bounds: Uint32Array;
  groupBounds: Uint32Array;
}

function listOf(ranges: FreeRanges): Inside {
  return (ranges as unknown as { list: Inside }).list;
}

/** Single blocks with a hole behind each: enough of them for many chunks. */
function comb(teeth: number): FreeRanges {
  const ranges = new FreeRanges();
  for (let tooth = 0; tooth < teeth; tooth += 1) ranges.freeRange(tooth * 2, 1);
  return ranges;
}

describe('I3: freeing coalesces', () => {
  test('with the left neighbour, the right one, both, or neither', () => {
    expect(rangesOf(freed([10, 5], [15, 5]))).toEqual([[10, 10]]);
    expect(rangesOf(freed([15, 5], [10, 5]))).toEqual([[10, 10]]);
    expect(rangesOf(freed([10, 5], [20, 5], [15, 5]))).toEqual([[10, 15]]);
    expect(rangesOf(freed([10, 5], [16, 5]))).toEqual([
      [10, 5],
      [16, 5],
    ]);
  });

  test('over the border of two chunks, wherever that is', () => {
    const ranges = comb(1000);
    expect(ranges.rangeCount).toBe(1000);
    for (let tooth = 0; tooth < 999; tooth += 1) {
      ranges.freeRange(tooth * 2 + 1, 1);
      expect(ranges.rangeCount).toBe(999 - tooth);
    }
    expect(rangesOf(ranges)).toEqual([[0, 1999]]);
    expect(ranges.checkInvariants()).toBeUndefined();
  });

  test('and a failure to would be noticed: touching ranges are a broken invariant', () => {
    const ranges = freed([10, 5], [20, 5]);
    // Behind the back of the class, as a bug would: 10 … 19 and 20 … 24 touch.
    listOf(ranges).pool.set([10], 64);
    listOf(ranges).bounds.set([10]);
    listOf(ranges).groupBounds.set([10]);
    Object.assign(ranges, { blocks: 15 });
    expect(ranges.checkInvariants()).toBe('I3: ranges touch and are not coalesced');
  });
});

describe('I3: what is free cannot be freed again', () => {
  const overlaps = [
    [10, 10],
    [5, 6],
    [19, 1],
    [12, 2],
    [0, 64],
    [19, 12],
    [29, 2],
  ] as const;

  test.each(overlaps)('%i, %i overlaps 10 … 19 or 30 … 39', (start, count) => {
    const ranges = freed([10, 10], [30, 10]);
    const before = ranges.clone();
    expect(ranges.tryFreeRange(start, count)).toBe(false);
    expect(() => ranges.freeRange(start, count)).toThrow(AssertionError);
    expect(() => ranges.freeRange(start, count)).toThrow(/^I3: /);
    expect(ranges.equals(before)).toBe(true);
    expect(ranges.checkInvariants()).toBeUndefined();
  });
});

describe('ranges that are none are refused, and nothing changes', () => {
  const hostile = [
    [0, 0],
    [-1, 2],
    [0, -1],
    [0.5, 1],
    [0, 1.5],
    [Number.NaN, 1],
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
    [0, Number.POSITIVE_INFINITY],
    [ARENA_BLOCKS_MAX, 1],
    [ARENA_BLOCKS_MAX - 1, 2],
    [2 ** 32, 1],
    [1, 2 ** 32],
    [2 ** 53, 2 ** 53],
  ] as const;

  test.each(hostile)('%d, %d', (start, count) => {
    const full = freed([0, ARENA_BLOCKS_MAX]);
    const empty = new FreeRanges();
    expect(full.grabRange(start, count)).toBe(false);
    expect(full.isFree(start, count)).toBe(false);
    expect(empty.tryFreeRange(start, count)).toBe(false);
    expect(() => empty.freeRange(start, count)).toThrow(AssertionError);
    expect(rangesOf(full)).toEqual([[0, ARENA_BLOCKS_MAX]]);
    expect(rangesOf(empty)).toEqual([]);
  });

  test('allocations of nothing are a bug of the caller', () => {
    const ranges = freed([0, 8]);
    for (const count of [0, -1, Number.NaN]) {
      expect(() => ranges.allocateLow(count)).toThrow(AssertionError);
      expect(() => ranges.allocateHigh(count)).toThrow(AssertionError);
      expect(() => ranges.allocateRunLow(count)).toThrow(AssertionError);
    }
    expect(ranges.blockCount).toBe(8);
  });
});

describe('grabbing takes exactly these blocks or none', () => {
  test.each([
    [10, 10, []],
    [10, 4, [[14, 6]]],
    [16, 4, [[10, 6]]],
    [
      13,
      4,
      [
        [10, 3],
        [17, 3],
      ],
    ],
  ] as const)('%i, %i out of 10 … 19', (start, count, left) => {
    const ranges = freed([10, 10]);
    expect(ranges.grabRange(start, count)).toBe(true);
    expect(rangesOf(ranges)).toEqual(left);
    expect(ranges.blockCount).toBe(10 - count);
    ranges.freeRange(start, count);
    expect(rangesOf(ranges)).toEqual([[10, 10]]);
  });

  test.each([
    [9, 2],
    [9, 1],
    [19, 2],
    [20, 1],
    [15, 20],
    [0, 64],
  ])('%i, %i is not wholly free', (start, count) => {
    const ranges = freed([10, 10], [30, 10]);
    expect(ranges.grabRange(start, count)).toBe(false);
    expect(ranges.isFree(start, count)).toBe(false);
    expect(rangesOf(ranges)).toEqual([
      [10, 10],
      [30, 10],
    ]);
  });
});

describe('allocation', () => {
  test('low takes from the bottom of the lowest range, up to what it holds', () => {
    const ranges = freed([10, 3], [20, 10]);
    expect([ranges.allocateLow(2), ranges.lastCount]).toEqual([10, 2]);
    expect([ranges.allocateLow(5), ranges.lastCount]).toEqual([12, 1]);
    expect([ranges.allocateLow(Number.POSITIVE_INFINITY), ranges.lastCount]).toEqual([20, 10]);
    expect([ranges.allocateLow(1), ranges.lastCount]).toEqual([-1, 0]);
    expect(ranges.blockCount).toBe(0);
  });

  test('high takes from the top of the highest range, up to what it holds', () => {
    const ranges = freed([10, 10], [30, 3]);
    expect([ranges.allocateHigh(2), ranges.lastCount]).toEqual([31, 2]);
    expect([ranges.allocateHigh(5), ranges.lastCount]).toEqual([30, 1]);
    expect([ranges.allocateHigh(99), ranges.lastCount]).toEqual([10, 10]);
    expect([ranges.allocateHigh(1), ranges.lastCount]).toEqual([-1, 0]);
  });

  test('a run comes from the lowest range that holds it whole', () => {
    const ranges = freed([0, 2], [10, 5], [20, 5], [30, 9]);
    expect(ranges.allocateRunLow(3)).toBe(10);
    expect(ranges.allocateRunLow(3)).toBe(20);
    expect(ranges.allocateRunLow(3)).toBe(30);
    expect(ranges.allocateRunLow(7)).toBe(-1);
    expect(ranges.allocateRunLow(2)).toBe(0);
    expect(ranges.allocateRunLow(ARENA_BLOCKS_MAX + 1)).toBe(-1);
  });

  test('a run is found behind many short ranges, and again after they misled the search', () => {
    const ranges = comb(2000);
    expect(ranges.allocateRunLow(2)).toBe(-1);
    ranges.freeRange(3001, 1);
    expect(ranges.largest()).toBe(3);
    expect(ranges.allocateRunLow(3)).toBe(3000);
    // The bound of that chunk is now too high. It must cost a look, not an answer.
    expect(ranges.allocateRunLow(2)).toBe(-1);
    expect(ranges.largest()).toBe(1);
    ranges.freeRange(3999, 2);
    expect(ranges.allocateRunLow(3)).toBe(3998);
    expect(ranges.checkInvariants()).toBeUndefined();
  });
});

describe('chunks that drain merge', () => {
  test('so that few ranges need few chunks', () => {
    const ranges = comb(6400);
    for (let tooth = 0; tooth < 6400; tooth += 1) {
      if (tooth % 10 !== 0) expect(ranges.grabRange(tooth * 2, 1)).toBe(true);
    }
    expect(ranges.rangeCount).toBe(640);
    expect(listOf(ranges).chunkCount).toBeLessThanOrEqual(640 / 16);
    expect(ranges.checkInvariants()).toBeUndefined();
  });

  test('and a long range that moves into a chunk of short ones is still found', () => {
    const ranges = comb(192);
    // The second chunk, blocks 128 … 254, gets a range of 3 at its end, then both drain.
    ranges.freeRange(251, 1);
    for (let tooth = 5; tooth < 120; tooth += 1) ranges.grabRange(tooth * 2, 1);
    expect(ranges.checkInvariants()).toBeUndefined();
    expect(ranges.largest()).toBe(3);
    expect(ranges.allocateRunLow(3)).toBe(250);
  });
});

test('runs are found in the first, middle and last of several groups of chunks', () => {
  const ranges = comb(64 * 64 * 5);
  const starts = [0, 8000, 20_000, 40_000];
  for (const start of starts) ranges.freeRange(start + 1, 1);
  for (const start of starts) expect(ranges.allocateRunLow(3)).toBe(start);
  expect(ranges.allocateRunLow(2)).toBe(-1);
  expect(ranges.allocateRunLow(1)).toBe(4);
  expect(ranges.checkInvariants()).toBeUndefined();
});

test('a full arena comes apart block by block from both ends and together again', () => {
  const ranges = freed([0, ARENA_BLOCKS_MAX]);
  expect(ranges.largest()).toBe(ARENA_BLOCKS_MAX);
  for (let block = 0; block < 1000; block += 1) expect(ranges.allocateLow(1)).toBe(block);
  for (let block = 1; block <= 1000; block += 1) {
    expect(ranges.allocateHigh(1)).toBe(ARENA_BLOCKS_MAX - block);
  }
  expect(rangesOf(ranges)).toEqual([[1000, ARENA_BLOCKS_MAX - 2000]]);
  ranges.freeRange(0, 1000);
  ranges.freeRange(ARENA_BLOCKS_MAX - 1000, 1000);
  expect(rangesOf(ranges)).toEqual([[0, ARENA_BLOCKS_MAX]]);
});

test('a clone is independent, and clear leaves ranges that work', () => {
  const ranges = comb(300);
  const copy = ranges.clone();
  expect(copy.equals(ranges)).toBe(true);
  ranges.freeRange(1, 1);
  expect(copy.rangeCount).toBe(300);
  expect(copy.equals(ranges)).toBe(false);
  ranges.clear();
  expect([ranges.blockCount, ranges.rangeCount, ranges.largest()]).toEqual([0, 0, 0]);
  expect(ranges.equals(new FreeRanges())).toBe(true);
  ranges.freeRange(7, 1);
  expect(rangesOf(ranges)).toEqual([[7, 1]]);
  expect(copy.checkInvariants()).toBeUndefined();
});

test('what misled a search is not forgotten in the clone', () => {
  const ranges = comb(300);
  ranges.freeRange(401, 1);
  const copy = ranges.clone();
  expect(ranges.allocateRunLow(3)).toBe(400);
  expect(ranges.allocateRunLow(3)).toBe(-1);
  expect(copy.allocateRunLow(3)).toBe(400);
});

test('equality is of blocks: same totals elsewhere are not equal', () => {
  expect(freed([0, 2], [10, 1]).equals(freed([0, 1], [10, 2]))).toBe(false);
  expect(freed([0, 2], [10, 1]).equals(freed([0, 2], [11, 1]))).toBe(false);
});

test('I3: forEach notices that its visitor changed the ranges', () => {
  const ranges = comb(4);
  expect(() => ranges.forEach((start) => void ranges.grabRange(start, 1))).toThrow(/^I3: /);
});

describe('checkInvariants notices what is damaged', () => {
  /** Three ranges, 10 … 11, 20 … 21 and 30 … 31, in slot 0: starts at 0, counts at 64 (a slot's half). */
  const damages: [string, (inside: Inside) => void, string][] = [
    ['empty', (inside) => inside.pool.set([0], 65), 'a range is empty'],
    ['order', (inside) => inside.pool.set([9], 1), 'ranges overlap or are out of order'],
    ['overlap', (inside) => inside.pool.set([31], 1), 'ranges overlap or are out of order'],
    ['bounds', (inside) => inside.pool.set([ARENA_BLOCKS_MAX - 1], 2), 'a range is out of bounds'],
    ['first', (inside) => inside.firsts.set([9]), 'the directory is not the chunks'],
    ['bound', (inside) => inside.bounds.set([1]), 'a range is above its bound'],
    ['size', (inside) => inside.sizes.set([65]), 'a chunk holds no ranges or too many'],
    ['group', (inside) => inside.groupBounds.set([1]), 'a bound is above its group'],
    ['ranges', (inside) => Object.assign(inside, { rangeCount: 4 }), 'the ranges were miscounted'],
  ];

  test.each(damages)('%s', (_, damage, message) => {
    const ranges = freed([10, 2], [20, 2], [30, 2]);
    damage(listOf(ranges));
    expect(ranges.checkInvariants()).toBe(`I3: ${message}`);
  });

  test('blocks', () => {
    const ranges = freed([10, 2]);
    Object.assign(ranges, { blocks: 3 });
    expect(ranges.checkInvariants()).toBe('I3: the free blocks were miscounted');
  });

  test('shared slot', () => {
    const ranges = comb(300);
    listOf(ranges).slots.set([7], 6);
    expect(ranges.checkInvariants()).toMatch(/^I3: /);
  });
});
