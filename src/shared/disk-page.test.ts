import { describe, expect, test } from 'vitest';
import { DISK_PAGE_WORDS, DiskPageReader, DiskPageWriter, FIRST_FAULT } from './disk-page.ts';

const START = 32;

function page() {
  const words = new Int32Array(START + DISK_PAGE_WORDS);
  const writer = new DiskPageWriter(words, START);
  return { words, writer, reader: new DiskPageReader(words, START) };
}

const COUNTERS = {
  ...{ fileBytes: 2 ** 45, queued: 1, writes: 2 ** 33, blocksWritten: 3, bytesWritten: 2 ** 52 },
  ...{ skipped: 4, reads: 5, blocksRead: 6, flushes: 7, flushesSpared: 8 },
  ...{ flushMsLast: 0.125, flushMsMax: 17.3 },
};

describe('a disk page', () => {
  test('carries counters of any size, and fractions', () => {
    const { writer, reader } = page();
    expect(Object.values(reader.counters() ?? {}).every((value) => value === 0)).toBe(true);
    writer.publish(COUNTERS);
    expect(reader.counters()).toEqual(COUNTERS);
  });

  test('a disk that falls asleep over its counters is shown as it was', () => {
    const { words, writer, reader } = page();
    writer.publish(COUNTERS);
    reader.counters();
    const lock = words.findIndex((word, at) => at >= START && word === 2);
    words[lock] = 3;
    expect(reader.counters()).toEqual(COUNTERS);
    expect(new DiskPageReader(words, START).counters()).toBeUndefined();
  });

  test('I14: names the call the disk is in, and counts its steps', () => {
    const { writer, reader } = page();
    expect([reader.operation, reader.progress]).toEqual([undefined, 0]);
    writer.enter('flush');
    expect([reader.operation, reader.progress]).toEqual(['flush', 0]);
    writer.leave();
    expect([reader.operation, reader.progress]).toEqual([undefined, 1]);
  });

  test('I12: tells the disk to stop', () => {
    const { writer, reader } = page();
    expect(writer.stopAsked).toBe(false);
    reader.askStop();
    expect(writer.stopAsked).toBe(true);
  });

  test.each(['', 'x', 'ab', 'QuotaExceededError: «voll» 🙂', 'y'.repeat(219), 'z'.repeat(220)])(
    'keeps a text as it is: %s',
    (text) => {
      const { writer, reader } = page();
      writer.describe(1, text);
      expect(reader.describe(1)).toBe(text);
    },
  );

  test('cuts a long text, and writes no word beyond the page', () => {
    const { words, writer, reader } = page();
    for (let number = 0; number < 4; number += 1) writer.describe(number, 'w'.repeat(5000));
    expect(reader.describe(FIRST_FAULT)).toBe('w'.repeat(220));
    expect(words.subarray(0, START).every((word) => word === 0)).toBe(true);
    expect(words).toHaveLength(START + DISK_PAGE_WORDS);
  });

  test('keeps the first fault’s text for ever, and the last three others', () => {
    const { writer, reader } = page();
    expect(reader.describe(FIRST_FAULT)).toBe('');
    writer.describe(FIRST_FAULT, 'first');
    for (let number = 1; number <= 10; number += 1) writer.describe(number, `fault ${number}`);
    expect(reader.describe(FIRST_FAULT)).toBe('first');
    expect([7, 8, 9, 10].map((number) => reader.describe(number))).toEqual([
      '',
      'fault 8',
      'fault 9',
      'fault 10',
    ]);
  });
});
