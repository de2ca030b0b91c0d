import { describe, expect, test } from 'vitest';
import { arenaDisk, arenaOffset, arenasMax, emptyFileBytes } from '../format/geometry.ts';
import { MemoryStore, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { WatchedDirectory } from '../sim/watched-directory.ts';
import { arenasWithin } from './growth.ts';

const block = (fill: number) => new Uint8Array(512).fill(fill);
const GEOMETRY = { ...TINY_GEOMETRY, diskCount: 3, arenaBytes: 64 * 512 };
const ARENA = GEOMETRY.arenaBytes;

/** Writes until the store is full; returns how many blocks that took. */
function fill(store: MemoryStore): number {
  for (let count = 0; ; count += 1) {
    const transaction = store.engine.begin();
    if (store.engine.tryEnsureSpace(1) !== undefined) {
      store.engine.abort(transaction);
      return count;
    }
    transaction.write([block(count % 256)]);
    store.engine.end(transaction);
    if (count % 16 === 15) store.commit();
  }
}

const grownBlocks = (store: MemoryStore) =>
  store.engine.arenas.arenas.map((arena) => arena.grownBlocks);

describe('growth', () => {
  test('shares the load among the disks, arena by arena, and stops at maxBytes', () => {
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: 7 * ARENA });
    expect(grownBlocks(store)).toEqual([]);
    fill(store);
    expect(grownBlocks(store)).toEqual([64, 64, 64, 64, 64, 64, 64]);
    expect(store.engine.growth.grownBytes).toBe(7 * ARENA);
    expect(store.engine.tryEnsureSpace(1)).toMatchObject({
      code: 'FULL',
      message: expect.stringContaining('maxBytes'),
    });
  });

  test('stops in the middle of an arena when maxBytes does', () => {
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: ARENA + 50 * 512 + 100 });
    fill(store);
    expect(grownBlocks(store)).toEqual([64, 50]);
    store.commit();
    expect(grownBlocks(store.reopen())).toEqual([64, 50]);
  });

  test.each([1, 2, 3, 5])(
    'keeps within the arenas that were foreseen, on %d disks',
    (diskCount) => {
      const geometry = { ...GEOMETRY, diskCount };
      for (const maxBytes of [ARENA / 2, 3 * ARENA, 7 * ARENA + 512]) {
        const foreseen = arenasWithin(geometry, { maxBytes, filesBytes: [] });
        const store = new MemoryStore({ geometry, maxBytes });
        fill(store);
        expect(store.engine.arenas.arenas.length).toBeLessThanOrEqual(foreseen);
        expect(foreseen * ARENA).toBeLessThan(maxBytes + 2 * diskCount * ARENA);
      }
    },
  );

  test('finds room for all arenas that are there, whatever maxBytes says now', () => {
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: 11 * ARENA });
    fill(store);
    const filesBytes = store.engine.ports.map((port) => port.size() as number);
    expect(arenasWithin(GEOMETRY, { maxBytes: 0, filesBytes })).toBe(12);
    expect(arenasWithin(GEOMETRY, { maxBytes: 2 ** 50, filesBytes })).toBe(arenasMax(GEOMETRY));
  });

  test('goes on with an arena that had to stop, once maxBytes allows', () => {
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: ARENA + 50 * 512 });
    fill(store);
    store.commit();
    const larger = store.reopen({ maxBytes: 3 * ARENA });
    fill(larger);
    expect(grownBlocks(larger)).toEqual([64, 64, 64]);
  });

  test('makes each file as long as its arenas need, before anything is written there', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: 5 * ARENA, directory });
    const lengths = [0, 1, 2].map((disk) => emptyFileBytes(disk as never, GEOMETRY) as number);
    fill(store);
    store.commit();
    for (const operation of directory.seen) {
      const disk = Number(operation.file.at(-1));
      if (operation.kind === 'truncate') lengths[disk] = operation.byteCount;
      if (operation.kind !== 'write') continue;
      expect(operation.offset + operation.bytes.length).toBeLessThanOrEqual(
        lengths[disk] as number,
      );
    }
    for (const arena of store.engine.arenas.arenas) {
      const end = arenaOffset(arena.index, GEOMETRY) + ARENA;
      expect(lengths[arenaDisk(arena.index, GEOMETRY)]).toBeGreaterThanOrEqual(end);
    }
  });

  test('takes less when the browser grants less, and says QUOTA when it grants nothing', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: 9 * ARENA, directory });
    const limit = emptyFileBytes(0 as never, GEOMETRY) + 9000;
    directory.plan = ({ operation, offset }) =>
      operation === 'truncate' && offset > limit ? { throw: 'QuotaExceededError' } : 'ok';
    expect(store.engine.tryEnsureSpace(1)).toMatchObject({
      code: 'QUOTA',
      coordinates: { file: expect.stringMatching(/^disk-/) },
    });
    const more = limit + 25 * 512;
    directory.plan = ({ operation, offset }) =>
      operation === 'truncate' && offset > more ? { throw: 'QuotaExceededError' } : 'ok';
    expect(store.engine.tryEnsureSpace(1)).toBeUndefined();
    expect(Math.max(...grownBlocks(store))).toBeLessThan(64);
    for (const name of directory.list())
      expect(directory.file(name)?.size).toBeLessThanOrEqual(more);
    directory.plan = () => 'ok';
    expect(store.engine.tryEnsureSpace(1)).toBeUndefined();
    const [pointer] = store.transact((tx) => tx.write([block(1)]));
    store.commit();
    expect(store.reopen().read(pointer as never)).toEqual(block(1));
  });

  test('that was never committed is forgotten by a crash, and done again', () => {
    const store = new MemoryStore({ geometry: GEOMETRY, maxBytes: 3 * ARENA });
    store.transact((tx) => tx.write([block(1)]));
    const again = store.reopen();
    expect(grownBlocks(again)).toEqual([]);
    expect(fill(again)).toBeGreaterThan(60);
  });
});
