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
import { stride } from '../sim/scale.ts';
import { type Content, contentText, KEYS, putKey, walk } from '../sim/three-levels.ts';
import {
  crashedDirectory,
  replay,
  type SeenOperation,
  WatchedDirectory,
} from '../sim/watched-directory.ts';
import type { BlockIo } from './block-io.ts';
import { Committer, type LivenessProbe } from './commit.ts';
import { readSlots } from './recover.ts';
import { SuperblockRing } from './superblock-ring.ts';

/** Which commits are joint: all, none, or those of single changes. */
const KINDS = [
  ['joint', {}],
  ['fenced', { jointBytesMax: -1 }],
  ['both in turn', { jointBytesMax: 7 * TINY_GEOMETRY.blockBytes }],
] as const;
const OPTIONS: MemoryStoreOptions = { maxBytes: 2 * TINY_GEOMETRY.arenaBytes };

/** A commit: what it holds, and between which operations of the disks it was asked for and acknowledged. */
interface Promised {
  readonly generation: number;
  readonly content: Content;
  readonly submitted: number;
  readonly acked: number;
  readonly joint: boolean;
}

/** A store's life with everything in it that commits can meet, and what was promised when. */
class Life {
  readonly directory = new WatchedDirectory();
  readonly history: Promised[] = [];
  private readonly store: MemoryStore;
  private content = new Map<number, number>();

