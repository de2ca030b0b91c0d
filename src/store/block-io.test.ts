import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { HandleFault, HandleOperation } from '../device/memory-handle.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore, type MemoryStoreOptions, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { stride } from '../sim/scale.ts';
import { type Content, contentText, KEYS, putKey, walk } from '../sim/three-levels.ts';
import { WatchedDirectory } from '../sim/watched-directory.ts';

/** Four arenas, so that growth happens often. */
const GEOMETRY = { ...TINY_GEOMETRY, arenaBytes: 64 * 512 };
const OPTIONS: MemoryStoreOptions = {
  geometry: GEOMETRY,
  cacheBytes: 16 * 512,
  maxBytes: 4 * GEOMETRY.arenaBytes,
};
const block = (fill: number) => new Uint8Array(512).fill(fill);

/** A small life under a fault plan. Everything that throws anything but a `StoreError` ends the test. */
class FaultyLife {
  readonly directory = new WatchedDirectory();
  readonly store: MemoryStore;
  /** By generation: what its commit holds. */
  readonly submitted = new Map<number, Content>();
  readonly errors: StoreError[] = [];
  acked = 1;
  /** Operations of the disks done when health left `ok`. */
  latched: number | undefined;
  private content = new Map<number, number>();

  constructor(plan: WatchedDirectory['plan'] = () => 'ok') {
    this.store = new MemoryStore({ ...OPTIONS, directory: this.directory });
    this.submitted.set(1, new Map());
    for (const operation of Object.keys(this.directory.calls) as HandleOperation[]) {
      this.directory.calls[operation] = 0;
    }
    this.directory.plan = plan;
  }

  run(): this {
    this.put([1, 1], [5, 2], [9, 3]);
    this.commit();
    this.put([1, 4]);
    this.fill(20);
    this.put([5, undefined], [2, 5]);
    this.commit();
    for (let key = 0; key < KEYS; key += 3) this.put([key, 10 + key]);
    this.attempt(() => this.store.engine.askCompaction());
    this.commit();
    this.fill(80);
    this.put([14, 20]);
    this.commit();
    this.put([15, 30]);
    this.commit();
    this.commit();
    this.directory.plan = () => 'ok';
    return this;
  }

  private read = (pointer: Pointer): Uint8Array => this.store.read(pointer);

  private attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.errors.push(error);
    }
    if (this.store.engine.health !== 'ok') this.latched ??= this.directory.seen.length;
  }

  private put(...entries: readonly (readonly [key: number, value: number | undefined])[]): void {
    const content = new Map(this.content);
    this.attempt(() => {
      this.store.transact((tx) => {
        for (const [key, value] of entries) {
          putKey(tx, this.read, key, value);
          if (value === undefined) content.delete(key);
          else content.set(key, value);
        }
      });
      this.content = content;
    });
  }

  /** Writes more blocks than the cache has slots, and rolls them back. */
  private fill(count: number): void {
    this.attempt(() => {
      const transaction = this.store.engine.begin();
      try {
        for (let n = 0; n < count; n += 1) transaction.write([block(n)]);
      } finally {
        this.store.engine.abort(transaction);
      }
    });
  }

  private commit(): void {
    const { engine } = this.store;
    this.submitted.set(engine.openGeneration, new Map(this.content));
    this.attempt(() => this.store.commit());
    this.acked = engine.durableGeneration;
  }
}

/** What must hold after any fault at all. */
function expectSound(life: FaultyLife): void {
  const { directory, store, acked, submitted, latched } = life;
  if (latched !== undefined) {
    expect(directory.seen.length, 'I12: nothing is written or flushed any more').toBe(latched);
    expect(() => store.engine.begin()).toThrow(expect.objectContaining({ code: 'POISONED' }));
    expect(() => store.engine.beginCommit()).toThrow(expect.objectContaining({ code: 'POISONED' }));
  }
  const again = store.reopen();
  const { generation } = again.opened.recovered.superblock;
  expect(generation, 'I6: acknowledged ≤ recovered').toBeGreaterThanOrEqual(acked);
  const expected = submitted.get(generation);
  if (expected === undefined) expect.fail(`generation ${generation} was never submitted`);
  const { content, reachable } = walk(again.engine.roots, (pointer) => again.read(pointer));
  expect(contentText(content)).toBe(contentText(expected));
  expect(checkStore(again, reachable).problems).toEqual([]);
  again.transact((tx) => putKey(tx, (pointer) => again.read(pointer), 7, 77));
  again.commit();
  expect(walk(again.engine.roots, (pointer) => again.read(pointer)).content.get(7)).toBe(77);
  again.close();
}

const HARMFUL: readonly [name: string, HandleFault][] = [
  ['throws', { throw: 'UnknownError' }],
  ['throws half-way', { throw: 'InvalidStateError', after: 300 }],
  ['throws for lack of space', { throw: 'QuotaExceededError' }],
  ['transfers nothing', { short: 0 }],
  ['says a number that cannot be', { count: 1e9 }],
];

/**
 * Each call of `operation` in turn fails, once or from then on; after a failed write or flush there is no second one.
 * `judge` is shown each life.
 */
