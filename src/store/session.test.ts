import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { MemoryDirectory } from '../device/memory-handle.ts';
import type { Pointer } from '../format/pointer.ts';
import { TINY_GEOMETRY } from '../sim/memory-store.ts';
import { MemoryStoreDirectory } from '../sim/memory-store-directory.ts';
import { WatchedDirectory } from '../sim/watched-directory.ts';
import type { Grant } from './grants.ts';
import type { Layer } from './layer.ts';
import type { CheckReport, Durability } from './report.ts';
import { openSession, type Session } from './session.ts';
import type { StoreSettings } from './settings.ts';
import type { StoreEvent } from './verbs.ts';

const SETTINGS: StoreSettings = {
  geometry: TINY_GEOMETRY,
  demanded: [],
  maxBytes: 2 * TINY_GEOMETRY.arenaBytes,
  cacheBytes: 64 * 512,
  create: true,
  exclusive: false,
  readOnly: false,
};
/** A transaction of one block is a joint commit; one of 65 blocks of 64 KiB is a fenced one. */
const KINDS = [
  { kind: 'joint', settings: {}, count: 1 },
  {
    kind: 'fenced',
    settings: {
      geometry: {
        ...TINY_GEOMETRY,
        blockBytes: 65_536,
        sectorBytes: 4096,
        arenaBytes: 256 * 65_536,
      },
      maxBytes: 512 * 65_536,
      cacheBytes: 128 * 65_536,
    },
    count: 65,
  },
] as const;
const block = (fill: number) => new Uint8Array(512).fill(fill);
const coded = (code: string) => ({ name: 'StoreError', code });

interface Opened {
  readonly session: Session;
  readonly directory: MemoryStoreDirectory;
  readonly files: WatchedDirectory;
}

async function open(
  options: {
    settings?: Partial<StoreSettings>;
    layers?: readonly Layer[];
    files?: MemoryDirectory;
  } = {},
): Promise<Opened> {
  const files = new WatchedDirectory();
  for (const name of options.files?.list() ?? []) {
    files.put(name, options.files?.clone().file(name) as never);
  }
  const directory = new MemoryStoreDirectory(files);
  const settings = { ...SETTINGS, ...options.settings };
  const session = await openSession({ directory, settings, layers: options.layers ?? [] });
  return { session, directory, files };
}

/**
 * Whole transaction: one block or several alike, the first under a root if wanted. Returns its pointer once it has
 * ended as asked.
 */
async function put(
  session: Session,
  fill: number,
  options: { root?: string; durability?: Durability; count?: number } = {},
): Promise<Pointer> {
  const { transaction } = await session.begin(fill);
  try {
    const blocks = Array.from({ length: options.count ?? 1 }, () => block(fill));
    const [pointer] = await session.transactionWrite(transaction, blocks);
    if (pointer === undefined) throw new Error('no pointer');
    if (options.root !== undefined) {
      await session.transactionSetRoot(transaction, options.root, pointer);
    }
    await session.end(transaction, options.durability ?? 'strict');
    return pointer;
  } catch (error) {
    await session.abort(transaction);
    throw error;
  }
}

async function free(session: Session, pointers: readonly Pointer[]): Promise<void> {
  const { transaction } = await session.begin(0);
  await session.transactionFree(transaction, pointers);
  await session.end(transaction, 'strict');
}

/** What a promise came to: 'pending' while it has not. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const pending = new Promise((resolve) => setTimeout(() => resolve('pending'), 15));
  return Promise.race([promise.catch((error: unknown) => error), pending]);
}

/** The roots that a crash now would leave. */
async function rootsAfterCrash(files: MemoryDirectory): Promise<string[]> {
  const { session } = await open({ files: files.clone() });
  const names = session.opened.state.roots.map(([name]) => name);
  await session.close();
  return names;
}

function listen(session: Session): StoreEvent[] {
  const events: StoreEvent[] = [];
  session.subscribe((event) => events.push(event));
  return events;
}

