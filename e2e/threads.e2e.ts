/**
 * What only threads that share memory can do, and can do wrong: reads without a message while others write, a store
 * shared among workers, and threads that stand still. OPFS_BLOCKS_CHURN_SECONDS is how long the page reads.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import { useBrowser } from './fixture.ts';
import { inWorker, terminateWorker } from './in-worker.ts';

const fixture = useBrowser();
const CHURN_SECONDS = Number(process.env['OPFS_BLOCKS_CHURN_SECONDS'] ?? 10);

/** Opens a store on the page, for as long as the page lives. */
function open(name: string, options: object = {}): Promise<void> {
  return fixture.page.evaluate(
    async ([name, options]) => {
      stores.set(name, await lib.openStore(name, { blockSize: 4096, disks: 2, ...options }));
    },
    [name, options] as const,
  );
}

function share(name: string, worker: string): Promise<void> {
  return fixture.page.evaluate(
    async ([name, worker]) => {
      const answer = await shareWithWorker(worker, stores.get(name) as Store);
      if ('failure' in answer) throw new Error(answer.failure.message);
    },
    [name, worker] as const,
  );
}

function close(name: string): Promise<void> {
  return fixture.page.evaluate(async (name) => stores.get(name)?.close(), name);
}

/** Runs in a worker. Replaces blocks of the churned set as fast as it can. */
async function churnFor(seconds: number): Promise<{ writes: number; transactions: number }> {
  const store = sharedStore;
  const root = store.root(churn.CHURN_ROOT);
  if (root === undefined) throw new Error('the set is made before it is churned');
  let entries = churn.decodeIndex(await store.read(root));
  const tally = { writes: 0, transactions: 0 };
  const untilMs = performance.now() + seconds * 1000;
  for (let version = 1; performance.now() < untilMs; version += 1) {
    const first = Math.floor(Math.random() * entries.length);
    const places = Array.from({ length: 16 }, (_, n) => (first + n * 7) % entries.length);
    const durability = version % 8 === 0 ? 'strict' : 'relaxed';
    entries = await store.transaction(
      async (tx) => {
        const next = entries.slice();
        const pointers = await tx.writeMany(places.map((at) => churn.churnBlock(at, version)));
        for (const [n, at] of places.entries()) {
          tx.free((entries[at] as (typeof entries)[number]).pointer);
          next[at] = { pointer: pointers[n] as (typeof pointers)[number], version };
        }
        const old = tx.root(churn.CHURN_ROOT);
        tx.setRoot(churn.CHURN_ROOT, await tx.write(churn.encodeIndex(next)));
        if (old !== undefined) tx.free(old);
        return next;
      },
      { durability },
    );
    tally.writes += places.length + 1;
    tally.transactions += 1;
  }
  return tally;
}

