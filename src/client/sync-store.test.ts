import { describe, expect, test } from 'vitest';
import { type BlockPointer, decodePointer, encodePointer } from '../format/pointer.ts';
import { BLOCK_STATE } from '../store/report.ts';
import { TestOrigin } from '../testing.ts';
import type { SyncStore } from './sync-store.ts';
import type { SyncTransaction } from './sync-transaction.ts';

const OPTIONS = { blockSize: 512, disks: 2, maxBytes: 2 ** 17, cacheBytes: 2 ** 15 };
const RELAXED = { durability: 'relaxed' } as const;
const bytes = (fill: number, length = 512) => new Uint8Array(length).fill(fill);
const coded = (code: string) => expect.objectContaining({ name: 'StoreError', code });

function open(origin = new TestOrigin(), options = {}): Promise<SyncStore> {
  return origin.openSyncStore('a', { ...OPTIONS, ...options });
}

describe('every verb returns when it is done', () => {
  test('write, read, replace, free and roots, inside a transaction and after it', async () => {
    using store = await open();
    const [first, second] = store.transaction((tx) => {
      const written = tx.writeMany([bytes(1), bytes(2, 100)]);
      expect(tx.read(written[0] as BlockPointer)).toEqual(bytes(1));
      tx.setRoot('main', written[0]);
      expect(tx.root('main')).toEqual(written[0]);
      return written;
    }) as [BlockPointer, BlockPointer];
    expect(store.root('main')).toEqual(first);
    expect(store.generation).toBe(2);
    const into = bytes(9, 600);
    expect(store.read(second, into)).toBe(into);
    expect(into.subarray(0, 100)).toEqual(bytes(2, 100));
    expect(into.subarray(100, 512)).toEqual(bytes(0, 412));
    expect(into.subarray(512)).toEqual(bytes(9, 88));
    const replaced = store.transaction((tx) => {
      tx.free(second);
      const pointer = tx.replace(first, bytes(3));
      tx.setRoot('main', pointer);
      expect(tx.readMany([pointer, first])).toEqual([bytes(3), bytes(1)]);
      return pointer;
    });
    expect(store.readMany([replaced], [into])).toEqual([into]);
    expect(store.check({ reachable: [replaced] }).problems).toEqual([]);
    store.transaction((tx) => tx.setRoot('main', undefined));
    expect(store.root('main')).toBeUndefined();
  });

  test('readCached has what is in the cache, and asks no disk for the rest', async () => {
    const origin = new TestOrigin();
    const first = await open(origin);
    const pointer = first.transaction((tx) => tx.write(bytes(1)));
    expect(first.readCached(pointer)).toEqual(bytes(1));
    await first[Symbol.asyncDispose]();
    await using store = await open(origin);
    const readsBefore = store.stats().disks.map(({ reads }) => reads);
    expect(store.readCached(pointer)).toBeUndefined();
    expect(store.stats().disks.map(({ reads }) => reads)).toEqual(readsBefore);
    expect(store.read(pointer)).toEqual(bytes(1));
    const into = bytes(0);
    expect(store.readCached(pointer, into)).toBe(into);
    expect(into).toEqual(bytes(1));
  });

  test('it says what it is: profile, recovery, stats, telemetry, block states, health', async () => {
    using store = await open();
    const pointers = store.transaction((tx) => tx.writeMany([bytes(1), bytes(2)]));
    expect(store).toMatchObject({ name: 'a', blockSize: 512, profile: 'inline', health: 'ok' });
    expect(store.recovery.created).toBe(true);
    expect(store.healthReason).toBeUndefined();
    expect(store.catalogue).toBe('ok');
    expect(store.stats()).toMatchObject({ generation: 2, commits: { count: 1 } });
    expect(store.telemetry()).toEqual(store.stats());
    expect(store.blockStates().bytes.filter((state) => state === BLOCK_STATE.data)).toHaveLength(2);
    const seen: number[] = [];
    const report = store.check({ reachable: pointers, onProgress: (done) => seen.push(done) });
    expect(report.clean).toBe(true);
    expect(seen.length).toBeGreaterThan(0);
    store.compactLogs();
    expect(store.stats().arenas.some(({ compactions }) => compactions > 0)).toBe(true);
  });
});

