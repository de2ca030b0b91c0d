/** What happens to stores when workers, pages and browsers end, and when the browser takes the files away. */
import { describe, expect, test } from 'vitest';
import type { BlockPointer } from '../src/index.ts';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();

test('a killed browser loses nothing that was acknowledged', async () => {
  const acknowledged: BlockPointer[] = [];
  await fixture.page.exposeFunction('acknowledge', (address: number, hash: string, birth: number) =>
    acknowledged.push({ address, hash: BigInt(hash), generation: birth }),
  );
  void fixture.page
    .evaluate(async () => {
      const store = await lib.openStore('killed', { blockSize: 4096 });
      for (let count = 0; ; count += 1) {
        const pointer = await store.transaction(async (tx) => {
          const written = await tx.write(pattern(count, 4096));
          tx.setRoot('last', written);
          return written;
        });
        const { acknowledge } = globalThis as unknown as {
          acknowledge(address: number, hash: string, birth: number): Promise<void>;
        };
        await acknowledge(pointer.address, String(pointer.hash), pointer.generation);
      }
    })
    .catch(() => 'the page is gone, as planned');
  await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(20);
  await fixture.crash();
  const found = await fixture.page.evaluate(async (pointers) => {
    const store = await lib.openStore('killed', { create: false });
    const blocks = await store.readMany(pointers);
    const right = blocks.filter((block, seed) => block.join() === pattern(seed, 4096).join());
    const { clean } = await store.check();
    const { expectedGeneration } = store.recovery;
    await store.close();
    return { right: right.length, clean, expectedGeneration };
  }, acknowledged);
  expect(found).toEqual({
    right: acknowledged.length,
    clean: true,
    expectedGeneration: undefined,
  });
});

describe('I14: the worker dies', () => {
  test('in the middle of calls: SESSION_LOST, then the store opens again with all that was acknowledged', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('dying', { blockSize: 4096, worker: startWorker });
      const healths: string[] = [];
      store.on('health', ({ health }) => healths.push(health));
      const kept = await store.transaction((tx) => tx.write(pattern(1, 4096)));
      const many = Array.from({ length: 500 }, (_, seed) => pattern(seed, 4096));
      const committing = caught(() => store.transaction((tx) => tx.writeMany(many)));
      const asking = caught(() => store.stats());
      endWorker('engine');
      const lost = { committing: await committing, asking: await asking };
      const later = await caught(() => store.read(kept));
      await store.close();
      const again = await lib.openStore('dying', { waitMs: 5000 });
      const intact = (await again.read(kept)).join() === pattern(1, 4096).join();
      const { clean } = await again.check();
      await again.close();
      return { ...lost, later, healths, intact, clean };
    });
    expect(result.committing).toMatchObject({ code: 'SESSION_LOST', isStoreError: true });
    expect(result.asking).toMatchObject({ code: 'SESSION_LOST', maybeApplied: false });
    expect(result.later).toMatchObject({ code: 'SESSION_LOST' });
    expect(result).toMatchObject({ healths: ['closed'], intact: true, clean: true });
  });

  test('while committing: the error says that it may have been applied', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('ending', { blockSize: 4096, worker: startWorker });
      const ended = caught(() => store.transaction((tx) => tx.setRoot('a', undefined)));
      const writing = caught(() =>
        store.transaction(async (tx) => {
          tx.setRoot('main', await tx.write(pattern(1, 1)));
          setTimeout(() => endWorker('engine'), 0);
        }),
      );
      const errors = [await ended, await writing];
      await (await lib.openStore('ending')).close();
      return errors;
    });
    expect(result[1]).toMatchObject({ code: 'SESSION_LOST', maybeApplied: true });
  });

  test('a worker that was killed while busy: the next open waits until it has let go', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('busy', { worker: startWorker });
      const many = Array.from({ length: 2000 }, (_, seed) => pattern(seed, 16_384));
      const lost = caught(() => store.transaction((tx) => tx.writeMany(many)));
      await new Promise((resolve) => setTimeout(resolve, 20));
      endWorker('engine');
      const again = await lib.openStore('busy', { waitMs: 8000 });
      const { clean } = await again.check();
      await again.close();
      return { lost: (await lost).code, clean };
    });
    expect(result).toEqual({ lost: 'SESSION_LOST', clean: true });
  });

  test('a script that is not there is UNSUPPORTED, and names the remedy', async () => {
    const error = await fixture.page.evaluate(async () => {
      const worker = new URL('/no-such-script.js', location.href);
      return caught(() => lib.openStore('scriptless', { worker }));
    });
    expect(error).toMatchObject({ code: 'UNSUPPORTED', isStoreError: true });
    expect(error.message).toMatch(/worker-src/);
  });
});

