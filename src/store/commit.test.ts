import { describe, expect, test } from 'vitest';
import { ArenaSet } from '../arena/arena-set.ts';
import type { Generation } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { MemoryDirectory } from '../device/memory-handle.ts';
import { DeferredFrees } from '../epoch/deferred-frees.ts';
import { BlockHasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import {
  hasher,
  MemoryStore,
  type MemoryStoreOptions,
  TINY_GEOMETRY,
} from '../sim/memory-store.ts';
import { type Content, contentText, KEYS, putKey, walk } from '../sim/three-levels.ts';
import {
  crashedDirectory,
  replay,
  type SeenOperation,
  WatchedDirectory,
} from '../sim/watched-directory.ts';
import type { BlockIo } from './block-io.ts';
import { Committer, type LivenessProbe } from './commit.ts';
import { SuperblockRing } from './superblock-ring.ts';

const OPTIONS: MemoryStoreOptions = { maxBytes: 2 * TINY_GEOMETRY.arenaBytes };

/** A commit: what it holds, and between which operations of the disks it was asked for and acknowledged. */
interface Promised {
  readonly generation: number;
  readonly content: Content;
  readonly submitted: number;
  readonly acked: number;
}

/** A store's life with everything in it that commits can meet, and what was promised when. */
class Life {
  readonly directory = new WatchedDirectory();
  readonly history: Promised[] = [];
  private readonly store: MemoryStore;
  private content = new Map<number, number>();

  constructor() {
    this.store = new MemoryStore({ ...OPTIONS, directory: this.directory });
    const acked = this.directory.seen.length;
    this.history.push({ generation: 1, content: new Map(), submitted: 0, acked });
  }

  get arenas() {
    return this.store.engine.arenas.arenas;
  }

  put(...entries: readonly (readonly [key: number, value: number | undefined])[]): void {
    this.store.transact((tx) => {
      for (const [key, value] of entries) {
        putKey(tx, (pointer) => this.store.read(pointer), key, value);
        if (value === undefined) this.content.delete(key);
        else this.content.set(key, value);
      }
    });
  }

  commit(): void {
    const submitted = this.directory.seen.length;
    this.store.commit();
    this.history.push({
      generation: this.store.engine.durableGeneration,
      content: new Map(this.content),
      submitted,
      acked: this.directory.seen.length,
    });
  }

  compact(): void {
    this.store.engine.askCompaction();
  }

  /** Writes blocks and gives them up. */
  abort(count: number): void {
    const transaction = this.store.engine.begin();
    transaction.write(Array.from({ length: count }, () => new Uint8Array(512).fill(99)));
    this.store.engine.abort(transaction);
  }

  /** Writes until the store is full, which takes the transaction with it. */
  fill(): void {
    const transaction = this.store.engine.begin();
    try {
      for (;;) transaction.write([new Uint8Array(512).fill(98)]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'FULL' });
    }
    this.store.engine.abort(transaction);
  }
}

function live(): Life {
  const life = new Life();
  for (let round = 0; round < 26; round += 1) {
    life.put([(round * 7) % KEYS, 1 + round], [(round * 5) % KEYS, 100 + round]);
    if (round % 3 === 1) life.put([(round * 11) % KEYS, undefined]);
    if (round % 5 === 2) life.abort(40);
    if (round === 9) life.fill();
    if (round % 8 === 4) life.compact();
    life.commit();
    if (round % 6 === 3) life.commit();
  }
  return life;
}

/** What a crash left is opened and judged; a text says what is wrong. */
function judge(files: MemoryDirectory, operation: number, history: readonly Promised[]): string {
  const acked = history.filter((each) => each.acked <= operation).at(-1);
  let store: MemoryStore;
  try {
    store = new MemoryStore({ ...OPTIONS, directory: files });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return acked === undefined && error.code === 'NOT_FOUND' ? '' : `${error.code}`;
  }
  const { superblock, rejected } = store.opened.recovered;
  const entry = history.find(({ generation }) => generation === superblock.generation);
  if (entry === undefined) return `generation ${superblock.generation} was never committed`;
  if (acked !== undefined && entry.generation < acked.generation) return 'an acknowledged one lost';
  if (entry.submitted > operation && operation > 0) return 'recovered before it was submitted';
  if (rejected.length > 0) return `rolled back: ${JSON.stringify(rejected)}`;
  return contentFlaw(store, entry.content) || goesOn(store, entry);
}

