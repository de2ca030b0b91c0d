/** opfs-blocks/worker in a real browser: the engine in a dedicated worker that uses it, in both profiles. */
import type { Page } from 'playwright';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlockPointer } from '../src/worker.ts';
import { useBrowser } from './fixture.ts';
import { inWorker, terminateWorker } from './in-worker.ts';

const fixture = useBrowser();

describe.each([
  { profile: 'threaded', isolated: true },
  { profile: 'inline', isolated: false },
])('$profile', ({ profile, isolated }) => {
  let page: Page;

  beforeEach(async () => {
    fixture.server.isolated = isolated;
    page = await fixture.newPage();
  });

  afterEach(async () => {
    await page.close();
    fixture.server.isolated = true;
  });

  test('opens, writes, reads and commits without returning to its event loop', async () => {
    const result = await inWorker(page, 'w', async () => {
      await pageLib.deleteStore('sync');
      const store = await workerLib.openStore('sync', { disks: 2, maxBytes: 2 ** 26 });
      let turns = 0;
      setTimeout(() => {
        turns += 1;
      }, 0);
      const block = (fill: number) => new Uint8Array(16_384).fill(fill);
      const pointers: BlockPointer[] = [];
      for (let n = 0; n < 50; n += 1) {
        pointers.push(...store.transaction((tx) => tx.writeMany([block(n), block(n + 100)])));
      }
      const last = store.transaction((tx) => {
        const pointer = tx.replace(pointers[0] as BlockPointer, block(200));
        tx.setRoot('last', pointer);
        return pointer;
      });
      const into = new Uint8Array(16_384);
      const right = pointers.slice(1).every((pointer, n) => {
        store.read(pointer, into);
        return into[0] === ((n + 1) % 2) * 100 + ((n + 1) >> 1) && into[16_383] === into[0];
      });
      const cached = store.readCached(last)?.[0];
      const { generation, profile, health } = store;
      const { clean } = store.check({ reachable: [...pointers.slice(1), last] });
      const image = [...store.exportImage()].reduce((sum, { length }) => sum + length, 0);
      store.close();
      const turnsBefore = turns;
      await store.closed;
      return { right, cached, generation, profile, health, clean, image, turnsBefore };
    });
    expect(result).toMatchObject({
      right: true,
      cached: 200,
      generation: 52,
      profile,
      health: 'ok',
      clean: true,
      turnsBefore: 0,
    });
    expect(result.image).toBeGreaterThan(100 * 16_384);
  });

  test('a page is LOCKED meanwhile, and then opens what the worker has left', async () => {
    const pointer = await inWorker(page, 'w', async () => {
      await pageLib.deleteStore('handed');
      globalThis.syncStore = await workerLib.openStore('handed', { blockSize: 4096 });
      return syncStore.transaction((tx) => tx.write(new Uint8Array(4096).fill(5)));
    });
    const locked = await page.evaluate(() => caught(() => lib.openStore('handed', { waitMs: 50 })));
    expect(locked).toMatchObject({ code: 'LOCKED', isStoreError: true });
    const opening = page.evaluate(async (wanted) => {
      const store = await lib.openStore('handed', { waitMs: 10_000 });
      const [block] = await store.readMany([wanted]);
      const { clean } = await store.check({ reachable: [wanted] });
      await store.close();
      return { fill: block?.[100], clean };
    }, pointer);
    await inWorker(page, 'w', () => syncStore.close());
    expect(await opening).toEqual({ fill: 5, clean: true });
    const back = await inWorker(page, 'w', async () => {
      const store = await workerLib.openStore('handed');
      const { created } = store.recovery;
      await store[Symbol.asyncDispose]();
      return created;
    });
    expect(back).toBe(false);
  });

  test('terminated in the middle of its work: nothing that was acknowledged is lost', async () => {
    for (let round = 0; round < 3; round += 1) {
      const acknowledged = await workUntilTerminated(page, 30 + 90 * round);
      expect(acknowledged.length).toBeGreaterThan(0);
      const found = await page.evaluate(async (pointers) => {
        const store = await lib.openStore('terminated', { waitMs: 10_000 });
        const blocks = await store.readMany(pointers);
        const right = blocks.filter((block, n) => block[0] === n % 256 && block[4095] === n % 256);
        const { problems } = await store.check();
        await store.close();
        return { right: right.length, problems };
      }, acknowledged);
      expect(found).toEqual({ right: acknowledged.length, problems: [] });
    }
  });

  test('cleared site data is noticed though the worker never returns to its event loop', async () => {
    await inWorker(page, 'w', async () => {
      await pageLib.deleteStore('cleared');
      globalThis.syncStore = await workerLib.openStore('cleared', { blockSize: 4096 });
      syncStore.transaction((tx) => tx.write(new Uint8Array(1)));
    });
    const working = inWorker(page, 'w', () => {
      const startedMs = performance.now();
      let count = 0;
      try {
        for (; performance.now() - startedMs < 20_000; count += 1) {
          syncStore.transaction((tx) => tx.setRoot('a', undefined));
        }
      } catch (error) {
        const { code } = error as { code: string };
        const { health } = syncStore;
        const closingMs = performance.now();
        syncStore.close();
        return { code, count, health, closeMs: performance.now() - closingMs };
      }
      return { code: 'not noticed', count, health: syncStore.health, closeMs: 0 };
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const protocol = await fixture.protocol(page);
    const { origin } = new URL(fixture.server.url);
    await protocol.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    const result = await working;
    expect(result).toMatchObject({ code: 'EVICTED', health: 'evicted' });
    expect(result.count).toBeGreaterThan(10);
    expect(result.closeMs).toBeLessThan(2000);
    const created = await inWorker(page, 'w', async () => {
      await syncStore.closed;
      const store = await workerLib.openStore('cleared', { waitMs: 10_000 });
      const { recovery } = store;
      await store[Symbol.asyncDispose]();
      return recovery.created;
    });
    expect(created).toBe(true);
  });

  test('closing a store whose site data was cleared does not hang', async () => {
    await inWorker(page, 'w', async () => {
      await pageLib.deleteStore('idle');
      globalThis.syncStore = await workerLib.openStore('idle', { blockSize: 4096 });
    });
    const protocol = await fixture.protocol(page);
    const { origin } = new URL(fixture.server.url);
    await protocol.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    const ms = await inWorker(page, 'w', () => {
      const startedMs = performance.now();
      syncStore.close();
      return performance.now() - startedMs;
    });
    expect(ms).toBeLessThan(2000);
    await terminateWorker(page, 'w');
  });
});

/** Strict transactions until the worker is terminated. What it had posted by then was acknowledged. */
async function workUntilTerminated(page: Page, afterMs: number): Promise<BlockPointer[]> {
  await inWorker(page, 't', async () => {
    await pageLib.deleteStore('terminated');
    globalThis.syncStore = await workerLib.openStore('terminated', {
      blockSize: 4096,
      waitMs: 10_000,
    });
  });
  const acknowledged = await page.evaluate(async (ms) => {
    const worker = syncWorkers.get('t') as Worker;
    const pointers: BlockPointer[] = [];
    worker.onmessage = ({ data }) => {
      if ('acknowledged' in data) pointers.push(data.acknowledged as BlockPointer);
    };
    const source = `() => {
      for (let n = 0; ; n += 1) {
        const acknowledged = syncStore.transaction((tx) => {
          tx.writeMany(Array.from({ length: n % 7 }, () => new Uint8Array(4096)));
          const pointer = tx.write(new Uint8Array(4096).fill(n % 256));
          tx.setRoot('last', pointer);
          return pointer;
        });
        postMessage({ acknowledged });
      }
    }`;
    worker.postMessage({ source, argument: undefined });
    while (pointers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, ms));
    worker.terminate();
    syncWorkers.delete('t');
    return pointers;
  }, afterMs);
  return acknowledged;
}

describe('I14: a disk’s worker that dies', () => {
  test('ends the session: SESSION_LOST, and the next open has all that was acknowledged', async () => {
    const page = await fixture.newPage();
    const result = await inWorker(page, 'w', async () => {
      await pageLib.deleteStore('lost');
      const worker = () => tools.startDisk();
      const store = await workerLib.openStore('lost', { blockSize: 4096, disks: 2, worker });
      const healths: string[] = [];
      store.on('health', ({ health }) => healths.push(health));
      const kept = store.transaction((tx) => tx.write(new Uint8Array(4096).fill(3)));
      diskWorkers[0]?.terminate();
      await store.closed;
      const code = await tools.codeOf(() => store.transaction((tx) => tx.write(new Uint8Array(1))));
      const reading = await tools.codeOf(() => store.read(kept));
      const again = await workerLib.openStore('lost', { waitMs: 10_000 });
      const fill = again.read(kept)[0];
      const { clean } = again.check({ reachable: [kept] });
      await again[Symbol.asyncDispose]();
      return { code, reading, healths, fill, clean };
    });
    expect(result).toEqual({
      code: 'SESSION_LOST',
      reading: 'SESSION_LOST',
      healths: ['closed'],
      fill: 3,
      clean: true,
    });
    await page.close();
  });
});

describe('where it cannot work', () => {
  test('on a page it is UNSUPPORTED, and the message says what to do', async () => {
    const error = await fixture.page.evaluate(() => caught(() => openSyncStoreOnPage('a')));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', isStoreError: true });
    expect(error.message).toMatch(/opfs-blocks/);
  });

  test('threads without shared memory are UNSUPPORTED', async () => {
    fixture.server.isolated = false;
    const page = await fixture.newPage();
    fixture.server.isolated = true;
    const code = await inWorker(page, 'w', () =>
      tools.codeOf(() => workerLib.openStore('a', { profile: 'threaded' })),
    );
    expect(code).toBe('UNSUPPORTED');
    await page.close();
  });
});

describe('serveStore', () => {
  test.each([
    { profile: 'threaded', isolated: true },
    { profile: 'inline', isolated: false },
  ])('runs layers in a page’s store worker: $profile', async ({ profile, isolated }) => {
    fixture.server.isolated = isolated;
    const page = await fixture.newPage();
    fixture.server.isolated = true;
    const result = await page.evaluate(async () => {
      await lib.deleteStore('layered');
      const store = await lib.openStore('layered', { blockSize: 4096, worker: startLayeredWorker });
      for (let n = 0; n < 3; n += 1) await store.transaction((tx) => tx.write(new Uint8Array(1)));
      const root = store.root('counter');
      const freezes = root === undefined ? undefined : (await store.read(root))[0];
      const used = store.profile;
      const { problems } = await store.check();
      await store.close();
      return { freezes, used, problems };
    });
    expect(result).toEqual({ freezes: 3, used: profile, problems: [] });
    await page.close();
  });
});