describe('transactions', () => {
  test('I6: strict resolves when it is durable, relaxed when it is visible', async () => {
    const { session, files } = await open();
    await put(session, 1, { root: 'strict' });
    expect(await rootsAfterCrash(files)).toEqual(['strict']);
    await put(session, 2, { root: 'relaxed', durability: 'relaxed' });
    expect(session.engine.roots.has('relaxed')).toBe(true);
    expect(await rootsAfterCrash(files)).toEqual(['strict']);
    await put(session, 3, { root: 'later' });
    expect(await rootsAfterCrash(files)).toEqual(['later', 'relaxed', 'strict']);
    await session.close();
  });

  test('a relaxed one is committed by itself within a moment', async () => {
    const { session, files } = await open();
    const before = session.engine.durableGeneration;
    await put(session, 1, { root: 'relaxed', durability: 'relaxed' });
    const started = performance.now();
    while (session.engine.durableGeneration === before && performance.now() - started < 2000) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(performance.now() - started).toBeGreaterThan(20);
    expect(await rootsAfterCrash(files)).toEqual(['relaxed']);
    await session.close();
  });

  test('64 at a time share commits, and keep their order', async () => {
    const { session, files } = await open();
    const before = (await session.stats()).commits.count;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 64 }, async (_, n) => {
        const pointer = await put(session, n, { root: 'last' });
        order.push(n);
        return pointer;
      }),
    );
    const { commits } = await session.stats();
    expect(commits.count - before).toBeLessThanOrEqual(8);
    expect(commits.transactions).toBe(64);
    expect(order).toEqual(Array.from({ length: 64 }, (_, n) => n));
    const { session: again } = await open({ files: files.clone() });
    const [, last] = again.opened.state.roots[0] as [string, Pointer];
    expect(await again.read([last])).toEqual([block(63)]);
    await session.close();
  });

  test('one inside another waits until that has ended', async () => {
    const { session } = await open();
    const { transaction } = await session.begin(1);
    const inner = session.begin(2);
    expect(await outcome(inner)).toBe('pending');
    await session.end(transaction, 'strict');
    const begun = await inner;
    await session.abort(begun.transaction);
    await session.close();
  });

  test('a wish for one can be taken back while it waits', async () => {
    const { session } = await open();
    const { transaction } = await session.begin(1);
    const waiting = session.begin(2);
    const after = session.begin(3);
    session.cancelBegin(2);
    await expect(waiting).rejects.toMatchObject(coded('ABORTED'));
    session.cancelBegin(1);
    await session.abort(transaction);
    expect((await after).state.publication).toBe(0);
    await session.close();
  });

  test('sees what ended before and its own writes; what is aborted leaves nothing', async () => {
    const { session } = await open();
    const pointer = await put(session, 1, { root: 'main', durability: 'relaxed' });
    const { transaction, state } = await session.begin(2);
    expect(state.roots).toEqual([['main', pointer]]);
    const [own] = await session.transactionWrite(transaction, [block(2)]);
    expect(await session.transactionRead(transaction, [pointer, own as Pointer])).toEqual([
      block(1),
      block(2),
    ]);
    const replaced = await session.transactionReplace(transaction, own as Pointer, block(3));
    expect(await session.transactionRead(transaction, [replaced])).toEqual([block(3)]);
    await session.transactionSetRoot(transaction, 'main', undefined);
    await session.abort(transaction);
    await session.abort(transaction);
    await session.sync();
    expect((await session.check({ reachable: [pointer] })).problems).toEqual([]);
    await session.close();
  });

  test('an ended one is MISUSE to use, and gives its turn back even when it fails', async () => {
    const { session } = await open();
    const { transaction } = await session.begin(1);
    await expect(session.transactionSetRoot(transaction, '', undefined)).rejects.toMatchObject(
      coded('MISUSE'),
    );
    await expect(session.transactionWrite(transaction, [block(1)])).rejects.toMatchObject(
      coded('MISUSE'),
    );
    await expect(session.end(transaction, 'strict')).rejects.toMatchObject(coded('MISUSE'));
    await expect(session.end(transaction, 'strict')).rejects.toMatchObject(coded('MISUSE'));
    await expect(session.transactionRead(transaction, [])).rejects.toMatchObject(coded('MISUSE'));
    await put(session, 2);
    await session.close();
  });

  test('an empty one commits nothing', async () => {
    const { session, files } = await open();
    const { transaction } = await session.begin(1);
    const { length } = files.seen;
    expect(await session.end(transaction, 'strict')).toBe(session.engine.durableGeneration);
    expect(files.seen.length).toBe(length);
    await session.close();
  });
});

