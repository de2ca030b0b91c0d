/**
 * The page's side of the threaded profile over the real engine, all threads in one: what it reads without messages,
 * what it falls back to, and what ends with what.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { STATE } from '../arena/block-state.ts';
import type { BlockAddress, DiskIndex } from '../base/brand.ts';
import { nextTask } from '../base/next-task.ts';
import { fileOffsetOf, type Geometry } from '../format/geometry.ts';
import type { StoreEvents } from '../index.ts';
import { mailboxCells } from '../shared/contents-layout.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { describeSession } from '../shared/session-memory.ts';
import { allocateSharedStates, SharedStates } from '../shared/shared-states.ts';
import { MissClient } from '../sim/miss-client.ts';
import { SteppedPort, SteppedThreads } from '../sim/stepped-threads.ts';
import { RecordingDevice } from '../sync/recording-device.ts';
import { pointerTo, sumMatches } from '../sync/recording-sink.ts';
import { cachedPointer, TestOrigin } from '../testing.ts';
import type { MemoryLocks } from './memory-locks.ts';
import { SharedBlocks } from './shared-blocks.ts';
import { attachStoreIn } from './sharing.ts';

const BLOCK = 512;
const options = { blockSize: BLOCK, disks: 2, maxBytes: 2 ** 20, cacheBytes: 64 * BLOCK };

const block = (fill: number): Uint8Array => new Uint8Array(BLOCK).fill(fill);
const into = (): Uint8Array => new Uint8Array(BLOCK);

afterEach(() => void vi.restoreAllMocks());

describe('reading without messages', () => {
  test('what was written is a hit at once; what was evicted comes from its disk, and is a hit then', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    expect(store.profile).toBe('threaded');
    const first = await store.transaction((tx) => tx.write(block(7)));
    expect(store.readCached(first, into())).toEqual(block(7));
    await store.transaction((tx) => tx.writeMany(Array.from({ length: 200 }, (_, n) => block(n))));
    expect(store.readCached(first, into())).toBeUndefined();
    expect(await store.read(first)).toEqual(block(7));
    // Adopted by the cache when the engine's thread next looks.
    await store.transaction(() => undefined);
    expect(store.readCached(first, into())).toEqual(block(7));
    const { hits, misses } = store.telemetry().cache;
    expect(hits).toBeGreaterThan(1);
    expect(misses).toBeGreaterThan(0);
  });

  test('the pointer of what is cached is known by its address, without a message', async () => {
    const origin = new TestOrigin('threaded');
    const store = await origin.openStore('a', options);
    const pointers = await store.transaction((tx) => tx.writeMany([block(1), block(2)]));
    const sent = vi.spyOn(MessagePort.prototype, 'postMessage');
    for (const pointer of pointers) expect(cachedPointer(store, pointer.address)).toEqual(pointer);
    expect(cachedPointer(store, 2 ** 40)).toBeUndefined();
    expect(sent).not.toHaveBeenCalled();
    sent.mockRestore();
    const [first] = pointers as [(typeof pointers)[number]];
    const replaced = await store.transaction((tx) => tx.replace(first, block(3)));
    expect(cachedPointer(store, replaced.address)).toEqual(replaced);
    await store.transaction((tx) => tx.writeMany(Array.from({ length: 200 }, (_, n) => block(n))));
    expect(cachedPointer(store, replaced.address)).toBeUndefined();
    await store.close();
    expect(cachedPointer(store, first.address)).toBeUndefined();
  });

  test('in the inline profile no pointer is known by an address', async () => {
    await using store = await new TestOrigin('inline').openStore('a', options);
    const { address } = await store.transaction((tx) => tx.write(block(1)));
    expect(cachedPointer(store, address)).toBeUndefined();
  });

  test('many at once, more than there are cells, from both disks', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const fills = Array.from({ length: 600 }, (_, n) => n % 251);
    const pointers = await store.transaction((tx) => tx.writeMany(fills.map(block)));
    const read = await store.readMany(pointers);
    expect(read.map((bytes) => bytes[BLOCK - 1])).toEqual(fills);
  });

  test('a disk that answers before its client waits keeps nobody waiting', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const fills = Array.from({ length: 600 }, (_, n) => n % 251);
    const pointers = await store.transaction((tx) => tx.writeMany(fills.map(block)));
    const { ring } = Doorbell.prototype;
    let ringing = false;
    const rings = vi.spyOn(Doorbell.prototype, 'ring').mockImplementation(function (
      this: Doorbell,
    ) {
      ring.call(this);
      if (ringing) return;
      ringing = true;
      origin.browser.runDisks();
      ringing = false;
    });
    const read = await store.readMany(pointers);
    rings.mockRestore();
    expect(read.map((bytes) => bytes[0])).toEqual(fills);
  });

  test('I2: what is stale, freed or nowhere is the store worker’s to say', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const pointers = await store.transaction((tx) =>
      tx.writeMany(Array.from({ length: 64 }, (_, n) => block(n))),
    );
    const [freed, kept] = pointers as [(typeof pointers)[number], (typeof pointers)[number]];
    await expect(store.read({ ...kept, hash: kept.hash ^ 1n })).rejects.toMatchObject({
      code: 'CORRUPT',
      mayBeStale: true,
    });
    await store.transaction((tx) => void tx.free(freed));
    for (let commits = 0; commits < 4; commits += 1) {
      await store.transaction((tx) => tx.write(block(99)));
    }
    await expect(store.read(freed)).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOT_FOUND|CORRUPT)$/),
    });
    await expect(store.read({ ...kept, address: 2 ** 40 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('roots and generation are read where the engine publishes them', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const pointer = await store.transaction(async (tx) => {
      const pointer = await tx.write(block(3));
      tx.setRoot('main', pointer);
      return pointer;
    });
    expect(store.root('main')).toEqual(pointer);
    expect(store.generation).toBe(2);
    expect(store.root('other')).toBeUndefined();
  });

  test('block states are those of the engine, live', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    await store.transaction((tx) => tx.writeMany([block(1), block(2), block(3)]));
    const { census } = await store.check();
    const counts = new Array<number>(census.length).fill(0);
    for (const state of store.blockStates().bytes) counts[state] = (counts[state] ?? 0) + 1;
    expect(counts).toEqual([...census]);
  });
});

describe('I4: epochs', () => {
  test('a reader keeps what it sees, and is named when space runs short; then the space comes back', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', { ...options, maxBytes: 128 * BLOCK });
    const pressures: StoreEvents['pressure'][] = [];
    store.on('pressure', (event) => pressures.push(event));
    let pointers = await store.transaction((tx) => tx.writeMany([1, 2, 3, 4].map(block)));
    const reader = store.reader();
    const [kept] = pointers as [(typeof pointers)[number]];
    const replaceAll = (): Promise<void> =>
      store.transaction(async (tx) => {
        const next = await tx.writeMany([5, 6, 7, 8].map(block));
        for (const pointer of pointers) void tx.free(pointer);
        pointers = next;
      });
    let full: unknown;
    for (let rounds = 0; rounds < 40 && full === undefined; rounds += 1) {
      await replaceAll().catch((error: unknown) => {
        full = error;
      });
    }
    expect(full).toMatchObject({ code: 'FULL', message: expect.stringContaining('page since') });
    expect(pressures.at(-1)).toMatchObject({ kind: 'readers' });
    expect(await reader.read(kept)).toEqual(block(1));
    const page = () => store.telemetry().epochs.clients[0];
    expect(page()).toMatchObject({ client: 'page' });
    expect(page()?.pinned).toBeGreaterThan(0);
    reader[Symbol.dispose]();
    expect(page()?.pinned).toBe(0);
    for (let rounds = 0; rounds < 40; rounds += 1) await replaceAll();
    expect((await store.check({ reachable: pointers })).clean).toBe(true);
  });
});

test('I14: who takes a dead client’s place waits for the cells that it had on their way', async () => {
  const [disk, client, slotCount] = [0 as DiskIndex, 3, 64];
  const geometry: Geometry = {
    ...{ blockBytes: 65_536, sectorBytes: 512, slotBytes: 4096, diskCount: 8 },
    arenaBytes: 128 * 65_536,
  };
  const { blockBytes, diskCount } = geometry;
  const threads = new SteppedThreads({ cacheBytes: slotCount * blockBytes });
  const cellCount = mailboxCells(geometry, client);
  describeSession(threads.memory, { blockBytes, slotCount, diskCount, mailboxCells: cellCount });
  const device = new RecordingDevice(8 * blockBytes);
  const address = 0 as BlockAddress;
  const offset = fileOffsetOf(address, geometry);
  device.bytes.fill(7, offset, offset + blockBytes);
  threads.start({ disk, device, verifier: () => sumMatches });
  const port = new SteppedPort(threads.link(disk, device), threads);
  port.configure({ blockBytes, hashDomain: new Uint8Array(16) });
  const pointer = { ...pointerTo(new Uint8Array(blockBytes).fill(7)), address };
  const dead = new MissClient({
    ...{ memory: threads.memory, client, disk, blockBytes, diskCount, cellCount },
  });
  for (let cell = 0; cell < cellCount; cell += 1) dead.post(pointer, offset);
  const states = new SharedStates(allocateSharedStates({ arenaCount: 1, arenaBlocks: 128 }));
  states.room(0)?.fill(STATE.data);
  states.setGrown(0, 128);
  const heir = new SharedBlocks({
    ...{ memory: threads.memory, geometry, slotCount, states, client },
    epoch: { enter: () => 0, leave: () => undefined } as never,
    verbs: { read: () => Promise.reject(new Error('nobody asks the store worker')) },
    lifeline: { race: (call: () => Promise<unknown>) => call() } as never,
  });
  let found: Uint8Array | undefined;
  void heir.read([pointer], undefined).then(([bytes]) => {
    found = bytes;
  });
  for (let turn = 0; turn < 10 && found === undefined; turn += 1) {
    await new Promise<void>(nextTask);
    threads.runAll();
  }
  expect(found).toEqual(new Uint8Array(blockBytes).fill(7));
});

describe('I14: one end for all', () => {
  test('a killed worker ends the session, and opening again recovers what was acknowledged', async () => {
    const origin = new TestOrigin('threaded');
    const store = await origin.openStore('a', options);
    const pointer = await store.transaction(async (tx) => {
      const pointer = await tx.write(block(9));
      tx.setRoot('main', pointer);
      return pointer;
    });
    origin.browser.killWorkers();
    await expect(store.transaction((tx) => tx.write(block(1)))).rejects.toMatchObject({
      code: 'SESSION_LOST',
    });
    expect(store.health).toBe('closed');
    await using again = await origin.openStore('a', options);
    expect(again.root('main')).toEqual(pointer);
    expect(await again.read(pointer)).toEqual(block(9));
  });

  test('a store written by one profile opens in the other', async () => {
    const threaded = new TestOrigin('threaded');
    const store = await threaded.openStore('a', options);
    const pointer = await store.transaction((tx) => tx.write(block(5)));
    await store.close();
    const inline = new TestOrigin('inline');
    const folder = threaded.browser.folder('a');
    expect(folder?.list()).toEqual(['disk-0', 'disk-1']);
    if (folder !== undefined) inline.browser.putFolder('a', folder);
    await using other = await inline.openStore('a', options);
    expect(other.profile).toBe('inline');
    expect(await other.read(pointer)).toEqual(block(5));
  });

  test('closing ends all workers and lets go of all files', async () => {
    const origin = new TestOrigin('threaded');
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const store = await origin.openStore('a', options);
      expect(origin.browser.workerCount).toBe(3);
      await store.close();
      expect(origin.browser.workerCount).toBe(0);
    }
  });
});

describe('sharing', () => {
  test('another worker has the same store: cached reads, roots, transactions, in turn with the page’s', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const pointer = await store.transaction(async (tx) => {
      const pointer = await tx.write(block(1));
      tx.setRoot('main', pointer);
      return pointer;
    });
    const handle = store.share();
    const { locks } = origin.browser.environment;
    const other = await attachStoreIn({ locks }, handle);
    expect(other.root('main')).toEqual(pointer);
    expect(other.readCached(pointer, into())).toEqual(block(1));
    const theirs = await other.transaction(async (tx) => {
      const theirs = await tx.write(block(2));
      tx.setRoot('theirs', theirs);
      return theirs;
    });
    expect(store.root('theirs')).toEqual(theirs);
    expect(store.readCached(theirs, into())).toEqual(block(2));
    expect(() => other.share()).toThrow('Only the page');
    await other.close();
    await expect(other.read(pointer)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(store.health).toBe('ok');
  });

  test('I14: when the page closes the store, whoever was attached hears of it', async () => {
    const origin = new TestOrigin('threaded');
    const store = await origin.openStore('a', options);
    const { locks } = origin.browser.environment;
    const other = await attachStoreIn({ locks }, store.share());
    await store.close();
    await expect(other.transaction(() => 1)).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  test('a place is free again when its client has let go, and what it had open is rolled back', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const { locks } = origin.browser.environment;
    for (let rounds = 0; rounds < 20; rounds += 1) {
      const other = await attachStoreIn({ locks }, store.share());
      const left = new Promise<void>((written) => {
        const unended = other.transaction(async (tx) => {
          tx.setRoot('theirs', await tx.write(block(rounds)));
          written();
          await new Promise(() => {});
        });
        unended.catch(() => undefined);
      });
      await left;
      await other.close();
      // The page hears of it in a task of its own.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await store.transaction((tx) => tx.root('theirs'))).toBeUndefined();
    expect((await store.check()).census[STATE.data]).toBe(0);
  });

  test('seven may have it at a time; who dies makes room, and so does who dies before it attaches', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const attach = (): Promise<unknown> => {
      const locks = origin.browser.locks.owner();
      owners.push(locks);
      return attachStoreIn({ locks }, store.share());
    };
    const owners: ReturnType<MemoryLocks['owner']>[] = [];
    // Handles that went to workers that are no more.
    for (let n = 0; n < 20; n += 1) store.share();
    for (let n = 0; n < 7; n += 1) await attach();
    await expect(attach()).rejects.toMatchObject({
      code: 'MISUSE',
      message: expect.stringMatching(/7 workers/),
    });
    owners[3]?.end();
    const again = () =>
      attach().then(
        () => 'attached',
        (error: { code: string }) => error.code,
      );
    await expect.poll(again).toBe('attached');
    await expect(attach()).rejects.toMatchObject({ code: 'MISUSE' });
  });

  test('who attaches when the page has closed the store hears of it', async () => {
    const origin = new TestOrigin('threaded');
    const store = await origin.openStore('a', options);
    const { locks } = origin.browser.environment;
    const handle = store.share();
    await store.close();
    await expect(attachStoreIn({ locks }, handle)).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  test('a client that dies while it waits for its turn does not get one: nobody would end it', async () => {
    const origin = new TestOrigin('threaded');
    await using store = await origin.openStore('a', options);
    const locks = origin.browser.locks.owner();
    const other = await attachStoreIn({ locks }, store.share());
    const theirs: Promise<unknown>[] = [];
    await store.transaction(async () => {
      theirs.push(other.transaction(() => new Promise(() => {})).catch(() => undefined));
      // Long enough for its wish to be in the queue, and then for its death to be noticed.
      await new Promise((resolve) => setTimeout(resolve, 20));
      locks.end();
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    expect(await store.transaction(() => 'my turn')).toBe('my turn');
    expect(theirs.length).toBe(1);
  });

  test('what is not a handle is MISUSE, and without shared memory there is none', async () => {
    const origin = new TestOrigin('inline');
    await using store = await origin.openStore('a', options);
    expect(() => store.share()).toThrow('threaded profile');
    const { locks } = origin.browser.environment;
    await expect(attachStoreIn({ locks }, {} as never)).rejects.toMatchObject({ code: 'MISUSE' });
  });
});
