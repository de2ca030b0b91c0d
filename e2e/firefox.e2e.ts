/**
 * The device's duties and a store's life in Firefox, on pages with and without cross-origin isolation. What is the
 * same in every browser is tried in Chromium only; kills are in `crash/kill.e2e.ts`, for both.
 */
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { removeProfile } from './browser.ts';
import {
  announceFirefox,
  type FirefoxPreferences,
  launchFirefox,
  type RunningFirefox,
} from './firefox.ts';
import { CLEARING_PATH, startServer, type TestServer } from './server.ts';

/** A fifth of it is for one origin, but 10 MiB at least. In KiB. */
const SMALL_QUOTA = { 'dom.quotaManager.temporaryStorage.fixedLimit': 51_200 };
const PRIVATE = { 'browser.privatebrowsing.autostart': true };
const MIB = 2 ** 20;

interface Fixture {
  readonly server: TestServer;
  newPage(): Promise<Page>;
}

/** One server and one Firefox for a group of tests. */
function useFirefox(preferences: FirefoxPreferences = {}): Fixture {
  const running: { server?: TestServer; firefox?: RunningFirefox } = {};
  beforeAll(async () => {
    running.server = await startServer(inject('pageFolder'));
    running.firefox = await launchFirefox(preferences);
  });
  afterAll(async () => {
    const { server, firefox } = running;
    await firefox?.close();
    if (firefox !== undefined) await removeProfile(firefox.profile);
    await server?.close();
  });
  return {
    get server() {
      if (running.server === undefined) throw new Error('started before the first test');
      return running.server;
    },
    async newPage() {
      if (running.firefox === undefined) throw new Error('started before the first test');
      return running.firefox.newPage(this.server.url);
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(!announceFirefox())('Firefox', () => {
  describe.each([true, false])('on a page whose cross-origin isolation is %s', (isolated) => {
    const fixture = useFirefox();
    beforeAll(() => {
      fixture.server.isolated = isolated;
    });

    test('OPFS does every device’s duties', async () => {
      const page = await fixture.newPage();
      const results = await page.evaluate(() => runConformance());
      expect(results.length).toBeGreaterThan(10);
      expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
      await page.close();
    });

    test('a store is created, written, read, closed, opened again and sound', async () => {
      const page = await fixture.newPage();
      const result = await page.evaluate(async () => {
        const store = await lib.openStore('first', { blockSize: 4096 });
        const pointers = await store.transaction(async (tx) => {
          const written = await tx.writeMany(
            Array.from({ length: 300 }, (_, seed) => pattern(seed, 4096)),
          );
          tx.setRoot('main', written[0]);
          return written;
        });
        const { profile } = store;
        await store.close();
        const again = await lib.openStore('first', { create: false });
        const blocks = await again.readMany(pointers);
        const { problems } = await again.check({ reachable: pointers });
        await again.close();
        return {
          profile,
          isolated: crossOriginIsolated,
          right: blocks.filter((block, seed) => block.join() === pattern(seed, 4096).join()).length,
          problems,
        };
      });
      expect(result).toMatchObject({ isolated, right: 300, problems: [] });
      expect(result.profile).toBe(isolated ? 'threaded' : 'inline');
      await page.close();
    });

    test.each(['engine', 'file'] as const)(
      'I14: a busy worker, the one with the %s, that is ended gives its files back, and nothing acknowledged is lost',
      async (which) => {
        const page = await fixture.newPage();
        const result = await page.evaluate(async (which) => {
          const store = await lib.openStore('ended', { blockSize: 4096, worker: startWorker });
          const kept = await store.transaction((tx) => tx.write(pattern(1, 4096)));
          const many = Array.from({ length: 2000 }, (_, seed) => pattern(seed, 4096));
          const lost = caught(() => store.transaction((tx) => tx.writeMany(many)));
          await new Promise((resolve) => setTimeout(resolve, 20));
          endWorker(which);
          const startedMs = performance.now();
          const again = await lib.openStore('ended', { waitMs: 5000 });
          const ms = performance.now() - startedMs;
          const intact = (await again.read(kept)).join() === pattern(1, 4096).join();
          const { clean } = await again.check();
          await again.close();
          return { lost: (await lost).code, intact, clean, ms };
        }, which);
        expect(result).toMatchObject({ lost: 'SESSION_LOST', intact: true, clean: true });
        console.log(`opened ${Math.round(result.ms)} ms after its worker was ended`);
        await page.close();
      },
    );

    test('reloads, ten in the middle of opening and ten of transactions: nothing acknowledged is missing', async () => {
      const page = await fixture.newPage();
      for (let round = 0; round < 10; round += 1) {
        await page.evaluate((pauseMs) => {
          void lib.openStore('reloaded', { blockSize: 4096 }).catch(() => undefined);
          return new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
        }, round * 4);
        await page.reload();
      }
      let acknowledged = 0;
      for (let round = 0; round < 10; round += 1) {
        const found = await page.evaluate(openAndCount);
        expect(found.problems).toEqual([]);
        expect(found.count).toBeGreaterThanOrEqual(acknowledged);
        await pause(20 + 15 * round);
        acknowledged = await page.evaluate(() => Number(localStorage.getItem('acknowledged')));
        await page.reload();
      }
      expect(acknowledged).toBeGreaterThan(5);
      await page.close();
    });
  });

  describe('two tabs', () => {
    const fixture = useFirefox();

    test('I11: the second is LOCKED, and gets the store when the first closes it, leaves, or is closed', async () => {
      const first = await fixture.newPage();
      const second = await fixture.newPage();
      const open = () => lib.openStore('tabs').then((store) => void stores.set('tabs', store));
      const take = () => lib.openStore('tabs', { waitMs: 10_000 }).then((store) => store.close());
      await first.evaluate(open);
      const refused = await second.evaluate(() =>
        caught(() => lib.openStore('tabs', { waitMs: 100 })),
      );
      expect(refused).toMatchObject({ code: 'LOCKED', isStoreError: true });
      const waiting = second.evaluate(take);
      await first.evaluate(() => stores.get('tabs')?.close());
      await waiting;
      await first.evaluate(open);
      // A page that has used a store does not go to Firefox's back/forward cache; it must let go all the same.
      await first.goto(`${fixture.server.url}nothing-here`);
      await second.evaluate(take);
      await first.goto(fixture.server.url);
      await first.evaluate(open);
      await first.close();
      await second.evaluate(take);
      await second.close();
    });
  });

  describe('site data is cleared under an open store', () => {
    const fixture = useFirefox();

    test('what is pending is EVICTED, so is all that follows, closing ends, and a new store can be made', async () => {
      const page = await fixture.newPage();
      await page.evaluate(async () => {
        const store = await lib.openStore('cleared', { blockSize: 4096 });
        stores.set('cleared', store);
        await store.transaction((tx) => tx.write(pattern(1, 1)));
      });
      const working = page.evaluate(async () => {
        const store = stores.get('cleared');
        const first = await caught(async () => {
          // One block takes the place of the other: growing is refused in words of its own.
          for (let old = await store?.transaction((tx) => tx.write(pattern(2, 1))); old; ) {
            const last = old;
            old = await store?.transaction((tx) => tx.replace(last, pattern(2, 1)));
          }
        });
        const later = await caught(() => store?.transaction((tx) => tx.write(pattern(3, 1))));
        const { health } = store ?? {};
        await store?.close();
        return { first, later, health };
      });
      const other = await fixture.newPage();
      await other.goto(`${fixture.server.url}${CLEARING_PATH}`);
      const result = await working;
      expect(result.first).toMatchObject({ code: 'EVICTED', isStoreError: true });
      expect(result).toMatchObject({ later: { code: 'EVICTED' }, health: 'evicted' });
      // The catalogue went with the rest: nothing remembers that there was a store.
      const created = await page.evaluate(async () => {
        const store = await lib.openStore('cleared', { blockSize: 4096 });
        await store.transaction((tx) => tx.write(pattern(1, 1)));
        await store.close();
        return store.recovery.created;
      });
      expect(created).toBe(true);
      await Promise.all([page.close(), other.close()]);
    });
  });

  describe('with little space', () => {
    const fixture = useFirefox(SMALL_QUOTA);

    test('a bare handle writes short and refuses to grow, which is why every count is looked at', async () => {
      const page = await fixture.newPage();
      const found = await page.evaluate(() => fillSpace());
      expect(found.short).toBeLessThan(MIB);
      expect(found).toMatchObject({ growth: 'NS_ERROR_FILE_NO_DEVICE_SPACE', inside: MIB });
      await page.close();
    });

    test('QUOTA dooms what needs room and nothing else', async () => {
      const page = await fixture.newPage();
      const result = await page.evaluate(async () => {
        const store = await lib.openStore('small', { blockSize: 65_536, disks: 1 });
        const kept = await store.transaction((tx) => tx.write(pattern(1, 65_536)));
        const many = Array.from({ length: 64 }, (_, seed) => pattern(seed, 65_536));
        const refused = await caught(async () => {
          for (let round = 0; round < 8; round += 1) {
            await store.transaction((tx) => tx.writeMany(many));
          }
        });
        await store.transaction(async (tx) => tx.setRoot('main', await tx.write(pattern(2, 9))));
        const intact = (await store.read(kept)).join() === pattern(1, 65_536).join();
        const { clean } = await store.check();
        const { health } = store;
        const options = { blockSize: 65_536, disks: 8 } as const;
        const second = await caught(() => lib.openStore('no room', options));
        await store.close();
        await lib.deleteStore('small');
        const later = await lib.openStore('no room', options);
        await later.close();
        return { refused, second, intact, clean, health, created: later.recovery.created };
      });
      expect(result.refused).toMatchObject({ code: 'QUOTA', isStoreError: true });
      expect(result.second).toMatchObject({ code: 'QUOTA', isStoreError: true });
      expect(result).toMatchObject({ intact: true, clean: true, health: 'ok', created: true });
      await page.close();
    });
  });

  describe('in private windows', () => {
    const fixture = useFirefox(PRIVATE);

    test('stores are UNSUPPORTED, and it is said why', async () => {
      const page = await fixture.newPage();
      const result = await page.evaluate(async () => ({
        error: await caught(() => lib.openStore('hidden')),
        support: await lib.probeSupport(),
      }));
      expect(result.error).toMatchObject({ code: 'UNSUPPORTED', isStoreError: true });
      expect(result.error.message).toMatch(/private/);
      expect(result.support).toMatchObject({
        supported: false,
        opfs: false,
        privateMode: 'likely',
      });
      await page.close();
    });
  });
});

/** Runs in the page. Proves the last count and goes on counting, each step noted once it is acknowledged. */
async function openAndCount(): Promise<{ count: number; problems: unknown[] }> {
  const store = await lib.openStore('reloaded', { blockSize: 4096 });
  const root = store.root('count');
  const bytes = root === undefined ? undefined : await store.read(root);
  const count = bytes === undefined ? 0 : new DataView(bytes.buffer).getUint32(0, true);
  const { problems } = await store.check({ reachable: root === undefined ? [] : [root] });
  void (async () => {
    for (let next = count + 1; ; next += 1) {
      await store.transaction(async (tx) => {
        const old = tx.root('count');
        tx.setRoot('count', await tx.write(new Uint8Array(Uint32Array.of(next).buffer)));
        if (old !== undefined) tx.free(old);
      });
      localStorage.setItem('acknowledged', String(next));
    }
  })().catch(() => undefined);
  return { count, problems: [...problems] };
}
