/**
 * The browser takes storage away, or stops the page: a quota that shrinks, site data that is cleared, pages that
 * freeze.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowser, removeProfile } from '../browser.ts';
import { useBrowser } from '../fixture.ts';
import { BARE_FLAGS } from './bare-browser.ts';

const fixture = useBrowser();

const origin = (): string => new URL(fixture.server.url).origin;

describe('the quota shrinks under an open store', () => {
  test('QUOTA dooms the transaction that needs room and no other; with more room it grows again', async () => {
    const { page } = fixture;
    const protocol = await fixture.protocol(page);
    const used = await page.evaluate(async () => {
      const store = await lib.openStore('shrunk', { blockSize: 65_536, disks: 1 });
      stores.set('shrunk', store);
      const pointers = await store.transaction(async (tx) => {
        const written = await tx.writeMany(
          Array.from({ length: 40 }, (_, seed) => pattern(seed, 65_536)),
        );
        tx.setRoot('main', written[0]);
        return written;
      });
      // Room inside the file, for what can still be done without the browser's leave.
      await store.transaction((tx) => {
        for (const pointer of pointers.slice(1)) tx.free(pointer);
      });
      return (await navigator.storage.estimate()).usage ?? 0;
    });
    await protocol.send('Storage.overrideQuotaForOrigin', { origin: origin(), quotaSize: used });
    const result = await page.evaluate(async () => {
      const store = stores.get('shrunk');
      if (store === undefined) throw new Error('it is open');
      const blocks = Array.from({ length: 2000 }, (_, seed) => pattern(seed % 7, 65_536));
      const refused = await caught(() => store.transaction((tx) => tx.writeMany(blocks)));
      const before = store.generation;
      for (let count = 1; count <= 5; count += 1) {
        await store.transaction(async (tx) => {
          const old = tx.root('main');
          tx.setRoot('main', await tx.write(pattern(count, 65_536)));
          if (old !== undefined) tx.free(old);
        });
      }
      const root = store.root('main');
      const last = root === undefined ? undefined : await store.read(root);
      const { clean } = await store.check({ reachable: root === undefined ? [] : [root] });
      return {
        refused,
        commits: store.generation - before,
        right: last?.join() === pattern(5, 65_536).join(),
        health: store.health,
        clean,
      };
    });
    await protocol.send('Storage.overrideQuotaForOrigin', { origin: origin() });
    expect(result.refused).toMatchObject({
      code: 'QUOTA',
      isStoreError: true,
      maybeApplied: false,
    });
    expect(result).toMatchObject({ right: true, health: 'ok', clean: true });
    expect(result.commits).toBeGreaterThanOrEqual(5);
    const grown = await page.evaluate(async () => {
      const store = stores.get('shrunk');
      const before = (await store?.stats())?.grownBytes ?? 0;
      const blocks = Array.from({ length: 200 }, (_, seed) => pattern(seed % 7, 65_536));
      await store?.transaction((tx) => tx.writeMany(blocks));
      const after = (await store?.stats())?.grownBytes ?? 0;
      await store?.close();
      await lib.deleteStore('shrunk');
      return after - before;
    });
    expect(grown).toBeGreaterThan(0);
  });
});

describe('site data is cleared under an open store', () => {
  /** Transactions one after the other while the data goes; what the first that fails and all later ones say. */
  async function clearUnder(page: Page, name: string, storageTypes: string) {
    const protocol = await fixture.protocol(page);
    await page.evaluate(async (name) => {
      const store = await lib.openStore(name, { blockSize: 4096 });
      stores.set(name, store);
      await store.transaction((tx) => tx.write(pattern(1, 1)));
    }, name);
    const working = page.evaluate(async (name) => {
      const store = stores.get(name);
      const healths: string[] = [];
      store?.on('health', ({ health }) => healths.push(health));
      const first = await caught(async () => {
        for (;;) await store?.transaction((tx) => tx.write(pattern(2, 1)));
      });
      const later = [];
      for (let count = 0; count < 3; count += 1) {
        later.push((await caught(() => store?.transaction((tx) => tx.write(pattern(3, 1))))).code);
      }
      const { health } = store ?? {};
      const startedMs = performance.now();
      await store?.close();
      return { first, later, health, healths, closeMs: performance.now() - startedMs };
    }, name);
    await protocol.send('Storage.clearDataForOrigin', { origin: origin(), storageTypes });
    return working;
  }

  test('the pending is EVICTED and may have been applied, nothing later is acknowledged, closing ends', async () => {
    const page = await fixture.newPage();
    const result = await clearUnder(page, 'emptied', 'all');
    expect(result.first).toMatchObject({ code: 'EVICTED', isStoreError: true, maybeApplied: true });
    expect(result).toMatchObject({ later: ['EVICTED', 'EVICTED', 'EVICTED'], health: 'evicted' });
    expect(result.healths[0]).toBe('evicted');
    expect(result.closeMs).toBeLessThan(5000);
    await page.close();
  });

  test('when the catalogue is left, opening is EVICTED until deleteStore accepts the loss', async () => {
    const page = await fixture.newPage();
    const result = await clearUnder(page, 'half emptied', 'file_systems');
    expect(result.first).toMatchObject({ code: 'EVICTED', isStoreError: true, maybeApplied: true });
    const codes = await page.evaluate(async () => {
      const codes = [];
      for (let count = 0; count < 2; count += 1) {
        codes.push((await caught(() => lib.openStore('half emptied'))).code);
      }
      await lib.deleteStore('half emptied');
      return codes;
    });
    expect(codes).toEqual(['EVICTED', 'EVICTED']);
    // Chromium 156 never unlocks files that were cleared alone, without all else of their origin, while it runs.
    await fixture.crash();
    const created = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('half emptied', { blockSize: 4096 });
      await store.transaction((tx) => tx.write(pattern(1, 1)));
      await store.close();
      return store.recovery.created;
    });
    expect(created).toBe(true);
  });
});

