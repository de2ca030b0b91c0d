import { describe, expect, test, vi } from 'vitest';
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore, type MemoryStoreOptions, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { storeStats } from './stats.ts';
import type { Transaction } from './transaction.ts';

const block = (fill: number, length = 512) => new Uint8Array(length).fill(fill);
const coded = (code: string) => expect.objectContaining({ name: 'StoreError', code });

function writeOne(transaction: Transaction, fill: number): Pointer {
  const [pointer] = transaction.write([block(fill)]);
  if (pointer === undefined) throw new Error('no pointer');
  return pointer;
}

/** A store with `count` committed blocks, the first of which is the root 'main'. */
function filled(count: number, options: MemoryStoreOptions = {}) {
  const store = new MemoryStore(options);
  const pointers = store.transact((tx) => {
    const written = Array.from({ length: count }, (_, n) => writeOne(tx, n + 1));
    tx.setRoot('main', written[0]);
    return written;
  });
  store.commit();
  return { store, pointers, at: (n: number) => pointers[n] as Pointer };
}

/** Commits until nothing is pending any more. */
function settle(store: MemoryStore): void {
  for (let commits = 0; commits < 3; commits += 1) store.commit();
}

/** What is used, pending and free, without what the log takes. */
function space(store: MemoryStore): object {
  settle(store);
  const none = { count: 0, transactions: 0, msLast: 0, msMax: 0 };
  const { arenas } = storeStats(store.opened, none);
  const blocks = arenas.map(({ usedBytes, logBlocks }) => usedBytes / 512 - logBlocks);
  // An arena that a rolled-back transaction has opened stays, and is empty.
  return {
    blocks: blocks.filter((count) => count > 0),
    pending: arenas.map(({ pendingBytes }) => pendingBytes).filter((bytes) => bytes > 0),
  };
}

/** How often the store has read from its files. */
function storeReads(store: MemoryStore): number {
  const none = { count: 0, transactions: 0, msLast: 0, msMax: 0 };
  const { disks } = storeStats(store.opened, none);
  return disks.reduce((sum, { reads }) => sum + reads, 0);
}

