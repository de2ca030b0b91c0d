import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import {
  byteField,
  firstNonZero,
  hash64,
  layout,
  readHashHigh,
  readHashLow,
  readU53,
  roundUp,
  startsWith,
  u8,
  u16,
  u32,
  u53,
  viewOf,
  writeHash,
  writeU53,
} from './layout.ts';

test('fields lie one behind the other, in the order of the table', () => {
  const table = layout({ a: u8, b: u16, c: u32, d: u53, e: hash64, f: byteField(5) });
  expect(table.at).toEqual({ a: 0, b: 1, c: 3, d: 7, e: 15, f: 23 });
  expect(table.size).toBe(28);
  expect(table.fields.map(({ name }) => name).join('')).toBe('abcdef');
});

describe('u53', () => {
  const view = viewOf(new Uint8Array(10));

  test.each([0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3, 2 ** 53 - 1])('%d comes back', (value) => {
    writeU53(view, 1, value);
    expect(readU53(view, 1)).toBe(value);
  });

  test('what is 2^53 or more is read as NaN', () => {
    writeHash(view, 0, 2 ** 21, 0);
    expect(readU53(view, 0)).toBeNaN();
    writeHash(view, 0, 0xffffffff, 0xffffffff);
    expect(readU53(view, 0)).toBeNaN();
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])('%d is never written', (value) => {
    expect(() => writeU53(view, 0, value)).toThrow(AssertionError);
  });
});

test('everything is little-endian', () => {
  const bytes = new Uint8Array(8);
  writeU53(viewOf(bytes), 0, 0x0102030405);
  expect([...bytes]).toEqual([5, 4, 3, 2, 1, 0, 0, 0]);
  writeHash(viewOf(bytes), 0, 0x08070605, 0x04030201);
  expect([...bytes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(readHashHigh(viewOf(bytes), 0)).toBe(0x08070605);
  expect(readHashLow(viewOf(bytes), 0)).toBe(0x04030201);
});

test('a view is of the array, not of the buffer behind it', () => {
  const bytes = new Uint8Array(16).subarray(4, 12);
  expect(viewOf(bytes).byteLength).toBe(8);
  writeU53(viewOf(bytes), 0, 7);
  expect(bytes[0]).toBe(7);
});

test('padding, beginnings and whole units are found', () => {
  const bytes = Uint8Array.of(0, 0, 3, 0);
  expect(firstNonZero(bytes, 0, 4)).toBe(2);
  expect(firstNonZero(bytes, 0, 2)).toBe(-1);
  expect(startsWith(bytes, Uint8Array.of(0, 3), 1)).toBe(true);
  expect(startsWith(bytes, Uint8Array.of(0, 3))).toBe(false);
  expect(startsWith(bytes, Uint8Array.of(0, 0), 3)).toBe(false);
  expect([0, 1, 512, 513].map((bytes) => roundUp(bytes, 512))).toEqual([0, 512, 512, 1024]);
});
