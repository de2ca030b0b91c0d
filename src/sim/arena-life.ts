/**
 * One arena, lived through: transactions, commits, readers, crashes, in the order the engine does them, beside a model that
 * is as dumb as possible (sets of blocks). After every commit the log is replayed for each generation that recovery may
 * choose, and what it gives must be what the model says; so must what the arena has in memory.
 *
 * Guards I1, I3, I4, I5 and I9 of the allocator, for its tests.
 */
import { Arena, type BlockKind } from '../arena/arena.ts';
import { STATE, STATE_MASK } from '../arena/block-state.ts';
import { type CommitWindow, type ReplayedLog, replayLog } from '../arena/log-replay.ts';
import { forEachAllocated, forEachFreed } from '../arena/records.ts';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import { DeferredFrees, type FreedRange } from '../epoch/deferred-frees.ts';
import type { Geometry } from '../format/geometry.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { sectorsPerBlock } from '../format/log-block.ts';
import type { ArenaEntry } from '../format/superblock.ts';
import { LogDisk } from './log-disk.ts';

export const blockHasher = new BlockHasher(await createHasher(), new Uint8Array(16));

/** Generations that recovery may choose. */
const RECOVERABLE = 3;

export interface Birth {
  readonly block: number;
  readonly metadata: boolean;
  readonly generation: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

/** What one commit did, log blocks included. */
interface CommitDeeds {
  readonly commit: number;
  readonly births: readonly Birth[];
  readonly freed: readonly number[];
  readonly oldLog: readonly number[];
}

/** A superblock, and what the model says that replaying its log gives. */
export interface SavedState {
  readonly commit: number;
  readonly window: CommitWindow;
  readonly entry: ArenaEntry;
  readonly used: ReadonlyMap<number, Birth>;
  readonly log: ReadonlySet<number>;
  readonly deeds: readonly CommitDeeds[];
}

interface PinnedReader {
  readonly publication: number;
  readonly used: ReadonlyMap<number, Birth>;
}

export class ArenaLife {
  readonly geometry: Geometry;
  readonly disk: LogDisk;
  arena: Arena;
  deferred = new DeferredFrees();
  /** Durable commits. */
  commit = 0;
  /** Newest last. */
  saved: SavedState[] = [];
  used = new Map<number, Birth>();
  /** Of the open transaction. */
  born: number[] = [];
  readonly freed = new Set<number>();
  private births: Birth[] = [];
  private frees: number[] = [];
  private deeds: CommitDeeds[] = [];
  private inFlight: SavedState | undefined;
  private openGeneration = 1;
  private publication = 0;
  private readers: PinnedReader[] = [];
  /** Forgotten blocks whose write has landed, and those of them that the commit under way has fenced. */
  private landed: number[] = [];
  private landedFrozen: number[] = [];
  private nextHash = 1;

  constructor(geometry: Geometry) {
    this.geometry = geometry;
    this.disk = new LogDisk(geometry);
    this.arena = new Arena(0 as ArenaIndex, geometry, blockHasher);
  }

  // ---- transactions

  /** Returns how many blocks it got. */
  allocate(kind: BlockKind, countMax: number): number {
    let count = countMax;
    let start = this.arena.allocateRun(kind, countMax);
    if (start < 0) {
      start = this.arena.allocateSome(kind, countMax);
      count = start < 0 ? 0 : this.arena.free.lastCount;
    }
    for (let block = start; block < start + count; block += 1) {
      this.assertUnseen(block);
      this.born.push(block);
    }
    return count;
  }

  /** Frees a block of an ended transaction. */
  free(block: number): void {
    assert(this.used.has(block) && !this.freed.has(block), 'a life frees what is in use');
    this.freed.add(block);
  }

  /** Takes back the open transaction's `which`-th block: its write is skipped, or has landed already. */
  discard(which: number, landed: boolean): void {
    const [block] = this.born.splice(which % this.born.length, 1);
    if (block === undefined) return;
    this.arena.forgetUnlogged(block);
    if (landed) this.landed.push(block);
    else this.arena.reuseUnlogged(block);
  }

  end(): void {
    if (this.born.length + this.freed.size === 0) return;
    this.publication += 1;
    for (const block of this.born) this.recordBirth(block);
    const ranges = rangesOf([...this.freed], false);
    for (const { start, count } of ranges) this.arena.recordFree(start, count);
    this.deferred.defer(this.publication, ranges);
    for (const block of this.freed) this.used.delete(block);
    this.frees.push(...this.freed);
    this.born = [];
    this.freed.clear();
  }