describe('space', () => {
  /** Writes blocks until there is no room, and returns them. */
  async function fill(session: Session): Promise<Pointer[]> {
    const pointers: Pointer[] = [];
    for (;;) {
      try {
        pointers.push(await put(session, pointers.length % 200, { durability: 'relaxed' }));
      } catch (error) {
        expect(error).toMatchObject(coded('FULL'));
        return pointers;
      }
    }
  }

  test('I9: freed blocks get the commits they wait for before FULL is answered', async () => {
    const { session } = await open();
    const pointers = await fill(session);
    await free(session, pointers.slice(0, 50));
    const { transaction } = await session.begin(1);
    const blocks = Array.from({ length: 40 }, (_, n) => block(n));
    expect(await session.transactionWrite(transaction, blocks)).toHaveLength(40);
    await session.end(transaction, 'strict');
    await session.close();
  });

  test.each(['a layer refuses', 'a disk fails'])(
    'when %s the commit that would make room, the write fails, and with it its transaction, for certain',
    async (what) => {
      let refuses = false;
      const layer: Layer = {
        name: 'refusing',
        beforeFreeze() {
          if (refuses) throw new StoreError('IO', 'the layer cannot');
        },
      };
      const { session, files } = await open({ layers: [layer] });
      const pointers = await fill(session);
      await free(session, pointers.slice(0, 4));
      const { transaction } = await session.begin(1);
      if (what === 'a layer refuses') refuses = true;
      else
        files.plan = ({ operation }) => (operation === 'flush' ? { throw: 'UnknownError' } : 'ok');
      const failed = { code: refuses ? 'FULL' : 'POISONED', maybeApplied: false };
      await expect(session.transactionWrite(transaction, [block(1)])).rejects.toMatchObject(failed);
      await expect(session.end(transaction, 'strict')).rejects.toMatchObject(failed);
      refuses = false;
      await session.close();
    },
  );

  test('I9: an end waits for all writes before it that wait for room', async () => {
    const { session } = await open();
    const pointers = await fill(session);
    await free(session, pointers.slice(0, 4));
    await free(session, pointers.slice(4, 20));
    const { transaction } = await session.begin(1);
    const writes = [4, 12].map((count) =>
      session.transactionWrite(
        transaction,
        Array.from({ length: count }, () => block(9)),
      ),
    );
    const ended = session.end(transaction, 'strict');
    const written = (await Promise.all(writes)).flat();
    await ended;
    expect(written).toHaveLength(16);
    await session.close();
  });

  test('FULL fails one transaction, names no readers when there are none, and tells of the pressure', async () => {
    const { session } = await open();
    const pointers = await fill(session);
    const events = listen(session);
    session.seen(session.engine.publication);
    const failure = await put(session, 1).catch((error: unknown) => error as StoreError);
    expect(failure).toMatchObject(coded('FULL'));
    expect((failure as StoreError).message).not.toContain('readers');
    expect(events.filter(({ type }) => type === 'pressure')).toEqual([
      { type: 'pressure', pressure: { kind: 'full', heldByReadersBytes: 0, freeBytes: 0 } },
    ]);
    await free(session, pointers.slice(0, 1));
    await session.close();
  });

  test('I4: a state that a client has not let go of holds its blocks, and FULL says so', async () => {
    const { session } = await open();
    const pointers = await fill(session);
    const events = listen(session);
    const pinned = session.engine.publication;
    session.seen(pinned);
    await free(session, pointers.slice(0, 30));
    const full = await put(session, 1).catch((error: unknown) => error as StoreError);
    expect(full).toMatchObject(coded('FULL'));
    expect((full as StoreError).message).toContain('30 freed blocks are held by open readers');
    expect(await session.read(pointers.slice(0, 30))).toEqual(
      Array.from({ length: 30 }, (_, n) => block(n % 200)),
    );
    expect(events.filter(({ type }) => type === 'pressure')).toEqual([
      {
        type: 'pressure',
        pressure: { kind: 'readers', heldByReadersBytes: 30 * 512, freeBytes: expect.any(Number) },
      },
    ]);
    session.seen(session.engine.publication + 100);
    expect(session.engine.heldByReadersBlocks).toBe(30);
    session.seen(session.engine.publication);
    expect(session.engine.heldByReadersBlocks).toBe(0);
    await put(session, 2);
    session.seen(pinned);
    await expect(session.read([pointers[5] as Pointer])).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOT_FOUND|CORRUPT)$/),
    });
    await session.close();
  });

  test('a running export holds the state it began with, until its end or until it is given up', async () => {
    const { session } = await open();
    const pointers = await fill(session);
    const first = await session.exportStart();
    const second = await session.exportStart();
    await free(session, pointers.slice(0, 20));
    await expect(put(session, 1)).rejects.toMatchObject({
      code: 'FULL',
      message: expect.stringContaining('20 freed blocks'),
    });
    await session.exportCancel(second);
    await session.exportCancel(second);
    expect(session.engine.heldByReadersBlocks).toBe(20);
    while ((await session.exportNext(first)) !== undefined);
    expect(session.engine.heldByReadersBlocks).toBe(0);
    await expect(session.exportNext(first)).rejects.toMatchObject(coded('MISUSE'));
    await put(session, 1);
    await session.close();
  });

  test('QUOTA fails one transaction, tells of the pressure, and the store goes on', async () => {
    const { session, files } = await open();
    const events = listen(session);
    files.plan = ({ operation }) =>
      operation === 'truncate' ? { throw: 'QuotaExceededError' } : 'ok';
    await expect(put(session, 1)).rejects.toMatchObject(coded('QUOTA'));
    expect(events.at(-1)).toMatchObject({ type: 'pressure', pressure: { kind: 'quota' } });
    expect(session.engine.health).toBe('ok');
    files.plan = () => 'ok';
    await put(session, 1);
    await session.close();
  });
});