describe('pointers that are not what they should be', () => {
  const wrong: [name: string, (sound: Pointer) => Pointer, read: string][] = [
    [
      'beyond the store',
      (p) => ({ ...p, address: (p.address + 2 ** 40) as BlockAddress }),
      'NOT_FOUND',
    ],
    [
      'in an arena not opened',
      (p) => ({ ...p, address: (3 * 128 * 512) as BlockAddress }),
      'NOT_FOUND',
    ],
    ['misaligned', (p) => ({ ...p, address: (p.address + 8) as BlockAddress }), 'NOT_FOUND'],
    ['no number', (p) => ({ ...p, address: Number.NaN as BlockAddress }), 'NOT_FOUND'],
    ['negative', (p) => ({ ...p, address: -512 as BlockAddress }), 'NOT_FOUND'],
    [
      'never allocated',
      (p) => ({ ...p, address: (p.address + 40 * 512) as BlockAddress }),
      'NOT_FOUND',
    ],
    ['of another hash', (p) => ({ ...p, hashLow: p.hashLow ^ 1 }), 'CORRUPT'],
    ['of another hash, its other half', (p) => ({ ...p, hashHigh: p.hashHigh ^ 1 }), 'CORRUPT'],
    [
      'of another generation',
      (p) => ({ ...p, generation: (p.generation - 1) as Generation }),
      'CORRUPT',
    ],
    ['from the future', (p) => ({ ...p, generation: (2 ** 53 - 1) as Generation }), 'CORRUPT'],
  ];

  test.each(wrong)('%s: a read says so', (_, damage, code) => {
    const { store, at } = filled(3);
    const pointer = damage(at(1));
    expect(() => store.read(pointer)).toThrow(coded(code));
    try {
      store.read(pointer);
    } catch (error) {
      expect(error).toMatchObject({ mayBeStale: code === 'CORRUPT', maybeApplied: false });
    }
    expect(store.engine.health).toBe('ok');
    expect(() => store.reopen().read(pointer)).toThrow(coded(code));
  });

  test.each(wrong)(
    '%s: free, replace and setRoot are NOT_FOUND, and change nothing',
    (_, damage) => {
      const { store, pointers, at } = filled(3);
      const pointer = damage(at(1));
      const before = space(store);
      for (const change of [
        (tx: Transaction) => tx.free(pointer),
        (tx: Transaction) => tx.freeMany([at(0), pointer, at(2)]),
        (tx: Transaction) => tx.replace(pointer, block(9)),
        (tx: Transaction) => tx.setRoot('other', pointer),
      ]) {
        expect(() => store.transact(change)).toThrow(coded('NOT_FOUND'));
      }
      expect(space(store)).toEqual(before);
      expect(store.engine.roots.size).toBe(1);
      expect(checkStore(store, pointers).problems).toEqual([]);
    },
  );

  test('I2: many that are freed at once are read together, and each is verified', () => {
    const { store, pointers } = filled(40);
    const reopened = store.reopen();
    const readsBefore = storeReads(reopened);
    reopened.transact((tx) => tx.freeMany(pointers.slice(1, 30)));
    expect(storeReads(reopened) - readsBefore).toBeLessThan(15);
    settle(reopened);
    expect(checkStore(reopened, [pointers[0] as Pointer, ...pointers.slice(30)]).problems).toEqual(
      [],
    );
    const damaged = { ...(pointers[35] as Pointer), hashLow: 1 };
    const some = [pointers[34], damaged] as Pointer[];
    expect(() => reopened.transact((tx) => tx.freeMany(some))).toThrow(coded('NOT_FOUND'));
    expect(reopened.read(pointers[34] as Pointer)).toEqual(block(35));
  });

  test('a bug of ours inside free dooms its transaction: nothing of it is saved in part', () => {
    const { store, at } = filled(3);
    const prefetch = vi.spyOn(store.engine.io, 'prefetch').mockImplementation(() => {
      throw new TypeError('a bug');
    });
    const broken = () =>
      store.transact((tx) => {
        writeOne(tx, 9);
        expect(() => tx.freeMany([at(1), at(2)])).toThrow('a bug');
      });
    expect(broken).toThrow('a bug');
    prefetch.mockRestore();
    expect(store.read(at(1))).toEqual(block(2));
    expect(checkStore(store, [at(0), at(1), at(2)]).problems).toEqual([]);
  });

  test('of another store with the same content at the same place: CORRUPT', () => {
    const { at } = filled(3);
    const { store } = filled(3, { geometry: { ...TINY_GEOMETRY, diskCount: 1 } });
    const other = { ...at(1), hashLow: at(1).hashLow ^ 0x5555 };
    expect(() => store.read(other)).toThrow(coded('CORRUPT'));
  });

  test('freed: readable while it is pending, then NOT_FOUND, then CORRUPT once reused', () => {
    const { store, at } = filled(3);
    store.transact((tx) => tx.free(at(1)));
    expect(store.read(at(1))).toEqual(block(2));
    expect(() => store.transact((tx) => tx.free(at(1)))).toThrow(coded('NOT_FOUND'));
    settle(store);
    expect(() => store.read(at(1))).toThrow(coded('NOT_FOUND'));
    const reused = store.transact((tx) => writeOne(tx, 99));
    expect(reused.address).toBe(at(1).address);
    expect(() => store.read(at(1))).toThrow(coded('CORRUPT'));
    expect(() => store.transact((tx) => tx.free(at(1)))).toThrow(coded('NOT_FOUND'));
    expect(store.read(reused)).toEqual(block(99));
  });

  test('stale, with a new block at its address that is still queued: it cannot free that one', () => {
    const { store, at } = filled(3);
    store.transact((tx) => tx.free(at(1)));
    settle(store);
    const reused = store.transact((tx) => {
      const own = writeOne(tx, 99);
      expect(own.address).toBe(at(1).address);
      expect(() => store.read(at(1))).toThrow(coded('CORRUPT'));
      return own;
    });
    expect(store.engine.io.cache.stats().dirty).toBe(1);
    expect(() => store.transact((tx) => tx.free(at(1)))).toThrow(coded('NOT_FOUND'));
    expect(() => store.transact((tx) => tx.setRoot('old', at(1)))).toThrow(coded('NOT_FOUND'));
    store.commit();
    expect(checkStore(store, [at(0), at(2), reused]).problems).toEqual([]);
  });

  test('of a log block: CORRUPT to read, NOT_FOUND to free', () => {
    const { store, at } = filled(3);
    const arena = store.engine.arenas.at(0);
    const address = ((arena.log.chain[0] as number) * 512) as BlockAddress;
    expect(() => store.read({ ...at(1), address })).toThrow(coded('CORRUPT'));
    expect(() => store.transact((tx) => tx.free({ ...at(1), address }))).toThrow(
      coded('NOT_FOUND'),
    );
  });
});