  private recordBirth(block: number): void {
    const metadata = ((this.arena.states[block] as number) & STATE_MASK) === STATE.metadata;
    const [hashHigh, hashLow] = [this.nextHash, this.nextHash * 7];
    this.nextHash += 1;
    const generation = this.openGeneration;
    const birth = { block, metadata, generation, hashHigh, hashLow };
    this.arena.recordAlloc(block, 0, hashHigh, hashLow);
    this.used.set(block, birth);
    this.births.push(birth);
  }

  abort(landed: boolean): void {
    while (this.born.length > 0) this.discard(0, landed);
    this.freed.clear();
  }

  // ---- readers

  pin(): void {
    this.readers.push({ publication: this.publication, used: new Map(this.used) });
  }

  unpin(which: number): void {
    this.readers.splice(which % Math.max(1, this.readers.length), 1);
    this.release();
  }

  /** Neither a generation that may be opened nor a reader knows this block (I1, I4). */
  private assertUnseen(block: number): void {
    for (const { used, log } of this.saved) {
      assert(!used.has(block), 'I1: no recoverable generation has data in a block allocated');
      assert(!log.has(block), 'I1: no recoverable generation has its log in a block allocated');
    }
    for (const { used } of this.readers) {
      assert(!used.has(block), 'I4: no reader sees a block that is allocated');
    }
  }

  // ---- commits

  get committing(): boolean {
    return this.inFlight !== undefined;
  }

  freeze(): void {
    const commit = this.commit + 1;
    const generation = this.openGeneration as Generation;
    this.openGeneration += 1;
    const logBefore = this.logBlocks();
    let oldLog: number[] = [];
    if (this.arena.touched) {
      oldLog = this.arena.freeze(commit, generation, this.disk);
      this.deferred.defer(this.publication, rangesOf(oldLog, true));
    }
    this.deferred.freeze(commit);
    const log = this.logBlocks();
    for (const block of log) if (!logBefore.has(block)) this.assertUnseen(block);
    const deeds = { commit, births: this.births, freed: this.frees, oldLog };
    this.deeds = [...this.deeds, deeds].filter((each) => each.commit > commit - RECOVERABLE);
    this.births = [];
    this.frees = [];
    this.landedFrozen = this.landed;
    this.landed = [];
    this.inFlight = {
      commit,
      window: this.windowOf(generation),
      entry: this.arena.entry,
      used: new Map(this.used),
      log,
      deeds: this.deeds,
    };
  }

  private windowOf(current: number): CommitWindow {
    const before = this.saved.at(-1)?.window;
    return { current, previous: before?.current ?? 0, beforePrevious: before?.previous ?? 0 };
  }

  private logBlocks(): Set<number> {
    const { chain, successor } = this.arena.log;
    return new Set(successor < 0 ? chain : [...chain, successor]);
  }

  /** The commit under way is durable. */
  durable(): void {
    assert(this.inFlight !== undefined, 'a commit is under way');
    this.saved = [...this.saved, this.inFlight].slice(-RECOVERABLE);
    this.inFlight = undefined;
    this.commit += 1;
    this.disk.settle();
    for (const block of this.landedFrozen) this.arena.reuseUnlogged(block);
    this.landedFrozen = [];
    this.release();
  }

  commitAll(): void {
    this.freeze();
    this.durable();
  }

  private release(): void {
    const oldest = Math.min(this.publication, ...this.readers.map((reader) => reader.publication));
    this.deferred.release(this.commit, oldest, ({ start, count, log }) => {
      this.arena.release(start, count);
      if (log) this.arena.releaseOldLog(count);
      for (let block = start; block < start + count; block += 1) this.disk.release(block);
    });
  }

  // ---- crashes