test('I3: an end that waited grants nothing to a page that has given back meanwhile', async () => {
  const { session } = await open();
  await put(session, 1);
  const told: Grant[] = [];
  session.onGrant = (grant) => told.push(grant);
  const first = await session.begin(1);
  const late = session.begin(2);
  void session.transactionWrite(2, [block(2)]);
  const ended = session.end(2, 'strict', { grantRound: 0 });
  session.giveBack();
  await session.end(first.transaction, 'strict');
  await Promise.all([late, ended]);
  expect(told).toEqual([]);
  expect((await session.check({})).problems).toEqual([]);
  await session.close();
});

test('I3: a check that waited for a transaction finds what was granted at its end, and no fault in it', async () => {
  const { session } = await open();
  const told: Grant[] = [];
  session.onGrant = (grant) => told.push(grant);
  const { transaction } = await session.begin(1);
  const [pointer] = await session.transactionWrite(transaction, [block(1)]);
  session.giveBack();
  const checking = session.check({ reachable: [pointer as Pointer] });
  await session.end(transaction, 'strict', { grantRound: 1 });
  expect(told).toHaveLength(1);
  expect((await checking).problems).toEqual([]);
  await session.close();
});

describe('I12: when a disk fails', () => {
  test.each(KINDS)(
    'who waits is told that it may have been applied, who comes later that it was not; $kind',
    async ({ kind, settings, count }) => {
      const { session, files } = await open({ settings });
      await put(session, 1, { root: 'first' });
      const events = listen(session);
      files.plan = ({ operation }) => (operation === 'flush' ? { throw: 'UnknownError' } : 'ok');
      const waiting = [2, 3, 4].map((fill) => put(session, fill, { root: `r${fill}`, count }));
      for (const promise of waiting) {
        await expect(promise).rejects.toMatchObject({ code: 'POISONED', maybeApplied: true });
      }
      expect(events.at(-1)).toMatchObject({ type: 'state', state: { health: 'poisoned' } });
      await expect(session.begin(5)).rejects.toMatchObject({
        code: 'POISONED',
        maybeApplied: false,
      });
      await expect(session.sync()).rejects.toMatchObject(coded('POISONED'));
      await expect(session.compactLogs()).rejects.toMatchObject(coded('POISONED'));
      const { length } = files.seen;
      files.plan = () => 'ok';
      await session.close();
      expect(files.seen.length).toBe(length);
      // Nothing is lost here that was written: a joint commit has written its superblock, a fenced one had no flush for
      // it. The commit may have waited for company.
      const roots = await rootsAfterCrash(files);
      expect(roots.slice(0, 2)).toEqual(kind === 'joint' ? ['first', 'r2'] : ['first']);
    },
  );

  test('an open transaction fails at its next verb, and nobody waits for ever', async () => {
    const { session, files } = await open({ settings: { cacheBytes: 16 * 512 } });
    // Something waits for commits: nobody may try to make them.
    await free(session, [await put(session, 1)]);
    const { transaction } = await session.begin(1);
    files.plan = ({ operation }) => (operation === 'write' ? { throw: 'UnknownError' } : 'ok');
    let failure: unknown;
    for (let n = 0; n < 60 && failure === undefined; n += 1) {
      await session.transactionWrite(transaction, [block(n)]).catch((error: unknown) => {
        failure = error;
      });
    }
    expect(failure).toMatchObject(coded('POISONED'));
    const next = session.transactionWrite(transaction, [block(1)]);
    expect(await outcome(next)).toMatchObject(coded('POISONED'));
    await expect(session.end(transaction, 'strict')).rejects.toMatchObject(coded('POISONED'));
    await session.close();
  });

  test('what is asked of a transaction that has ended is MISUSE, and takes nothing', async () => {
    const { session } = await open();
    const { transaction } = await session.begin(0);
    await session.end(transaction, 'strict');
    const misuse = coded('MISUSE');
    await expect(session.transactionWrite(transaction, [block(1)])).rejects.toMatchObject(misuse);
    await expect(
      session.transactionReplace(transaction, await put(session, 2), block(1)),
    ).rejects.toMatchObject(misuse);
    await session.abort(transaction);
    const { problems } = await session.check({}, () => undefined);
    expect(problems).toEqual([]);
    await session.close();
    await expect(session.sync()).rejects.toMatchObject(coded('CLOSED'));
  });

  test('while a transaction ends: it is rolled back, not left waiting', async () => {
    const { session, files } = await open({ settings: { cacheBytes: 16 * 512 } });
    const pointers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(session, n)));
    const { transaction } = await session.begin(1);
    await session.transactionSetRoot(transaction, 'old', pointers[0]);
    await session.transactionWrite(
      transaction,
      Array.from({ length: 16 }, (_, n) => block(n)),
    );
    files.plan = ({ operation }) => (operation === 'write' ? { throw: 'UnknownError' } : 'ok');
    expect(await outcome(session.end(transaction, 'strict'))).toMatchObject(coded('POISONED'));
    await session.close();
  });
});