function contentFlaw(store: MemoryStore, expected: Content): string {
  const walked = walk(store.engine.roots, (pointer) => store.read(pointer));
  if (contentText(walked.content) !== contentText(expected)) return 'not the model’s content';
  return checkStore(store, walked.reachable)
    .problems.map(({ message }) => message)
    .join();
}

/** The store takes another commit, on top of what it had, and finds it again. */
function goesOn(store: MemoryStore, { content, generation }: Promised): string {
  store.transact((tx) => putKey(tx, (pointer) => store.read(pointer), 15, 7));
  store.commit();
  const again = store.reopen();
  if (again.engine.durableGeneration <= generation) return 'the next commit is not found';
  return contentFlaw(again, new Map(content).set(15, 7));
}

describe('crashes', () => {
  const life = live();
  const { seen } = life.directory;

  test('the life they happen in has all that commits can meet', () => {
    expect(life.history.length).toBeGreaterThan(30);
    expect(life.arenas.length).toBe(2);
    expect(Math.max(...life.arenas.map((arena) => arena.compactionCount))).toBeGreaterThan(2);
    expect(seen.filter(({ kind }) => kind === 'truncate').length).toBeGreaterThanOrEqual(4);
  });

  test.each([
    ['everything before is there', []],
    ['each file is as at its last flush', ['disk-0', 'disk-1']],
    ['disk-0 is as at its last flush', ['disk-0']],
    ['disk-1 is as at its last flush', ['disk-1']],
  ])('I1, I5, I6: after every prefix of the operations, when %s', (_, losing) => {
    const everything = new MemoryDirectory();
    for (let operation = 1; operation <= seen.length; operation += 1) {
      const last = seen[operation - 1] as SeenOperation;
      replay(everything, [last]);
      // Between two flushes a file that loses what came after the last one stays as it is.
      if (losing.length > 0 && last.kind !== 'flush') continue;
      const files =
        losing.length === 0
          ? everything.clone()
          : crashedDirectory(seen.slice(0, operation), new Set(losing));
      const flaw = files.list().length === 0 ? '' : judge(files, operation, life.history);
      expect(flaw, `after ${operation} operations`).toBe('');
    }
  });
});

describe('a commit', () => {
  const block = (fill: number) => new Uint8Array(512).fill(fill);
  const write = (store: MemoryStore, fill: number): Pointer =>
    store.transact((tx) => {
      const [pointer] = tx.write([block(fill)]);
      if (pointer === undefined) throw new Error('no pointer');
      tx.setRoot('main', pointer);
      return pointer;
    });

  test('I6: queues its superblock only after every touched disk has flushed, and flushes that too', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory });
    store.transact((tx) => tx.write(Array.from({ length: 200 }, (_, n) => block(n))));
    const from = directory.seen.length;
    store.commit();
    const order = directory.seen.slice(from).map((operation) => {
      const isSlot = operation.kind === 'write' && operation.offset < 4096 + 2 * 4096;
      return isSlot ? 'superblock' : operation.kind;
    });
    const superblock = order.indexOf('superblock');
    expect(order.slice(0, superblock).filter((kind) => kind === 'flush')).toHaveLength(2);
    expect(order.slice(0, superblock).at(-1)).toBe('flush');
    expect(order.slice(superblock)).toEqual(['superblock', 'flush']);
  });

  test('transactions go on while its flush is under way, and belong to the next one', () => {
    const store = new MemoryStore();
    write(store, 1);
    const frozen = store.engine.beginCommit();
    const later = write(store, 2);
    expect(later.generation).toBe(frozen + 1);
    while (store.engine.pump());
    expect(store.engine.durableGeneration).toBe(frozen);
    const again = store.reopen();
    expect(again.read(again.engine.roots.get('main') as Pointer)).toEqual(block(1));
  });

  test('an empty one writes nothing but its superblock', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory });
    write(store, 1);
    store.commit();
    const from = directory.seen.length;
    store.commit();
    expect(directory.seen.slice(from).map(({ kind }) => kind)).toEqual(['write', 'flush']);
  });

  test('ends when the files are gone: nothing is acknowledged, nothing published', () => {
    const liveness: LivenessProbe & { answer: LivenessProbe['answer'] } = {
      begin() {},
      answer: 'pending',
    };
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory, liveness });
    write(store, 1);
    const before = store.engine.durableGeneration;
    store.engine.beginCommit();
    while (store.engine.pump());
    const from = directory.seen.length;
    expect(store.engine.committing).toBe(true);
    liveness.answer = 'gone';
    store.engine.pump();
    expect(store.engine.health).toBe('evicted');
    expect(store.engine.durableGeneration).toBe(before);
    expect(directory.seen.length).toBe(from);
    expect(() => store.engine.begin()).toThrow(expect.objectContaining({ code: 'EVICTED' }));
    expect(() => store.engine.beginCommit()).toThrow(expect.objectContaining({ code: 'EVICTED' }));
  });

  test('a slow probe delays the superblock, and only that', () => {
    const liveness: LivenessProbe & { answer: LivenessProbe['answer'] } = {
      begin() {},
      answer: 'pending',
    };
    const store = new MemoryStore({ liveness });
    const pointer = write(store, 1);
    const frozen = store.engine.beginCommit();
    while (store.engine.pump());
    expect(store.engine.durableGeneration).toBeLessThan(frozen);
    write(store, 2);
    expect(store.read(pointer)).toEqual(block(1));
    liveness.answer = 'alive';
    while (store.engine.pump());
    expect(store.engine.durableGeneration).toBe(frozen);
  });
});