describe('misuse', () => {
  test('a block that is too long is MISUSE, and takes no other of the same call with it to the disk', () => {
    const { store } = filled(1);
    const before = space(store);
    const write = (tx: Transaction) => tx.write([block(1), block(2, 513)]);
    expect(() => store.transact(write)).toThrow(coded('MISUSE'));
    expect(() => store.transact((tx) => tx.write([block(1, 600)]))).toThrow(coded('MISUSE'));
    expect(space(store)).toEqual(before);
  });

  test('a short or empty block is filled up with zeroes', () => {
    const { store } = filled(1);
    const pointers = store.transact((tx) => tx.write([block(7, 3), new Uint8Array(0)]));
    store.commit();
    const again = store.reopen();
    expect([...again.read(pointers[0] as Pointer).subarray(0, 5)]).toEqual([7, 7, 7, 0, 0]);
    expect(again.read(pointers[1] as Pointer)).toEqual(block(0));
  });

  test('I7: what is written is copied: the caller may go on with the buffer', () => {
    const { store } = filled(1);
    const bytes = block(7);
    const [pointer] = store.transact((tx) => {
      const written = tx.write([bytes]);
      bytes.fill(8);
      return written;
    });
    expect(store.read(pointer as Pointer)).toEqual(block(7));
    store.commit();
    expect(store.reopen().read(pointer as Pointer)).toEqual(block(7));
  });

  test('a double free is NOT_FOUND: in one transaction, and in a later one', () => {
    const { store, pointers, at } = filled(3);
    expect(() =>
      store.transact((tx) => {
        tx.free(at(1));
        tx.free(at(1));
      }),
    ).toThrow(coded('NOT_FOUND'));
    store.transact((tx) => tx.free(at(1)));
    expect(() => store.transact((tx) => tx.free(at(1)))).toThrow(coded('NOT_FOUND'));
    store.commit();
    expect(() => store.transact((tx) => tx.free(at(1)))).toThrow(coded('NOT_FOUND'));
    expect(() => store.transact((tx) => tx.replace(at(1), block(5)))).toThrow(coded('NOT_FOUND'));
    const again = store.reopen();
    expect(checkStore(again, [at(0), ...pointers.slice(2)]).problems).toEqual([]);
  });

  test('a transaction that has ended, either way, is MISUSE to use', () => {
    const { store, at } = filled(2);
    const ended = store.engine.begin();
    store.engine.end(ended);
    const aborted = store.engine.begin();
    store.engine.abort(aborted);
    for (const transaction of [ended, aborted]) {
      expect(() => transaction.write([block(1)])).toThrow(coded('MISUSE'));
      expect(() => transaction.free(at(1))).toThrow(coded('MISUSE'));
      expect(() => transaction.replace(at(1), block(1))).toThrow(coded('MISUSE'));
      expect(() => transaction.setRoot('main', at(1))).toThrow(coded('MISUSE'));
      expect(() => transaction.end()).toThrow(coded('MISUSE'));
      transaction.abort();
    }
    expect(store.read(at(1))).toEqual(block(2));
  });

  test('a failed verb dooms its transaction: the first error comes back at its end, nothing is applied', () => {
    const { store, pointers, at } = filled(3);
    const transaction = store.engine.begin();
    transaction.free(at(2));
    expect(() => transaction.setRoot('', at(1))).toThrow(coded('MISUSE'));
    expect(() => transaction.write([block(1)])).toThrow(coded('MISUSE'));
    expect(() => store.engine.end(transaction)).toThrow(coded('MISUSE'));
    store.commit();
    expect(checkStore(store, pointers).problems).toEqual([]);
    store.transact((tx) => tx.free(at(2)));
  });

  test.each(['', 'a\0b', 'x'.repeat(33), 'é'.repeat(17), '\ud800'])(
    'the name %j is no root’s',
    (name) => {
      const { store, at } = filled(2);
      expect(() => store.transact((tx) => tx.setRoot(name, at(1)))).toThrow(coded('MISUSE'));
      expect(store.engine.roots.size).toBe(1);
    },
  );

  test.each(['x', 'x'.repeat(32), 'é'.repeat(16), '__proto__', 'constructor', '日本'])(
    'the name %j is',
    (name) => {
      const { store, at } = filled(2);
      store.transact((tx) => tx.setRoot(name, at(1)));
      store.commit();
      expect(store.reopen().engine.roots.get(name)).toEqual(at(1));
    },
  );

  test('64 roots fit, with names as long as they may be; one more is MISUSE, one for another is not', () => {
    const { store, at } = filled(2);
    const name = (n: number) => `${n}`.padStart(32, 'n');
    store.transact((tx) => {
      for (let n = 0; n < 63; n += 1) tx.setRoot(name(n), at(1));
    });
    expect(() => store.transact((tx) => tx.setRoot('one more', at(1)))).toThrow(coded('MISUSE'));
    store.transact((tx) => {
      tx.setRoot('one more', at(1));
      tx.setRoot(name(7), undefined);
    });
    store.commit();
    const again = store.reopen();
    expect(again.engine.roots.size).toBe(64);
    expect(again.engine.roots.has(name(7))).toBe(false);
  });

  test('a root that is left on a freed block is MISUSE; moved or removed with it, it is not', () => {
    const { store, at } = filled(3);
    expect(() => store.transact((tx) => tx.free(at(0)))).toThrow(coded('MISUSE'));
    expect(() =>
      store.transact((tx) => {
        tx.setRoot('second', at(1));
        tx.free(at(1));
      }),
    ).toThrow(coded('MISUSE'));
    expect(() =>
      store.transact((tx) => {
        const own = writeOne(tx, 9);
        tx.setRoot('own', own);
        tx.free(own);
      }),
    ).toThrow(coded('MISUSE'));
    store.transact((tx) => {
      tx.free(at(0));
      tx.setRoot('main', at(1));
    });
    store.commit();
    store.transact((tx) => {
      tx.setRoot('main', undefined);
      tx.free(at(1));
    });
    store.commit();
    expect(checkStore(store, [at(2)]).problems).toEqual([]);
  });
});