describe('I6: when the files are gone', () => {
  // Looks are counted here, and one that is a few milliseconds old is made again: so time stands still.
  beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1e9));
  afterEach(() => void vi.restoreAllMocks());

  test('nothing is acknowledged: who waits gets EVICTED, and may have been applied', async () => {
    const { session, directory, files } = await open();
    await put(session, 1, { root: 'first' });
    const kept = files.clone();
    const events = listen(session);
    files.evict();
    await expect(put(session, 2, { root: 'second' })).rejects.toMatchObject({
      code: 'EVICTED',
      maybeApplied: true,
    });
    expect(session.engine.health).toBe('evicted');
    expect(events.at(-1)).toMatchObject({ type: 'state', state: { health: 'evicted' } });
    await expect(session.begin(3)).rejects.toMatchObject(coded('EVICTED'));
    expect(await rootsAfterCrash(kept)).toEqual(['first']);
    expect(directory.probes).toBe(2);
    await session.close();
    await session.close();
  });

  test('another store under the same names is noticed by its id', async () => {
    const { session, directory } = await open();
    await put(session, 1);
    directory.probing = (honest) => (names) => honest(names, new Uint8Array(16).fill(1));
    await expect(put(session, 2)).rejects.toMatchObject(coded('EVICTED'));
    await session.close();
  });

  test.each(KINDS)(
    'a slow answer delays only the acknowledgement; $kind',
    async ({ kind, settings, count }) => {
      const { session, directory, files } = await open({ settings });
      let answer: (alive: 'alive') => void = () => {};
      directory.probing = () => () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      const first = put(session, 1, { root: 'first', count });
      expect(await outcome(first)).toBe('pending');
      const visible = await put(session, 2, { root: 'second', durability: 'relaxed' });
      expect((await session.read([visible]))[0]?.subarray(0, 512)).toEqual(block(2));
      expect(await outcome(first)).toBe('pending');
      // A joint commit is flushed by now, and nobody is told; a fenced one has no superblock yet.
      expect(await rootsAfterCrash(files)).toEqual(kind === 'joint' ? ['first'] : []);
      // The relaxed transaction's commit follows, whenever it likes.
      directory.probing = (honest) => honest;
      answer('alive');
      await first;
      expect((await rootsAfterCrash(files))[0]).toBe('first');
      await session.close();
    },
  );

  test.each(KINDS)(
    'who ends while a commit is under way is acknowledged by the next one; $kind',
    async ({ kind, settings, count }) => {
      const { session, directory, files } = await open({ settings });
      const answers: ((alive: 'alive') => void)[] = [];
      directory.probing = () => () => new Promise((resolve) => answers.push(resolve));
      // On a busy machine the question may come later than any pause.
      const answer = async (question: number): Promise<void> => {
        await vi.waitUntil(() => answers.length > question, { timeout: 30_000 });
        answers[question]?.('alive');
      };
      const first = put(session, 1, { root: 'first', count });
      expect(await outcome(first)).toBe('pending');
      const second = put(session, 2, { root: 'second', count });
      expect(await outcome(second)).toBe('pending');
      await answer(0);
      await first;
      expect(await outcome(second)).toBe('pending');
      const found = await rootsAfterCrash(files);
      expect(found).toEqual(kind === 'joint' ? ['first', 'second'] : ['first']);
      await answer(1);
      await second;
      expect(await rootsAfterCrash(files)).toEqual(['first', 'second']);
      expect(answers).toHaveLength(2);
      directory.probing = (honest) => honest;
      await session.close();
    },
  );

  test('a poisoned store ignores an answer that comes too late', async () => {
    const { session, directory, files } = await open();
    let answer: (alive: 'alive') => void = () => {};
    directory.probing = () => () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    files.plan = ({ operation }) => (operation === 'flush' ? { throw: 'UnknownError' } : 'ok');
    await expect(put(session, 1)).rejects.toMatchObject(coded('POISONED'));
    const { length } = files.seen;
    answer('alive');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(files.seen.length).toBe(length);
    await session.close();
    answer('alive');
  });
});