describe('pages that stop', () => {
  /** As when the machine sleeps: nothing of any page runs. Freezing by Chrome's protocol spares visible pages. */
  async function stopPages(page: Page, ms: number): Promise<void> {
    const browser = page.context().browser();
    if (browser === null) throw new Error('a persistent context without its browser');
    const protocol = await browser.newBrowserCDPSession();
    const { processInfo } = await protocol.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    for (const id of renderers) process.kill(id, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, ms));
    for (const id of renderers) process.kill(id, 'SIGCONT');
  }

  test('I13: a page that stood still keeps its session, and what was pending is done when it goes on', async () => {
    const page = await fixture.newPage();
    await page.evaluate(async () => {
      const store = await lib.openStore('frozen', { blockSize: 4096 });
      stores.set('frozen', store);
      const healths: string[] = [];
      const counts = { acked: 0, end: false };
      store.on('health', ({ health }) => healths.push(health));
      const working = (async () => {
        for (; !counts.end; counts.acked += 1) {
          await store.transaction(async (tx) => {
            const old = tx.root('main');
            tx.setRoot('main', await tx.write(pattern(counts.acked, 4096)));
            if (old !== undefined) tx.free(old);
          });
        }
      })();
      Object.assign(globalThis, { standstill: { healths, counts, working } });
    });
    // Longer than the five seconds after which silence would make a worker stalled.
    await stopPages(page, 6500);
    const result = await page.evaluate(async () => {
      const { healths, counts, working } = (
        globalThis as unknown as {
          standstill: {
            healths: string[];
            counts: { acked: number; end: boolean };
            working: Promise<void>;
          };
        }
      ).standstill;
      const before = counts.acked;
      await new Promise((resolve) => setTimeout(resolve, 500));
      counts.end = true;
      await working;
      const store = stores.get('frozen');
      const root = store?.root('main');
      const report = await store?.check({ reachable: root === undefined ? [] : [root] });
      const { health } = store ?? {};
      const heard = healths.slice();
      await store?.close();
      return { went: counts.acked - before, heard, health, clean: report?.clean };
    });
    expect(result).toMatchObject({ health: 'ok', clean: true, heard: [] });
    expect(result.went).toBeGreaterThan(0);
    await page.close();
  });

  describe('I11: in the back/forward cache', () => {
    const running: { profile?: string; context?: BrowserContext } = {};

    beforeAll(async () => {
      running.profile = await mkdtemp(join(tmpdir(), 'opfs-blocks-profile-'));
      running.context = await chromium.launchPersistentContext(running.profile, {
        executablePath: findBrowser(),
        headless: true,
        args: BARE_FLAGS,
        // Without this, Playwright turns the cache off.
        ignoreDefaultArgs: ['--disable-back-forward-cache'],
      });
    });

    afterAll(async () => {
      await running.context?.close();
      await removeProfile(running.profile ?? '');
    });

    async function newPage(): Promise<Page> {
      if (running.context === undefined) throw new Error('started before the first test');
      const page = await running.context.newPage();
      await page.goto(fixture.server.url);
      return page;
    }

    /** A page with an open store, gone elsewhere. */
    async function pageInCache(name: string): Promise<Page> {
      const page = await newPage();
      await page.evaluate(async (name) => {
        const store = await lib.openStore(name, { blockSize: 4096 });
        stores.set(name, store);
        await store.transaction(async (tx) => tx.setRoot('main', await tx.write(pattern(1, 9))));
        addEventListener('pagehide', ({ persisted }) =>
          localStorage.setItem('cached', String(persisted)),
        );
        addEventListener('pageshow', async ({ persisted }) => {
          const late = await caught(() => store.transaction(() => 1));
          const found = { persisted, late: late.code };
          try {
            const again = await lib.openStore(name, { waitMs: 5000 });
            const kept = again.root('main') !== undefined;
            await again.transaction((tx) => tx.setRoot('main', undefined));
            await again.close();
            localStorage.setItem('back', JSON.stringify({ ...found, kept }));
          } catch (error) {
            localStorage.setItem('back', JSON.stringify({ ...found, error: String(error) }));
          }
        });
      }, name);
      await page.goto(`${fixture.server.url}nothing-here`);
      expect(await page.evaluate(() => localStorage.getItem('cached'))).toBe('true');
      return page;
    }

    test('a page has let go of its store: another tab opens it', async () => {
      const cached = await pageInCache('left behind');
      const other = await newPage();
      const kept = await other.evaluate(async () => {
        const store = await lib.openStore('left behind', { waitMs: 5000 });
        const root = store.root('main');
        const { clean } = await store.check({ reachable: root === undefined ? [] : [root] });
        await store.close();
        return root !== undefined && clean;
      });
      expect(kept).toBe(true);
      await Promise.all([other.close(), cached.close()]);
    });

    /** What the page that comes back has found; `undefined` when it was loaded anew instead. */
    async function findingsOf(page: Page): Promise<unknown> {
      const protocol = await fixture.protocol(page);
      let isLoadedAnew = false;
      protocol.on('Page.backForwardCacheNotUsed', () => {
        isLoadedAnew = true;
      });
      await protocol.send('Page.enable');
      // Playwright has lost touch with the page that comes back: it leaves its findings for another one.
      await page.goBack({ waitUntil: 'commit' });
      const other = await newPage();
      const read = () => other.evaluate(() => localStorage.getItem('back'));
      // Opening may take its `waitMs`: the worker that was left behind commits and closes first.
      await expect
        .poll(async () => isLoadedAnew || (await read()) !== null, { timeout: 10_000 })
        .toBe(true);
      const back = await read();
      await other.close();
      return back === null ? undefined : JSON.parse(back);
    }

    test('a page that comes back finds its session lost, and opens the store again', async () => {
      // The browser drops a page from its cache when something still happens to it there, as when its worker takes long
      // to commit, and the page hears of that worker's end. Then the store is free, and no page comes back: not this
      // story.
      let back: unknown;
      for (let pages = 0; back === undefined && pages < 10; pages += 1) {
        const page = await pageInCache(`come back ${pages}`);
        back = await findingsOf(page);
        await page.close();
      }
      expect(back).toEqual({ persisted: true, late: 'SESSION_LOST', kept: true });
    });
  });
});