describe('I4: a reader', () => {
  test('sees its state while others write, and gives the space back when it is disposed', async () => {
    using store = await open();
    const first = store.transaction((tx) => {
      const pointer = tx.write(bytes(1));
      tx.setRoot('main', pointer);
      return pointer;
    });
    const reader = store.reader();
    let newest = first;
    for (let round = 0; round < 50; round += 1) {
      newest = store.transaction((tx) => {
        const pointer = tx.replace(newest, bytes(round));
        tx.setRoot('main', pointer);
        return pointer;
      });
    }
    expect(reader.root('main')).toEqual(first);
    expect(reader.generation).toBe(2);
    expect(reader.read(first)).toEqual(bytes(1));
    expect(reader.readMany([first])).toEqual([bytes(1)]);
    expect(store.stats().heldByReadersBytes).toBeGreaterThan(0);
    reader[Symbol.dispose]();
    reader[Symbol.dispose]();
    expect(store.stats().heldByReadersBytes).toBe(0);
    for (const use of [() => reader.root('main'), () => reader.read(newest)]) {
      expect(use).toThrow(coded('MISUSE'));
    }
  });

  test('is named when a store is full because of it', async () => {
    using store = await open();
    const pointers: BlockPointer[] = [];
    const fill = () => {
      for (;;) pointers.push(store.transaction((tx) => tx.write(bytes(1)), RELAXED));
    };
    expect(fill).toThrow(coded('FULL'));
    const reader = store.reader();
    const kinds: string[] = [];
    store.on('pressure', ({ kind }) => kinds.push(kind));
    store.transaction((tx) => {
      for (const pointer of pointers) tx.free(pointer);
    });
    expect(() => store.transaction((tx) => tx.writeMany(pointers.map(() => bytes(2))))).toThrow(
      expect.objectContaining({ code: 'FULL', message: expect.stringContaining('readers') }),
    );
    expect(kinds).toEqual(['readers']);
    reader[Symbol.dispose]();
    store.transaction((tx) => tx.writeMany(pointers.map(() => bytes(2))));
  });
});

describe('events', () => {
  test('are told when the verb is done, so that a listener may use the store', async () => {
    using store = await open();
    const order: string[] = [];
    const stop = store.on('commit', ({ generation }) => {
      order.push(`commit ${generation}`);
      if (generation === 2) store.transaction((tx) => tx.setRoot('listener', undefined));
    });
    store.transaction((tx) => {
      tx.setRoot('a', tx.write(bytes(1)));
      order.push('inside');
    });
    expect(order).toEqual(['inside', 'commit 2', 'commit 3']);
    stop();
    store.transaction((tx) => tx.write(bytes(1)));
    expect(order).toHaveLength(3);
  });

  test('a listener’s failure is its owner’s, and does not break the verb', async () => {
    using store = await open();
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
    store.on('commit', () => {
      throw new RangeError('mine');
    });
    store.transaction((tx) => tx.write(bytes(1)));
    expect(await uncaught).toEqual(new RangeError('mine'));
  });

  test('health says that the files are gone, and then that the store is closed', async () => {
    const origin = new TestOrigin();
    const store = await open(origin);
    const healths: string[] = [];
    store.on('health', ({ health }) => healths.push(health));
    origin.browser.evict('a', 'everything');
    const startedMs = performance.now();
    const write = () => {
      while (performance.now() - startedMs < 2000) {
        store.transaction((tx) => tx.setRoot('a', undefined));
      }
    };
    expect(write).toThrow(coded('EVICTED'));
    expect(store.health).toBe('evicted');
    expect(store.healthReason).toMatch(/removed/);
    store.close();
    expect(healths).toEqual(['evicted', 'closed']);
    await store.closed;
    await using again = await open(origin);
    expect(again.recovery.created).toBe(true);
  });
});

