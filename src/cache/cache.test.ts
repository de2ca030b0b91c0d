import { afterEach, describe, expect, test } from 'vitest';
import type { BlockAddress, Generation, SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { SLOT_STATUS } from '../shared/cache-layout.ts';
import { Cache } from './cache.ts';
import {
  BLOCK_BYTES,
  fill,
  fillLent,
  fixture,
  insert,
  isContentOf,
  load,
  pointerTo,
  some,
} from './cache-fixture.ts';
import { NO_SLOT } from './slot-list.ts';

let cache: Cache = fixture(1).cache;

function start(slotCount: number): Cache {
  cache = fixture(slotCount).cache;
  return cache;
}

afterEach(() => {
  expect(cache.checkInvariants()).toBeUndefined();
});

/** Plucks until nothing can be had; answers the slots in the order in which they were given. */
function pluckAll(): SlotIndex[] {
  const slots: SlotIndex[] = [];
  for (let slot = cache.pluck(); slot !== NO_SLOT; slot = cache.pluck()) slots.push(slot);
  return slots;
}

describe('I2: nothing unverified is found', () => {
  test('a block is found under its own pointer, and its content is in the slot', () => {
    start(2);
    const slot = load(cache, pointerTo(7));
    expect(cache.find(pointerTo(7))).toBe(slot);
    expect(isContentOf(cache.bytesOf(slot), pointerTo(7))).toBe(true);
    expect(cache.pointerOf(slot)).toEqual(pointerTo(7));
    expect(cache.addressOf(slot)).toBe(7 * BLOCK_BYTES);
  });

  const wrong: readonly [string, Partial<Pointer>][] = [
    ['another address', { address: (8 * BLOCK_BYTES) as BlockAddress }],
    ['an address 2^32 further', { address: (7 * BLOCK_BYTES + 2 ** 32) as BlockAddress }],
    ['another generation', { generation: 2 as Generation }],
    ['a generation 2^32 further', { generation: (1 + 2 ** 32) as Generation }],
    ['another upper half of the hash', { hashHigh: 1 }],
    ['another lower half of the hash', { hashLow: 1 }],
  ];
  test.each(wrong)('a pointer with %s misses', (_, difference) => {
    start(2);
    load(cache, pointerTo(7));
    expect(cache.find({ ...pointerTo(7), ...difference })).toBe(NO_SLOT);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1 });
  });

  test('the largest address, generation and hash come back as they went in', () => {
    start(2);
    const pointer: Pointer = {
      address: (Number.MAX_SAFE_INTEGER - 511) as BlockAddress,
      generation: Number.MAX_SAFE_INTEGER as Generation,
      hashHigh: 0xffffffff,
      hashLow: 0x80000000,
    };
    const slot = load(cache, pointer);
    expect(cache.find(pointer)).toBe(slot);
    expect(cache.pointerOf(slot)).toEqual(pointer);
  });

  test('a block that is being loaded is not found before it has been verified', () => {
    start(2);
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1));
    fill(cache.bytesOf(slot), pointerTo(1));
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
    expect(cache.matches(slot, pointerTo(1))).toBe(false);
    cache.finishLoad(slot);
    expect(cache.find(pointerTo(1))).toBe(slot);
    expect(cache.matches(slot, pointerTo(1))).toBe(true);
  });

  test('a load that failed leaves nothing to be found, and its slot is empty', () => {
    start(1);
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1));
    cache.failLoad(slot);
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
    expect(cache.findAddress(pointerTo(1).address)).toBe(NO_SLOT);
    expect(cache.status(slot)).toBe(SLOT_STATUS.empty);
    expect(cache.pluck()).toBe(slot);
  });

  test('a plucked slot has lost its key before its new owner writes a byte', () => {
    start(1);
    const slot = load(cache, pointerTo(1));
    expect(cache.pluck()).toBe(slot);
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
    expect(cache.findAddress(pointerTo(1).address)).toBe(NO_SLOT);
    expect(cache.status(slot)).toBe(SLOT_STATUS.owned);
  });

  test('only an owned slot takes a key', () => {
    start(2);
    const slot = load(cache, pointerTo(1));
    expect(() => cache.insertDirty(slot, pointerTo(2))).toThrow('I2');
    expect(() => cache.finishLoad(slot)).toThrow('I2');
    expect(() => cache.failLoad(slot)).toThrow('I2');
    start(2);
  });
});

