import { describe, expect, test } from 'vitest';
import { CacheReader } from '../cache/cache-reader.ts';
import { arenaDisk, arenaOf, fileOffsetOf } from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import { mailboxCells } from '../shared/contents-layout.ts';
import { MemoryStore, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { MissClient } from '../sim/miss-client.ts';

const block = (fill: number) => new Uint8Array(512).fill(fill);

/** A store with `count` blocks on its disk, all of them too many for its cache, and a page that reads them. */
function openWith(options: { slots: number; count: number }) {
  const settings = { cacheBytes: options.slots * 512, maxBytes: 8 * TINY_GEOMETRY.arenaBytes };
  const before = new MemoryStore({ ...settings, profile: 'inline' });
  const pointers: Pointer[] = [];
  while (pointers.length < options.count) {
    before.transact((tx) => pointers.push(...tx.write([block(pointers.length % 251)])));
  }
  before.commit();
  const store = before.reopen({ profile: 'threads' });
  const { engine, threads } = store;
  if (threads === undefined) throw new Error('the profile has threads');
  const { memory } = threads.threads;
  const read = (pointer: Pointer): Uint8Array | undefined => {
    const { geometry } = engine;
    const disk = arenaDisk(arenaOf(pointer.address, geometry), geometry);
    const client = new MissClient({
      ...{ memory, disk, client: 1, cellCount: mailboxCells(geometry, 1) },
      ...{ blockBytes: geometry.blockBytes, diskCount: geometry.diskCount },
    });
    const cell = client.post(pointer, fileOffsetOf(pointer.address, geometry));
    threads.threads.runAll();
    return client.outcome(cell) === 'ok' ? client.landed(cell) : undefined;
  };
  const { cache } = engine.io;
  const reader = new CacheReader({
    layout: cache.layout,
    control: cache.control,
    memory: { bytes: memory.bytes },
  });
  return { store, engine, cache, pointers, read, reader };
}

describe('what a client misses', () => {
  test('is cached for all: the store lends slots, adopts them, and lends others', () => {
    const { engine, cache, pointers, read, reader } = openWith({ slots: 64, count: 300 });
    const lent = cache.slotCount - cache.available;
    expect(lent).toBe(8);
    for (const pointer of pointers) {
      expect(read(pointer)).toEqual(block(pointers.indexOf(pointer) % 251));
      engine.io.poll();
      expect(reader.copy(pointer, new Uint8Array(512))).toBe(true);
      expect(cache.available).toBe(64 - lent);
    }
    expect(cache.checkInvariants()).toBeUndefined();
  });

  test('is served although the store does nothing, and cached as far as slots were lent', () => {
    const { engine, cache, pointers, read, reader } = openWith({ slots: 64, count: 100 });
    for (const pointer of pointers) expect(read(pointer)).toBeDefined();
    expect(cache.checkInvariants()).toBeUndefined();
    engine.io.poll();
    const cached = pointers.filter((pointer) => reader.copy(pointer, new Uint8Array(512)));
    expect(cached).toHaveLength(8);
    expect(cache.checkInvariants()).toBeUndefined();
  });

  test('I10: nothing is lent by a small cache, nor by one that has little left to give', () => {
    expect(openWith({ slots: 32, count: 10 }).cache.available).toBe(32);
    const { engine, cache, pointers, read } = openWith({ slots: 64, count: 100 });
    const held = pointers.slice(0, 48).map((pointer) => engine.hold(pointer));
    for (const pointer of pointers.slice(60)) expect(read(pointer)).toBeDefined();
    for (let n = 0; n < 3; n += 1) engine.io.poll();
    // The eight came back and are to be had; no others went out.
    expect(cache.available).toBe(16);
    for (const slot of held) engine.drop(slot);
    engine.io.poll();
    expect(cache.available).toBe(64 - 8);
  });

  test('of a block freed and written anew is never the old one again, for the engine', () => {
    const { store, engine, cache, pointers, read } = openWith({ slots: 64, count: 20 });
    const [old] = pointers as [Pointer];
    expect(read(old)).toBeDefined();
    store.transact((tx) => tx.free(old));
    for (let n = 0; n < 4; n += 1) store.commit();
    expect(() => store.read(old)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(() => store.transact((tx) => tx.free(old))).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
    expect(cache.checkInvariants()).toBeUndefined();
    engine.io.poll();
  });
});

test('a store written by one profile is opened by the other', () => {
  let store = new MemoryStore({ profile: 'inline' });
  const pointers: Pointer[] = [];
  for (const profile of ['threads', 'inline', 'threads'] as const) {
    pointers.push(...store.transact((tx) => tx.write([block(pointers.length + 1)])));
    store.commit();
    store = store.reopen({ profile });
    expect(store.opened.recovered.rejected).toEqual([]);
    for (const [n, pointer] of pointers.entries())
      expect(store.read(pointer)).toEqual(block(n + 1));
  }
});

test('I2: a block that a client’s miss brings in while its own load waits for a slot is not loaded twice', () => {
  const before = new MemoryStore({ cacheBytes: 64 * 512 });
  const [other, pointer] = before.transact((tx) => tx.write([block(6), block(7)])) as [
    Pointer,
    Pointer,
  ];
  before.commit();
  const store = before.reopen({ profile: 'threads' });
  const { engine, threads } = store;
  if (threads === undefined) throw new Error('the profile has threads');
  const { geometry } = engine;
  const client = new MissClient({
    ...{ memory: threads.threads.memory, client: 1, cellCount: mailboxCells(geometry, 1) },
    ...{ blockBytes: geometry.blockBytes, diskCount: geometry.diskCount },
    disk: arenaDisk(arenaOf(pointer.address, geometry), geometry),
  });
  store.transact((tx) => {
    // Until every slot waits for its write.
    while (engine.io.cache.available > 0) tx.write([block(1)]);
    // The first one that comes is the first to give up its slot.
    client.post(other, fileOffsetOf(other.address, geometry));
    client.post(pointer, fileOffsetOf(pointer.address, geometry));
    tx.free(pointer);
  });
  expect(engine.io.cache.checkInvariants()).toBeUndefined();
  store.commit();
  expect(store.read(other)).toEqual(block(6));
});
