import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { MessageMemory } from './message-memory.ts';
import { packBlocks, packPointers, unpackBlocks, unpackPointers } from './packing.ts';

test('blocks of any length come out as they went in, and the caller keeps its own', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (blocks) => {
      const before = blocks.map((block) => block.slice());
      const packed = packBlocks(blocks, new MessageMemory());
      for (const block of blocks) block.fill(0xee);
      expect(unpackBlocks(packed)).toEqual(before);
      expect(blocks.some((block) => block.buffer === packed.bytes.buffer)).toBe(false);
    }),
  );
});

test('pointers are exact at every limit', () => {
  const pointers = [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER].map((number) => ({
    address: number as BlockAddress,
    generation: (Number.MAX_SAFE_INTEGER - number) as Generation,
    hashHigh: 0xffff_ffff,
    hashLow: number === 0 ? 0 : 0x8000_0001,
  }));
  expect(unpackPointers(packPointers(pointers))).toEqual(pointers);
  expect(unpackPointers(packPointers([]))).toEqual([]);
});

test('a message that was cut is our bug, and is noticed', () => {
  expect(() => unpackPointers(new Float64Array(3))).toThrow('whole');
  const { bytes } = packBlocks([new Uint8Array(4)], new MessageMemory());
  expect(() => unpackBlocks({ bytes, lengths: [5] })).toThrow('inside');
});