describe('one load for many askers', () => {
  test('the second asker finds the load, holds it, and has the block when it ends', () => {
    start(3);
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1));
    expect(cache.findLoading(pointerTo(1))).toBe(slot);
    cache.hold(slot);
    fill(cache.bytesOf(slot), pointerTo(1));
    cache.finishLoad(slot);
    expect(cache.findLoading(pointerTo(1))).toBe(NO_SLOT);
    expect(pluckAll()).toHaveLength(2);
    expect(cache.matches(slot, pointerTo(1))).toBe(true);
    cache.drop(slot);
    expect(cache.pluck()).toBe(slot);
  });

  test('waiters see that a load failed, and nobody gets their slot before they have let go', () => {
    start(1);
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1));
    cache.hold(slot);
    cache.hold(slot);
    cache.failLoad(slot);
    expect(cache.status(slot)).toBe(SLOT_STATUS.empty);
    expect(cache.matches(slot, pointerTo(1))).toBe(false);
    cache.drop(slot);
    expect(cache.pluck()).toBe(NO_SLOT);
    cache.drop(slot);
    expect(cache.pluck()).toBe(slot);
  });

  test('loading a block that is here or on its way is our bug', () => {
    start(4);
    load(cache, pointerTo(1));
    const again = some(cache.pluck());
    expect(() => cache.beginLoad(again, pointerTo(1))).toThrow('I2');
    start(4);
    const first = some(cache.pluck());
    cache.beginLoad(first, pointerTo(2));
    const second = some(cache.pluck());
    expect(() => cache.beginLoad(second, pointerTo(2))).toThrow('I2');
    start(1);
  });

  test('a load is found only under the pointer that it is for', () => {
    start(2);
    cache.beginLoad(some(cache.pluck()), pointerTo(1));
    expect(cache.findLoading(pointerTo(1, 2))).toBe(NO_SLOT);
    expect(cache.findLoading(pointerTo(2))).toBe(NO_SLOT);
  });
});

