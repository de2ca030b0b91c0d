/**
 * What verifying a block costs: the promise is that every miss can afford it. Run with `npx vitest bench src/format`.
 */
import { bench, describe } from 'vitest';
import { BlockHasher, createHasher } from './hasher.ts';
import type { Pointer } from './pointer.ts';

const hasher = new BlockHasher(await createHasher(), new Uint8Array(16));

describe('verify a block', () => {
  for (const blockBytes of [512, 4096, 16_384, 65_536]) {
    const plain = new Uint8Array(blockBytes).fill(7);
    const shared = new Uint8Array(new SharedArrayBuffer(blockBytes)).fill(7);
    hasher.hashBlock(16_384, 3, plain);
    const pointer = {
      address: 16_384,
      generation: 3,
      hashHigh: hasher.high,
      hashLow: hasher.low,
    } as Pointer;
    bench(`${blockBytes} bytes`, () => void hasher.verify(plain, pointer));
    bench(`${blockBytes} bytes, shared memory`, () => void hasher.verify(shared, pointer));
  }
});