describe('reads without a message', () => {
  beforeAll(async () => {
    // Fewer slots than blocks: each of them is taken and given back all the time.
    await open('churned', { cacheBytes: 100 * 4096, maxBytes: 2 ** 26 });
    await fixture.page.evaluate(async () => {
      await stores.get('churned')?.transaction(async (tx) => {
        const blocks = Array.from({ length: churn.CHURN_COUNT }, (_, at) =>
          churn.churnBlock(at, 0),
        );
        const pointers = await tx.writeMany(blocks);
        const index = churn.encodeIndex(pointers.map((pointer) => ({ pointer, version: 0 })));
        tx.setRoot(churn.CHURN_ROOT, await tx.write(index));
      });
    });
    await share('churned', 'writer');
  });

  test(`I2, I4: ${CHURN_SECONDS} s of cached reads while a worker replaces the blocks: no wrong byte, no message`, {
    timeout: 60_000 + CHURN_SECONDS * 2000,
  }, async () => {
    const writing = inWorker(fixture.page, 'writer', churnFor, CHURN_SECONDS);
    const read = await fixture.page.evaluate(
      (seconds) => readChurned(stores.get('churned') as Store, seconds),
      CHURN_SECONDS,
    );
    const written = await writing;
    const perSecond = (count: number): number => Math.round(count / CHURN_SECONDS);
    console.log(
      `${JSON.stringify(read)} ${JSON.stringify(written)}: ` +
        `${perSecond(read.reads + read.staleReads)} cached reads/s, ${perSecond(read.loads)} loads/s, ` +
        `${perSecond(written.writes)} writes/s in ${perSecond(written.transactions)} transactions/s`,
    );
    expect(read).toMatchObject({ wrong: 0, messagesOfReads: 0, messagesOfLoads: 0 });
    expect(read.hits).toBeGreaterThan(1000 * CHURN_SECONDS);
    expect(read.reads - read.hits).toBeGreaterThan(0);
    expect(Math.min(read.loads, read.staleHits, read.states)).toBeGreaterThan(0);
    expect(written.transactions).toBeGreaterThan(10 * CHURN_SECONDS);
    const { clean } = await fixture.page.evaluate(async () => {
      const store = stores.get('churned') as Store;
      const root = store.root(churn.CHURN_ROOT);
      if (root === undefined) throw new Error('the root is gone');
      const entries = churn.decodeIndex(await store.read(root));
      const reachable = [root, ...entries.map(({ pointer }) => pointer)];
      return store.check({ reachable });
    });
    expect(clean).toBe(true);
  });

  test('telemetry and block states send none either, and are new each time', async () => {
    const found = await fixture.page.evaluate(async () => {
      const store = stores.get('churned') as Store;
      const before = messages.sent;
      const generation = store.telemetry().generation;
      for (let n = 0; n < 1000; n += 1) {
        store.telemetry();
        store.blockStates();
      }
      const sent = messages.sent - before;
      await store.transaction(async (tx) => tx.setRoot('more', await tx.write(pattern(1, 9))));
      // The engine renews its figures once a frame.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { census } = await store.check();
      const counts = new Array<number>(census.length).fill(0);
      for (const state of store.blockStates().bytes) counts[state] = (counts[state] ?? 0) + 1;
      return { sent, commits: store.telemetry().generation - generation, counts, census };
    });
    expect(found.sent).toBe(0);
    expect(found.commits).toBeGreaterThan(0);
    expect(found.counts).toEqual(found.census);
    await terminateWorker(fixture.page, 'writer');
    await close('churned');
  });
});

/** Runs in a worker. Counts in a block of its own, and looks at what the other one has counted. */
async function countFor({ name, ms }: { name: string; ms: number }): Promise<number[]> {
  const store = sharedStore;
  const seen: number[] = [];
  const countOf = async (root: string): Promise<number> => {
    const reader = store.reader();
    const pointer = reader.root(root);
    const count = pointer === undefined ? 0 : ((await reader.read(pointer))[0] as number);
    reader[Symbol.dispose]();
    return count;
  };
  const untilMs = performance.now() + ms;
  let count = 0;
  while (performance.now() < untilMs) {
    count += 1;
    await store.transaction(async (tx) => {
      const old = tx.root(name);
      tx.setRoot(name, await tx.write(Uint8Array.of(count % 251)));
      if (old !== undefined) tx.free(old);
    });
    seen.push((await countOf(name)) === count % 251 ? 1 : 0);
    await countOf(name === 'one' ? 'two' : 'one');
  }
  return seen;
}

