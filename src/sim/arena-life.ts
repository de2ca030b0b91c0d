/**
 * One arena, lived through: transactions, commits, readers, crashes, in the order the engine does them, beside a model
 * that is as dumb as possible (sets of blocks). After every commit the log is replayed for each generation that
 * recovery may choose, and what it gives must be what the model says; so must what the arena has in memory.
 *
 * Guards I1, I3, I4, I5 and I9 of the allocator, for its tests.
 */
import { Arena, type BlockKind } from '../arena/arena.ts';
import { STATE, STATE_MASK } from '../arena/block-state.ts';
import { type CommitWindow, type ReplayedLog, replayLog } from '../arena/log-replay.ts';
import { assert, fail } from '../base/assert.ts';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import { DeferredFrees, type FreedRange } from '../epoch/deferred-frees.ts';
import type { Geometry } from '../format/geometry.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { sectorsPerBlock } from '../format/log-block.ts';
import {
  assertReplayed,
  type Birth,
  type CommitDeeds,
  RECOVERABLE,
  type SavedState,
} from './arena-state.ts';
import { LogDisk } from './log-disk.ts';

export const blockHasher = new BlockHasher(await createHasher(), new Uint8Array(16));

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
  /** By block of the open transaction: the generation that was open when it was written. */
  private readonly writtenIn = new Map<number, number>();
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
      this.writtenIn.set(block, this.openGeneration);
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
    this.writtenIn.clear();
  }

  private recordBirth(block: number): void {
    const metadata = ((this.arena.states[block] as number) & STATE_MASK) === STATE.metadata;
    const [hashHigh, hashLow] = [this.nextHash, this.nextHash * 7];
    this.nextHash += 1;
    // A transaction may have been open while commits passed.
    const generation = this.writtenIn.get(block) ?? this.openGeneration;
    const birth = { block, metadata, generation, hashHigh, hashLow };
    this.arena.recordAlloc(block, this.openGeneration - generation, hashHigh, hashLow);
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
      this.deferred.deferLog(rangesOf(oldLog, true));
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
    if (newest === undefined || newest.entry.grownBlocks === 0) {
      this.disk.rollBack(() => 0);
      return;
    }
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
    if ('flaw' in replayed) fail(`I5: a committed log replays, but ${JSON.stringify(replayed)}`);
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
    for (const state of this.saved) this.verifyState(state);
    this.verifyMemory();
  }

  /** The same, of the newest generation alone. */
  verifyNewest(): void {
    const newest = this.saved.at(-1);
    if (newest !== undefined) this.verifyState(newest);
    this.verifyMemory();
  }

  private verifyState(state: SavedState): void {
    if (state.entry.grownBlocks > 0) assertReplayed(state, this.replay(state));
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
