/**
 * What the cache costs per block. One round is 4,096 calls, so that the loop's own cost does not show. Run with
 * `npx vitest bench src/cache`, and compare only within one run: vitest turns each imported name into a look-up at
 * every call, which makes these figures about five times those of a bundle.
 */
import { bench, describe } from 'vitest';
import type { BlockAddress, Generation, SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { Cache } from './cache.ts';
import { some } from './cache-fixture.ts';
import { CacheReader } from './cache-reader.ts';

const BLOCK_BYTES = 16_384;
const SLOTS = 4096;
const ROUND = 4096;

function pointersFrom(first: number, count: number): Pointer[] {
  return Array.from({ length: count }, (_, n) => ({
    address: ((first + n) * BLOCK_BYTES) as BlockAddress,
    generation: (2 ** 33 + 1) as Generation,
    hashHigh: Math.imul(first + n, 0x85ebca6b) >>> 0,
    hashLow: Math.imul(first + n, 0xc2b2ae35) >>> 0,
  }));
}

/** A fixed shuffle: neighbours in the result are far apart in the cache. */
function scattered(pointers: Pointer[]): Pointer[] {
  return pointers.map((_, n) => pointers[(n * 1999) % pointers.length] as Pointer);
}

/** The size of the default cache, 64 MiB, full of clean blocks. */
function fullCache(): { cache: Cache; reader: CacheReader; here: Pointer[] } {
  const memory = { bytes: new Uint8Array(new SharedArrayBuffer(SLOTS * BLOCK_BYTES)).fill(1) };
  const sizes = { blockBytes: BLOCK_BYTES, slotCount: SLOTS };
  const words = new Cache({ ...sizes, memory }).layout.wordCount;
  const control = new Int32Array(new SharedArrayBuffer(words * 4));
  const cache = new Cache({ ...sizes, memory, control });
  const here = pointersFrom(0, SLOTS);
  for (const pointer of here) {
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointer);
    cache.finishLoad(slot);
  }
  return { cache, reader: new CacheReader({ layout: cache.layout, control, memory }), here };
}

describe(`${ROUND} calls on a cache of ${SLOTS} slots`, () => {
  const { cache, reader, here } = fullCache();
  const inOrder = here;
  const random = scattered(here);
  const absent = scattered(pointersFrom(SLOTS, ROUND));
  const into = new Uint8Array(BLOCK_BYTES);

  bench('find: hit, in order', () => {
    for (let n = 0; n < ROUND; n += 1) cache.find(inOrder[n] as Pointer);
  });
  bench('find: hit, scattered', () => {
    for (let n = 0; n < ROUND; n += 1) cache.find(random[n] as Pointer);
  });
  bench('find: miss', () => {
    for (let n = 0; n < ROUND; n += 1) cache.find(absent[n] as Pointer);
  });
  bench('find + hold + drop', () => {
    for (let n = 0; n < ROUND; n += 1) {
      const slot = cache.find(random[n] as Pointer) as SlotIndex;
      cache.hold(slot);
      cache.drop(slot);
    }
  });
  bench('reader: copy of 16 KiB, scattered', () => {
    for (let n = 0; n < ROUND; n += 1) reader.copy(random[n] as Pointer, into);
  });
  bench('reader: miss', () => {
    for (let n = 0; n < ROUND; n += 1) reader.copy(absent[n] as Pointer, into);
  });
});

describe(`${ROUND} blocks through a full cache of ${SLOTS} slots`, () => {
  const { cache } = fullCache();
  const runs = [1, 2, 3, 4].map((run) => pointersFrom(run * ROUND, ROUND));
  let next = 0;

  bench('pluck (evicts) + insertDirty + written', () => {
    const run = runs[next % runs.length] as Pointer[];
    next += 1;
    for (let n = 0; n < ROUND; n += 1) {
      const slot = some(cache.pluck());
      cache.insertDirty(slot, run[n] as Pointer);
      cache.written(slot);
    }
  });
  bench('find (miss) + pluck (evicts) + beginLoad + finishLoad', () => {
    const run = runs[next % runs.length] as Pointer[];
    next += 1;
    for (let n = 0; n < ROUND; n += 1) {
      cache.find(run[n] as Pointer);
      const slot = some(cache.pluck());
      cache.beginLoad(slot, run[n] as Pointer);
      cache.finishLoad(slot);
    }
  });
  bench('pluck + release: scratch', () => {
    for (let n = 0; n < ROUND; n += 1) cache.release(some(cache.pluck()));
  });
});
