import { describe, expect, test } from 'vitest';
import { AssertionError } from './assert.ts';
import {
  arenaIndex,
  blockAddress,
  blockIndex,
  byteCount,
  diskIndex,
  generation,
  isCount,
  slotIndex,
} from './brand.ts';

const NEVER = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53];

/** Each constructor with the first number that is too large for it. */
const constructors: [string, (value: number) => number, number][] = [
  ['blockAddress', blockAddress, 2 ** 53],
  ['generation', generation, 2 ** 53],
  ['byteCount', byteCount, 2 ** 53],
  ['blockIndex', blockIndex, 2 ** 24],
  ['arenaIndex', arenaIndex, 1024],
  ['diskIndex', diskIndex, 8],
  ['slotIndex', slotIndex, 2 ** 31],
];

describe.each(constructors)('%s', (_, brand, limit) => {
  test('is the number itself, from 0 to below its limit', () => {
    expect(brand(0)).toBe(0);
    expect(brand(limit - 1)).toBe(limit - 1);
  });

  test('refuses its limit and what is no count', () => {
    for (const value of [limit, ...NEVER]) expect(() => brand(value)).toThrow(AssertionError);
  });
});

test('a count is a safe integer, 0 or more; text is none', () => {
  expect(isCount(Number.MAX_SAFE_INTEGER)).toBe(true);
  expect(NEVER.some(isCount)).toBe(false);
  expect(isCount('1' as unknown as number)).toBe(false);
});