describe('one entry per address', () => {
  test('a newer block replaces a clean older one that nobody holds', () => {
    start(2);
    const old = load(cache, pointerTo(1, 1));
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1, 2));
    expect(cache.status(old)).toBe(SLOT_STATUS.empty);
    cache.finishLoad(slot);
    expect(cache.find(pointerTo(1, 2))).toBe(slot);
    expect(cache.find(pointerTo(1, 1))).toBe(NO_SLOT);
  });

  test.each([
    ['of the same generation', 5],
    ['of an older one', 4],
  ])('a stale pointer %s neither hides nor pushes out what is current', (_, generation) => {
    start(3);
    const current = load(cache, pointerTo(1, 5));
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1, generation, 1));
    expect(cache.find(pointerTo(1, 5))).toBe(current);
    expect(cache.findAddress(pointerTo(1).address)).toBe(current);
    cache.failLoad(slot);
    expect(cache.find(pointerTo(1, 5))).toBe(current);
  });

  test('I2: a block read before a newer one landed at its address never becomes current', () => {
    start(3);
    const stale = some(cache.pluck());
    cache.beginLoad(stale, pointerTo(1, 1));
    const fresh = insert(cache, pointerTo(1, 2));
    fill(cache.bytesOf(stale), pointerTo(1, 1));
    cache.written(fresh);
    cache.finishLoad(stale);
    expect(cache.findAddress(pointerTo(1).address)).toBe(fresh);
    expect(cache.find(pointerTo(1, 2))).toBe(fresh);
    expect(cache.find(pointerTo(1, 1))).toBe(NO_SLOT);
    // Its loader still has it by number; it goes out before anything else.
    expect(cache.matches(stale, pointerTo(1, 1))).toBe(true);
    some(cache.pluck());
    expect(cache.pluck()).toBe(stale);
  });

  test('a load besides a dirty block is private, and the dirty block stays current', () => {
    start(3);
    const dirty = insert(cache, pointerTo(1, 2));
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1, 3));
    cache.hold(slot);
    cache.finishLoad(slot);
    expect(cache.findAddress(pointerTo(1).address)).toBe(dirty);
    expect(cache.matches(slot, pointerTo(1, 3))).toBe(true);
    cache.drop(slot);
    cache.written(dirty);
    expect(cache.find(pointerTo(1, 2))).toBe(dirty);
  });

  test('a held block that is replaced keeps its content until dropped, and then goes first', () => {
    start(3);
    const old = load(cache, pointerTo(1, 1));
    cache.hold(old);
    const fresh = insert(cache, pointerTo(1, 2));
    expect(cache.find(pointerTo(1, 1))).toBe(NO_SLOT);
    expect(isContentOf(cache.bytesOf(old), pointerTo(1, 1))).toBe(true);
    cache.written(fresh);
    some(cache.pluck());
    cache.drop(old);
    expect(cache.pluck()).toBe(old);
  });

  test('a new block replaces a clean one that nobody holds, whatever its age', () => {
    start(2);
    const old = load(cache, pointerTo(1, 9));
    const fresh = insert(cache, pointerTo(1, 2));
    expect(cache.status(old)).toBe(SLOT_STATUS.empty);
    expect(cache.find(pointerTo(1, 2))).toBe(fresh);
    expect(cache.stats().evictions).toBe(0);
  });

  test('I8: two dirty blocks at one address are our bug: dup block', () => {
    start(2);
    insert(cache, pointerTo(1, 1));
    expect(() => insert(cache, pointerTo(1, 2))).toThrow('dup block');
    start(1);
  });
});

describe('I10: what is dirty, loading, owned or held is not evicted', () => {
  test('with all slots dirty pluck gives nothing, and gives again once a write has landed', () => {
    start(3);
    const slots = [1, 2, 3].map((block) => insert(cache, pointerTo(block)));
    expect(cache.pluck()).toBe(NO_SLOT);
    expect(cache).toMatchObject({ available: 0, settling: 3 });
    expect(cache.stats()).toMatchObject({ used: 3, dirty: 3, evictions: 0 });
    for (const block of [1, 2, 3]) expect(cache.find(pointerTo(block))).not.toBe(NO_SLOT);
    cache.written(slots[1] as SlotIndex);
    expect(cache.settling).toBe(2);
    expect(cache.pluck()).toBe(slots[1]);
    expect(cache.pluck()).toBe(NO_SLOT);
  });

  test('with all slots loading pluck gives nothing, and gives again once a load has ended', () => {
    start(2);
    const first = some(cache.pluck());
    const second = some(cache.pluck());
    cache.beginLoad(first, pointerTo(1));
    cache.beginLoad(second, pointerTo(2));
    expect(cache.pluck()).toBe(NO_SLOT);
    expect(cache.settling).toBe(2);
    cache.failLoad(first);
    expect(cache.pluck()).toBe(first);
    cache.finishLoad(second);
    expect(cache.pluck()).toBe(second);
  });

  test('what is left when nothing settles is held: waiting would be for ever, and shows', () => {
    start(2);
    const slot = load(cache, pointerTo(1));
    cache.hold(slot);
    const scratch = some(cache.pluck());
    expect(cache.pluck()).toBe(NO_SLOT);
    expect(cache.settling).toBe(0);
    cache.release(scratch);
    expect(cache.pluck()).toBe(scratch);
  });

  test('a held block stays until it has been dropped as often as held', () => {
    start(1);
    const slot = load(cache, pointerTo(1));
    cache.hold(slot);
    cache.hold(slot);
    cache.drop(slot);
    expect(cache.pluck()).toBe(NO_SLOT);
    expect(cache.isHeld(slot)).toBe(true);
    expect(cache.stats().held).toBe(1);
    cache.drop(slot);
    expect(cache.stats().held).toBe(0);
    expect(cache.pluck()).toBe(slot);
    expect(() => cache.drop(slot)).toThrow('I10');
    start(1);
  });

  test('a dirty block that is held stays after its write has landed, until it is dropped', () => {
    start(1);
    const slot = insert(cache, pointerTo(1));
    cache.hold(slot);
    cache.written(slot);
    expect(cache.pluck()).toBe(NO_SLOT);
    cache.drop(slot);
    expect(cache.pluck()).toBe(slot);
  });

  test('scratch is pinned and found by nobody until it is released', () => {
    start(1);
    const scratch = some(cache.pluck());
    expect(cache.pluck()).toBe(NO_SLOT);
    expect(() => cache.hold(scratch)).toThrow('I10');
    expect(cache.stats()).toMatchObject({ used: 1, dirty: 0, held: 0 });
    cache.release(scratch);
    expect(cache.stats().used).toBe(0);
    expect(() => cache.release(scratch)).toThrow('I10');
  });
});

