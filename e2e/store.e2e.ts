/** The whole API on a real page: what it does, and how it refuses what is wrong. */
import { describe, expect, inject, test } from 'vitest';
import type { BlockPointer, Store, Transaction } from '../src/index.ts';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();

describe('a store', () => {
  test('is created, written, read, closed and opened again', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('first', { blockSize: 4096 });
      const pointers = await store.transaction(async (tx) => {
        const written = await tx.writeMany([pattern(1, 4096), pattern(2, 100)]);
        tx.setRoot('main', written[0]);
        return written;
      });
      const { created } = store.recovery;
      await store.close();
      const again = await lib.openStore('first');
      const blocks = await again.readMany(pointers);
      const report = await again.check({ reachable: pointers });
      const root = again.root('main');
      await again.close();
      return {
        created,
        createdAgain: again.recovery.created,
        sameRoot: root?.address === pointers[0]?.address && root?.hash === pointers[0]?.hash,
        first: blocks[0]?.join() === pattern(1, 4096).join(),
        second: blocks[1]?.slice(0, 100).join() === pattern(2, 100).join(),
        rest: blocks[1]?.slice(100).every((byte) => byte === 0),
        report,
      };
    });
    expect(result).toMatchObject({
      created: true,
      createdAgain: false,
      sameRoot: true,
      first: true,
      second: true,
      rest: true,
      report: { clean: true, problems: [] },
    });
  });

  test('says what it is: profile, health, stats, telemetry, block states', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('told', { disks: 2, maxBytes: 2 ** 26 });
      const commits: number[] = [];
      store.on('commit', ({ generation }) => commits.push(generation));
      await store.transaction(async (tx) => tx.setRoot('main', await tx.write(pattern(1, 9))));
      store.blockStates();
      const stats = await store.stats();
      const states = store.blockStates();
      const telemetry = store.telemetry();
      const shared = await caught(() => store.share());
      await store.close();
      return {
        profile: store.profile,
        health: store.health,
        commits,
        stats,
        telemetry: telemetry.blockBytes,
        data: states.bytes.filter((state) => state === lib.BLOCK_STATE.data).length,
        shared: shared.code,
      };
    });
    expect(result).toMatchObject({
      profile: inject('profile'),
      health: 'closed',
      commits: [2],
      stats: { generation: 2, health: 'ok', blockBytes: 16_384, roots: 1, disks: [{}, {}] },
      telemetry: 16_384,
      data: 1,
      shared: inject('profile') === 'inline' ? 'UNSUPPORTED' : 'not refused',
    });
  });

  test('rolls back what throws, and keeps order and roots', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('rollback', { blockSize: 4096 });
      const first = await store.transaction(async (tx) => {
        const pointer = await tx.write(pattern(1, 10));
        tx.setRoot('main', pointer);
        return pointer;
      });
      const thrown = await store
        .transaction(async (tx) => {
          const pointer = await tx.replace(first, pattern(2, 10));
          tx.setRoot('main', pointer);
          throw new RangeError('mine');
        })
        .catch((error: unknown) => (error as Error).name);
      const kept = (await store.read(first)).slice(0, 10).join() === pattern(1, 10).join();
      const clean = (await store.check({ reachable: [first] })).clean;
      const same = store.root('main')?.address === first.address;
      await store.close();
      return { thrown, kept, clean, same };
    });
    expect(result).toEqual({ thrown: 'RangeError', kept: true, clean: true, same: true });
  });

  test('I4: a reader keeps its state while others write, and the space comes back afterwards', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('pins', { blockSize: 4096, maxBytes: 2 ** 20, disks: 1 });
      let root = await store.transaction(async (tx) => {
        const pointer = await tx.write(pattern(0, 4096));
        tx.setRoot('main', pointer);
        return pointer;
      });
      const reader = store.reader();
      const pinned = reader.root('main');
      for (let round = 1; round <= 40; round += 1) {
        root = await store.transaction(async (tx) => {
          const pointer = await tx.replace(root, pattern(round, 4096));
          tx.setRoot('main', pointer);
          return pointer;
        });
      }
      const held = (await store.stats()).heldByReadersBytes;
      const bytes = pinned === undefined ? undefined : await reader.read(pinned);
      const intact = bytes?.join() === pattern(0, 4096).join();
      reader[Symbol.dispose]();
      for (let round = 0; round < 3; round += 1) {
        await store.transaction(async (tx) => tx.free(await tx.write(pattern(1, 1))));
        root = await store.transaction(async (tx) => {
          const pointer = await tx.replace(root, pattern(round, 4096));
          tx.setRoot('main', pointer);
          return pointer;
        });
      }
      const after = await store.stats();
      await store.close();
      return { held, intact, after: after.heldByReadersBytes };
    });
    expect(result.intact).toBe(true);
    expect(result.held).toBeGreaterThanOrEqual(4096);
    expect(result.after).toBe(0);
  });

  test('takes a transaction inside another for MISUSE, also after an await', async () => {
    const errors = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('nested', { blockSize: 4096 });
      const early = await caught(() => store.transaction(() => store.transaction(() => 1)));
      const late = await caught(() =>
        store.transaction(async (tx) => {
          await tx.write(pattern(1, 1));
          await store.transaction(() => 1);
        }),
      );
      const beside = await Promise.all([store.transaction(() => 1), store.transaction(() => 2)]);
      await store.close();
      return [early.code, late.code, beside];
    });
    expect(errors).toEqual(['MISUSE', 'MISUSE', [1, 2]]);
  });

  test('without cross-origin isolation it works the same', async () => {
    fixture.server.isolated = false;
    const page = await fixture.newPage();
    fixture.server.isolated = inject('profile') === 'threaded';
    const result = await page.evaluate(async () => {
      const store = await lib.openStore('plain');
      const pointer = await store.transaction((tx) => tx.write(pattern(3, 16_384)));
      const whole = (await store.read(pointer)).join() === pattern(3, 16_384).join();
      await store.close();
      const { sharedMemory, supported } = await lib.probeSupport();
      return { whole, sharedMemory, supported };
    });
    expect(result).toEqual({ whole: true, sharedMemory: false, supported: true });
    await page.close();
  });
});