test('a browser that transfers at most 200 bytes a call, as Safari may: a store lives as anywhere else', async () => {
  const { session, files } = await open();
  files.plan = ({ operation }) =>
    operation === 'read' || operation === 'write' ? { short: 200 } : 'ok';
  const before = files.calls.write;
  const pointers: Pointer[] = [];
  for (let fill = 1; fill <= 20; fill += 1) {
    pointers.push(await put(session, fill, { root: `root-${fill}` }));
  }
  await session.compactLogs();
  expect(files.calls.write - before).toBeGreaterThan(20 * 3);
  expect(
    Math.max(...files.seen.map((call) => (call.kind === 'write' ? call.bytes.length : 0))),
  ).toBeGreaterThan(200);
  await session.close();
  const again = await openSession({
    directory: new MemoryStoreDirectory(files),
    settings: SETTINGS,
  });
  expect(again.opened.recovery).toMatchObject({ rolledBack: 0, damagedBlocks: [] });
  expect(await again.read(pointers)).toEqual(pointers.map((_, n) => block(n + 1)));
  expect((await again.check({ reachable: pointers })).problems).toEqual([]);
  await again.close();
});

test('252 handles for all stores of an origin, as in Safari: the store that is one too many keeps none', async () => {
  const opened = new Set<WatchedDirectory>();
  const openCount = () =>
    [...opened].flatMap((files) => files.list().filter((name) => files.file(name)?.isOpen)).length;
  const openStore = async (files: WatchedDirectory): Promise<Session> => {
    opened.add(files);
    const directory = new MemoryStoreDirectory(files);
    const openFile = directory.open.bind(directory);
    directory.open = (file, options) =>
      openCount() >= 252
        ? Promise.reject(new StoreError('IO', 'No more handles.', { coordinates: { file } }))
        : openFile(file, options);
    const geometry = { ...TINY_GEOMETRY, diskCount: 5 };
    return openSession({ directory, settings: { ...SETTINGS, geometry } });
  };
  const sessions: Session[] = [];
  for (let n = 0; n < 50; n += 1) sessions.push(await openStore(new WatchedDirectory()));
  const late = new WatchedDirectory();
  await expect(openStore(late)).rejects.toMatchObject({ coordinates: { file: 'disk-2' } });
  expect(openCount()).toBe(250);
  await sessions.pop()?.close();
  sessions.push(await openStore(late));
  await put(sessions[49] as Session, 1);
  for (const session of sessions) await session.close();
  expect(openCount()).toBe(0);
});

/** What Firefox does when site data is cleared, and Safari now and then while all files are there. */
describe('I12: when the browser closes a file', () => {
  const takeAway = (files: WatchedDirectory): void => {
    files.plan = ({ operation }) => (operation === 'write' ? { throw: 'InvalidStateError' } : 'ok');
  };

  test('and its name is gone, who waits gets EVICTED, and so does who comes later', async () => {
    const { session, files } = await open();
    await put(session, 1, { root: 'first' });
    const events = listen(session);
    takeAway(files);
    files.evict();
    await expect(put(session, 2)).rejects.toMatchObject({ code: 'EVICTED', maybeApplied: true });
    expect(events.at(-1)).toMatchObject({ type: 'state', state: { health: 'evicted' } });
    await expect(session.begin(3)).rejects.toMatchObject(coded('EVICTED'));
    await session.close();
  });

  test('and its name is there, who waits gets POISONED, and opening again recovers', async () => {
    const { session, directory, files } = await open();
    await put(session, 1, { root: 'first' });
    takeAway(files);
    await expect(put(session, 2)).rejects.toMatchObject({ code: 'POISONED', maybeApplied: true });
    expect(directory.probesWithStoreId).toBe(6);
    await expect(session.begin(3)).rejects.toMatchObject(coded('POISONED'));
    expect(await rootsAfterCrash(files)).toEqual(['first']);
    await session.close();
  });

  test('nothing is acknowledged while it is asked why, and closing waits for the answer', async () => {
    const { session, directory, files } = await open();
    await put(session, 1, { root: 'first' });
    let answer: (answer: 'gone') => void = () => {};
    directory.probing = () => () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    takeAway(files);
    const first = put(session, 2);
    expect(await outcome(first)).toBe('pending');
    const second = put(session, 3);
    expect(await outcome(second)).toBe('pending');
    const closing = session.close();
    answer('gone');
    expect(await outcome(first)).toMatchObject(coded('EVICTED'));
    expect(await outcome(second)).toMatchObject(coded('EVICTED'));
    await closing;
    expect(await rootsAfterCrash(files)).toEqual(['first']);
  });
});