describe('what a transaction sees', () => {
  test('its own writes, frees and roots, and what ended before', () => {
    const { store, at } = filled(3);
    store.transact((tx) => tx.setRoot('main', at(1)));
    store.transact((tx) => {
      expect(tx.root('main')).toEqual(at(1));
      const own = writeOne(tx, 50);
      expect(store.read(own)).toEqual(block(50));
      tx.setRoot('main', own);
      expect(tx.root('main')).toEqual(own);
      expect(store.engine.roots.get('main')).toEqual(at(1));
      tx.setRoot('main', undefined);
      expect(tx.root('main')).toBeUndefined();
    });
    expect(store.engine.roots.has('main')).toBe(false);
  });

  test('replace is a write and a free of the old one', () => {
    const { store, at } = filled(3);
    const [first, second] = store.transact((tx) => {
      const one = tx.replace(at(1), block(70));
      return [one, tx.replace(one, block(71))];
    });
    expect(() => store.transact((tx) => tx.free(first as Pointer))).toThrow(coded('NOT_FOUND'));
    store.commit();
    expect(store.read(second as Pointer)).toEqual(block(71));
    expect(checkStore(store, [at(0), at(2), second as Pointer]).problems).toEqual([]);
  });

  test('a block written and freed in one transaction leaves nothing: no record, no block, no commit', () => {
    const { store } = filled(2);
    const before = space(store);
    const { publication } = store.engine;
    const records = store.engine.arenas.at(0).log.unitCount;
    store.transact((tx) => tx.free(writeOne(tx, 5)));
    expect(store.engine.publication).toBe(publication);
    expect(space(store)).toEqual(before);
    expect(store.engine.arenas.at(0).log.unitCount).toBe(records);
  });

  test('a block freed in the commit that wrote it is logged, pending, and comes back', () => {
    const { store, pointers } = filled(2);
    const before = space(store);
    const pointer = store.transact((tx) => writeOne(tx, 5));
    store.transact((tx) => tx.free(pointer));
    store.commit();
    expect(checkStore(store, pointers).problems).toEqual([]);
    expect(space(store)).toEqual(before);
    expect(checkStore(store.reopen(), pointers).problems).toEqual([]);
  });

  test('its blocks are neighbours where space allows', () => {
    const { store } = filled(1);
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: 20 }, (_, n) => block(n))),
    );
    const first = (pointers[0] as Pointer).address;
    expect(pointers.map(({ address }) => address)).toEqual(pointers.map((_, n) => first + n * 512));
  });
});