describe('I11: one opener', () => {
  test('a second tab is LOCKED, and gets the store when the first closes', async () => {
    await fixture.page.evaluate(async () => {
      stores.set('tabs', await lib.openStore('tabs'));
    });
    const second = await fixture.newPage();
    const error = await second.evaluate(() => caught(() => lib.openStore('tabs', { waitMs: 100 })));
    expect(error).toMatchObject({ code: 'LOCKED', isStoreError: true });
    expect(error.message).toMatch(/another tab/);
    expect(error.ms).toBeGreaterThanOrEqual(99);
    expect(error.ms).toBeLessThan(2000);
    const waiting = second.evaluate(async () => {
      await (await lib.openStore('tabs', { waitMs: 20_000 })).close();
    });
    await fixture.page.evaluate(() => stores.get('tabs')?.close());
    await waiting;
    await second.close();
  });

  test('a closed tab gives its stores back', async () => {
    const second = await fixture.newPage();
    await second.evaluate(() => lib.openStore('closed tab').then(() => undefined));
    await second.close();
    await fixture.page.evaluate(async () => {
      await (await lib.openStore('closed tab', { waitMs: 5000 })).close();
    });
  });
});

describe('reloads', () => {
  test('ten in a row, in the middle of transactions: it opens each time, nothing acknowledged is missing', async () => {
    const page = await fixture.newPage();
    let highest = 0;
    await page.exposeFunction('note', (count: number) => {
      highest = Math.max(highest, count);
    });
    for (let round = 0; round < 10; round += 1) {
      const before = highest;
      const found = await page.evaluate(async () => {
        const store = await lib.openStore('reloaded', { blockSize: 4096 });
        const root = store.root('count');
        const count = root === undefined ? 0 : ((await store.read(root))[0] as number);
        const { clean } = await store.check();
        const { note } = globalThis as unknown as { note(count: number): Promise<void> };
        void (async () => {
          for (let next = count + 1; next < 256; next += 1) {
            await store.transaction(async (tx) => {
              const old = tx.root('count');
              tx.setRoot('count', await tx.write(Uint8Array.of(next)));
              if (old !== undefined) tx.free(old);
            });
            await note(next);
          }
        })().catch(() => undefined);
        return { count, clean };
      });
      expect(found.clean).toBe(true);
      expect(found.count).toBeGreaterThanOrEqual(before);
      await new Promise((resolve) => setTimeout(resolve, 20 + 7 * round));
      await page.reload();
    }
    expect(highest).toBeGreaterThan(5);
    await page.close();
  });

  test('in the middle of opening, ten in a row: the next open works', async () => {
    const page = await fixture.newPage();
    for (let round = 0; round < 10; round += 1) {
      await page.evaluate((pauseMs) => {
        void lib.openStore('half open', { blockSize: 4096 }).catch(() => undefined);
        return new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
      }, round * 4);
      await page.reload();
    }
    const clean = await page.evaluate(async () => {
      const store = await lib.openStore('half open');
      const report = await store.check();
      await store.close();
      return report.clean;
    });
    expect(clean).toBe(true);
    await page.close();
  });

  test('relaxed transactions survive close, and hiding the page', async () => {
    const page = await fixture.newPage();
    const seen = await page.evaluate(async () => {
      const store = await lib.openStore('relaxed', { blockSize: 4096, durability: 'relaxed' });
      await store.transaction(async (tx) => tx.setRoot('a', await tx.write(pattern(1, 1))));
      const visible = store.root('a') !== undefined;
      await store.close();
      const again = await lib.openStore('relaxed', { durability: 'relaxed' });
      const kept = again.root('a') !== undefined;
      await again.transaction(async (tx) => tx.setRoot('b', await tx.write(pattern(2, 1))));
      return { visible, kept };
    });
    expect(seen).toEqual({ visible: true, kept: true });
    const hidden = await page.evaluate(async () => {
      dispatchEvent(new PageTransitionEvent('pagehide'));
      const again = await lib.openStore('relaxed', { waitMs: 5000 });
      const kept = again.root('b') !== undefined;
      await again.close();
      return kept;
    });
    expect(hidden).toBe(true);
    await page.close();
  });
});