describe('eviction order', () => {
  test('empty slots come first and in order, so that new blocks lie side by side', () => {
    start(4);
    const slots = pluckAll();
    expect(slots).toEqual([0, 1, 2, 3]);
    expect(slots.map((slot) => cache.slotOffset(slot))).toEqual([0, 512, 1024, 1536]);
  });

  test('the block not used for the longest time goes first; finding and holding are uses', () => {
    start(4);
    const [a, b, c, d] = [1, 2, 3, 4].map((block) => load(cache, pointerTo(block)));
    cache.find(pointerTo(1));
    cache.hold(b as SlotIndex);
    cache.drop(b as SlotIndex);
    expect(pluckAll()).toEqual([c, d, a, b]);
    expect(cache.stats().evictions).toBe(4);
  });

  test('looking something up without using it does not count as a use', () => {
    start(2);
    const first = load(cache, pointerTo(1));
    const second = load(cache, pointerTo(2));
    cache.findAddress(pointerTo(1).address);
    cache.findLoading(pointerTo(1));
    cache.matches(first, pointerTo(1));
    expect(pluckAll()).toEqual([first, second]);
  });

  test('freed blocks go out first, whether at rest, held, dirty or loading by then', () => {
    start(6);
    const used = load(cache, pointerTo(1));
    const atRest = load(cache, pointerTo(2));
    const held = load(cache, pointerTo(3));
    const dirty = insert(cache, pointerTo(4));
    const last = load(cache, pointerTo(5));
    const loading = some(cache.pluck());
    cache.beginLoad(loading, pointerTo(6));
    cache.hold(held);
    cache.markFreed(atRest);
    cache.markFreed(held);
    cache.markFreed(dirty);
    cache.markFreed(loading);
    cache.drop(held);
    cache.written(dirty);
    cache.finishLoad(loading);
    expect(pluckAll()).toEqual([loading, dirty, held, atRest, used, last]);
  });

  test('a freed block that is found again is like any other', () => {
    start(3);
    const [a, b, c] = [1, 2, 3].map((block) => load(cache, pointerTo(block)));
    cache.markFreed(b as SlotIndex);
    expect(cache.find(pointerTo(2))).toBe(b);
    cache.hold(b as SlotIndex);
    cache.drop(b as SlotIndex);
    expect(pluckAll()).toEqual([a, c, b]);
  });

  test('a slot does not inherit that its former block was freed', () => {
    start(2);
    const freed = load(cache, pointerTo(1));
    cache.markFreed(freed);
    const other = load(cache, pointerTo(2));
    expect(load(cache, pointerTo(3))).toBe(freed);
    expect(pluckAll()).toEqual([other, freed]);
  });
});

