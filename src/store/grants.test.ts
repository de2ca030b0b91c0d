import { describe, expect, test } from 'vitest';
import type { BlockAddress } from '../base/brand.ts';
import { COMMITS_DEFERRED } from '../epoch/deferred-frees.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import { type Grant, Grants } from './grants.ts';
import type { Transaction } from './transaction.ts';

const block = new Uint8Array(512).fill(5);

/** A store that has granted some blocks, and the pointer that a page would make of the first. */
function granted(): { store: MemoryStore; grants: Grants; pointer: Pointer } {
  const store = new MemoryStore();
  const told: Grant[] = [];
  const grants = new Grants(store.engine, (grant) => told.push(grant));
  store.engine.tryEnsureSpace(64);
  grants.want(0);
  const [grant] = told as [Grant];
  const { blockHasher } = store.opened;
  blockHasher.hashBlock(grant.address, grant.generation, block);
  const { high: hashHigh, low: hashLow } = blockHasher;
  const { address, generation } = grant;
  return { store, grants, pointer: { address, generation, hashHigh, hashLow } };
}

test('I2: a granted block is hashed again as it is taken, and must be what its pointer says', () => {
  const { store, grants, pointer } = granted();
  const transaction = store.engine.begin();
  grants.use([pointer]);
  const wrong = { ...pointer, hashLow: pointer.hashLow ^ 1 };
  expect(() => transaction.writeGranted([wrong], [block])).toThrow('I2');
});

test('I4: granted blocks are used once, in order', () => {
  const { grants, pointer } = granted();
  const second = { ...pointer, address: (pointer.address + 512) as BlockAddress };
  expect(() => grants.use([second])).toThrow('I4');
  grants.use([pointer, second]);
  expect(() => grants.use([pointer])).toThrow('I4');
});

describe('I3: a pointer to what was at a granted address before, and still is there', () => {
  const stories: [string, (transaction: Transaction, stale: Pointer) => void][] = [
    ['freed a second time', (transaction, stale) => transaction.free(stale)],
    ['replaced', (transaction, stale) => void transaction.replace(stale, block)],
    ['made a root', (transaction, stale) => transaction.setRoot('stale', stale)],
  ];
  test.each(stories)('is NOT_FOUND when %s, and the log stays readable', (_, misuse) => {
    const store = new MemoryStore();
    const told: Grant[] = [];
    const grants = new Grants(store.engine, (grant) => told.push(grant));
    const [stale] = store.transact((transaction) => transaction.write([block])) as [Pointer];
    store.commit();
    store.transact((transaction) => transaction.free(stale));
    for (let commits = 0; commits <= COMMITS_DEFERRED; commits += 1) store.commit();
    grants.want(0);
    expect(told[0]?.address).toBe(stale.address);
    expect(store.read(stale)).toEqual(block);
    expect(() => store.transact((transaction) => misuse(transaction, stale))).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
    store.commit();
    const again = store.reopen();
    expect(again.opened.recovered.rejected).toEqual([]);
    expect(checkStore(again, []).problems).toEqual([]);
  });
});

test('I9: what could not be written of a granted block, or was not used, is free again', () => {
  const { store, grants, pointer } = granted();
  const { engine } = store;
  grants.giveBack();
  const before = engine.arenas.availableBlocks;
  grants.want(1);
  const transaction = engine.begin();
  grants.use([pointer]);
  engine.abort(transaction);
  expect(() => transaction.writeGranted([pointer], [block])).toThrow('ended');
  grants.giveBack();
  expect(engine.arenas.availableBlocks).toBe(before);
});
