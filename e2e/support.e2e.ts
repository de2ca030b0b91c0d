/** What the browser offers, and what is said where it offers too little. */
import { describe, expect, test } from 'vitest';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();

test('OPFS does every device’s duties', async () => {
  const results = await fixture.page.evaluate(() => runConformance());
  expect(results.length).toBeGreaterThan(10);
  expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
});

describe('without an origin private file system', () => {
  test('stores are UNSUPPORTED, and private windows are named', async () => {
    const page = await fixture.browser.context.newPage();
    await page.addInitScript(() => {
      Reflect.deleteProperty(StorageManager.prototype, 'getDirectory');
    });
    await page.goto(fixture.server.url);
    const result = await page.evaluate(async () => ({
      errors: [
        await caught(() => lib.openStore('a')),
        await caught(() => lib.deleteStore('a')),
        await caught(() => lib.listStores()),
        await caught(() => lib.importStore('a', new Blob([]).stream())),
      ],
      support: await lib.probeSupport(),
    }));
    for (const error of result.errors) {
      expect(error).toMatchObject({ code: 'UNSUPPORTED', isStoreError: true });
      expect(error.message).toMatch(/private/);
    }
    expect(result.support).toMatchObject({
      supported: false,
      opfs: false,
      syncAccessHandles: false,
    });
    expect(result.support.reason).toMatch(/private/);
    await page.close();
  });

  test('nor with one that refuses, as Firefox does in private windows', async () => {
    const result = await fixture.page.evaluate(async () => ({
      error: await caught(() => lib.openStore('hidden', { worker: startPrivateWorker })),
      support: await lib.probeSupport({ worker: startPrivateWorker }),
      again: await lib.openStore('hidden', { waitMs: 0 }).then((store) => store.close()),
    }));
    expect(result.error).toMatchObject({ code: 'UNSUPPORTED', isStoreError: true });
    expect(result.error.message).toMatch(/private/);
    expect(result.support).toMatchObject({ supported: false, opfs: false, privateMode: 'likely' });
  });
});

test('without IndexedDB stores work, and say what that means', async () => {
  const page = await fixture.browser.context.newPage();
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'indexedDB', {
      value: {
        open() {
          throw new DOMException('not here', 'SecurityError');
        },
      },
    });
  });
  await page.goto(fixture.server.url);
  const result = await page.evaluate(async () => {
    const store = await lib.openStore('uncatalogued', { blockSize: 4096 });
    await store.transaction((tx) => tx.write(pattern(1, 1)));
    const { catalogue, health } = store;
    await store.close();
    const support = await lib.probeSupport();
    await lib.deleteStore('uncatalogued');
    return { catalogue, health, supported: support.supported, probed: support.catalogue };
  });
  expect(result).toEqual({
    catalogue: 'unavailable',
    health: 'ok',
    supported: true,
    probed: false,
  });
  await page.close();
});

test('probeSupport tells what there is', async () => {
  const support = await fixture.page.evaluate(() => lib.probeSupport());
  expect(support).toMatchObject({
    supported: true,
    opfs: true,
    syncAccessHandles: true,
    webLocks: true,
    sharedMemory: true,
    catalogue: true,
    privateMode: 'unknown',
  });
  expect(support.quota).toBeGreaterThan(0);
  expect(support.reason).toBeUndefined();
  expect(await fixture.page.evaluate(async () => (await lib.listStores()).length)).toBe(
    await fixture.page.evaluate(async () => {
      await lib.probeSupport();
      return (await lib.listStores()).length;
    }),
  );
});