describe('rolling back', () => {
  test.each([
    ['that fits the cache', 5, 32],
    ['that has landed on the disk long before', 75, 16],
  ])('leaves nothing of a transaction %s', (_, count, slots) => {
    const { store, pointers, at } = filled(3, { cacheBytes: slots * 512 });
    const before = space(store);
    const { publication } = store.engine;
    for (let round = 0; round < 10; round += 1) {
      const transaction = store.engine.begin();
      for (let n = 0; n < count; n += 1) transaction.write([block(n)]);
      transaction.free(at(1));
      transaction.replace(at(2), block(200));
      transaction.setRoot('other', at(0));
      store.engine.abort(transaction);
      if (round % 3 === 0) store.commit();
      if (round === 5) expect(checkStore(settled(store), pointers).problems).toEqual([]);
    }
    expect(store.engine.publication).toBe(publication);
    expect(space(store)).toEqual(before);
    expect([...store.engine.roots.keys()]).toEqual(['main']);
    expect(store.engine.io.cache.stats().dirty).toBe(0);
    expect(checkStore(store, pointers).problems).toEqual([]);
    expect(checkStore(store.reopen(), pointers).problems).toEqual([]);
  });

  function settled(store: MemoryStore): MemoryStore {
    settle(store);
    return store;
  }

  test('I8: an address whose write has landed is not handed out before a fence has passed', () => {
    const { store } = filled(2, { cacheBytes: 16 * 512 });
    const transaction = store.engine.begin();
    const given = new Set<number>();
    for (let n = 0; n < 40; n += 1) given.add(writeOne(transaction, n).address);
    store.engine.abort(transaction);
    const waiting = store.engine.arenas.at(0).forgottenBlocks;
    expect(waiting).toBeGreaterThan(10);
    const next = store.transact((tx) =>
      Array.from({ length: 8 }, (_, n) => writeOne(tx, n).address),
    );
    const landed = next.filter((address) => given.has(address));
    expect(landed.length).toBeLessThanOrEqual(40 - waiting);
    store.commit();
    store.commit();
    expect(store.engine.arenas.at(0).forgottenBlocks).toBe(0);
  });
});

describe('readers', () => {
  test('I4: what an unseen state still has is neither overwritten nor free, however many commits pass', () => {
    const { store, pointers, at } = filled(70);
    const pin = vi.spyOn(store.engine, 'setOldestPublication').mockReturnValue();
    store.transact((tx) => {
      for (const pointer of pointers.slice(1)) tx.free(pointer);
    });
    for (let round = 0; round < 5; round += 1) {
      store.transact((tx) => tx.setRoot(`r${round}`, writeOne(tx, 100 + round)));
      store.commit();
    }
    for (const [n, pointer] of pointers.entries())
      expect(store.read(pointer)).toEqual(block(n + 1));
    expect(store.engine.heldByReadersBlocks).toBe(69);
    expect(store.engine.reclaimable).toBe(false);
    const room = store.engine.tryEnsureSpace(10_000);
    expect(room).toMatchObject({ code: 'FULL' });
    expect(room?.message).toContain('69 freed blocks are held by open readers');
    pin.mockRestore();
    store.engine.setOldestPublication(store.engine.publication);
    expect(store.engine.heldByReadersBlocks).toBe(0);
    expect(() => store.read(at(5))).toThrow(coded('NOT_FOUND'));
  });

  test('I1: without readers, a freed block waits for two commits beyond the one that freed it', () => {
    const { store, at } = filled(3);
    store.transact((tx) => tx.free(at(1)));
    for (const [commits, isFree] of [
      [1, false],
      [2, false],
      [3, true],
    ] as const) {
      store.commit();
      expect(store.engine.arenas.at(0).isFreeBlock(at(1).address / 512), `${commits}`).toBe(isFree);
    }
  });

  test('I1: so it does across a reopening', () => {
    const { store, at } = filled(3);
    store.transact((tx) => tx.free(at(1)));
    store.commit();
    let again = store.reopen();
    const isFree = () => again.engine.arenas.at(0).isFreeBlock(at(1).address / 512);
    expect(isFree()).toBe(false);
    again.commit();
    again = again.reopen();
    expect(isFree()).toBe(false);
    again.commit();
    expect(isFree()).toBe(true);
  });

  test('nobody can be ahead of the last state', () => {
    const { store } = filled(1);
    expect(() => store.engine.setOldestPublication(store.engine.publication + 1)).toThrow('I4');
  });
});

describe('a store opened to be read', () => {
  test('takes no transaction and no commit, and writes nothing', () => {
    const { store, at } = filled(2);
    const again = store.reopen({ readOnly: true });
    expect(() => again.engine.begin()).toThrow(coded('READ_ONLY'));
    expect(() => again.engine.beginCommit()).toThrow('a store opened to be read');
    expect(again.engine.changed).toBe(false);
    expect(again.read(at(1))).toEqual(block(2));
  });
});