describe('forget and discard', () => {
  test('a forgotten block leaves; a dirty one stays', () => {
    start(2);
    const clean = load(cache, pointerTo(1));
    insert(cache, pointerTo(2));
    expect(cache.forget(pointerTo(1).address)).toBe(true);
    expect(cache.status(clean)).toBe(SLOT_STATUS.empty);
    expect(cache.forget(pointerTo(2).address)).toBe(false);
    expect(cache.find(pointerTo(2))).not.toBe(NO_SLOT);
    expect(cache.forget(pointerTo(3).address)).toBe(true);
  });

  test('a forgotten block that is held or loading lives on for its holders only', () => {
    start(2);
    const held = load(cache, pointerTo(1));
    cache.hold(held);
    const loading = some(cache.pluck());
    cache.beginLoad(loading, pointerTo(2));
    expect(cache.forget(pointerTo(1).address)).toBe(true);
    expect(cache.forget(pointerTo(2).address)).toBe(true);
    expect(cache.findAddress(pointerTo(1).address)).toBe(NO_SLOT);
    expect(cache.findLoading(pointerTo(2))).toBe(NO_SLOT);
    expect(cache.matches(held, pointerTo(1))).toBe(true);
    cache.finishLoad(loading);
    expect(cache.find(pointerTo(2))).toBe(NO_SLOT);
    cache.drop(held);
    expect(pluckAll()).toEqual([held, loading]);
  });

  test('a rolled-back block is gone, and its slot is empty', () => {
    start(1);
    const slot = insert(cache, pointerTo(1));
    cache.discard(slot);
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
    expect(cache).toMatchObject({ available: 1, settling: 0 });
  });

  test('a rolled-back block that is held keeps its content for its holders', () => {
    start(2);
    const slot = insert(cache, pointerTo(1));
    cache.hold(slot);
    cache.discard(slot);
    expect(cache.findAddress(pointerTo(1).address)).toBe(NO_SLOT);
    expect(isContentOf(cache.bytesOf(slot), pointerTo(1))).toBe(true);
    some(cache.pluck());
    expect(cache.pluck()).toBe(NO_SLOT);
    cache.drop(slot);
    expect(cache.pluck()).toBe(slot);
  });
});

test('nothing is allocated per call: the view of a slot is made once', () => {
  start(2);
  const slot = load(cache, pointerTo(1));
  expect(cache.bytesOf(slot)).toBe(cache.bytesOf(slot));
  expect(cache.bytesOf(slot).byteOffset).toBe(cache.slotOffset(slot));
});

test('the same over shared memory', () => {
  const slotCount = 2;
  const words = start(slotCount).layout.wordCount;
  cache = new Cache({
    blockBytes: BLOCK_BYTES,
    slotCount,
    memory: { bytes: new Uint8Array(new SharedArrayBuffer(slotCount * BLOCK_BYTES)) },
    control: new Int32Array(new SharedArrayBuffer(words * 4)),
  });
  const slot = load(cache, pointerTo(1));
  expect(cache.find(pointerTo(1))).toBe(slot);
  expect(pluckAll()).toHaveLength(2);
});

test('memory that is too small is refused', () => {
  const memory = { bytes: new Uint8Array(BLOCK_BYTES) };
  const options = { blockBytes: BLOCK_BYTES, slotCount: 1, memory };
  expect(() => new Cache({ ...options, slotCount: 2 })).toThrow('memory');
  expect(() => new Cache({ ...options, control: new Int32Array(9) })).toThrow('control');
  expect(() => new Cache({ ...options, blockBytes: 500 })).toThrow('power of two');
});

test('the audit notices a lost entry, a changed status and a changed address', () => {
  const damages: ((broken: Cache) => void)[] = [
    (broken) => broken.control.fill(0, 0, broken.layout.slotsStart),
    (broken) => broken.control.fill(0, broken.layout.slotsStart, broken.layout.slotsStart + 1),
    (broken) => broken.control.fill(1, broken.layout.slotsStart + 1, broken.layout.slotsStart + 2),
  ];
  for (const damage of damages) {
    const broken = fixture(1).cache;
    load(broken, pointerTo(1));
    expect(broken.checkInvariants()).toBeUndefined();
    damage(broken);
    expect(broken.checkInvariants()).toMatch(/I2|I10/);
  }
});

