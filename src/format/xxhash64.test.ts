import { readFileSync } from 'node:fs';
import { xxhash64 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { createXxHash64 } from './xxhash64.ts';
import { XXHASH64_WASM } from './xxhash64-wasm.ts';

const xxhash = await createXxHash64();

function hex(pieces: readonly Uint8Array[]): string {
  xxhash.begin();
  for (const piece of pieces) xxhash.update(piece);
  xxhash.end();
  return [xxhash.high, xxhash.low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 2_654_435_761) >>> 24);
}

test('the WebAssembly is hash-wasm’s', () => {
  const path = new URL('../../node_modules/hash-wasm/dist/index.esm.js', import.meta.url);
  const texts = readFileSync(path, 'utf8').match(/"AGFzbQ[A-Za-z0-9+/=]*"/g) ?? [];
  expect(texts).toContain(`"${XXHASH64_WASM}"`);
});

describe('the hash', () => {
  // Vectors of the algorithm's own documentation.
  test.each([
    { text: '', expected: 'ef46db3751d8e999' },
    { text: 'a', expected: 'd24ec4f1a98c6e5b' },
    { text: 'Nobody inspects the spammish repetition', expected: 'fbcea83c8a378bf1' },
  ])('of "$text"', ({ text, expected }) => {
    expect(hex([new TextEncoder().encode(text)])).toBe(expected);
  });

  test('is the same in any pieces, of any length', async () => {
    for (const length of [1, 31, 33, 16_383, 16_384, 16_385, 65_536, 100_000]) {
      const bytes = noise(length);
      const expected = await xxhash64(bytes);
      expect(hex([bytes])).toBe(expected);
      const third = Math.floor(length / 3);
      const pieces = [bytes.subarray(0, third), new Uint8Array(0), bytes.subarray(third)];
      expect(hex(pieces)).toBe(expected);
    }
  });

  test('begins anew after one that was not ended', async () => {
    xxhash.begin();
    xxhash.update(noise(100));
    expect(hex([noise(40)])).toBe(await xxhash64(noise(40)));
  });
});