function failEach(
  operation: HandleOperation,
  fault: HandleFault | ((offset: number) => HandleFault),
  judge: (life: FaultyLife, nth: number) => void,
): void {
  const count = new FaultyLife().run().directory.calls[operation];
  expect(count).toBeGreaterThan(3);
  for (const forEver of operation === 'write' || operation === 'flush' ? [false] : [false, true]) {
    for (let failing = 0; failing < count; failing += stride(11)) {
      const life = new FaultyLife((call) => {
        const due = call.nth === failing || (forEver && call.nth > failing);
        if (call.operation !== operation || !due) return 'ok';
        return typeof fault === 'function' ? fault(call.offset) : fault;
      });
      life.run();
      judge(life, failing);
      expectSound(life);
    }
  }
}

describe('I12: after a failed write or flush nothing more is acknowledged', () => {
  test.each(HARMFUL)('whichever write it is that %s', (_, fault) => {
    failEach('write', fault, (life) => expect(life.store.engine.health).toBe('poisoned'));
  });

  test.each(HARMFUL.slice(0, 1))('whichever flush it is that %s', (_, fault) => {
    failEach('flush', fault, (life) => expect(life.store.engine.health).toBe('poisoned'));
  });

  test('a write that is short but goes on is none', () => {
    const life = new FaultyLife(({ operation }) => (operation === 'write' ? { short: 100 } : 'ok'));
    life.run();
    expect(life.errors).toEqual([]);
    expectSound(life);
  });

  test('reading goes on: every block of the last durable state', () => {
    const whole = new FaultyLife().run();
    for (let failing = 0; failing < whole.directory.calls.write; failing += stride(11)) {
      const life = new FaultyLife(({ operation, nth }) =>
        operation === 'write' && nth >= failing ? { throw: 'UnknownError' } : 'ok',
      ).run();
      const durable = new MemoryStore({ ...OPTIONS, directory: life.directory.clone() });
      const { reachable } = walk(durable.engine.roots, (pointer) => durable.read(pointer));
      for (const pointer of reachable) {
        expect(life.store.read(pointer)).toEqual(durable.read(pointer));
      }
    }
  });

  test('the other disks stop too, whatever they still have queued', () => {
    const directory = new WatchedDirectory();
    // In threads of their own they may have got further by then; see `sync/disk-server.test.ts`.
    const options = { ...OPTIONS, cacheBytes: 512 * 512, profile: 'inline' } as const;
    const store = new MemoryStore({ ...options, directory });
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: 60 }, (_, n) => block(n))),
    );
    expect(new Set(pointers.map(({ address }) => address < GEOMETRY.arenaBytes)).size).toBe(2);
    directory.plan = ({ operation, file }) =>
      operation === 'write' && file === 'disk-0' ? { throw: 'UnknownError' } : 'ok';
    const from = directory.seen.length;
    expect(() => store.commit()).toThrow(expect.objectContaining({ code: 'POISONED' }));
    while (store.engine.pump());
    expect(directory.seen.slice(from).map(({ file, kind }) => `${kind} ${file}`)).toEqual([
      'write disk-0',
    ]);
  });

  test('an open transaction can still be given up, and cannot go on', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ ...OPTIONS, directory });
    const transaction = store.engine.begin();
    transaction.write([block(1)]);
    directory.plan = ({ operation }) => (operation === 'write' ? { throw: 'UnknownError' } : 'ok');
    for (let n = 0; n < 40 && transaction.doomed === undefined; n += 1) {
      try {
        transaction.write([block(n)]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'POISONED' });
      }
    }
    expect(transaction.doomed).toMatchObject({ code: 'POISONED' });
    const { length } = directory.seen;
    expect(() => store.engine.end(transaction)).toThrow(
      expect.objectContaining({ code: 'POISONED' }),
    );
    store.engine.abort(transaction);
    expect(store.engine.publication).toBe(0);
    expect(directory.seen.length).toBe(length);
  });
});

describe('a fault that is nobody else’s', () => {
  const refusals: [code: string, string, Parameters<typeof failEach>[1]][] = [
    ['QUOTA', 'throws', { throw: 'QuotaExceededError' }],
    ['IO', 'throws', { throw: 'UnknownError' }],
    ['IO', 'stops short of the length', (offset) => ({ short: offset - 2560 })],
  ];

  test.each(refusals)('%s: growth that %s rejects its transaction alone', (code, _, fault) => {
    failEach('truncate', fault, (life) => {
      expect(life.store.engine.health).toBe('ok');
      expect(life.latched).toBeUndefined();
      for (const error of life.errors) expect(error.code).toBe(code);
    });
  });

  test.each([
    ['throws', { throw: 'UnknownError' }],
    ['is short', { short: 0 }],
    ['says a number that cannot be', { count: -1 }],
  ] as [string, HandleFault][])('a read that %s fails whoever asked, with IO', (_, fault) => {
    failEach('read', fault, (life) => {
      expect(life.store.engine.health).toBe('ok');
      for (const error of life.errors) expect(error.code).toBe('IO');
    });
  });

  test('any read or length that opening asks for: IO, and nothing is written', () => {
    const whole = new FaultyLife().run().directory.clone();
    for (const operation of ['read', 'getSize'] as const) {
      for (let failing = 0; ; failing += 1) {
        const directory = new WatchedDirectory();
        for (const name of whole.list()) directory.put(name, whole.clone().file(name) as never);
        directory.plan = (call) =>
          call.operation === operation && call.nth === failing ? { throw: 'UnknownError' } : 'ok';
        let error: unknown;
        try {
          new MemoryStore({ ...OPTIONS, directory });
        } catch (thrown) {
          error = thrown;
        }
        expect(directory.seen.filter(({ kind }) => kind !== 'flush')).toEqual([]);
        if (directory.calls[operation] <= failing) break;
        // What could not be read to its end is not announced, so nothing is made durable either.
        expect(directory.seen).toEqual([]);
        expect(error).toMatchObject({ name: 'StoreError', code: 'IO' });
      }
    }
  });
});