  constructor(options: Partial<MemoryStoreOptions>) {
    this.store = new MemoryStore({ ...OPTIONS, ...options, directory: this.directory });
    const acked = this.directory.seen.length;
    this.history.push({ generation: 1, content: new Map(), submitted: 0, acked, joint: false });
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
      joint: isJoint(this.store),
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

function live(options: Partial<MemoryStoreOptions>): Life {
  const life = new Life(options);
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
  // A joint superblock may have landed without what it names; after an acknowledgement nothing is given up.
  const isAmidJoint = history.some(
    ({ joint, submitted, acked: done }) => joint && submitted < operation && operation < done,
  );
  if (rejected.length > 0 && !isAmidJoint) return `rolled back: ${JSON.stringify(rejected)}`;
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

describe.each(KINDS)('crashes, commits being %s', (kind, options) => {
  const life = live(options);
  const { seen } = life.directory;

  test('the life they happen in has all that commits can meet', () => {
    expect(life.history.length).toBeGreaterThan(30);
    expect(life.arenas.length).toBe(2);
    expect(Math.max(...life.arenas.map((arena) => arena.compactionCount))).toBeGreaterThan(2);
    expect(seen.filter((each) => each.kind === 'truncate').length).toBeGreaterThanOrEqual(4);
    const joint = life.history.filter((each) => each.joint).length;
    // The first entry is the creation.
    const fenced = life.history.length - 1 - joint;
    expect([joint > 5, fenced > 5]).toEqual([kind !== 'fenced', kind !== 'joint']);
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
      if (operation % stride(4) > 0) continue;
      const files =
        losing.length === 0
          ? everything.clone()
          : crashedDirectory(seen.slice(0, operation), new Set(losing));
      const flaw = files.list().length === 0 ? '' : judge(files, operation, life.history);
      expect(flaw, `after ${operation} operations`).toBe('');
    }
  });
});

const FENCED = { jointBytesMax: -1 };
const block = (fill: number) => new Uint8Array(512).fill(fill);

function write(store: MemoryStore, fill: number): Pointer {
  return store.transact((tx) => {
    const [pointer] = tx.write([block(fill)]);
    if (pointer === undefined) throw new Error('no pointer');
    tx.setRoot('main', pointer);
    return pointer;
  });
}

/** Whether the superblock of the last durable commit says that it is joint. */
function isJoint(store: MemoryStore): boolean {
  const { engine, label, hasher: hash, blockHasher } = store.opened;
  const slots = readSlots({ label, hasher: hash, blockHasher, ports: engine.ports });
  const newest = slots.find(
    ({ superblock }) => superblock?.generation === engine.durableGeneration,
  );
  if (newest?.superblock === undefined) throw new Error('no superblock of the last commit');
  return newest.superblock.joint;
}

/** What a commit of blocks on both disks asks of its files, in order. */
function orderOfCalls(options: Partial<MemoryStoreOptions>): { order: string[]; joint: boolean } {
  const directory = new WatchedDirectory();
  const store = new MemoryStore({ ...options, directory });
  store.transact((tx) => tx.write(Array.from({ length: 200 }, (_, n) => block(n))));
  const from = directory.seen.length;
  store.commit();
  const order = directory.seen.slice(from).map((operation) => {
    const isSlot = operation.kind === 'write' && operation.offset < 4096 + 2 * 4096;
    return isSlot ? 'superblock' : `${operation.kind} ${operation.file}`;
  });
  return { order, joint: isJoint(store) };
}

describe('a fenced commit', () => {
  test('I6: queues its superblock only after every touched disk has flushed, and flushes that too', () => {
    const { order, joint } = orderOfCalls(FENCED);
    expect(joint).toBe(false);
    const superblock = order.indexOf('superblock');
    const before = order.slice(0, superblock);
    expect(before.filter((call) => call.startsWith('flush'))).toEqual([
      'flush disk-0',
      'flush disk-1',
    ]);
    expect(before.at(-1)).toBe('flush disk-1');
    expect(order.slice(superblock)).toEqual(['superblock', 'flush disk-1']);
  });

  test('leaves no superblock in a store whose files are gone', () => {
    const { writtenAfter, slots } = goneMidCommit(FENCED);
    expect(writtenAfter).toBe(0);
    expect(slots).toEqual([1, undefined, undefined, undefined]);
  });
});

describe('a joint commit', () => {
  test('I6: writes data, logs and superblock, then flushes every touched disk once', () => {
    const { order, joint } = orderOfCalls({});
    expect(joint).toBe(true);
    expect(order.filter((call) => call.startsWith('flush'))).toEqual([
      'flush disk-0',
      'flush disk-1',
    ]);
    expect(order.filter((call) => call === 'superblock')).toHaveLength(1);
    for (const disk of ['disk-0', 'disk-1']) {
      const last = order.lastIndexOf(disk === 'disk-1' ? 'superblock' : `write ${disk}`);
      expect(order.indexOf(`flush ${disk}`)).toBeGreaterThan(last);
      expect(order.lastIndexOf(`write ${disk}`)).toBeLessThan(order.indexOf(`flush ${disk}`));
    }
  });

  test('I6: flushes what it writes on the disk of its superblock, though nothing else is there', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory });
    // Slots are on disk-1, disk-0, disk-1 … in turn; a single block and its log are on one of the two.
    for (let fill = 1; fill < 12; fill += 1) {
      write(store, fill);
      store.commit();
      const written = new Set<string>();
      for (const { kind, file } of directory.seen) {
        if (kind === 'flush') written.delete(file);
        else written.add(file);
      }
      expect([...written], `after commit ${fill}`).toEqual([]);
    }
  });

  test('may leave its superblock in a store whose files are gone: nobody is told of it', () => {
    const { writtenAfter, slots } = goneMidCommit({});
    expect(writtenAfter).toBe(0);
    expect(slots).toEqual([1, 2, undefined, undefined]);
  });

  test.each([
    [62, true],
    [63, true],
    [64, false],
    [80, false],
  ])('is one of up to 4 MiB, blocks and log: %i blocks of 64 KiB: %s', (count, joint) => {
    const blockBytes = 65_536;
    const geometry = {
      ...TINY_GEOMETRY,
      blockBytes,
      sectorBytes: 4096,
      arenaBytes: 256 * blockBytes,
    };
    const store = new MemoryStore({ geometry, cacheBytes: 128 * blockBytes });
    store.transact((tx) => tx.write(Array.from({ length: count }, (_, n) => block(n))));
    store.commit();
    expect(isJoint(store)).toBe(joint);
  });