describe('an image', () => {
  test('is one state, whatever happens meanwhile, and makes a copy', async () => {
    const origin = new TestOrigin();
    await using store = await open(origin);
    const pointers = store.transaction((tx) =>
      tx.writeMany(Array.from({ length: 40 }, (_, n) => bytes(n))),
    );
    const chunks: Uint8Array[] = [];
    for (const chunk of store.exportImage()) {
      chunks.push(chunk);
      store.transaction((tx) => tx.write(bytes(7)));
      if (chunks.length === 1) store.transaction((tx) => tx.free(pointers[0] as BlockPointer));
    }
    const image = new Blob(chunks as BlobPart[]).stream();
    await origin.importStore('copy', image as ReadableStream<Uint8Array>);
    await using copy = await origin.openSyncStore('copy');
    expect(copy.readMany(pointers)).toEqual(pointers.map((_, n) => bytes(n)));
    expect(copy.check({ reachable: pointers }).problems).toEqual([]);
  });

  test('that is given up lets go of its blocks; closing ends one that is not', async () => {
    const store = await open();
    const pointers = store.transaction((tx) => tx.writeMany([bytes(1), bytes(2)]));
    const given = store.exportImage();
    given.next();
    store.transaction((tx) => tx.free(pointers[0] as BlockPointer));
    for (let commit = 0; commit < 3; commit += 1) store.transaction((tx) => tx.write(bytes(3)));
    expect(store.stats().heldByReadersBytes).toBeGreaterThan(0);
    given.return();
    expect(store.stats().heldByReadersBytes).toBe(0);
    const cut = store.exportImage();
    cut.next();
    store.close();
    expect(() => cut.next()).toThrow(coded('CLOSED'));
  });
});

describe('closing', () => {
  test('makes relaxed ones durable, and lets others open the store', async () => {
    const origin = new TestOrigin();
    const store = await open(origin);
    const pointer = store.transaction((tx) => tx.write(bytes(1)), RELAXED);
    await expect(open(origin, { waitMs: 1 })).rejects.toEqual(coded('LOCKED'));
    store.close();
    store.close();
    expect(store.health).toBe('closed');
    await store.closed;
    await using page = await origin.openStore('a', { waitMs: 0 });
    expect(await page.read(pointer)).toEqual(bytes(1));
  });

  test('says when that fails, and closes all the same', async () => {
    const origin = new TestOrigin();
    const store = await open(origin);
    store.transaction((tx) => tx.write(bytes(1)), RELAXED);
    const folder = origin.browser.folder('a');
    for (const name of folder?.list() ?? []) folder?.file(name)?.revoke();
    expect(() => store.close()).toThrow(
      expect.objectContaining({ code: 'POISONED', maybeApplied: true }),
    );
    await store.closed;
    await (await open(origin, { waitMs: 0 }))[Symbol.asyncDispose]();
  });

  test('every verb of a closed store is CLOSED', async () => {
    const store = await open();
    const pointer = store.transaction((tx) => tx.write(bytes(1)));
    const reader = store.reader();
    store.close();
    const uses = [
      () => store.root('a'),
      () => store.read(pointer),
      () => store.readMany([pointer]),
      () => store.readCached(pointer),
      () => store.reader(),
      () => reader.read(pointer),
      () => store.transaction(() => undefined),
      () => store.stats(),
      () => store.telemetry(),
      () => store.blockStates(),
      () => store.check(),
      () => store.compactLogs(),
      () => store.exportImage().next(),
      () => store.sync(),
    ];
    for (const use of uses) expect(use).toThrow(coded('CLOSED'));
    reader[Symbol.dispose]();
  });
});

