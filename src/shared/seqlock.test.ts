import { describe, expect, test } from 'vitest';
import { readSeqlock, SeqlockWriter } from './seqlock.ts';

describe('a seqlock', () => {
  test('gives what was written, and its version goes on by two', () => {
    const words = new Int32Array(4);
    const writer = new SeqlockWriter(words, 1);
    for (const value of [5, 6]) writer.write(() => words.fill(value, 2));
    expect(words[1]).toBe(4);
    expect(readSeqlock(words, 1, () => [words[2], words[3]])).toEqual([6, 6]);
    expect(words[1]).toBe(4);
    expect(words[0]).toBe(0);
  });

  test('works across the end of the version’s words', () => {
    const words = Int32Array.of(-2, 0);
    const writer = new SeqlockWriter(words, 0);
    writer.write(() => words.fill(7, 1));
    expect(words[0]).toBe(0);
    expect(readSeqlock(words, 0, () => words[1])).toBe(7);
  });

  test('reads again when something was written meanwhile', () => {
    const words = new Int32Array(2);
    const writer = new SeqlockWriter(words, 0);
    let writes = 3;
    const value = readSeqlock(words, 0, () => {
      const seen = words[1];
      if (writes > 0) writer.write(() => words.fill(writes, 1));
      writes -= 1;
      return seen;
    });
    expect(value).toBe(1);
  });

  test('gives up on a writer that does not come to an end', () => {
    const words = new Int32Array(2);
    const writer = new SeqlockWriter(words, 0);
    const failing = () => {
      throw new RangeError('half-way');
    };
    expect(() => writer.write(failing)).toThrow('half-way');
    expect(readSeqlock(words, 0, () => 1)).toBeUndefined();
    expect(() => new SeqlockWriter(words, 0)).toThrow('one thread writes');
  });
});