  /** Starts again from the newest durable state, or from the one `back` commits before it. */
  reopen(options: { back?: number; lands?: (sectorsBefore: number) => boolean } = {}): void {
    this.disk.lose(options.lands ?? (() => false));
    const back = Math.min(options.back ?? 0, Math.max(0, this.saved.length - 1));
    this.saved.splice(this.saved.length - back, back);
    this.arena = new Arena(0 as ArenaIndex, this.geometry, blockHasher);
    this.deferred = new DeferredFrees();
    this.inFlight = undefined;
    this.born = [];
    this.freed.clear();
    [this.births, this.frees, this.landed, this.landedFrozen] = [[], [], [], []];
    this.readers = [];
    this.publication = 0;
    this.openGeneration += 1;
    this.rebase(this.saved.at(-1)?.commit ?? this.commit);
    const newest = this.saved.at(-1);
    this.used = new Map(newest?.used);
    this.deeds = [...(newest?.deeds ?? [])];
    if (newest === undefined || newest.entry.grownBlocks === 0) return;
    const replayed = this.replay(newest);
    this.arena.resume(replayed);
    for (const commit of [-1, 0]) {
      const pending = replayed.pending.filter((each) => each.commit === commit);
      this.deferred.defer(
        0,
        pending.map(({ start, count, log }) => ({ arena: 0, start, count, log })),
        commit,
      );
    }
    if (back > 0) this.disk.rollBack((block) => this.committedSectors(block, replayed));
  }

  /** The recovered commit becomes number 0. */
  private rebase(recovered: number): void {
    this.commit = 0;
    this.saved = this.saved.map((state) => ({
      ...state,
      commit: state.commit - recovered,
      deeds: state.deeds.map((deeds) => ({ ...deeds, commit: deeds.commit - recovered })),
    }));
  }

  /** How many sectors of the block, from its first on, are still committed after a step back. */
  private committedSectors(block: number, { chain, successor, position }: ReplayedLog): number {
    if (block === successor) return 0;
    const at = chain.indexOf(block);
    if (at >= 0) return position.sectors - at * sectorsPerBlock(this.geometry);
    const isOld = this.saved.some((state) => state.log.has(block));
    return isOld ? sectorsPerBlock(this.geometry) : 0;
  }

  // ---- what must hold

  replay(state: SavedState): ReplayedLog {
    const replayed = replayLog({
      arena: 0 as ArenaIndex,
      entry: state.entry,
      window: state.window,
      geometry: this.geometry,
      hasher: blockHasher,
      readBlock: this.disk.readBlock,
    });
    assert(!('flaw' in replayed), `I5: a committed log replays: ${JSON.stringify(replayed)}`);
    return replayed;
  }

  /** What opening would find now. */
  replayNewest(): ReplayedLog {
    const newest = this.saved.at(-1);
    assert(newest !== undefined, 'a commit is durable');
    return this.replay(newest);
  }

  /** Every generation that recovery may choose gives what the model says, and memory agrees with the newest (I3). */
  verify(): void {
    for (const state of this.saved) {
      if (state.entry.grownBlocks > 0) this.verifyReplay(state, this.replay(state));
    }
    this.verifyMemory();
  }

  private verifyReplay(state: SavedState, replayed: ReplayedLog): void {
    const recent = state.deeds.filter((deeds) => deeds.commit > state.commit - RECOVERABLE);
    const waiting = recent.filter((deeds) => deeds.commit > state.commit - 2);
    const pending = new Set(waiting.flatMap(({ freed, oldLog }) => [...freed, ...oldLog]));
    for (let block = 0; block < state.entry.grownBlocks; block += 1) {
      const birth = state.used.get(block);
      const kind = replayed.states[block] as number;
      const isFree = replayed.free.isFree(block, 1);
      const expected = state.log.has(block)
        ? STATE.log
        : birth !== undefined
          ? STATE.data
          : pending.has(block)
            ? STATE.pending
            : STATE.free;
      // A compacted log has forgotten which older blocks are metadata.
      const known = kind === STATE.metadata ? STATE.data : kind;
      assert(known === expected, `I3: replay gives block ${block} state ${kind}, not ${expected}`);
      assert(isFree === (expected === STATE.free), `I3: replay has block ${block} free: ${isFree}`);
    }
    const flaw = replayed.free.checkInvariants();
    assert(flaw === undefined, `${flaw}`);
    assertSame('born', bornOf(state, recent), replayedBirths(replayed), state);
    assertSame('pending', pendingOf(state, waiting), replayedFrees(replayed), state);
    this.verifyRecent(state, replayed, waiting);
    const logged = replayed.free.blockCount + pending.size;
    assert(replayed.loggedFreeBlocks === logged, 'I3: free in the log is free or pending');
    const old = waiting.flatMap(({ oldLog }) => oldLog);
    assert(replayed.oldLogBlocks === old.length, 'I9: replay counts the blocks of old logs');
    const last = waiting.findLast(({ oldLog }) => oldLog.length > 0);
    const lastCommit = last === undefined ? undefined : last.commit - state.commit;
    assert(replayed.oldLogCommit === lastCommit, 'I9: replay knows when the log was compacted');
  }

