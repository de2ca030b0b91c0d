import { describe, expect, test } from 'vitest';
import { type RingLayout, RingReader, RingWriter, ringWords } from './ring.ts';

const layout: RingLayout = { start: 16, cellCount: 4, cellWords: 2 };
const TAIL_AT = 32;

/** A ring through which `count` cells have gone already. */
function ring(count = 0, { start, cellCount, cellWords } = layout) {
  const words = new Int32Array(start + ringWords({ cellCount, cellWords }) + 16);
  words[start] = count;
  words[start + 16] = count;
  const sides = { start, cellCount, cellWords };
  return { words, writer: new RingWriter(words, sides), reader: new RingReader(words, sides) };
}

function push({ words, writer }: ReturnType<typeof ring>, value: number): boolean {
  const at = writer.claim();
  if (at < 0) return false;
  words[at] = value;
  words[at + 1] = ~value;
  writer.publish();
  return true;
}

function pop({ words, reader }: ReturnType<typeof ring>): number | undefined {
  const at = reader.peek();
  if (at < 0) return undefined;
  const value = words[at] as number;
  expect(words[at + 1]).toBe(~value);
  reader.release();
  return value;
}

describe('a ring', () => {
  test.each([
    ['from the beginning', 0],
    ['where the counts pass 2^31', 2 ** 31 - 3],
    ['where the counts begin again at 2^32', -3],
  ])('%s: is first in, first out, full with all of its cells, and empty again', (_, count) => {
    const it = ring(count);
    for (let round = 0; round < 5; round += 1) {
      expect(pop(it)).toBeUndefined();
      for (const n of [1, 2, 3, 4]) expect(push(it, round * 10 + n)).toBe(true);
      expect(push(it, 99)).toBe(false);
      expect(pop(it)).toBe(round * 10 + 1);
      expect(push(it, round * 10 + 5)).toBe(true);
      expect(push(it, 99)).toBe(false);
      for (const n of [2, 3, 4, 5]) expect(pop(it)).toBe(round * 10 + n);
    }
    expect(it.words[TAIL_AT]).toBe((count + 25) | 0);
  });

  test('of one cell is full and empty in turn', () => {
    const it = ring(-1, { ...layout, cellCount: 1 });
    for (const value of [1, 2, 3]) {
      expect(push(it, value)).toBe(true);
      expect(push(it, 9)).toBe(false);
      expect(pop(it)).toBe(value);
      expect(pop(it)).toBeUndefined();
    }
  });

  test('touches no word outside of its layout', () => {
    const it = ring();
    for (let n = 0; n < 10; n += 1) {
      push(it, -1);
      pop(it);
    }
    expect([...it.words.subarray(0, layout.start)]).toEqual(new Array(16).fill(0));
    expect([...it.words.subarray(-16)]).toEqual(new Array(16).fill(0));
  });

  test('a cell is not seen before it is published, and stays until it is released', () => {
    const { words, writer, reader } = ring();
    const at = writer.claim();
    expect(writer.claim()).toBe(at);
    words[at] = 7;
    expect(reader.peek()).toBe(-1);
    writer.publish();
    expect(reader.peek()).toBe(at);
    expect(reader.peek()).toBe(at);
    reader.release();
    expect(reader.peek()).toBe(-1);
  });

  test('a later side goes on where the one before it stood', () => {
    const it = ring(-2);
    push(it, 1);
    push(it, 2);
    push(it, 3);
    pop(it);
    const writer = new RingWriter(it.words, layout);
    const reader = new RingReader(it.words, layout);
    const next = { words: it.words, writer, reader };
    expect(push(next, 4)).toBe(true);
    expect(push(next, 5)).toBe(true);
    expect(push(next, 6)).toBe(false);
    expect([1, 2, 3, 4].map(() => pop(next))).toEqual([2, 3, 4, 5]);
  });

  test('what was not claimed is not published, and what was not read is not released', () => {
    const it = ring();
    expect(() => it.reader.release()).toThrow('read, then released');
    for (const value of [1, 2, 3, 4]) push(it, value);
    expect(() => it.writer.publish()).toThrow('claimed, then published');
  });

  test('cells are a power of two, and all of them lie inside the memory', () => {
    const words = new Int32Array(layout.start + ringWords(layout));
    expect(() => new RingWriter(words.subarray(1), layout)).toThrow('inside the memory');
    expect(() => new RingReader(words, { ...layout, cellCount: 3 })).toThrow('2^20 cells');
    expect(() => new RingReader(words, { ...layout, cellCount: 0 })).toThrow('2^20 cells');
  });
});
