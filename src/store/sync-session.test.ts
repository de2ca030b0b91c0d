import { describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { MemoryDirectory } from '../device/memory-handle.ts';
import { BlockHasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import { hasher, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { MemoryStoreDirectory } from '../sim/memory-store-directory.ts';
import { SteppedThreads } from '../sim/stepped-threads.ts';
import { WatchedDirectory } from '../sim/watched-directory.ts';
import type { StoreDirectory } from './directory.ts';
import { DiskThreads } from './disk-threads.ts';
import type { Layer } from './layer.ts';
import type { Durability, Profile } from './report.ts';
import { openSession } from './session.ts';
import type { StoreSettings } from './settings.ts';
import { ANSWER_AGE_MS_MAX } from './sync-liveness.ts';
import { openSyncSession, type SyncSession } from './sync-session.ts';

const SETTINGS: StoreSettings = {
  geometry: TINY_GEOMETRY,
  demanded: [],
  maxBytes: 2 * TINY_GEOMETRY.arenaBytes,
  cacheBytes: 64 * 512,
  create: true,
  exclusive: false,
  readOnly: false,
};
const block = (fill: number) => new Uint8Array(512).fill(fill);
const coded = (code: string) => expect.objectContaining({ name: 'StoreError', code });

interface Opened {
  readonly session: SyncSession;
  readonly directory: MemoryStoreDirectory;
  readonly files: WatchedDirectory;
  /** What the session told, as `durable 2` or `broken poisoned`. */
  readonly events: string[];
}

/** Disks' threads, in this one: they work whenever the session waits. */
function inThreads(directory: MemoryStoreDirectory): StoreDirectory {
  const threads = new SteppedThreads({ cacheBytes: SETTINGS.cacheBytes });
  const disks = new DiskThreads({
    memory: threads.memory,
    waiting: threads,
    startDisk: async ({ disk, file, create }) => {
      const device = await directory.open(file, { create });
      const verifier = (domain: Uint8Array) => new BlockHasher(hasher, domain).verify;
      threads.start({ disk: disk as never, device, verifier });
    },
  });
  return {
    list: () => directory.list(),
    open: disks.openDevice,
    disks: disks.disks,
    removeFile: (file) => directory.removeFile(file),
    probe: (files, storeId) => directory.probe(files, storeId),
  };
}

async function open(
  options: {
    profile?: Profile;
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
  const events: string[] = [];
  const session = await openSyncSession({
    directory: options.profile === 'threaded' ? inThreads(directory) : directory,
    settings: { ...SETTINGS, ...options.settings },
    layers: options.layers ?? [],
    events: {
      published: (publication) => session.seen(publication),
      durable: ({ generation }) => events.push(`durable ${generation}`),
      broken: (health) => events.push(`broken ${health}`),
      pressure: ({ kind }) => events.push(`pressure ${kind}`),
    },
  });
  return { session, directory, files, events };
}

/** One block under a root, in a transaction of its own. */
function put(session: SyncSession, fill: number, root: string, durability: Durability = 'strict') {
  return session.transaction((transaction) => {
    session.makeRoom(transaction, 1);
    const [pointer] = transaction.write([block(fill)]);
    transaction.setRoot(root, pointer);
    return pointer as Pointer;
  }, durability);
}

/** The roots that a crash now would leave. */
async function rootsAfterCrash(files: MemoryDirectory): Promise<string[]> {
  const { session } = await open({ files: files.clone() });
  const names = [...session.engine.roots.keys()].sort();
  session.close();
  return names;
}

function bytesOf(session: SyncSession, pointer: Pointer): Uint8Array {
  const into = new Uint8Array(512);
  session.read(pointer, into);
  return into;
}

describe.each(['inline', 'threaded'] as const)('%s', (profile) => {
  test('I6: strict returns when it is durable, relaxed when it is visible', async () => {
    const { session, files } = await open({ profile });
    const pointer = put(session, 1, 'strict');
    expect(await rootsAfterCrash(files)).toEqual(['strict']);
    put(session, 2, 'relaxed', 'relaxed');
    expect(session.engine.roots.has('relaxed')).toBe(true);
    expect(await rootsAfterCrash(files)).toEqual(['strict']);
    session.sync();
    expect(await rootsAfterCrash(files)).toEqual(['relaxed', 'strict']);
    expect(bytesOf(session, pointer)).toEqual(block(1));
    session.close();
  });

  test('an asynchronous session opens what it leaves, and the other way round', async () => {
    const { session, files } = await open({ profile });
    const pointer = put(session, 7, 'main');
    session.close();
    const directory = new MemoryStoreDirectory(files);
    const other = await openSession({ directory, settings: SETTINGS });
    expect(await other.read([pointer])).toEqual([block(7)]);
    expect((await other.check({ reachable: [pointer] })).problems).toEqual([]);
    await other.close();
    const { session: again } = await open({ profile, files });
    expect(bytesOf(again, pointer)).toEqual(block(7));
    again.close();
  });

  test('I12: after a failed flush nothing more is acknowledged, and reading goes on', async () => {
    const { session, files, events } = await open({ profile });
    const pointer = put(session, 1, 'before');
    files.plan = ({ operation }) => (operation === 'flush' ? { throw: 'NotReadableError' } : 'ok');
    const failed = () => put(session, 2, 'lost');
    expect(failed).toThrow(expect.objectContaining({ code: 'POISONED', maybeApplied: true }));
    files.plan = () => 'ok';
    expect(failed).toThrow(expect.objectContaining({ code: 'POISONED', maybeApplied: false }));
    expect(() => session.sync()).toThrow(coded('POISONED'));
    expect(bytesOf(session, pointer)).toEqual(block(1));
    expect(events.filter((event) => event === 'broken poisoned')).toHaveLength(1);
    const { length } = files.seen;
    session.close();
    expect(files.seen.length).toBe(length);
    expect(await rootsAfterCrash(files)).toContain('before');
  });

  test('closing commits what is relaxed, gives the files back, and is final', async () => {
    const { session, files } = await open({ profile });
    put(session, 1, 'relaxed', 'relaxed');
    session.close();
    session.close();
    expect(files.list().every((name) => files.file(name)?.isOpen === false)).toBe(true);
    expect(await rootsAfterCrash(files)).toEqual(['relaxed']);
    expect(() => put(session, 1, 'a')).toThrow(coded('CLOSED'));
    expect(() => session.sync()).toThrow(coded('CLOSED'));
    expect(() => session.stats()).toThrow(coded('CLOSED'));
  });

  test('I9: freed blocks get the commits they wait for before FULL is answered', async () => {
    const { session, events } = await open({ profile });
    const pointers: Pointer[] = [];
    const fill = () => {
      for (;;) pointers.push(put(session, pointers.length % 200, 'last', 'relaxed'));
    };
    expect(fill).toThrow(coded('FULL'));
    expect(events.at(-1)).toBe('pressure full');
    session.transaction((transaction) => {
      for (const pointer of pointers.slice(0, 50)) transaction.free(pointer);
    }, 'strict');
    const blocks = Array.from({ length: 40 }, (_, n) => block(n));
    const written = session.transaction((transaction) => {
      session.makeRoom(transaction, blocks.length);
      return transaction.write(blocks);
    }, 'strict');
    expect(written).toHaveLength(40);
    session.close();
  });
});

describe('transactions', () => {
  test('what throws is rolled back, and comes out as it went in', async () => {
    const { session } = await open();
    const kept = put(session, 1, 'main');
    const mine = new RangeError('mine');
    const failing = () =>
      session.transaction((transaction) => {
        transaction.replace(kept, block(2));
        transaction.setRoot('main', undefined);
        throw mine;
      }, 'strict');
    expect(failing).toThrow(mine);
    expect(session.engine.roots.get('main')).toEqual(kept);
    expect(session.check({ reachable: [kept] }).problems).toEqual([]);
    session.close();
  });

  test('a doomed one is rolled back even when its error is caught', async () => {
    const { session } = await open();
    const doomed = () =>
      session.transaction((transaction) => {
        expect(() => transaction.setRoot('', undefined)).toThrow(coded('MISUSE'));
        // Nobody commits for the sake of what will not be written.
        session.makeRoom(transaction, 10_000);
        transaction.setRoot('a', undefined);
      }, 'strict');
    expect(doomed).toThrow(coded('MISUSE'));
    put(session, 1, 'next');
    session.close();
  });

  test('one inside another, and what needs the store at rest, are MISUSE and harm nothing', async () => {
    const { session } = await open();
    put(session, 1, 'before', 'relaxed');
    const pointer = session.transaction((transaction) => {
      expect(() => put(session, 2, 'inner')).toThrow(coded('MISUSE'));
      expect(() => session.close()).toThrow(coded('MISUSE'));
      expect(() => session.compactLogs()).toThrow(coded('MISUSE'));
      expect(() => session.check({})).toThrow(coded('MISUSE'));
      expect(() => session.startExport()).toThrow(coded('MISUSE'));
      const before = session.engine.durableGeneration;
      session.sync();
      expect(session.engine.durableGeneration).toBeGreaterThan(before);
      return transaction.write([block(3)])[0] as Pointer;
    }, 'strict');
    expect(bytesOf(session, pointer)).toEqual(block(3));
    session.close();
  });

  test('an empty one commits nothing', async () => {
    const { session, files } = await open();
    const { length } = files.seen;
    expect(session.transaction(() => 'value', 'strict')).toBe('value');
    expect(files.seen.length).toBe(length);
    session.close();
  });

  test('QUOTA fails one transaction, tells of the pressure, and the store goes on', async () => {
    const { session, files, events } = await open();
    files.plan = ({ operation }) =>
      operation === 'truncate' ? { throw: 'QuotaExceededError' } : 'ok';
    expect(() => put(session, 1, 'a')).toThrow(coded('QUOTA'));
    expect(events.at(-1)).toBe('pressure quota');
    files.plan = () => 'ok';
    put(session, 1, 'a');
    session.close();
  });

  test('a write that fails while room is made tells that nothing of the transaction was saved', async () => {
    const { session, files } = await open();
    const pointers: Pointer[] = [];
    const fill = () => {
      for (;;) pointers.push(put(session, 1, 'last', 'relaxed'));
    };
    expect(fill).toThrow(coded('FULL'));
    session.transaction((transaction) => transaction.free(pointers[0] as Pointer), 'strict');
    files.plan = ({ operation }) => (operation === 'write' ? { throw: 'UnknownError' } : 'ok');
    const failed = () => put(session, 2, 'lost');
    expect(failed).toThrow(expect.objectContaining({ code: 'POISONED', maybeApplied: false }));
    session.close();
  });

  test('a store that is read only says so', async () => {
    const { session, files } = await open();
    const pointer = put(session, 1, 'a');
    session.close();
    const settings = { readOnly: true, create: false };
    const { session: reading } = await open({ files, settings });
    expect(bytesOf(reading, pointer)).toEqual(block(1));
    expect(() => put(reading, 1, 'a')).toThrow(coded('READ_ONLY'));
    expect(() => reading.compactLogs()).toThrow(coded('READ_ONLY'));
    reading.close();
  });
});

describe('relaxed ones are committed', () => {
  test('by themselves when the thread returns to its event loop', async () => {
    const { session, files } = await open();
    put(session, 1, 'relaxed', 'relaxed');
    const before = session.engine.durableGeneration;
    await vi.waitFor(() => expect(session.engine.durableGeneration).toBeGreaterThan(before), 2000);
    expect(await rootsAfterCrash(files)).toEqual(['relaxed']);
    session.close();
  });

  test('by the first one that finds them overdue, when it never does', async () => {
    const { session } = await open();
    const clock = vi.spyOn(performance, 'now');
    const before = session.engine.durableGeneration;
    const startedMs = performance.now();
    clock.mockReturnValue(startedMs);
    put(session, 1, 'first', 'relaxed');
    clock.mockReturnValue(startedMs + 99);
    put(session, 2, 'second', 'relaxed');
    expect(session.engine.durableGeneration).toBe(before);
    clock.mockReturnValue(startedMs + 100);
    put(session, 3, 'third', 'relaxed');
    expect(session.engine.durableGeneration).toBe(before + 1);
    expect(session.stats().commits.transactions).toBe(3);
    clock.mockRestore();
    session.close();
  });

  test('and a refusing layer keeps them visible for the next try', async () => {
    let refuse = false;
    const layer: Layer = {
      name: 'fussy',
      beforeFreeze() {
        if (refuse) throw new StoreError('FULL', 'no room for the layer');
      },
    };
    const { session, files } = await open({ layers: [layer] });
    refuse = true;
    const failed = () => put(session, 1, 'a');
    expect(failed).toThrow(expect.objectContaining({ code: 'FULL', maybeApplied: true }));
    expect(session.engine.roots.has('a')).toBe(true);
    refuse = false;
    put(session, 2, 'b');
    expect(await rootsAfterCrash(files)).toEqual(['a', 'b']);
    refuse = true;
    put(session, 3, 'c', 'relaxed');
    expect(() => session.close()).toThrow(coded('FULL'));
    expect(files.list().every((name) => files.file(name)?.isOpen === false)).toBe(true);
  });
});

test('a layer that refuses the commit that would make room dooms the write, though its error is caught', async () => {
  let refuse = false;
  const layer: Layer = {
    name: 'fussy',
    beforeFreeze() {
      if (refuse) throw new StoreError('IO', 'the layer cannot');
    },
  };
  const { session } = await open({ layers: [layer] });
  const pointers: Pointer[] = [];
  const fill = () => {
    for (;;) pointers.push(put(session, 1, 'last', 'relaxed'));
  };
  expect(fill).toThrow(coded('FULL'));
  session.transaction((tx) => tx.free(pointers[0] as Pointer), 'strict');
  refuse = true;
  const careless = () =>
    session.transaction((tx) => {
      expect(() => {
        session.makeRoom(tx, 1);
        tx.write([block(2)]);
      }).toThrow(coded('FULL'));
    }, 'strict');
  expect(careless).toThrow(expect.objectContaining({ code: 'FULL', maybeApplied: false }));
  refuse = false;
  session.close();
});

test('a layer’s hook cannot commit, for a commit is about to begin', async () => {
  const codes: unknown[] = [];
  const attempt = (run: () => void) => {
    try {
      run();
    } catch (error) {
      codes.push((error as StoreError).code);
    }
  };
  let session: SyncSession | undefined;
  const layer: Layer = {
    name: 'eager',
    beforeFreeze() {
      attempt(() => session?.sync());
      attempt(() => session?.transaction(() => undefined, 'relaxed'));
      attempt(() => session?.close());
    },
  };
  ({ session } = await open({ layers: [layer] }));
  put(session, 1, 'a');
  expect(codes).toEqual(['MISUSE', 'MISUSE', 'MISUSE']);
  session.close();
});

describe('the files go away', () => {
  test('I6: a commit whose newest answer is old looks for itself, and acknowledges nothing', async () => {
    const { session, directory } = await open();
    session.close();
    let gone = false;
    let looks = 0;
    directory.watch = async () => () => {
      looks += 1;
      return gone;
    };
    const startedMs = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(startedMs);
    const { session: watched, events } = await watch(directory);
    put(watched, 1, 'a');
    gone = true;
    put(watched, 2, 'b');
    expect(looks).toBe(0);
    clock.mockReturnValue(startedMs + ANSWER_AGE_MS_MAX + 1);
    const late = () => put(watched, 3, 'c');
    expect(late).toThrow(expect.objectContaining({ code: 'EVICTED', maybeApplied: true }));
    expect(late).toThrow(expect.objectContaining({ code: 'EVICTED', maybeApplied: false }));
    expect(looks).toBe(1);
    clock.mockRestore();
    expect(events.at(-1)).toBe('broken evicted');
    watched.close();
  });

  test('an answer that is heard later ends it too, and is told', async () => {
    const { session, directory, events } = await open();
    directory.probing = () => async () => 'gone';
    put(session, 1, 'a');
    expect(session.engine.health).toBe('ok');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(events.at(-1)).toBe('broken evicted');
    expect(() => put(session, 2, 'b')).toThrow(
      expect.objectContaining({ code: 'EVICTED', maybeApplied: false }),
    );
    session.close();
  });

  test('closing looks once more, so that no file is closed that would never return', async () => {
    const { directory, session } = await open();
    session.close();
    directory.watch = async () => () => true;
    const { session: watched, events } = await watch(directory);
    watched.close();
    expect(events).toEqual(['broken evicted']);
  });

  async function watch(
    directory: MemoryStoreDirectory,
  ): Promise<Pick<Opened, 'session' | 'events'>> {
    const events: string[] = [];
    const session = await openSyncSession({
      directory,
      settings: SETTINGS,
      events: {
        published: (publication) => session.seen(publication),
        durable: ({ generation }) => events.push(`durable ${generation}`),
        broken: (health) => events.push(`broken ${health}`),
        pressure: ({ kind }) => events.push(`pressure ${kind}`),
      },
    });
    return { session, events };
  }
});

test('I14: a lost thread ends the session: everything throws why, and nothing is closed', async () => {
  const { session, files } = await open();
  put(session, 1, 'a', 'relaxed');
  const { length } = files.seen;
  session.lose(new StoreError('SESSION_LOST', 'a disk’s worker has ended'));
  expect(() => put(session, 1, 'b')).toThrow(coded('SESSION_LOST'));
  session.close();
  expect(files.seen.length).toBe(length);
});

test('I14: a closed session hears of lost threads and old readers, and stays as it is', async () => {
  const { session, files, events } = await open();
  put(session, 1, 'a');
  session.close();
  const { length } = files.seen;
  const told = events.length;
  session.lose(new StoreError('SESSION_LOST', 'a disk’s worker has ended'));
  session.seen(0);
  expect(() => put(session, 1, 'b')).toThrow(coded('CLOSED'));
  expect([files.seen.length, events.length]).toEqual([length, told]);
});

test('what opens and fails leaves nothing open', async () => {
  const { session, files } = await open();
  session.close();
  const layers: Layer[] = [
    {
      name: 'broken',
      opened() {
        throw new StoreError('CORRUPT', 'the layer does not like it');
      },
    },
  ];
  const directory = new MemoryStoreDirectory(files);
  const events = { published() {}, durable() {}, broken() {}, pressure() {} };
  const failing = openSyncSession({ directory, settings: SETTINGS, layers, events });
  await expect(failing).rejects.toEqual(coded('CORRUPT'));
  expect(files.list().every((name) => files.file(name)?.isOpen === false)).toBe(true);
});