describe('bad input is MISUSE, and changes nothing', () => {
  const pointer = { address: 0, hash: 0n, generation: 1 };
  const wrongPointers: unknown[] = [
    undefined,
    null,
    7,
    {},
    { ...pointer, address: -1 },
    { ...pointer, address: 1 },
    { ...pointer, address: Number.NaN },
    { ...pointer, hash: 1 },
    { ...pointer, hash: 2n ** 64n },
    { ...pointer, generation: 0.5 },
  ];

  test('wrong pointers, blocks and places', async () => {
    using store = await open();
    const right = store.transaction((tx) => tx.write(bytes(1)));
    const inTransaction = (use: (tx: SyncTransaction) => unknown) => () =>
      store.transaction((tx) => use(tx));
    const uses: (() => unknown)[] = wrongPointers.flatMap((wrong) => [
      () => store.read(wrong as BlockPointer),
      () => store.readMany([right, wrong as BlockPointer]),
      () => store.readCached(wrong as BlockPointer),
      () => store.check({ reachable: [wrong as BlockPointer] }),
      inTransaction((tx) => tx.read(wrong as BlockPointer)),
      inTransaction((tx) => tx.replace(wrong as BlockPointer, bytes(1))),
      inTransaction((tx) => tx.free(wrong as BlockPointer)),
    ]);
    uses.push(
      () => store.read(right, bytes(0, 511)),
      () => store.read(right, new Float64Array(512) as never),
      () => store.readMany([right], []),
      () => store.readCached(right, bytes(0, 1)),
      inTransaction((tx) => tx.write(bytes(1, 513))),
      inTransaction((tx) => tx.write('text' as never)),
      inTransaction((tx) => tx.write(undefined as never)),
      inTransaction((tx) => tx.writeMany([bytes(1), [1] as never])),
      inTransaction((tx) => tx.setRoot('', right)),
      inTransaction((tx) => tx.setRoot('x'.repeat(33), right)),
      inTransaction((tx) => tx.setRoot(7 as never, right)),
      inTransaction((tx) => tx.setRoot('a', {} as BlockPointer)),
      () => store.transaction(undefined as never),
      () => store.transaction(() => undefined, { durability: 'later' as never }),
      () => store.on('sound' as never, () => {}),
      () => store.on('commit', undefined as never),
    );
    for (const use of uses) expect(use).toThrow(coded('MISUSE'));
    expect(store.generation).toBe(2);
    expect(store.check({ reachable: [right] }).problems).toEqual([]);
  });

  test('pointers to nothing are NOT_FOUND, and to something else CORRUPT', async () => {
    using store = await open();
    const right = store.transaction((tx) => tx.write(bytes(1)));
    const far = { ...right, address: 512 * 2 ** 30 };
    const other = { ...right, hash: right.hash ^ 1n };
    expect(() => store.read(far)).toThrow(coded('NOT_FOUND'));
    expect(store.readCached(far)).toBeUndefined();
    expect(() => store.read(other)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', mayBeStale: true }),
    );
    expect(store.readCached(other)).toBeUndefined();
    expect(() => store.transaction((tx) => tx.free(other))).toThrow(coded('NOT_FOUND'));
    expect(() => store.transaction((tx) => [tx.free(right), tx.free(right)])).toThrow(
      coded('NOT_FOUND'),
    );
    expect(store.health).toBe('ok');
    expect(store.read(right)).toEqual(bytes(1));
  });

  test('an async callback, whose writes are rolled back', async () => {
    using store = await open();
    const attempt = () =>
      store.transaction(async (tx) => {
        tx.setRoot('main', tx.write(bytes(1)));
        await undefined;
        tx.write(bytes(2));
      });
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'MISUSE', message: expect.stringContaining('async') }),
    );
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(store.root('main')).toBeUndefined();
    expect(store.check({ reachable: [] }).problems).toEqual([]);
  });

  test('a transaction that is used after its end, or started inside another', async () => {
    using store = await open();
    let kept: SyncTransaction | undefined;
    const right = store.transaction((tx) => {
      kept = tx;
      expect(() => store.transaction(() => 1)).toThrow(coded('MISUSE'));
      expect(() => store.close()).toThrow(coded('MISUSE'));
      return tx.write(bytes(1));
    });
    for (const use of [
      () => kept?.root('a'),
      () => kept?.read(right),
      () => kept?.readMany([]),
      () => kept?.write(bytes(1)),
      () => kept?.replace(right, bytes(1)),
      () => kept?.free(right),
      () => kept?.setRoot('a', undefined),
    ]) {
      expect(use).toThrow(coded('MISUSE'));
    }
    expect(store.read(right)).toEqual(bytes(1));
  });
});

