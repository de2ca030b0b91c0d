import { expect, test } from 'vitest';
import { MemoryStore } from '../sim/memory-store.ts';
import { allocateSharedStats, SharedStatsReader, SharedStatsWriter } from './shared-stats.ts';
import { storeStats } from './stats.ts';

test('every figure of a store comes out as it went in', () => {
  const store = new MemoryStore();
  const pointers = store.transact((tx) => tx.write([...Array(9)].map(() => new Uint8Array(512))));
  store.commit();
  store.transact((tx) => tx.free(pointers[3] as (typeof pointers)[number]));
  const stats = storeStats(store.opened, { count: 3, transactions: 5, msLast: 0.25, msMax: 1.5 });
  const buffer = allocateSharedStats();
  const names = {
    clients: stats.epochs.clients.map(({ client }) => client),
    files: stats.disks.map(({ file }) => file),
  };
  const reader = new SharedStatsReader(buffer, names);
  new SharedStatsWriter(buffer).write(stats);
  expect(reader.read()).toEqual(stats);
});

test('a writer that has died in the middle is noticed, and garbage is read without an exception', () => {
  const buffer = allocateSharedStats();
  const reader = new SharedStatsReader(buffer, { clients: [], files: [] });
  const words = new Int32Array(buffer);
  words.fill(0x7f000000, 2);
  expect(reader.read()?.arenas.length).toBeGreaterThan(0);
  words[0] = 1;
  expect(reader.read()).toBeUndefined();
});
