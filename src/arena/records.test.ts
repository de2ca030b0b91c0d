import { expect, test } from 'vitest';
import { UnitBuffer } from '../format/log-records.ts';
import { appendWithoutAvailable, forEachAllocated, forEachFreed, freeBalance } from './records.ts';

function records(): UnitBuffer {
  const units = new UnitBuffer();
  units.appendAvailable(100, 50);
  units.appendAlloc(3, false, 0, 1, 2);
  units.appendAlloc(4, true, 7, 1, 2);
  units.appendFree(20, 5);
  units.appendAllocRaw(30, 2);
  units.appendFreeRaw(40, 3);
  units.appendSync(9);
  return units;
}

const listed = (walk: (visit: (block: number) => void) => void): number[] => {
  const blocks: number[] = [];
  walk((block) => blocks.push(block));
  return blocks;
};

test('the balance counts what was taken and given back, not what grew', () => {
  expect(freeBalance(records())).toBe(5 + 3 - 2 - 2);
  expect(freeBalance(new UnitBuffer())).toBe(0);
});

test('both kinds of allocation and both kinds of free are visited, block by block', () => {
  expect(listed((visit) => forEachAllocated(records(), visit))).toEqual([3, 4, 30, 31]);
  expect(listed((visit) => forEachFreed(records(), visit))).toEqual([
    20, 21, 22, 23, 24, 40, 41, 42,
  ]);
});

test('repeated without growth, verbatim otherwise', () => {
  const target = new UnitBuffer();
  target.appendFree(1, 1);
  appendWithoutAvailable(target, records());
  const expected = records();
  expect(target.unitCount).toBe(expected.unitCount);
  expect([...target.words.subarray(2, 2 * target.unitCount)]).toEqual([
    ...expected.words.subarray(2, 2 * expected.unitCount),
  ]);
});

test('I3: records of ours that make no sense are our bug', () => {
  const units = records();
  units.words[1] = 99;
  const message = 'I3: our own records are well formed';
  expect(() => freeBalance(units)).toThrow(message);
  expect(() => forEachAllocated(units, () => undefined)).toThrow(message);
  expect(() => forEachFreed(units, () => undefined)).toThrow(message);
  expect(() => appendWithoutAvailable(new UnitBuffer(), units)).toThrow(message);
});
