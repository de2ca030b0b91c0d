/**
 * Random lives of a store against a model: write (granted blocks, too), replace, free, setRoot, abort, commit, compact,
 * reopen, and stale pointers in all that takes one, on blocks of 512 bytes to 16 KiB. Whatever happens, the store holds
 * what the model holds, and after a crash-like reopen what the model held at its last commit.
 *
 * To replay a failure: OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/store/engine.fuzz.test.ts
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { arenaDisk, arenaOf, fileOffsetOf } from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import { mailboxCells } from '../shared/contents-layout.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import { MissClient } from '../sim/miss-client.ts';
import { PageGrants } from '../sim/page-grants.ts';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';
import type { Transaction } from './transaction.ts';

type Step =
  | { readonly kind: 'write'; readonly count: number; readonly fill: number }
  | { readonly kind: 'writeGranted'; readonly count: number; readonly fill: number }
  | { readonly kind: 'replace'; readonly which: number; readonly fill: number }
  | { readonly kind: 'free'; readonly which: number; readonly count: number }
  | { readonly kind: 'setRoot'; readonly name: string; readonly which: number }
  | { readonly kind: 'removeRoot'; readonly name: string };

type Command =
  | { readonly kind: 'transaction'; readonly steps: readonly Step[]; readonly abort: boolean }
  | {
      readonly kind: 'stale';
      readonly verb: 'free' | 'replace' | 'setRoot';
      readonly which: number;
    }
  | { readonly kind: 'commit' | 'compact' | 'reopen' | 'crash' | 'want' | 'giveBack' };

const fill = fc.integer({ min: 0, max: 255 });
const which = fc.nat(1000);
const name = fc.constantFrom('a', 'b', 'c');

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 12 }), fill }),
  fc.record({
    kind: fc.constant('writeGranted' as const),
    count: fc.integer({ min: 1, max: 4 }),
    fill,
  }),
  fc.record({ kind: fc.constant('replace' as const), which, fill }),
  fc.record({
    kind: fc.constant('free' as const),
    which,
    count: fc.integer({ min: 1, max: 8 }),
  }),
  fc.record({ kind: fc.constant('setRoot' as const), name, which }),
  fc.record({ kind: fc.constant('removeRoot' as const), name }),
);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      steps: fc.array(step, { minLength: 1, maxLength: 6 }),
      abort: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      steps: fc.array(step, { minLength: 1, maxLength: 6 }),
      abort: fc.constant(true),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'want' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'giveBack' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stale' as const),
      verb: fc.constantFrom('free', 'replace', 'setRoot'),
      which,
    }),
  },
);

interface ModelBlock {
  readonly pointer: Pointer;
  readonly fill: number;
}

interface ModelState {
  readonly live: readonly ModelBlock[];
  readonly roots: ReadonlyMap<string, ModelBlock>;
}

class Life {
  private store: MemoryStore;
  private page: PageGrants;
  /** Every pointer that there ever was. */
  private readonly known: ModelBlock[] = [];
  private now: ModelState = { live: [], roots: new Map() };
  private durable: ModelState = this.now;

  constructor(blockBytes: number, diskCount: number, seed: number) {
    const random = new Random(seed);
    this.store = new MemoryStore({
      geometry: {
        blockBytes,
        sectorBytes: blockBytes >= 4096 ? 4096 : 512,
        slotBytes: 4096,
        diskCount,
        arenaBytes: 128 * blockBytes,
      },
      maxBytes: 3 * 128 * blockBytes,
      // Large enough to lend slots to the disks, or not.
      cacheBytes: (seed % 2 === 0 ? 24 : 80) * blockBytes,
      ...(seed === 0 ? {} : { chance: (below) => random.below(below) }),
    });
    this.page = new PageGrants(this.store);
  }

  run(command: Command): void {
    if (command.kind === 'transaction') this.transact(command.steps, command.abort);
    else if (command.kind === 'commit') this.commit();
    else if (command.kind === 'compact') this.compact();
    else if (command.kind === 'stale') this.useStale(command);
    else if (command.kind === 'want') this.page.want();
    else if (command.kind === 'giveBack') this.page.giveBack();
    else if (command.kind === 'reopen') {
      this.commit();
      this.reopen();
    } else this.reopen();
  }

  private commit(): void {
    this.store.commit();
    this.durable = this.now;
  }

  private compact(): void {
    this.store.engine.askCompaction();
    this.commit();
  }

  private reopen(): void {
    this.now = this.durable;
    this.store = this.store.reopen();
    this.page = new PageGrants(this.store);
    expect(this.store.opened.recovered.rejected).toEqual([]);
    this.verify();
  }

  private transact(steps: readonly Step[], abort: boolean): void {
    const transaction = this.store.engine.begin();
    let state = this.now;
    try {
      for (const each of steps) state = this.apply(transaction, state, each);
      if (abort) {
        this.store.engine.abort(transaction);
        return;
      }
      this.store.engine.end(transaction);
      this.now = state;
    } catch (error) {
      this.store.engine.abort(transaction);
      if (!(error instanceof StoreError)) throw error;
      // A full store, or a root left on a freed block: the transaction is gone, nothing else.
      expect(['FULL', 'MISUSE']).toContain(error.code);
    }
  }

  private apply(transaction: Transaction, state: ModelState, each: Step): ModelState {
    const pick = (index: number) => state.live[index % Math.max(1, state.live.length)];
    const bytes = (value: number) => new Uint8Array(this.store.engine.blockBytes).fill(value);
    if (each.kind === 'write') {
      const blocks = Array.from({ length: each.count }, () => bytes(each.fill));
      const born = transaction.write(blocks).map((pointer) => ({ pointer, fill: each.fill }));
      return this.withBorn(state, born);
    }
    if (each.kind === 'writeGranted') {
      const count = Math.min(each.count, this.page.left.length);
      const blocks = Array.from({ length: count }, () => bytes(each.fill));
      const born = this.page.use(blocks).map((pointer) => ({ pointer, fill: each.fill }));
      const pointers = born.map(({ pointer }) => pointer);
      transaction.writeGranted(pointers, blocks);
      this.page.grants.topUp();
      return this.withBorn(state, born);
    }
    if (each.kind === 'removeRoot') {
      transaction.setRoot(each.name, undefined);
      const roots = new Map(state.roots);
      roots.delete(each.name);
      return { ...state, roots };
    }
    const target = pick(each.which);
    if (target === undefined) return state;
    if (each.kind === 'setRoot') {
      transaction.setRoot(each.name, target.pointer);
      return { ...state, roots: new Map(state.roots).set(each.name, target) };
    }
    if (each.kind === 'replace') {
      const pointer = transaction.replace(target.pointer, bytes(each.fill));
      const live = state.live.filter((block) => block !== target);
      return this.withBorn({ ...state, live }, [{ pointer, fill: each.fill }]);
    }
    const from = each.which % state.live.length;
    const gone = state.live.slice(from, from + each.count);
    for (const block of gone) transaction.free(block.pointer);
    return { ...state, live: state.live.filter((block) => !gone.includes(block)) };
  }

  private withBorn(state: ModelState, born: readonly ModelBlock[]): ModelState {
    this.known.push(...born);
    return { ...state, live: [...state.live, ...born] };
  }

  /**
   * Its bytes may still be where they were, with the address free, granted or another block's: it is nobody's. Only
   * with the very bytes at the very address can a later block not be told from it.
   */
  private useStale({ verb, which: index }: Extract<Command, { kind: 'stale' }>): void {
    const known = this.known[index % Math.max(1, this.known.length)];
    if (known === undefined) return;
    const { pointer: stale, fill } = known;
    const there = this.now.live.find(({ pointer }) => pointer.address === stale.address);
    if (there?.fill === fill) return;
    const transaction = this.store.engine.begin();
    const use = () => {
      if (verb === 'free') transaction.free(stale);
      else if (verb === 'setRoot') transaction.setRoot('stale', stale);
      else transaction.replace(stale, new Uint8Array(1));
    };
    expect(use).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    this.store.engine.abort(transaction);
  }

  /** What a page sees that asks the disks themselves: every live block, and what is more, some of them soon cached. */
  private readAsClient(): void {
    const { threads, engine } = this.store;
    if (threads === undefined) return;
    const { blockBytes, diskCount } = engine.geometry;
    const { memory } = threads.threads;
    for (const { pointer, fill: value } of this.now.live) {
      const disk = arenaDisk(arenaOf(pointer.address, engine.geometry), engine.geometry);
      const client = value % 3;
      const cellCount = mailboxCells({ blockBytes, diskCount }, client);
      const asked = new MissClient({ memory, client, disk, blockBytes, diskCount, cellCount });
      const cell = asked.post(pointer, fileOffsetOf(pointer.address, engine.geometry));
      threads.threads.runAll();
      expect(asked.outcome(cell)).toBe('ok');
      const bytes = asked.landed(cell);
      expect([bytes[0], bytes[bytes.length - 1]]).toEqual([value, value]);
    }
    engine.io.poll();
  }

  verify(): void {
    const { engine } = this.store;
    this.readAsClient();
    for (const { pointer, fill: value } of this.now.live) {
      const bytes = this.store.read(pointer);
      expect(bytes[0]).toBe(value);
      expect(bytes[bytes.length - 1]).toBe(value);
    }
    const roots = [...this.now.roots].map(([root, block]) => [root, block.pointer] as const);
    expect(new Map(engine.roots)).toEqual(new Map(roots));
    for (const arena of engine.arenas.arenas) {
      expect(arena.free.checkInvariants()).toBeUndefined();
    }
    expect(engine.io.cache.checkInvariants()).toBeUndefined();
  }

  /** The disk agrees with the memory, and nothing leaks. */
  finish(): void {
    this.page.giveBack();
    this.commit();
    this.verify();
    const report = checkStore(
      this.store,
      this.now.live.map((block) => block.pointer),
    );
    expect(report.problems).toEqual([]);
    this.reopen();
  }
}

test.each([
  { blockBytes: 512, diskCount: 2, runs: scaled(1400) },
  { blockBytes: 1024, diskCount: 1, runs: scaled(300) },
  { blockBytes: 4096, diskCount: 3, runs: scaled(250) },
  { blockBytes: 16_384, diskCount: 2, runs: scaled(60) },
])('I1–I5, I9: $runs random lives of a store of $blockBytes-byte blocks', (options) => {
  const lives = fc.array(command, { minLength: 5, maxLength: 60 });
  fc.assert(
    // Every second life: disks in threads get as far as chance will have it; else as far as they can.
    fc.property(lives, fc.oneof(fc.constant(0), fc.nat()), (commands, seed) => {
      const life = new Life(options.blockBytes, options.diskCount, seed);
      for (const each of commands) life.run(each);
      life.finish();
    }),
    {
      numRuns: options.runs,
      ...(process.env['OPFS_BLOCKS_SEED'] === undefined
        ? {}
        : { seed: Number(process.env['OPFS_BLOCKS_SEED']) }),
      ...(process.env['OPFS_BLOCKS_PATH'] === undefined
        ? {}
        : { path: process.env['OPFS_BLOCKS_PATH'] }),
    },
  );
});