test('I6: sync waits for the commit that is under way, with nothing new to commit', async () => {
  const { session, directory } = await open();
  const answers: ((alive: 'alive') => void)[] = [];
  directory.probing = () => () => new Promise((resolve) => answers.push(resolve));
  const ended = put(session, 1);
  await vi.waitUntil(() => answers.length > 0, { timeout: 30_000 });
  expect([session.engine.committing, session.engine.changed]).toEqual([true, false]);
  const synced = session.sync();
  expect(await outcome(synced)).toBe('pending');
  answers[0]?.('alive');
  await synced;
  expect(session.engine.committing).toBe(false);
  await ended;
  directory.probing = (honest) => honest;
  await session.close();
});

describe('closing', () => {
  test('commits what is relaxed, gives the files back, and can be done twice', async () => {
    const { session, files } = await open();
    await put(session, 1, { root: 'relaxed', durability: 'relaxed' });
    const closing = session.close();
    expect(session.close()).toBe(closing);
    await closing;
    expect(await rootsAfterCrash(files)).toEqual(['relaxed']);
    expect(files.list().map((name) => files.file(name)?.isOpen)).toEqual([false, false]);
  });

  test('rolls back what is open, ends what waits, and refuses what comes', async () => {
    const { session, files } = await open();
    await put(session, 1, { root: 'first' });
    const { transaction } = await session.begin(1);
    await session.transactionWrite(transaction, [block(2)]);
    const waiting = session.begin(2);
    const strict = expect(waiting).rejects.toMatchObject(coded('CLOSED'));
    const closing = session.close();
    await strict;
    await expect(session.end(transaction, 'strict')).rejects.toMatchObject(coded('CLOSED'));
    await session.abort(transaction);
    await closing;
    for (const late of [
      () => session.begin(3),
      () => session.read([]),
      () => session.sync(),
      () => session.stats(),
      () => session.check({}),
      () => session.compactLogs(),
      () => session.exportStart(),
      () => session.blockStates(),
    ]) {
      await expect(late()).rejects.toMatchObject(coded('CLOSED'));
    }
    const { session: again } = await open({ files: files.clone() });
    expect((await again.check({ reachable: [] })).problems).toEqual([]);
    await again.close();
  });

  test('keeps the promise to who waits for a commit', async () => {
    const { session, files } = await open();
    const strict = put(session, 1, { root: 'strict' });
    await new Promise((resolve) => setImmediate(resolve));
    await session.close();
    await strict.then(
      async () => expect(await rootsAfterCrash(files)).toEqual(['strict']),
      (error: unknown) => expect(error).toMatchObject(coded('CLOSED')),
    );
  });

  test.each(['compactLogs', 'exportStart', 'check', 'sync'] as const)(
    'in the middle of %s: that ends with CLOSED or done, nothing is left behind',
    async (verb) => {
      const { session, files } = await open();
      await put(session, 1, { root: 'first' });
      await put(session, 2, { root: 'second', durability: 'relaxed' });
      const running = verb === 'check' ? session.check({}) : session[verb]();
      const ended = running.then(
        (result) => (verb === 'check' ? (result as CheckReport).problems : 'done'),
        (error: unknown) => (error instanceof StoreError ? error.code : error),
      );
      await session.close();
      expect(['done', 'CLOSED', []]).toContainEqual(await ended);
      expect(session.engine.health).toBe('ok');
      const { length } = files.seen;
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(files.seen.length).toBe(length);
      expect((await rootsAfterCrash(files)).sort()).toEqual(['first', 'second']);
    },
  );
});

describe('closing while a verb waits for a commit', () => {
  test.each([
    ['compactLogs', 'CLOSED'],
    ['exportStart', 'CLOSED'],
    ['check', 'CLOSED'],
    ['sync', 'done'],
  ] as const)(
    '%s is %s: it does not begin on a store that is being closed',
    async (verb, expected) => {
      const { session, directory } = await open();
      let answer: (alive: 'alive') => void = () => {};
      directory.probing = () => () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      await put(session, 1, { durability: 'relaxed' });
      const running = verb === 'check' ? session.check({}) : session[verb]();
      const ended = running.then(
        () => 'done',
        (error: StoreError) => error.code,
      );
      expect(await outcome(ended)).toBe('pending');
      const closing = session.close();
      answer('alive');
      expect(await ended).toBe(expected);
      await closing;
    },
  );
});

