import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { ARENA_BLOCKS_MAX } from './geometry.ts';
import { readRecords, sampleRecords } from './golden/samples.ts';
import { LOG_OP, RecordReader, recordUnits, UnitBuffer, wholeRecordUnits } from './log-records.ts';

function bufferOf(...words: number[]): UnitBuffer {
  const buffer = new UnitBuffer();
  buffer.words = Uint32Array.from(words);
  buffer.unitCount = words.length / 2;
  return buffer;
}

function reasonOf(buffer: UnitBuffer, grownBlocks = 100): string {
  const lines = readRecords(buffer, grownBlocks);
  return lines.ok ? 'ok' : lines.error.detail;
}

test('one record of each kind is read back', () => {
  expect(readRecords(sampleRecords(), 64)).toEqual({
    ok: true,
    value: [
      'available 0 64',
      'allocRaw 0 2',
      'sync 1',
      `alloc 5 false 0 ${0x01234567} ${0x89abcdef}`,
      `alloc 63 true ${2 ** 24 - 1} ${2 ** 32 - 1} 0`,
      'free 6 9',
      'freeRaw 1 1',
      `sync ${2 ** 40 + 9}`,
    ],
  });
});

test('a whole arena of 2^24 blocks becomes two records, because a count has 24 bits', () => {
  const buffer = new UnitBuffer();
  buffer.appendAvailable(0, ARENA_BLOCKS_MAX);
  expect(readRecords(buffer, ARENA_BLOCKS_MAX)).toEqual({
    ok: true,
    value: [`available 0 ${2 ** 24 - 1}`, `available ${2 ** 24 - 1} 1`],
  });
});

describe('what is wrong is said:', () => {
  const bad: [string, UnitBuffer][] = [
    ['unknown operation', bufferOf(1, 0)],
    ['unknown operation', bufferOf(1, 7 + 256)],
    ['record is cut off', bufferOf(1, LOG_OP.alloc)],
    ['record is cut off', bufferOf(0, LOG_OP.sync)],
    ['block outside the arena', bufferOf(100, LOG_OP.alloc, 0, 0)],
    ['block outside the arena', bufferOf(2 ** 30, LOG_OP.alloc, 0, 0)],
    ['range of no blocks', bufferOf(1, LOG_OP.free)],
    ['range outside the arena', bufferOf(1, LOG_OP.free + 100 * 256)],
    ['range outside the arena', bufferOf(2 ** 31 - 1, LOG_OP.available + 256)],
    ['range of metadata', bufferOf(2 ** 31 + 1, LOG_OP.allocRaw + 256)],
    ['sync record with extra bits', bufferOf(1, LOG_OP.sync, 7, 0)],
    ['sync record with extra bits', bufferOf(0, LOG_OP.sync + 256, 7, 0)],
    ['generation over 2^53', bufferOf(0, LOG_OP.sync, 0, 2 ** 21)],
  ];

  test.each(bad)('%s', (reason, buffer) => {
    expect(reasonOf(buffer)).toBe(reason);
  });

  test('the last block of the arena is not outside', () => {
    expect(reasonOf(bufferOf(99, LOG_OP.alloc, 0, 0))).toBe('ok');
    expect(reasonOf(bufferOf(99, LOG_OP.free + 256))).toBe('ok');
  });

  test('and again when asked again; where, too', () => {
    const buffer = bufferOf(1, LOG_OP.free + 256, 1, 0, 1, LOG_OP.free + 256);
    const reader = new RecordReader(buffer, 100);
    expect([reader.next(), reader.next(), reader.next()]).toEqual(['free', 'bad', 'bad']);
    expect(reader.unit).toBe(1);
  });
});

test('a part of a buffer can be read, and the end is the end', () => {
  const buffer = new UnitBuffer();
  for (let block = 0; block < 5; block += 1) buffer.appendFree(block, 1);
  const reader = new RecordReader(buffer, 100, { from: 2, to: 4 });
  const seen: number[] = [];
  while (reader.next() === 'free') seen.push(reader.index);
  expect(seen).toEqual([2, 3]);
  expect(reader.next()).toBe('end');
  expect(() => new RecordReader(buffer, 100, { from: 2, to: 6 })).toThrow(AssertionError);
});

test('a cleared buffer is empty and can be filled again', () => {
  const buffer = sampleRecords();
  buffer.clear();
  expect(buffer.unitCount).toBe(0);
  buffer.appendFree(3, 1);
  expect(readRecords(buffer, 9)).toEqual({ ok: true, value: ['free 3 1'] });
});

test('a buffer can be cut back to the start of a record, not beyond its end', () => {
  const buffer = sampleRecords();
  buffer.truncate(2);
  expect(readRecords(buffer, 64)).toEqual({ ok: true, value: ['available 0 64', 'allocRaw 0 2'] });
  expect(() => buffer.truncate(3)).toThrow(AssertionError);
});

test('a reader knows where the next record starts', () => {
  const reader = new RecordReader(sampleRecords(), 64);
  const starts = [reader.nextUnit];
  while (reader.next() !== 'end') starts.push(reader.nextUnit);
  expect(starts).toEqual([0, 1, 2, 4, 6, 8, 9, 10, 12]);
});

test('I3: what does not fit a record is never appended', () => {
  const buffer = new UnitBuffer();
  const bad: (() => void)[] = [
    () => buffer.appendAlloc(2 ** 24, false, 0, 0, 0),
    () => buffer.appendAlloc(-1, false, 0, 0, 0),
    () => buffer.appendAlloc(0, false, 2 ** 24, 0, 0),
    () => buffer.appendFree(0, 0),
    () => buffer.appendFree(1, 2 ** 24),
    () => buffer.appendAllocRaw(-1, 1),
    () => buffer.appendSync(2 ** 53),
    () => buffer.appendUnits(new UnitBuffer(), 0, 1),
    () => buffer.copyUnitsTo(new Uint8Array(8), 0, 0, 1),
  ];
  for (const append of bad) expect(append).toThrow(AssertionError);
  expect(buffer.unitCount).toBe(0);
});

test('a record takes one unit or two, and no cut goes through one', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 255].map(recordUnits)).toEqual([0, 2, 1, 1, 1, 2, 1, 0, 0]);
  const buffer = sampleRecords();
  expect([0, 1, 2, 3, 4, 5].map((room) => wholeRecordUnits(buffer, 0, room))).toEqual([
    0, 1, 2, 2, 4, 4,
  ]);
  expect(wholeRecordUnits(buffer, 0, 999)).toBe(buffer.unitCount);
  expect(() => wholeRecordUnits(bufferOf(0, 0), 0, 9)).toThrow(AssertionError);
});