describe('the state machine', () => {
  /** A committer over disks that answer when the test says so. */
  function machine() {
    const asked: string[] = [];
    const heard: string[] = [];
    const liveness = {
      begin: () => asked.push('probe'),
      answer: 'alive' as LivenessProbe['answer'],
    };
    let ticket = 0;
    const io = {
      superblockBytes: new Uint8Array(TINY_GEOMETRY.slotBytes),
      writeSuperblock: () => asked.push('superblock'),
      fence: (given: number) => {
        ticket = given;
        asked.push('fence');
        return asked.includes('superblock') ? 1 : 2;
      },
    };
    const committer = new Committer({
      geometry: TINY_GEOMETRY,
      storeId: new Uint8Array(16),
      hasher,
      arenas: new ArenaSet(TINY_GEOMETRY, new BlockHasher(hasher, new Uint8Array(16))),
      deferred: new DeferredFrees(),
      io: io as unknown as BlockIo,
      ring: new SuperblockRing([1, undefined, undefined, undefined]),
      liveness,
      events: {
        durable: ({ generation }) => heard.push(`durable ${generation}`),
        evicted: () => heard.push('evicted'),
      },
      recovered: { generation: 1, previous: 0, beforePrevious: 0 },
    });
    const generation = 2 as Generation;
    committer.begin({ generation, roots: new Map(), publication: 0, transactions: 0 });
    return { committer, asked, heard, liveness, pass: () => committer.fencePassed(ticket, true) };
  }

  test('I6: goes on only when every disk has answered, and acknowledges only after the last flush', () => {
    const { committer, asked, heard, pass } = machine();
    committer.advance();
    pass();
    committer.advance();
    expect(asked).toEqual(['probe', 'fence']);
    pass();
    committer.advance();
    expect(asked).toEqual(['probe', 'fence', 'superblock', 'fence']);
    committer.advance();
    expect(heard).toEqual([]);
    expect(committer.idle).toBe(false);
    pass();
    committer.advance();
    expect(heard).toEqual(['durable 2']);
    expect(committer.idle).toBe(true);
  });

  test('I6: asks after the files while it flushes, and waits for the answer', () => {
    const { committer, asked, liveness, pass } = machine();
    liveness.answer = 'pending';
    pass();
    pass();
    expect(committer.advance()).toBe(true);
    expect(committer.advance()).toBe(false);
    expect(asked).not.toContain('superblock');
    liveness.answer = 'alive';
    committer.advance();
    expect(asked).toContain('superblock');
  });

  test.each([0, 1, 2, 3])(
    'I12: acknowledges nothing once it has failed, after %i answers',
    (answers) => {
      const { committer, asked, heard, pass } = machine();
      for (let n = 0; n < answers && n < 3; n += 1) {
        if (n === 2) committer.advance();
        pass();
      }
      committer.fail();
      const { length } = asked;
      for (let n = 0; n < 3; n += 1) {
        pass();
        expect(committer.advance()).toBe(false);
      }
      expect(asked).toHaveLength(length);
      expect(heard).toEqual([]);
      expect(committer.idle).toBe(false);
    },
  );

  test('one commit is under way at a time, and answers are to the one that asked', () => {
    const { committer } = machine();
    const again = {
      generation: 3 as Generation,
      roots: new Map(),
      publication: 0,
      transactions: 0,
    };
    expect(() => committer.begin(again)).toThrow('I6');
    expect(() => committer.fencePassed(99, true)).toThrow('I6');
  });
});