describe('lent slots: filled by another thread, then adopted', () => {
  function lend(pointer: Pointer): SlotIndex {
    const slot = some(cache.lend());
    fillLent(cache, slot, pointer);
    return slot;
  }

  test('I2: nobody finds it before it is adopted, and then it is a block like any other', () => {
    start(2);
    const slot = lend(pointerTo(1));
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
    expect(cache.adopt(slot)).toBe(true);
    expect(cache.find(pointerTo(1))).toBe(slot);
    expect(isContentOf(cache.bytesOf(slot), pointerTo(1))).toBe(true);
    expect(cache.checkInvariants()).toBeUndefined();
    load(cache, pointerTo(2));
    expect(cache.available).toBe(2);
    expect(pluckAll()).toHaveLength(2);
    expect(cache.find(pointerTo(1))).toBe(NO_SLOT);
  });

  test('I10: while it is lent it is pinned', () => {
    start(2);
    const slot = some(cache.lend());
    load(cache, pointerTo(2));
    expect(cache.available).toBe(1);
    expect(pluckAll()).not.toContain(slot);
    expect(cache.lend()).toBe(NO_SLOT);
    expect(() => cache.release(slot)).toThrow('I10');
    expect(cache.checkInvariants()).toBeUndefined();
    fillLent(cache, slot, pointerTo(1));
    expect(cache.checkInvariants()).toBeUndefined();
    expect(cache.available).toBe(0);
  });

  test('it is as if used last, and goes out after what was there before', () => {
    start(3);
    const slot = lend(pointerTo(1));
    const first = load(cache, pointerTo(2));
    const second = load(cache, pointerTo(3));
    cache.adopt(slot);
    expect(pluckAll()).toEqual([first, second, slot]);
  });

  const present: readonly [string, () => SlotIndex][] = [
    ['clean', () => load(cache, pointerTo(1))],
    ['older', () => load(cache, pointerTo(1, 0))],
    ['dirty and newer', () => insert(cache, pointerTo(1, 2))],
    [
      'on its way',
      () => {
        const slot = some(cache.pluck());
        cache.beginLoad(slot, pointerTo(1));
        return slot;
      },
    ],
  ];
  test.each(present)(
    'what the address has already stays, and the slot is empty (%s)',
    (_, enter) => {
      start(3);
      const lent = lend(pointerTo(1));
      const current = enter();
      expect(cache.adopt(lent)).toBe(false);
      expect(cache.findAddress(pointerTo(1).address)).toBe(current);
      expect(cache.status(lent)).toBe(SLOT_STATUS.empty);
      expect(cache.available).toBe(cache.settling > 0 ? 2 : 3);
    },
  );

  test('two of the same block: the first one stays', () => {
    start(3);
    const [first, second] = [lend(pointerTo(1)), lend(pointerTo(1))];
    expect(cache.adopt(second)).toBe(true);
    expect(cache.adopt(first)).toBe(false);
    expect(cache.find(pointerTo(1))).toBe(second);
  });

  test('I8: a new block takes the place of an adopted one', () => {
    start(3);
    cache.adopt(lend(pointerTo(1)));
    const newer = insert(cache, pointerTo(1, 2));
    expect(cache.findAddress(pointerTo(1).address)).toBe(newer);
  });

  test('what is not clean, or not lent, is not adopted', () => {
    start(3);
    const lent = some(cache.lend());
    expect(() => cache.adopt(lent)).toThrow('I2');
    const slot = load(cache, pointerTo(1));
    expect(() => cache.adopt(slot)).toThrow('I10');
    fillLent(cache, lent, pointerTo(2));
    cache.adopt(lent);
    expect(() => cache.adopt(lent)).toThrow('I10');
  });
});