  /** What the next compaction would repeat. */
  private verifyRecent(
    state: SavedState,
    replayed: ReplayedLog,
    waiting: readonly CommitDeeds[],
  ): void {
    for (const { commit, births, freed, oldLog } of waiting) {
      const records = replayed.recent.find((each) => each.commit === commit - state.commit);
      const allocated = new Set<number>();
      const given = new Set<number>();
      if (records !== undefined) {
        forEachAllocated(records.units, (block) => allocated.add(block));
        forEachFreed(records.units, (block) => given.add(block));
      }
      for (const { block } of births) assert(allocated.has(block), 'recent records: a birth');
      for (const block of [...freed, ...oldLog]) assert(given.has(block), 'recent records: a free');
      assert(given.size === freed.length + oldLog.length, 'recent records: no more frees');
    }
  }

  private verifyMemory(): void {
    const { arena } = this;
    const { grownBlocks, states, free, log } = arena;
    const logBlocks = this.logBlocks();
    const open = new Set(this.born);
    const forgotten = new Set([...this.landed, ...this.landedFrozen]);
    let pendingBlocks = 0;
    for (let block = 0; block < grownBlocks; block += 1) {
      const kind = (states[block] as number) & STATE_MASK;
      const isFree = free.isFree(block, 1);
      assert(isFree === (kind === STATE.free), 'I3: states and free ranges agree');
      assert((kind === STATE.log) === logBlocks.has(block), 'I3: the log’s blocks are its own');
      assert(
        arena.isAllocated(block) === (this.used.has(block) || open.has(block)),
        'I3: in use is what was allocated and not freed',
      );
      if (kind === STATE.pending && !forgotten.has(block)) pendingBlocks += 1;
    }
    assert(free.checkInvariants() === undefined, 'I3: ranges are sound');
    assert(pendingBlocks === arena.pendingBlocks, 'I3: pending blocks are counted');
    assert(pendingBlocks === this.deferred.blockCount, 'I3: what is pending waits for something');
    assert(arena.forgottenBlocks === forgotten.size, 'I8: forgotten blocks are counted');
    assert(log.blockCount === logBlocks.size, 'the log’s blocks are counted');
    assert(arena.availableBlocks <= free.blockCount, 'I9: no more is available than free');
  }
}

function bornOf(state: SavedState, recent: readonly CommitDeeds[]): string[] {
  return recent.flatMap(({ commit, births }) =>
    births
      .filter((birth) => state.used.get(birth.block) === birth)
      .map((birth) => {
        const { block, generation, hashHigh, hashLow } = birth;
        return [block, commit - state.commit, generation, hashHigh, hashLow].join();
      }),
  );
}

function replayedBirths(replayed: ReplayedLog): string[] {
  return replayed.born.map(({ block, commit, generation, hashHigh, hashLow }) =>
    [block, commit, generation, hashHigh, hashLow].join(),
  );
}

function pendingOf(state: SavedState, waiting: readonly CommitDeeds[]): string[] {
  return waiting.flatMap(({ commit, freed, oldLog }) => [
    ...freed.map((block) => [block, commit - state.commit, false].join()),
    ...oldLog.map((block) => [block, commit - state.commit, true].join()),
  ]);
}

function replayedFrees(replayed: ReplayedLog): string[] {
  return replayed.pending.flatMap(({ commit, start, count, log }) =>
    Array.from({ length: count }, (_, n) => [start + n, commit, log].join()),
  );
}

function assertSame(what: string, one: string[], other: string[], state: SavedState): void {
  const [expected, got] = [one.sort().join(' '), other.sort().join(' ')];
  assert(
    expected === got,
    `I3: replay at commit ${state.commit} gives ${what} [${got}], not [${expected}]`,
  );
}

/** Neighbours become one range, as in the engine. */
export function rangesOf(blocks: readonly number[], log: boolean): FreedRange[] {
  const ranges: { arena: number; start: number; count: number; log: boolean }[] = [];
  for (const block of [...blocks].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.start + last.count === block) last.count += 1;
    else ranges.push({ arena: 0, start: block, count: 1, log });
  }
  return ranges;
}
