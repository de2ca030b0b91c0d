import { describe, expect, test } from 'vitest';
import { cacheLayout, homeBucket } from '../shared/cache-layout.ts';
import { BLOCK_BYTES, fixture, insert, load, pointerTo, some } from './cache-fixture.ts';
import { cachedPointerAt } from './cached-pointer.ts';

describe('the pointer that the cache has for an address', () => {
  test('is that of the block there, written or loaded, however far up its address is', () => {
    const { cache } = fixture(8);
    const far = pointerTo(2 ** 33 + 5, 2 ** 40 + 3);
    const pointers = [pointerTo(0), pointerTo(7), far];
    insert(cache, pointers[0] as typeof far);
    load(cache, pointers[1] as typeof far);
    load(cache, far);
    for (const pointer of pointers)
      expect(cachedPointerAt(cache, pointer.address)).toEqual(pointer);
  });

  test('is undefined for what is not there, was dropped, is being loaded, or is no block’s address', () => {
    const { cache } = fixture(8);
    const [here, gone, loading] = [pointerTo(1), pointerTo(2), pointerTo(3)];
    load(cache, here);
    load(cache, gone);
    cache.forget(gone.address);
    cache.beginLoad(some(cache.pluck()), loading);
    for (const address of [gone.address, loading.address, 99 * BLOCK_BYTES]) {
      expect(cachedPointerAt(cache, address)).toBeUndefined();
    }
    for (const address of [here.address + 0.5, here.address + 1, -1, Number.NaN, 2 ** 60]) {
      expect(cachedPointerAt(cache, address)).toBeUndefined();
    }
  });

  test('is found behind others that have the same home', () => {
    const layout = cacheLayout({ slotCount: 8, blockBytes: BLOCK_BYTES });
    const home = (block: number) => homeBucket(layout, block * BLOCK_BYTES, 0);
    const same = Array.from({ length: 1000 }, (_, block) => block).filter(
      (block) => home(block) === home(0),
    );
    const { cache } = fixture(8);
    const pointers = same.slice(0, 4).map((block) => pointerTo(block));
    for (const pointer of pointers) load(cache, pointer);
    for (const pointer of pointers)
      expect(cachedPointerAt(cache, pointer.address)).toEqual(pointer);
  });
});