describe('a store opened to be read', () => {
  test('refuses everything that writes, and changes no byte', async () => {
    const { session, files } = await open();
    const pointer = await put(session, 1, { root: 'first' });
    await session.close();
    const reader = await open({ files: files.clone(), settings: { readOnly: true } });
    await expect(reader.session.begin(1)).rejects.toMatchObject(coded('READ_ONLY'));
    await expect(reader.session.compactLogs()).rejects.toMatchObject(coded('READ_ONLY'));
    await reader.session.sync();
    expect(await reader.session.read([pointer])).toEqual([block(1)]);
    expect((await reader.session.check({ reachable: [] })).clean).toBe(true);
    const stream = await reader.session.exportStart();
    expect(await reader.session.exportNext(stream)).toBeInstanceOf(Uint8Array);
    await reader.session.close();
    expect(reader.files.seen.filter(({ kind }) => kind !== 'flush')).toEqual([]);
  });
});

describe('a layer in a session', () => {
  function fussy(): { layer: Layer; refuse: (error: StoreError | undefined) => void } {
    let refusal: StoreError | undefined;
    const layer: Layer = {
      name: 'fussy',
      beforeFreeze() {
        if (refusal !== undefined) throw refusal;
      },
    };
    return {
      layer,
      refuse(error) {
        refusal = error;
      },
    };
  }

  test('that cannot write its nodes fails who waits; the next commit holds everything', async () => {
    const { layer, refuse } = fussy();
    const { session, files } = await open({ layers: [layer] });
    refuse(new StoreError('FULL', 'no room for the nodes'));
    await expect(put(session, 1, { root: 'one' })).rejects.toMatchObject({
      code: 'FULL',
      maybeApplied: true,
    });
    expect(session.engine.health).toBe('ok');
    expect(await rootsAfterCrash(files)).toEqual([]);
    refuse(undefined);
    await put(session, 2, { root: 'two' });
    expect(await rootsAfterCrash(files)).toEqual(['one', 'two']);
    await session.close();
  });

  test('that still cannot when the store is closed: closing says so, and the files are given back', async () => {
    const { layer, refuse } = fussy();
    const { session, files } = await open({ layers: [layer] });
    await put(session, 1, { root: 'one', durability: 'relaxed' });
    refuse(new StoreError('FULL', 'no room for the nodes'));
    await expect(session.close()).rejects.toMatchObject(coded('FULL'));
    expect(files.list().map((name) => files.file(name)?.isOpen)).toEqual([false, false]);
  });
});

describe('what a session tells', () => {
  test('its present state to who subscribes, then every change, in order', async () => {
    const { session } = await open();
    const events = listen(session);
    expect(events).toMatchObject([{ type: 'state', state: { publication: 0, generation: 1 } }]);
    const pointer = await put(session, 1, { root: 'main' });
    expect(events.slice(1)).toMatchObject([
      { type: 'state', state: { publication: 1, generation: 1, roots: [['main', pointer]] } },
      { type: 'commit', commit: { generation: 2, transactions: 1 } },
      { type: 'state', state: { publication: 1, generation: 2 } },
    ]);
    await session.close();
  });

  test('what opening found: created, recovered, rolled back', async () => {
    const { session, files } = await open();
    expect(session.opened.recovery).toMatchObject({ created: true, generation: 1, rolledBack: 0 });
    await put(session, 1);
    await put(session, 2);
    await session.close();
    const again = await open({ files: files.clone() });
    expect(again.session.opened.recovery).toMatchObject({
      created: false,
      generation: 3,
      rolledBack: 0,
      rejected: [],
      damagedBlocks: [],
    });
    expect(again.session.opened.recovery.recordsReplayed).toBeGreaterThan(0);
    const torn = files.clone();
    torn.file('disk-0')?.write(Uint8Array.of(1), 4096 + 4096 + 30);
    const third = await open({ files: torn });
    expect(third.session.opened.recovery).toMatchObject({ generation: 2, rolledBack: 1 });
    expect(third.session.opened.recovery.rejected).toHaveLength(1);
  });

  test('compaction on request is done when it says so', async () => {
    const { session } = await open();
    for (let n = 0; n < 5; n += 1) await put(session, n);
    const before = (await session.stats()).arenas.map((arena) => arena.compactions);
    await session.compactLogs();
    const after = (await session.stats()).arenas.map((arena) => arena.compactions);
    expect(after.every((count, n) => count > (before[n] as number))).toBe(true);
    await session.compactLogs();
    expect((await session.stats()).arenas.map((arena) => arena.compactions)).not.toEqual(after);
    await session.close();
  });
});
