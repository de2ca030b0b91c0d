import { expect, test } from 'vitest';
import { readTwin, TwinWriter } from './twin.ts';

function twin(version = 0) {
  const words = Int32Array.of(version, 0, 0);
  const writer = new TwinWriter(words, 0);
  const write = (value: number) => writer.write((half) => words.fill(value, 1 + half, 2 + half));
  return { words, writer, write, read: () => readTwin(words, 0, (half) => words[1 + half]) };
}

test.each([0, -2, 2 ** 31 - 1])(
  'from version %d on: the newest is read, and the one before is kept',
  (version) => {
    const { words, write, read } = twin(version);
    for (let value = 1; value <= 4; value += 1) {
      write(value);
      expect(read()).toBe(value);
      expect([...words.subarray(1)].sort()).toEqual([value - 1, value]);
    }
    expect(words[0]).toBe((version + 4) | 0);
  },
);

test('a writer that fails in the middle has changed nothing for readers', () => {
  const { writer, words, write, read } = twin();
  write(5);
  const failing = (half: number) => {
    words[1 + half] = 6;
    throw new RangeError('half-way');
  };
  expect(() => writer.write(failing)).toThrow('half-way');
  expect(read()).toBe(5);
  write(7);
  expect(read()).toBe(7);
});

test('is read again when a write has gone by meanwhile', () => {
  const { words, write } = twin();
  let writes = 3;
  const value = readTwin(words, 0, (half) => {
    const seen = words[1 + half];
    if (writes > 0) write(writes);
    writes -= 1;
    return seen;
  });
  expect(value).toBe(1);
});