  test('is told by what it logs, not by what was written since the last commit', () => {
    const store = new MemoryStore({ jointBytesMax: 16 * 512 });
    write(store, 1);
    const long = store.engine.begin();
    long.write(Array.from({ length: 60 }, (_, n) => block(n)));
    // Overtakes the open transaction, whose blocks it flushes and does not log.
    store.commit();
    expect(isJoint(store)).toBe(true);
    store.engine.end(long);
    store.commit();
    expect(isJoint(store)).toBe(false);
    // What is given up before it is logged is not counted.
    const rolledBack = store.engine.begin();
    rolledBack.write(Array.from({ length: 60 }, (_, n) => block(n)));
    store.engine.abort(rolledBack);
    write(store, 2);
    store.commit();
    expect(isJoint(store)).toBe(true);
  });
});

/** The files disappear after all of a commit's writes and before anything says so. */
function goneMidCommit(options: Partial<MemoryStoreOptions>) {
  const liveness: LivenessProbe & { answer: LivenessProbe['answer'] } = {
    begin() {},
    answer: 'pending',
  };
  const directory = new WatchedDirectory();
  const store = new MemoryStore({ ...options, directory, liveness });
  write(store, 1);
  const before = store.engine.durableGeneration;
  store.engine.beginCommit();
  while (store.engine.pump());
  const from = directory.seen.length;
  expect(store.engine.committing).toBe(true);
  expect(store.engine.durableGeneration).toBe(before);
  liveness.answer = 'gone';
  while (store.engine.pump());
  expect(store.engine.health).toBe('evicted');
  expect(store.engine.durableGeneration).toBe(before);
  expect(() => store.engine.begin()).toThrow(expect.objectContaining({ code: 'EVICTED' }));
  expect(() => store.engine.beginCommit()).toThrow(expect.objectContaining({ code: 'EVICTED' }));
  const { engine, label, hasher: hash, blockHasher } = store.opened;
  const found = readSlots({ label, hasher: hash, blockHasher, ports: engine.ports });
  return {
    writtenAfter: directory.seen.length - from,
    slots: found.map(({ superblock }) => superblock?.generation),
  };
}

describe.each([
  ['joint', {}],
  ['fenced', FENCED],
])('a commit, %s', (kind, options) => {
  test('lets transactions go on while its flush is under way; they belong to the next one', () => {
    const store = new MemoryStore(options);
    write(store, 1);
    const frozen = store.engine.beginCommit();
    const later = write(store, 2);
    expect(later.generation).toBe(frozen + 1);
    while (store.engine.pump());
    expect(store.engine.durableGeneration).toBe(frozen);
    const again = store.reopen();
    expect(again.read(again.engine.roots.get('main') as Pointer)).toEqual(block(1));
  });

  test('of nothing writes nothing but its superblock', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ ...options, directory });
    write(store, 1);
    store.commit();
    const from = directory.seen.length;
    store.commit();
    expect(directory.seen.slice(from).map((seen) => seen.kind)).toEqual(['write', 'flush']);
    expect(isJoint(store)).toBe(kind === 'joint');
  });

  test('ends when the files are gone: nothing is acknowledged, nothing more is written', () => {
    expect(goneMidCommit(options).writtenAfter).toBe(0);
  });

  test('I6: waits for a slow probe before it is acknowledged, and keeps nobody else', () => {
    const liveness: LivenessProbe & { answer: LivenessProbe['answer'] } = {
      begin() {},
      answer: 'pending',
    };
    const store = new MemoryStore({ ...options, liveness });
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

/** A committer over disks that answer when the test says so, two at first and one for a superblock alone. */
function machine(jointBytesMax: number) {
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
      const isSecond = asked.includes('fence');
      asked.push('fence');
      return isSecond ? 1 : 2;
    },
  };
  const ring = new SuperblockRing([1, undefined, undefined, undefined]);
  const committer = new Committer({
    geometry: TINY_GEOMETRY,
    storeId: new Uint8Array(16),
    hasher,
    arenas: new ArenaSet(TINY_GEOMETRY, new BlockHasher(hasher, new Uint8Array(16))),
    deferred: new DeferredFrees(),
    io: io as unknown as BlockIo,
    ring,
    liveness,
    events: {
      durable: ({ generation }) => heard.push(`durable ${generation}`),
      evicted: () => heard.push('evicted'),
    },
    jointBytesMax,
    recovered: { generation: 1, previous: 0, beforePrevious: 0 },
  });
  const frozen = { roots: new Map(), transactions: 0, bornBlocks: 0 };
  committer.begin({ ...frozen, generation: 2 as Generation });
  return {
    committer,
    asked,
    heard,
    liveness,
    ring,
    pass: () => committer.fencePassed(ticket, true),
    beginAgain: () => committer.begin({ ...frozen, generation: 3 as Generation }),
  };
}