describe('I10: a cache of 16 slots', () => {
  test('takes a transaction of many times its size, on many arenas', () => {
    const geometry = { ...GEOMETRY, diskCount: 3 };
    const store = new MemoryStore({ ...OPTIONS, geometry, maxBytes: 12 * geometry.arenaBytes });
    const pointers = store.transact((tx) => {
      const written: Pointer[] = [];
      for (let n = 0; n < 250; n += 1) written.push(...tx.write([block(n % 251)]));
      for (const [n, pointer] of written.entries()) expect(store.read(pointer)[0]).toBe(n % 251);
      tx.setRoot('main', written[0]);
      return written;
    });
    store.commit();
    expect(store.engine.arenas.arenas.length).toBeGreaterThanOrEqual(7);
    expect(store.engine.io.cache.slotCount).toBe(16);
    const again = store.reopen();
    for (const [n, pointer] of pointers.entries()) expect(again.read(pointer)[0]).toBe(n % 251);
    expect(checkStore(again, pointers).problems).toEqual([]);
    expect(again.engine.io.cache.checkInvariants()).toBeUndefined();
  });

  test('reads many blocks at once, more often than once each', () => {
    const store = new MemoryStore(OPTIONS);
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: 60 }, (_, n) => block(n))),
    );
    store.commit();
    const asked = [...pointers, ...pointers, ...pointers.slice(0, 3).flatMap((one) => [one, one])];
    const into = asked.map(() => new Uint8Array(512));
    store.engine.readMany(asked, into);
    for (const [n, bytes] of into.entries()) {
      expect(bytes[0]).toBe(pointers.indexOf(asked[n] as Pointer));
    }
    expect(store.engine.io.cache.stats().held).toBe(0);
  });

  test('held wholly, says so, leaks nothing, and works again once dropped', () => {
    const store = new MemoryStore(OPTIONS);
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: 40 }, (_, n) => block(n))),
    );
    store.commit();
    const free = store.engine.arenas.availableBlocks;
    const held = pointers.slice(0, 16).map((pointer) => store.engine.hold(pointer));
    const none = expect.objectContaining({ code: 'IO' });
    expect(() => store.read(pointers[20] as Pointer)).toThrow(none);
    expect(() => store.transact((tx) => tx.write([block(1), block(2), block(3)]))).toThrow(none);
    expect(store.engine.health).toBe('ok');
    for (const slot of held) store.engine.drop(slot);
    expect(store.read(pointers[20] as Pointer)).toEqual(block(20));
    expect(store.engine.arenas.availableBlocks).toBe(free);
    store.commit();
    expect(checkStore(store, pointers).problems).toEqual([]);
  });

  test('held so that no log batch fits, breaks off instead of committing half', () => {
    const store = new MemoryStore(OPTIONS);
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: 40 }, (_, n) => block(n))),
    );
    store.commit();
    const before = store.engine.durableGeneration;
    store.transact((tx) => tx.free(pointers[39] as Pointer));
    for (const pointer of pointers.slice(0, 16)) store.engine.hold(pointer);
    expect(() => store.engine.beginCommit()).toThrow(expect.objectContaining({ code: 'IO' }));
    expect(store.engine.health).toBe('poisoned');
    const again = store.reopen();
    expect(again.engine.durableGeneration).toBe(before);
    expect(checkStore(again, pointers).problems).toEqual([]);
  });
});

describe('I2: a read', () => {
  test('verifies what the disk gives, every time it is loaded', () => {
    const store = new MemoryStore(OPTIONS);
    const [pointer] = store.transact((tx) => tx.write([block(1)]));
    store.commit();
    const again = store.reopen();
    again.directory.file('disk-0')?.write(Uint8Array.of(2), 4096 + 2 * 4096 + 100);
    expect(() => again.read(pointer as Pointer)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', mayBeStale: true }),
    );
    expect(again.engine.health).toBe('ok');
    again.directory.file('disk-0')?.write(Uint8Array.of(1), 4096 + 2 * 4096 + 100);
    expect(again.read(pointer as Pointer)).toEqual(block(1));
  });
});
