/** I2 for threads that read while the owner inserts, evicts and reuses slots, and a disk fills one that was lent. */
import { isDeepStrictEqual } from 'node:util';
import { expect, test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import type { SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicLoad, atomicStore } from '../shared/atomics.ts';
import { cacheLayout, SLOT_STATUS } from '../shared/cache-layout.ts';
import { enumerate } from '../sim/enumerate.ts';
import { fillBytes } from '../sim/schedule-atomics.ts';
import { AddressIndex } from './address-index.ts';
import { Cache } from './cache.ts';
import { BLOCK_BYTES, pointerTo, some } from './cache-fixture.ts';
import { CacheReader } from './cache-reader.ts';
import { cachedPointerAt } from './cached-pointer.ts';
import { SlotHeaders } from './slot-headers.ts';

vi.mock(
  '../shared/atomics.ts',
  async () => (await import('../sim/schedule-atomics.ts')).modelAtomics,
);

const SLOTS = 2;
const sizes = { blockBytes: BLOCK_BYTES, slotCount: SLOTS };
const layout = cacheLayout(sizes);
/** A word behind the cache's, by which one thread tells another that it has got so far. */
const FLAG = layout.wordCount;
const control = new Int32Array(new SharedArrayBuffer(4 * (FLAG + 1)));
const memory = { bytes: new Uint8Array(new SharedArrayBuffer(SLOTS * BLOCK_BYTES)) };

/** All bytes of a block are the same. */
function byteOf(pointer: Pointer): number {
  return (pointer.address / BLOCK_BYTES) * 16 + pointer.generation;
}

function insert(cache: Cache, pointer: Pointer): void {
  const slot = some(cache.pluck());
  fillBytes(cache.bytesOf(slot), byteOf(pointer));
  cache.insertDirty(slot, pointer);
  cache.written(slot);
}

/** Reads each of the blocks; its result: which of them were hits. */
function reader(pointers: readonly Pointer[]) {
  return () => {
    const cache = new CacheReader({ layout, control, memory });
    return () => {
      const into = new Uint8Array(BLOCK_BYTES);
      return pointers.map((pointer) => {
        if (!cache.copy(pointer, into)) return false;
        const right = byteOf(pointer);
        assert(
          into[0] === right && into[BLOCK_BYTES - 1] === right,
          'I2: a reader got another block’s bytes',
        );
        return true;
      });
    };
  };
}

function reset(): void {
  control.fill(0);
  memory.bytes.fill(0);
}

const A = pointerTo(1);
const B = pointerTo(2);
const C = pointerTo(3);
const A2 = pointerTo(1, 2);

/** Prepared before anybody reads: a cache with blocks A and B. */
function owner(work: (cache: Cache) => void) {
  return () => {
    const cache = new Cache({ ...sizes, memory, control });
    insert(cache, A);
    insert(cache, B);
    return () => work(cache);
  };
}

test.each([
  ['a slot is evicted and reused', (cache: Cache) => insert(cache, C), [A, C, A], 1_000],
  [
    'a block is replaced at its address',
    (cache: Cache) => {
      cache.forget(A.address);
      insert(cache, A2);
    },
    [A, A2, A],
    1_000,
  ],
  [
    'a slot is reused twice',
    (cache: Cache) => {
      insert(cache, C);
      cache.find(C);
      cache.forget(C.address);
      insert(cache, A);
    },
    [A, C, A],
    1_000,
  ],
] as const)(
  'I2: %s while a reader copies: its own block or none',
  (name, work, pointers, atLeast) => {
    const outcomes = new Set<string>();
    enumerate(`cache, ${name}`, atLeast, { plain: false }, () => {
      reset();
      return {
        threads: [owner(work), reader(pointers)],
        judge: ([, hits]) => outcomes.add(String(hits)),
      };
    });
    expect(outcomes.size).toBeGreaterThan(1);
  },
);

/** At A's address, different in every other respect. */
const OTHER = pointerTo(1, 2, 1);

/** Asks for what is cached of an address, again and again; its result: the generations that it heard of. */
function asker(address: number, times: number) {
  return () => () =>
    Array.from({ length: times }, () => {
      const pointer = cachedPointerAt({ layout, control }, address);
      const isWhole = [A, OTHER, undefined].some((known) => isDeepStrictEqual(known, pointer));
      assert(isWhole, 'I2: the key of a slot was taken half from one block, half from another');
      return pointer?.generation ?? 0;
    });
}

test('I2: a block is replaced at its address while its key is taken: one of the two keys or none', () => {
  const outcomes = new Set<string>();
  const replace = (cache: Cache): void => {
    cache.forget(A.address);
    insert(cache, OTHER);
  };
  enumerate('cache, a key', 500, { plain: false }, () => {
    reset();
    return {
      threads: [owner(replace), asker(A.address, 2)],
      judge: ([, heard]) => outcomes.add(String(heard)),
    };
  });
  // None after one: the new key was found by the old entry of the index, before it had one of its own.
  expect([...outcomes].sort()).toEqual(['0,0', '0,2', '1,0', '1,1', '1,2', '2,0', '2,2']);
});

const LENT = 0 as SlotIndex;

/** Fills the slot that was lent to it, and says so. */
function diskThread() {
  const headers = new SlotHeaders(layout, control);
  return () => {
    fillBytes(memory.bytes.subarray(0, BLOCK_BYTES), byteOf(C));
    headers.setKey(LENT, C);
    headers.become(LENT, SLOT_STATUS.clean);
    atomicStore(control, FLAG, 1);
  };
}

/** Lends a slot in which A was until now; enters it when it is filled, and evicts it again. */
function lender() {
  const headers = new SlotHeaders(layout, control);
  const index = new AddressIndex(layout, control);
  headers.reset();
  headers.become(LENT, SLOT_STATUS.owned);
  headers.setKey(LENT, A);
  headers.become(LENT, SLOT_STATUS.clean);
  index.insert(LENT);
  fillBytes(memory.bytes.subarray(0, BLOCK_BYTES), byteOf(A));
  headers.become(LENT, SLOT_STATUS.empty);
  index.remove(LENT);
  headers.become(LENT, SLOT_STATUS.owned);
  return () => {
    while (atomicLoad(control, FLAG) === 0);
    index.insert(LENT);
    headers.become(LENT, SLOT_STATUS.empty);
    index.remove(LENT);
    headers.become(LENT, SLOT_STATUS.owned);
    fillBytes(memory.bytes.subarray(0, BLOCK_BYTES), 0);
  };
}

test('I2: a slot that was lent to a disk, filled, entered and taken back: its block or none', () => {
  const outcomes = new Set<string>();
  enumerate('cache, a lent slot', 3_000, { plain: false }, () => {
    reset();
    return {
      threads: [lender, diskThread, reader([C, A, C])],
      judge: (results) => outcomes.add(String(results[2])),
    };
  });
  expect([...outcomes].sort()).toContain('true,false,false');
  expect(outcomes.has('false,true,false')).toBe(false);
});
