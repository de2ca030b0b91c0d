import { expect, test } from 'vitest';
import { median, ratioOf, summarize } from './statistics.ts';

test('the median of an odd number is the middle one, of an even number the mean of two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
});

test('samples are compared as numbers, and left in their order', () => {
  const samples = [100, 9, 20];
  expect(median(samples)).toBe(20);
  expect(samples).toEqual([100, 9, 20]);
});

test('p99 is the smallest sample that 99 of 100 do not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
  expect(summarize(hundred)?.p99).toBe(99);
  expect(summarize([...hundred, 1000])?.p99).toBe(100);
  expect(summarize([5, 1])?.p99).toBe(5);
});

test('nothing has no median and no ratio', () => {
  expect(summarize([])).toBeUndefined();
  expect(ratioOf(1, undefined)).toBeUndefined();
  expect(ratioOf(undefined, 1)).toBeUndefined();
  expect(ratioOf(1, 0)).toBeUndefined();
  expect(ratioOf(3, 2)).toBe(1.5);
});
