import { expect, test } from 'vitest';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { PUBLISHED_WORDS } from './control-layout.ts';
import {
  PUBLISHED_STATE_WORDS,
  PublishedStateReader,
  PublishedStateWriter,
} from './published-state.ts';

const pointer = (n: number) => ({
  address: (n * 2 ** 40 + 4096) as BlockAddress,
  generation: (2 ** 33 + n) as Generation,
  hashHigh: 0xffffffff - n,
  hashLow: 0x80000000 + n,
});

function pair() {
  const words = new Int32Array(PUBLISHED_STATE_WORDS + 32);
  return {
    words,
    writer: new PublishedStateWriter(words, 16),
    reader: new PublishedStateReader(words, 16),
  };
}

test('a state comes out as it went in, at its limits: 64 roots, 32 bytes of name, numbers beyond 32 bits', () => {
  const { words, writer, reader } = pair();
  const names = Array.from({ length: 64 }, (_, n) => `ä${'€'.repeat(9)}${String(n).padStart(3)}`);
  const state = {
    publication: 2 ** 53 - 1,
    generation: 2 ** 32 + 7,
    health: 3,
    roots: names.map((name, n) => [name, pointer(n)] as const),
  };
  writer.write(state);
  expect(reader.read()).toEqual(state);
  expect([...words.subarray(0, 16), ...words.subarray(16 + PUBLISHED_STATE_WORDS)]).toEqual(
    new Array(32).fill(0),
  );
  const version = reader.version;
  const less = { ...state, roots: [['a', pointer(9)] as const] };
  writer.write(less);
  expect(reader.read()).toEqual(less);
  expect(reader.version).not.toBe(version);
});

test('a writer that died in the middle leaves the state before, and nobody waits for it', () => {
  const { writer, reader } = pair();
  const state = { publication: 1, generation: 1, health: 0, roots: [['a', pointer(1)] as const] };
  writer.write(state);
  const tooLong = [['b', pointer(2)] as const, ['n'.repeat(33), pointer(3)] as const];
  expect(() => writer.write({ ...state, publication: 2, roots: tooLong })).toThrow('32 bytes');
  expect(reader.read()).toEqual(state);
});

test('both copies fit into their place in the control memory', () => {
  expect(PUBLISHED_STATE_WORDS).toBeLessThanOrEqual(PUBLISHED_WORDS);
});

test('garbage in the words is read without an exception', () => {
  const { words, reader } = pair();
  words.fill(0x7fffffff, 17, 16 + PUBLISHED_STATE_WORDS);
  expect(reader.read().roots.length).toBe(64);
});
