import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { Layer } from '../store/layer.ts';
import { TestOrigin } from '../testing.ts';
import { openSyncStoreIn, type SyncOpenOptions } from './open-sync-store.ts';
import type { SyncStore } from './sync-store.ts';

const OPTIONS = { blockSize: 512, disks: 2, maxBytes: 2 ** 17, cacheBytes: 2 ** 15 };
const LIMITS = { blockBytesMin: 512, sectorBytes: 512, slotBytes: 4096 };
const coded = (code: string) => expect.objectContaining({ name: 'StoreError', code });

/** Nothing is held any more: the next open gets everything at once. */
async function expectFree(origin: TestOrigin): Promise<void> {
  const store = await origin.openSyncStore('a', { ...OPTIONS, waitMs: 0 });
  await store[Symbol.asyncDispose]();
}

describe('I11: one opener', () => {
  test('a page and another worker are LOCKED while a worker has the store, and do not disturb it', async () => {
    const origin = new TestOrigin();
    await using store = await origin.openSyncStore('a', OPTIONS);
    await expect(origin.openStore('a', { waitMs: 5 })).rejects.toEqual(coded('LOCKED'));
    await expect(origin.openSyncStore('a', { waitMs: 5 })).rejects.toEqual(coded('LOCKED'));
    expect(store.transaction((tx) => tx.write(new Uint8Array(512)))).toBeDefined();
  });

  test('it waits for the one before to close', async () => {
    const origin = new TestOrigin();
    const store = await origin.openStore('a', OPTIONS);
    const second = origin.openSyncStore('a', { waitMs: 1000 });
    await store.close();
    await (await second)[Symbol.asyncDispose]();
  });

  test('the lock is the worker’s own: its death gives the store free, with all that was acknowledged', async () => {
    const origin = new TestOrigin();
    const store = await origin.openSyncStore('a', OPTIONS);
    const pointer = store.transaction((tx) => tx.write(new Uint8Array(512).fill(1)));
    store.transaction((tx) => tx.write(new Uint8Array(512)), { durability: 'relaxed' });
    origin.browser.killWorkers();
    await using page = await origin.openStore('a', { waitMs: 1000 });
    expect((await page.read(pointer))[0]).toBe(1);
    expect((await page.check({ reachable: [pointer] })).problems).toEqual([]);
  });
});

describe('I11: every failure gives back the lock and the files', () => {
  const failures: [string, SyncOpenOptions, string][] = [
    ['no such store', { create: false }, 'NOT_FOUND'],
    ['a wrong option', { blockSize: 513 }, 'MISUSE'],
    ['an unknown option', { blocks: 1 } as SyncOpenOptions, 'MISUSE'],
    ['no options at all', null as unknown as SyncOpenOptions, 'MISUSE'],
    ['a wrong profile', { profile: 'fast' as 'inline' }, 'MISUSE'],
    ['a profile that cannot be had', { profile: 'threaded' }, 'UNSUPPORTED'],
    ['layers that are none', { layers: {} as Layer[] }, 'MISUSE'],
    ['a layer without a name', { layers: [null as unknown as Layer] }, 'MISUSE'],
    ['two layers of one name', { layers: [{ name: 'a' }, { name: 'a' }] }, 'MISUSE'],
    ['a layer that fails', { ...OPTIONS, layers: [failing()] }, 'CORRUPT'],
  ];

  function failing(): Layer {
    return {
      name: 'failing',
      opened() {
        throw new StoreError('CORRUPT', 'the layer does not like what it finds');
      },
    };
  }

  test.each(failures)('%s', async (_, options, code) => {
    const origin = new TestOrigin();
    await expect(origin.openSyncStore('a', options)).rejects.toEqual(coded(code));
    await expectFree(origin);
  });

  test('its signal, before and while it waits, and when the files are open already', async () => {
    const origin = new TestOrigin();
    const aborted = { signal: AbortSignal.abort() };
    await expect(origin.openSyncStore('a', aborted)).rejects.toEqual(coded('ABORTED'));
    const store = await origin.openSyncStore('a', OPTIONS);
    const controller = new AbortController();
    const waiting = origin.openSyncStore('a', { signal: controller.signal, waitMs: 60_000 });
    setTimeout(() => controller.abort(), 5);
    await expect(waiting).rejects.toEqual(coded('ABORTED'));
    await store[Symbol.asyncDispose]();
    const late = new AbortController();
    const opened: Layer = { name: 'late', opened: () => late.abort() };
    const opening = origin.openSyncStore('a', { layers: [opened], signal: late.signal });
    await expect(opening).rejects.toEqual(coded('ABORTED'));
    await expectFree(origin);
  });
});

describe('the catalogue', () => {
  test('remembers: files that have gone are EVICTED, not created anew, and others are not taken for them', async () => {
    const origin = new TestOrigin();
    const make = async (name: string): Promise<SyncStore> => origin.openSyncStore(name, OPTIONS);
    await (await make('a'))[Symbol.asyncDispose]();
    await (await make('b'))[Symbol.asyncDispose]();
    const other = origin.browser.folder('b');
    origin.browser.evict('a');
    await expect(make('a')).rejects.toEqual(coded('EVICTED'));
    origin.browser.putFolder('a', other?.clone() as never);
    await expect(make('a')).rejects.toEqual(coded('EVICTED'));
    await origin.deleteStore('a');
    await (await make('a'))[Symbol.asyncDispose]();
  });

  test('knows the newest generation, and a store that is behind it says so', async () => {
    const origin = new TestOrigin();
    const store = await origin.openSyncStore('a', OPTIONS);
    const before = origin.browser.folder('a')?.clone();
    store.transaction((tx) => tx.write(new Uint8Array(1)));
    await store[Symbol.asyncDispose]();
    origin.browser.putFolder('a', before as never);
    await using older = await origin.openSyncStore('a', OPTIONS);
    expect(older.recovery).toMatchObject({ generation: 1, expectedGeneration: 2 });
  });

  test('may be missing: then the store opens all the same, and says so', async () => {
    const origin = new TestOrigin();
    origin.browser.catalogueWorks = false;
    await using store = await origin.openSyncStore('a', OPTIONS);
    expect(store.catalogue).toBe('unavailable');
  });
});

test('layers run with the engine, in the worker that has opened the store', async () => {
  const origin = new TestOrigin();
  let freezes = 0;
  const layer: Layer = {
    name: 'counter',
    beforeFreeze(transaction) {
      freezes += 1;
      transaction.setRoot('freezes', transaction.write([Uint8Array.of(freezes)])[0]);
    },
  };
  await using store = await origin.openSyncStore('a', { ...OPTIONS, layers: [layer] });
  store.transaction((tx) => tx.write(new Uint8Array(1)));
  const root = store.root('freezes');
  expect(root === undefined ? undefined : store.read(root)[0]).toBe(1);
});

test('I11: a disk’s worker that cannot start fails the opening, and everything is given back', async () => {
  const origin = new TestOrigin();
  const environment = { ...origin.browser.workerEnvironment(), sharesMemory: true };
  const workers: EventTarget[] = [];
  const dead = {
    ...environment,
    startWorker: () => {
      const worker = Object.assign(new EventTarget(), {
        postMessage() {
          queueMicrotask(() => worker.dispatchEvent(new Event('error')));
        },
        terminate() {},
      });
      workers.push(worker);
      return worker as never;
    },
  };
  const opening = openSyncStoreIn(dead, 'a', OPTIONS, LIMITS);
  await expect(opening).rejects.toEqual(coded('UNSUPPORTED'));
  expect(workers.length).toBeGreaterThan(0);
  await expectFree(origin);
});