describe('a shared store', () => {
  test('two workers and the page read and write at once, each sees its own, and others what is there', async () => {
    await open('shared');
    await share('shared', 'one');
    await share('shared', 'two');
    const counting = ['one', 'two'].map((name) =>
      inWorker(fixture.page, name, countFor, { name, ms: 1500 }),
    );
    const own = await fixture.page.evaluate(async () => {
      const store = stores.get('shared') as Store;
      let right = 0;
      let count = 0;
      for (const untilMs = performance.now() + 1500; performance.now() < untilMs; count += 1) {
        const pointer = await store.transaction((tx) => tx.write(pattern(count, 4096)));
        if ((await store.read(pointer)).join() === pattern(count, 4096).join()) right += 1;
        await store.transaction((tx) => tx.free(pointer));
      }
      return { right, count };
    });
    for (const seen of await Promise.all(counting)) {
      expect(seen.length).toBeGreaterThan(5);
      expect(seen).not.toContain(0);
    }
    expect(own.count).toBeGreaterThan(5);
    expect(own.right).toBe(own.count);
  });

  test('I14: one is terminated inside a transaction, as a reader: the others go on, its place is free', async () => {
    const hung = await inWorker(fixture.page, 'one', async () => {
      const store = sharedStore;
      const reader = store.reader();
      const root = reader.root('one');
      if (root === undefined) throw new Error('it has counted before');
      await new Promise<void>((resolve) => {
        void store.transaction(async (tx) => {
          tx.setRoot('one', await tx.write(Uint8Array.of(255)));
          resolve();
          await new Promise(() => {});
        });
      });
      return reader.generation;
    });
    expect(hung).toBeGreaterThan(0);
    const pinned = await fixture.page.evaluate(() => {
      const { clients } = (stores.get('shared') as Store).telemetry().epochs;
      return clients.filter(({ pinned }) => pinned !== 0).map(({ client }) => client);
    });
    expect(pinned).toEqual(['client 1']);
    const waiting = inWorker(fixture.page, 'two', async () => {
      const startedMs = performance.now();
      await sharedStore.transaction(async (tx) => tx.setRoot('two', tx.root('two')));
      return performance.now() - startedMs;
    });
    await terminateWorker(fixture.page, 'one');
    expect(await waiting).toBeLessThan(5000);
    const after = await fixture.page.evaluate(async () => {
      const store = stores.get('shared') as Store;
      const startedMs = performance.now();
      await store.transaction(async (tx) => tx.setRoot('page', await tx.write(pattern(1, 9))));
      const ms = performance.now() - startedMs;
      const root = store.root('one');
      const value = root === undefined ? 255 : ((await store.read(root))[0] as number);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const left = store.telemetry().epochs.clients.filter(({ pinned }) => pinned !== 0);
      const attach = (): Promise<Store> => lib.attachStore(store.share());
      const attached: Store[] = [];
      for (let n = 0; n < 6; n += 1) attached.push(await attach());
      const full = await caught(attach);
      for (const other of attached) await other.close();
      return { ms, value, left, full: full.code, health: store.health };
    });
    expect(after).toMatchObject({ left: [], full: 'MISUSE' });
    expect(after.health).toBe('ok');
    expect(after.ms).toBeLessThan(5000);
    expect(after.value).not.toBe(255);
    await terminateWorker(fixture.page, 'two');
    await close('shared');
  });
});

describe.concurrent('I14: a disk’s thread', () => {
  interface Watched {
    readonly code: string;
    readonly message: string;
    readonly ms: number;
    readonly healths: readonly string[];
    readonly intact: boolean;
  }

  /** Transactions until one is refused, or until all is well again: one of the first forty meets the fault. */
  function workOnFaulty(fault: 'stuck' | 'slow'): Promise<Watched> {
    return fixture.page.evaluate(async (fault) => {
      let disks = 0;
      const store = await lib.openStore(`faulty ${fault}`, {
        blockSize: 4096,
        disks: 2,
        worker: (role) => {
          if (role === 'disk') disks += 1;
          return role === 'disk' && disks === 1 ? startFaultyDisk(fault) : startWorker(role);
        },
      });
      const healths: string[] = [];
      store.on('health', ({ health }) => healths.push(health));
      let acked = 0;
      const { code, message, ms } = await caught(async () => {
        for (; acked < 40 || healths.at(-1) === 'stalled'; acked += 1) {
          await store.transaction(async (tx) => {
            tx.setRoot('last', await tx.write(pattern(acked, 4096)));
            await tx.write(pattern(acked, 4096));
          });
        }
      });
      await store.close();
      const again = await lib.openStore(`faulty ${fault}`, { waitMs: 10_000 });
      const root = again.root('last');
      const last = root === undefined ? undefined : (await again.read(root)).join();
      // Before the first there is no root.
      const may = [acked - 1, acked].map((count) =>
        count < 0 ? undefined : pattern(count, 4096).join(),
      );
      const intact = may.includes(last);
      await again.close();
      return { code, message, ms, healths, intact };
    }, fault);
  }

  test('that is deep in one call of its file for 8 s is stalled, and well again afterwards', async () => {
    const { code, healths, intact, ms } = await workOnFaulty('slow');
    expect({ code, healths, intact }).toEqual({
      code: 'not refused',
      healths: ['stalled', 'ok', 'closed'],
      intact: true,
    });
    expect(ms).toBeGreaterThan(8000);
  });

  test('that stands still outside its calls is stalled after 5 s, and ends the session after 30 s', {
    timeout: 90_000,
  }, async () => {
    const { code, message, healths, intact, ms } = await workOnFaulty('stuck');
    expect({ code, healths, intact }).toEqual({
      code: 'SESSION_LOST',
      healths: ['stalled', 'closed'],
      intact: true,
    });
    expect(message).toMatch(/disk-0 has done nothing for 30 s/);
    expect(ms).toBeGreaterThan(29_000);
    expect(ms).toBeLessThan(45_000);
  });
});