describe('what is wrong is refused with a code and a sentence, and nothing is lost', () => {
  /** A store with a block `live` under a root, one that was freed, and a pointer of another store. */
  const prepare = () =>
    fixture.page.evaluate(async () => {
      const options = { blockSize: 4096, disks: 1, maxBytes: 2 ** 20 };
      const other = await lib.openStore('other', options);
      const foreign = await other.transaction((tx) => tx.write(pattern(5, 9)));
      await other.close();
      const store = await lib.openStore('wrong', options);
      stores.set('wrong', store);
      const [live, freed] = await store.transaction((tx) =>
        tx.writeMany([pattern(1, 4096), pattern(2, 4096)]),
      );
      if (live === undefined || freed === undefined) throw new Error('two blocks were written');
      await store.transaction((tx) => {
        tx.setRoot('main', live);
        tx.free(freed);
      });
      // Until two more commits are durable, a freed block is still what its pointer says, and reads as such.
      const fresh = (await store.read(freed)).join() === pattern(2, 4096).join();
      for (let commit = 0; commit < 4; commit += 1) {
        await store.transaction((tx) => tx.setRoot('tick', commit % 2 === 0 ? live : undefined));
      }
      return { live, freed, foreign, fresh };
    });

  type Prepared = Awaited<ReturnType<typeof prepare>>;

  const misuseOpen = (prepared: Prepared) =>
    fixture.page.evaluate(async ({ live, freed, foreign }) => {
      const store = stores.get('wrong') as Store;
      const ended = await store.transaction((tx) => tx);
      const inside = (use: (tx: Transaction) => unknown) =>
        caught(() => store.transaction(async (tx) => use(tx)));
      const badHash = { ...live, hash: live.hash ^ 1n };
      return {
        'longer than a block': await inside((tx) => tx.write(new Uint8Array(4097))),
        'read another store’s pointer': await caught(() => store.read(foreign)),
        'free another store’s pointer': await inside((tx) => tx.free(foreign)),
        'read out of range': await caught(() => store.read({ ...live, address: 2 ** 40 })),
        'free out of range': await inside((tx) => tx.free({ ...live, address: 2 ** 40 })),
        'read misaligned': await caught(() => store.read({ ...live, address: live.address + 1 })),
        'free misaligned': await inside((tx) => tx.free({ ...live, address: 5 })),
        'read freed': await caught(() => store.read(freed)),
        'free freed': await inside((tx) => tx.free(freed)),
        'double free': await inside(async (tx) => {
          const pointer = await tx.write(pattern(3, 3));
          tx.free(pointer);
          tx.free(pointer);
        }),
        'read with a wrong hash': await caught(() => store.read(badHash)),
        'free with a wrong hash': await inside((tx) => tx.free(badHash)),
        'replace with a wrong hash': await inside((tx) => tx.replace(badHash, pattern(1, 1))),
        'root with a wrong hash': await inside((tx) => tx.setRoot('r', badHash)),
        'free the root’s block': await inside((tx) => tx.free(live)),
        'use of an ended transaction': await caught(() => ended.write(new Uint8Array(1))),
        'a root with a long name': await inside((tx) => tx.setRoot('x'.repeat(33), live)),
        'second open': await caught(() => lib.openStore('wrong', { waitMs: 50 })),
        'delete while open': await caught(() => lib.deleteStore('wrong', { waitMs: 50 })),
        'import over it': await caught(() =>
          lib.importStore('wrong', new Blob([]).stream(), { waitMs: 50 }),
        ),
      };
    }, prepared);

  const misuseClosed = (prepared: Prepared) =>
    fixture.page.evaluate(async ({ live }) => {
      const store = stores.get('wrong') as Store;
      await store.close();
      return {
        'use after close': await caught(() => store.read(live)),
        'transaction after close': await caught(() => store.transaction(() => 1)),
        'wrong block size': await caught(() => lib.openStore('wrong', { blockSize: 8192 })),
        'wrong number of disks': await caught(() => lib.openStore('wrong', { disks: 2 })),
        'wrong arenas': await caught(() => lib.openStore('wrong', { arenaBytes: 2 ** 18 })),
        'exclusive, but there': await caught(() => lib.openStore('wrong', { exclusive: true })),
        'not there': await caught(() => lib.openStore('nowhere', { create: false })),
        'read-only, not there': await caught(() => lib.openStore('nowhere', { readOnly: true })),
        'an empty name': await caught(() => lib.openStore('')),
        'a long name': await caught(() => lib.openStore('x'.repeat(65))),
        'a name with a slash': await caught(() => lib.openStore('a/b')),
        'an unknown option': await caught(() => lib.openStore('a', { blocks: 1 } as object)),
        'given up': await caught(() => lib.openStore('a', { signal: AbortSignal.abort() })),
      };
    }, prepared);

  const CODES = {
    'longer than a block': 'MISUSE',
    'read another store’s pointer': expect.stringMatching(/^(CORRUPT|NOT_FOUND)$/),
    'free another store’s pointer': 'NOT_FOUND',
    'read out of range': 'NOT_FOUND',
    'free out of range': 'NOT_FOUND',
    'read misaligned': 'MISUSE',
    'free misaligned': 'MISUSE',
    'read freed': expect.stringMatching(/^(CORRUPT|NOT_FOUND)$/),
    'free freed': 'NOT_FOUND',
    'double free': 'NOT_FOUND',
    'read with a wrong hash': 'CORRUPT',
    'free with a wrong hash': 'NOT_FOUND',
    'replace with a wrong hash': 'NOT_FOUND',
    'root with a wrong hash': 'NOT_FOUND',
    'free the root’s block': 'MISUSE',
    'use of an ended transaction': 'MISUSE',
    'a root with a long name': 'MISUSE',
    'second open': 'LOCKED',
    'delete while open': 'LOCKED',
    'import over it': 'LOCKED',
    'use after close': 'CLOSED',
    'transaction after close': 'CLOSED',
    'wrong block size': 'MISUSE',
    'wrong number of disks': 'MISUSE',
    'wrong arenas': 'MISUSE',
    'exclusive, but there': 'EXISTS',
    'not there': 'NOT_FOUND',
    'read-only, not there': 'NOT_FOUND',
    'an empty name': 'MISUSE',
    'a long name': 'MISUSE',
    'a name with a slash': 'MISUSE',
    'an unknown option': 'MISUSE',
    'given up': 'ABORTED',
  };

  test('all of it', async () => {
    const prepared = await prepare();
    expect(prepared.fresh).toBe(true);
    const whileOpen = await misuseOpen(prepared);
    const after = await fixture.page.evaluate(async ({ live }) => {
      const store = stores.get('wrong') as Store;
      const intact = (await store.read(live)).join() === pattern(1, 4096).join();
      const { problems } = await store.check({ reachable: [live] });
      return { intact, problems, health: store.health };
    }, prepared);
    expect(after).toEqual({ intact: true, problems: [], health: 'ok' });
    const errors = { ...whileOpen, ...(await misuseClosed(prepared)) };
    const codes = Object.entries(errors).map(([what, { code }]) => [what, code]);
    expect(Object.fromEntries(codes)).toEqual(CODES);
    for (const [what, error] of Object.entries(errors)) {
      expect(error.isStoreError, what).toBe(true);
      expect(error.message, what).toMatch(/^\S.{20,}\.$/s);
    }
    expect(errors['read with a wrong hash'].mayBeStale).toBe(true);
    const names = await fixture.page.evaluate(async () =>
      (await lib.listStores()).map(({ name }) => name),
    );
    expect(names).not.toContain('nowhere');
    expect(names).not.toContain('a');
  });

  test('a full store: FULL, and freeing makes room again', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('full', { blockSize: 4096, disks: 1, maxBytes: 2 ** 20 });
      const pointers: BlockPointer[] = [];
      const fill = () =>
        store.transaction(async (tx) => {
          const pointer = await tx.write(pattern(pointers.length, 4096));
          pointers.push(pointer);
          tx.setRoot('last', pointer);
        });
      const full = await caught(async () => {
        for (let count = 0; count < 1000; count += 1) await fill();
      });
      const written = pointers.length;
      const intact = (await store.readMany(pointers)).every(
        (block, index) => block.join() === pattern(index, 4096).join(),
      );
      const freed = pointers.splice(0, written / 2);
      await store.transaction((tx) => {
        for (const pointer of freed) tx.free(pointer);
      });
      let more = 0;
      await caught(async () => {
        for (; more < 1000; more += 1) await fill();
      });
      const { clean } = await store.check();
      const { health } = store;
      await store.close();
      return { full, written, intact, more, clean, health };
    });
    expect(result.full).toMatchObject({ code: 'FULL', isStoreError: true });
    expect(result.written).toBeGreaterThan(150);
    expect(result.more).toBeGreaterThan(result.written / 2 - 20);
    expect(result).toMatchObject({ intact: true, clean: true, health: 'ok' });
  });

  test('no quota: QUOTA, the store stays readable, and goes on when there is room', async () => {
    const protocol = await fixture.protocol(fixture.page);
    const origin = new URL(fixture.server.url).origin;
    await fixture.page.evaluate(async () => {
      const store = await lib.openStore('quota', { blockSize: 65_536, disks: 1 });
      stores.set('quota', store);
      await store.transaction(async (tx) => tx.setRoot('main', await tx.write(pattern(1, 9))));
    });
    const usage = await fixture.page.evaluate(
      async () => (await navigator.storage.estimate()).usage,
    );
    await protocol.send('Storage.overrideQuotaForOrigin', {
      origin,
      quotaSize: (usage ?? 0) + 2 ** 20,
    });
    const refused = await fixture.page.evaluate(async () => {
      const store = stores.get('quota');
      const many = Array.from({ length: 64 }, (_, seed) => pattern(seed, 65_536));
      const error = await caught(async () => {
        for (let round = 0; round < 32; round += 1)
          await store?.transaction((tx) => tx.writeMany(many));
      });
      const root = store?.root('main');
      const first = root === undefined ? -1 : (await store?.read(root))?.[0];
      return { error, health: store?.health, first, expected: pattern(1, 9)[0] };
    });
    await protocol.send('Storage.overrideQuotaForOrigin', { origin });
    expect(refused.error).toMatchObject({ code: 'QUOTA', isStoreError: true });
    expect(refused.health).toBe('ok');
    expect(refused.first).toBe(refused.expected);
    const after = await fixture.page.evaluate(async () => {
      const store = stores.get('quota');
      const many = Array.from({ length: 64 }, (_, seed) => pattern(seed, 65_536));
      await store?.transaction((tx) => tx.writeMany(many));
      const report = await store?.check();
      await store?.close();
      await lib.deleteStore('quota');
      return report?.clean;
    });
    expect(after).toBe(true);
  });
});
