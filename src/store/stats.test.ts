import { describe, expect, test } from 'vitest';
import type { BlockAddress } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import { BLOCK_STATE, type StoreStats } from './report.ts';
import { blockStates, storeStats } from './stats.ts';

const NO_COMMITS = { count: 0, transactions: 0, msLast: 0, msMax: 0 };

function statsOf(store: MemoryStore): StoreStats {
  return storeStats(store.opened, NO_COMMITS);
}

/** How many blocks there are of each state. */
function census(store: MemoryStore): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const state of blockStates(store.engine).bytes) {
    const [name] = Object.entries(BLOCK_STATE).find(([, value]) => value === state) ?? ['unknown'];
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('stats', () => {
  test('grown bytes are used, pending or free, in every arena and in all', () => {
    const store = new MemoryStore();
    const sums = () => {
      const stats = statsOf(store);
      for (const each of [stats, ...stats.arenas]) {
        expect(each.usedBytes + each.pendingBytes + each.freeBytes).toBe(each.grownBytes);
      }
      return stats;
    };
    expect(sums()).toMatchObject({ grownBytes: 0, arenas: [], roots: 0, health: 'ok' });
    const pointers = store.transact((tx) => tx.write([...Array(9)].map(() => new Uint8Array(512))));
    expect(sums().usedBytes).toBe(9 * 512);
    store.commit();
    const logBlocks = () => statsOf(store).arenas.reduce((sum, arena) => sum + arena.logBlocks, 0);
    expect(logBlocks()).toBeGreaterThan(0);
    expect(sums().usedBytes).toBe((9 + logBlocks()) * 512);
    store.transact((tx) => {
      for (const pointer of pointers.slice(0, 4)) tx.free(pointer);
    });
    expect(sums().pendingBytes).toBe(4 * 512);
    const doomed = store.engine.begin();
    doomed.write([new Uint8Array(1)]);
    store.engine.abort(doomed);
    expect(sums().pendingBytes).toBe(5 * 512);
    for (let commits = 0; commits < 3; commits += 1) store.commit();
    expect(sums()).toMatchObject({ pendingBytes: 0, usedBytes: (5 + logBlocks()) * 512 });
    const { disks, fileBytes, maxBytes, generation } = statsOf(store);
    const lengths = ['disk-0', 'disk-1'].map((name) => store.directory.file(name)?.size ?? 0);
    expect(disks.map((disk) => disk.fileBytes)).toEqual(lengths);
    expect(fileBytes).toBe(lengths.reduce((sum, length) => sum + length, 0));
    expect(maxBytes).toBe(4 * 128 * 512);
    expect(generation).toBe(store.engine.durableGeneration);
    expect(disks[0]).not.toHaveProperty('flushesSpared');
  });

  test('a block’s public state follows its life', () => {
    const store = new MemoryStore();
    const { engine } = store;
    const pointers = store.transact((tx) => [
      ...tx.write([new Uint8Array(1), new Uint8Array(2)]),
      ...tx.write([new Uint8Array(3)], 'metadata'),
    ]);
    const [first, second] = pointers;
    if (first === undefined || second === undefined) throw new Error('no pointers');
    expect(census(store)).toMatchObject({ dirty: 3 });
    store.commit();
    expect(census(store)).toMatchObject({ data: 2, metadata: 1 });
    expect(census(store)['log']).toBeGreaterThan(0);
    engine.damaged.add(second.address);
    expect(census(store)).toMatchObject({ data: 1, damaged: 1 });
    store.transact((tx) => tx.free(first));
    expect(census(store)).toMatchObject({ damaged: 1, pending: 1 });
    engine.damaged.add(first.address);
    expect(census(store)).toMatchObject({ damaged: 1, pending: 1 });
    const doomed = engine.begin();
    doomed.write([new Uint8Array(1)]);
    expect(census(store)).toMatchObject({ dirty: 1, pending: 1 });
    // On its way to the disk, so that the address has to wait for a fence.
    engine.io.drain();
    engine.abort(doomed);
    expect(census(store)).toMatchObject({ pending: 2 });
    const { bytes, arenas, blockBytes, arenaBytes } = blockStates(engine);
    expect(arenas.reduce((sum, { count }) => sum + count, 0)).toBe(bytes.length);
    const { arena, first: at } = arenas[0] ?? { arena: -1, first: -1 };
    const block = (first.address - arena * arenaBytes) / blockBytes;
    expect(bytes[at + block]).toBe(BLOCK_STATE.pending);
  });

  test('damage goes with the block: the next one at its address is sound', () => {
    const store = new MemoryStore();
    const [old] = store.transact((tx) => tx.write([new Uint8Array(1)]));
    if (old === undefined) throw new Error('no pointer');
    store.commit();
    store.engine.damaged.add(old.address);
    // It can be freed all the same, because the cache has it.
    store.transact((tx) => tx.free(old));
    for (let commits = 0; commits < 3; commits += 1) store.commit();
    const [next] = store.transact((tx) => tx.write([new Uint8Array(2)]));
    store.commit();
    expect(next?.address).toBe(old.address);
    expect(census(store)).toMatchObject({ data: 1 });
    expect(census(store)).not.toHaveProperty('damaged');
  });

  test('a damaged block where no arena has grown to is not on the map', () => {
    const store = new MemoryStore();
    const before = blockStates(store.engine).bytes;
    store.engine.damaged.add((900 * store.engine.geometry.arenaBytes) as BlockAddress);
    expect(blockStates(store.engine).bytes).toEqual(before);
  });

  test('65,536 blocks cost little', () => {
    const blockBytes = 512;
    const arenaBytes = 2 ** 15 * blockBytes;
    const geometry: Geometry = {
      blockBytes,
      sectorBytes: 512,
      slotBytes: 4096,
      diskCount: 2,
      arenaBytes,
    };
    const store = new MemoryStore({ geometry, maxBytes: 2 * arenaBytes });
    while (store.engine.growth.step(2 ** 15) === 'grown');
    expect(blockStates(store.engine).bytes).toHaveLength(65_536);
    const times = Array.from({ length: 20 }, () => {
      const startedMs = performance.now();
      blockStates(store.engine);
      return performance.now() - startedMs;
    });
    expect(Math.min(...times)).toBeLessThan(2);
  });
});