describe('the browser takes the files away', () => {
  test('all site data cleared under an open store: EVICTED at the next commit, and closing does not hang', async () => {
    const page = await fixture.newPage();
    const protocol = await fixture.protocol(page);
    await page.evaluate(async () => {
      const store = await lib.openStore('cleared', { blockSize: 4096 });
      stores.set('cleared', store);
      await store.transaction((tx) => tx.write(pattern(1, 1)));
    });
    const origin = new URL(fixture.server.url).origin;
    await protocol.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    const result = await page.evaluate(async () => {
      const store = stores.get('cleared');
      const error = await caught(() => store?.transaction((tx) => tx.write(pattern(2, 1))));
      const { health } = store ?? {};
      await store?.close();
      const again = await lib.openStore('cleared', { blockSize: 4096 });
      const { created } = again.recovery;
      await again.close();
      return { error, health, created };
    });
    expect(result.error).toMatchObject({ code: 'EVICTED', isStoreError: true });
    expect(result).toMatchObject({ health: 'evicted', created: true });
    await page.close();
  });

  test('cleared under an open store, then closed without a commit: closing does not hang', async () => {
    const page = await fixture.newPage();
    const protocol = await fixture.protocol(page);
    await page.evaluate(async () => {
      stores.set('idle', await lib.openStore('idle', { blockSize: 4096 }));
    });
    const origin = new URL(fixture.server.url).origin;
    await protocol.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    const ms = await page.evaluate(async () => {
      const startedMs = performance.now();
      await stores.get('idle')?.close();
      return performance.now() - startedMs;
    });
    expect(ms).toBeLessThan(3000);
    await page.close();
  });

  test('files removed while closed: EVICTED, not created anew, until deleteStore accepts the loss', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('gone', { blockSize: 4096 });
      await store.transaction((tx) => tx.write(pattern(1, 1)));
      await store.close();
      const home = await (await navigator.storage.getDirectory()).getDirectoryHandle('opfs-blocks');
      await home.removeEntry('gone', { recursive: true });
      const error = await caught(() => lib.openStore('gone', { blockSize: 4096 }));
      const imported = await caught(() => lib.importStore('gone', new Blob([]).stream()));
      const listed = (await lib.listStores()).filter(({ name }) => name === 'gone');
      await lib.deleteStore('gone');
      const again = await lib.openStore('gone', { blockSize: 4096 });
      const { created } = again.recovery;
      await again.close();
      await lib.deleteStore('gone');
      const left = (await lib.listStores()).filter(({ name }) => name === 'gone');
      return { error, imported: imported.code, listed, created, left };
    });
    expect(result.error).toMatchObject({ code: 'EVICTED', isStoreError: true });
    expect(result.error.message).toMatch(/deleteStore/);
    expect(result).toMatchObject({
      imported: 'EVICTED',
      listed: [{ name: 'gone', evicted: true, known: { generation: 2 } }],
      created: true,
      left: [],
    });
  });
});