test('story: a paged file with synchronous reads, as a database’s file system wants it', async () => {
  const origin = new TestOrigin();
  const store = await open(origin);
  const file = new PagedFile(store, 'database');
  const text = new TextEncoder().encode(
    'The quick brown fox jumps over the lazy dog. '.repeat(100),
  );
  file.write(300, text);
  file.sync();
  expect(file.read(300, text.length)).toEqual(text);
  file.write(1000, bytes(0x2a, 24));
  await store[Symbol.asyncDispose]();
  await using again = await open(origin);
  const found = new PagedFile(again, 'database');
  text.set(bytes(0x2a, 24), 700);
  expect(found.read(300, text.length)).toEqual(text);
  expect(found.read(0, 300)).toEqual(new Uint8Array(300));
  expect(again.check({ reachable: found.pointers() }).problems).toEqual([]);
});

/** A file of pages, kept in blocks: one block names them all. Writes are visible at once, and durable after `sync`. */
class PagedFile {
  private readonly store: SyncStore;
  private readonly name: string;
  private pages: (BlockPointer | undefined)[];

  constructor(store: SyncStore, name: string) {
    this.store = store;
    this.name = name;
    const root = store.root(name);
    this.pages = root === undefined ? [] : decodePages(store.read(root));
  }

  read(at: number, length: number): Uint8Array {
    const { blockSize } = this.store;
    const result = new Uint8Array(length);
    for (let page = Math.floor(at / blockSize); page * blockSize < at + length; page += 1) {
      const pointer = this.pages[page];
      if (pointer === undefined) continue;
      const block = this.store.read(pointer);
      const from = Math.max(at, page * blockSize);
      const to = Math.min(at + length, (page + 1) * blockSize);
      result.set(block.subarray(from - page * blockSize, to - page * blockSize), from - at);
    }
    return result;
  }

  write(at: number, data: Uint8Array): void {
    const { blockSize } = this.store;
    const pages = [...this.pages];
    this.store.transaction((tx) => {
      for (let page = Math.floor(at / blockSize); page * blockSize < at + data.length; page += 1) {
        const old = pages[page];
        const block = old === undefined ? new Uint8Array(blockSize) : tx.read(old);
        const from = Math.max(at, page * blockSize);
        const to = Math.min(at + data.length, (page + 1) * blockSize);
        block.set(data.subarray(from - at, to - at), from - page * blockSize);
        pages[page] = old === undefined ? tx.write(block) : tx.replace(old, block);
      }
      const root = tx.root(this.name);
      if (root !== undefined) tx.free(root);
      tx.setRoot(this.name, tx.write(encodePages(pages, blockSize)));
    }, RELAXED);
    this.pages = pages;
  }

  sync(): void {
    this.store.sync();
  }

  pointers(): BlockPointer[] {
    return this.pages.filter((pointer) => pointer !== undefined);
  }
}

/** 24 bytes a page; all zero where there is none. */
function encodePages(pages: readonly (BlockPointer | undefined)[], blockSize: number): Uint8Array {
  const block = new Uint8Array(blockSize);
  for (const [page, pointer] of pages.entries()) {
    if (pointer !== undefined) encodePointer(pointer, block, page * 24);
  }
  return block;
}

function decodePages(block: Uint8Array): (BlockPointer | undefined)[] {
  const pages: (BlockPointer | undefined)[] = [];
  for (let at = 0; at + 24 <= block.length; at += 24) {
    const pointer = decodePointer(block, at);
    pages.push(pointer.generation === 0 ? undefined : pointer);
  }
  return pages;
}