describe('the state machine, fenced', () => {
  test('I6: goes on only when every disk has answered, and acknowledges only after the last flush', () => {
    const { committer, asked, heard, pass } = machine(-1);
    committer.advance();
    pass();
    committer.advance();
    expect(asked).toEqual(['fence', 'probe']);
    pass();
    committer.advance();
    expect(asked).toEqual(['fence', 'probe', 'superblock', 'fence']);
    committer.advance();
    expect(heard).toEqual([]);
    expect(committer.idle).toBe(false);
    pass();
    committer.advance();
    expect(heard).toEqual(['durable 2']);
    expect(committer.idle).toBe(true);
  });

  test('I6: asks after the files while it flushes, and waits for the answer', () => {
    const { committer, asked, liveness, pass } = machine(-1);
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
});

describe('the state machine, joint', () => {
  const [ALL, ASKED] = [Number.POSITIVE_INFINITY, ['superblock', 'fence', 'probe']];

  test('I6: asks for one flush, behind the superblock, and acknowledges when every disk has answered', () => {
    const { committer, asked, heard, pass } = machine(ALL);
    expect(asked).toEqual(ASKED);
    committer.advance();
    pass();
    committer.advance();
    expect(heard).toEqual([]);
    expect(committer.idle).toBe(false);
    pass();
    committer.advance();
    expect(heard).toEqual(['durable 2']);
    expect(committer.idle).toBe(true);
    expect(asked).toEqual(ASKED);
  });

  test('I6: waits for the answer that the files are there before it acknowledges', () => {
    const { committer, heard, liveness, pass } = machine(ALL);
    liveness.answer = 'pending';
    pass();
    pass();
    expect(committer.advance()).toBe(true);
    expect(committer.advance()).toBe(false);
    expect(heard).toEqual([]);
    liveness.answer = 'alive';
    committer.advance();
    expect(heard).toEqual(['durable 2']);
  });

  test('I1: its slot holds nothing recoverable until it is durable, and then the newest', () => {
    const { committer, ring, pass } = machine(ALL);
    pass();
    committer.advance();
    // Slots 1, 2 and 3 are as good as each other as long as none has been finished.
    expect(ring.next()).toBe(1);
    pass();
    committer.advance();
    expect(ring.next()).toBe(2);
  });
});

describe.each([
  ['fenced', -1],
  ['joint', Number.POSITIVE_INFINITY],
])('the state machine, %s or not', (_, jointBytesMax) => {
  test.each([0, 1, 2, 3])(
    'I12: acknowledges nothing once it has failed, after %i answers',
    (answers) => {
      const { committer, asked, heard, liveness, pass } = machine(jointBytesMax);
      liveness.answer = jointBytesMax < 0 ? 'alive' : 'pending';
      for (let n = 0; n < answers && n < 3; n += 1) {
        if (n === 2) committer.advance();
        if (n < 2 || jointBytesMax < 0) pass();
      }
      committer.fail();
      const { length } = asked;
      liveness.answer = 'alive';
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
    const { committer, beginAgain } = machine(jointBytesMax);
    expect(beginAgain).toThrow('I6');
    expect(() => committer.fencePassed(99, true)).toThrow('I6');
  });
});
