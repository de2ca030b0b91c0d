import { expect, test } from 'vitest';
import type { ArenaStats } from '../src/index.ts';
import { LogHistory } from './log-history.ts';
import { SAMPLE_COUNT, SAMPLE_MS } from './sampler.ts';

function statsOf(values: Partial<ArenaStats>): ArenaStats {
  const zero = { arena: 0, disk: 0, grownBytes: 0, usedBytes: 0, pendingBytes: 0, freeBytes: 0 };
  const none = { freeRanges: 0, largestFreeBytes: 0, reserveBytes: 0 };
  return { ...zero, ...none, logBlocks: 1, logRecords: 0, compactions: 0, ...values };
}

const last = (line: Uint32Array | undefined, before = 0) => line?.[SAMPLE_COUNT - 1 - before];

test('records appended are counted in the moment in which they came', () => {
  const history = new LogHistory();
  history.look([statsOf({ logRecords: 100 })], 0);
  history.look([statsOf({ logRecords: 130 })], 10);
  history.look([statsOf({ logRecords: 140 })], 20);
  history.look([statsOf({ logRecords: 145, logBlocks: 2 })], SAMPLE_MS);
  const [ribbon] = history.ribbons;
  expect(last(ribbon?.appended, 1)).toBe(40);
  expect(last(ribbon?.appended)).toBe(5);
  expect(last(ribbon?.chain, 1)).toBe(1);
  expect(last(ribbon?.chain)).toBe(2);
});

test('a compaction folds the chain; that it has fewer records then is no append', () => {
  const history = new LogHistory();
  history.look([statsOf({ logRecords: 9000, logBlocks: 8 })], 0);
  history.look([statsOf({ logRecords: 40, logBlocks: 2, compactions: 1 })], 10);
  history.look([statsOf({ logRecords: 50, logBlocks: 2, compactions: 1 })], 20);
  const [ribbon] = history.ribbons;
  expect(last(ribbon?.folded)).toBe(6);
  expect(last(ribbon?.appended)).toBe(10);
});

test('a compaction that could fold nothing is still seen', () => {
  const history = new LogHistory();
  history.look([statsOf({ compactions: 0 })], 0);
  history.look([statsOf({ compactions: 1 })], 10);
  expect(last(history.ribbons[0]?.folded)).toBe(1);
});

test('what was not looked at for long is empty, not repeated; arenas without a log have no ribbon', () => {
  const history = new LogHistory();
  history.look([statsOf({ arena: 3 }), statsOf({ arena: 1, logBlocks: 0 })], 0);
  history.look([statsOf({ arena: 3, logRecords: 7 })], 10);
  history.look([statsOf({ arena: 3, logRecords: 7 })], 10 * SAMPLE_COUNT * SAMPLE_MS);
  expect(history.ribbons.map(({ arena }) => arena)).toEqual([3]);
  expect(history.ribbons[0]?.appended.every((count) => count === 0)).toBe(true);
});
