/**
 * One arena: its free ranges, its allocation log, and what it knows of each of its blocks.
 *
 * Owns I3 (free ∪ pending ∪ unlogged is what replaying the log gives) and, with `reserve`, I9: log blocks come out of
 * a reserve that data never touches. There are no locks: one thread changes an arena, as one mutator does in gefs.
 *
 * A block's life: free → allocated by a transaction, or granted → published when that ends → logged by the commit that
 * freezes it → pending when a later transaction frees it → free again two commits on, when no reader can see it.
 */
import { assert } from '../base/assert.ts';
import type { ArenaIndex, BlockIndex, Generation } from '../base/brand.ts';
import { trace } from '../base/trace.ts';
import { addressOf, arenaBlocks, type Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import { UnitBuffer } from '../format/log-records.ts';
import type { ArenaEntry } from '../format/superblock.ts';
import { AllocLog, type LogWriter } from './alloc-log.ts';
import {
  STATE,
  STATE_MASK,
  type StatesRoom,
  UNLOGGED,
  UNPUBLISHED,
  unsharedStates,
} from './block-state.ts';
import { FreeRanges } from './free-ranges.ts';
import { appendCompacted } from './log-compactor.ts';
import type { ReplayedLog } from './log-replay.ts';
import { forEachAllocated, freeBalance, type RecentRecords } from './records.ts';
import { compactedLogBlocks, logBlocksMax, logReserveBlocks } from './reserve.ts';

export type BlockKind = 'data' | 'metadata';

/** Compaction replaces a chain of this length, if it is twice as long as it was after the last time. */
const COMPACT_BLOCKS_MIN = 8;
/** A compaction's old chain is reusable two commits later; before the third there is none again. */
const COMMITS_BETWEEN_COMPACTIONS = 3;

export class Arena {
  readonly index: ArenaIndex;
  readonly geometry: Geometry;
  readonly free = new FreeRanges();
  /** A byte per grown block, see `block-state`. */
  states: Uint8Array = new Uint8Array(0);
  grownBlocks = 0;
  /** Blocks freed that wait for commits or readers. */
  pendingBlocks = 0;
  /** Unlogged blocks given up again, whose addresses wait for their write to be skipped or fenced. */
  forgottenBlocks = 0;
  /** Blocks of chains that compactions replaced, until they are reusable: they still weigh on the reserve. */
  oldLogBlocks = 0;
  compactionCount = 0;
  /** Asked for, and not done yet. */
  compactionAsked = false;
  readonly log: AllocLog;
  /** The records of the commit to come, without growth. */
  private records = new UnitBuffer();
  /** Records of the last commits, oldest first: those that a compaction would repeat. */
  private recent: RecentRecords[] = [];
  /** Grown blocks as of the last freeze, and how many of them the log has as free. */
  private loggedBlocks = 0;
  private loggedFreeBlocks = 0;
  /** No range was so long when one was last looked for, and nothing has come back since: spares another search. */
  private missingRun = Number.POSITIVE_INFINITY;
  /** `logReserveBlocks` of what has grown. */
  private reserveBlocks = 0;
  private readonly statesRoom: StatesRoom;
  private compactedAtCommit = Number.NEGATIVE_INFINITY;
  /** How long the chain was after the last compaction, or would be after one at opening. */
  private compactedBlocks = 0;

  constructor(
    index: ArenaIndex,
    geometry: Geometry,
    hasher: BlockHasher,
    statesRoom: StatesRoom = unsharedStates,
  ) {
    this.index = index;
    this.geometry = geometry;
    this.statesRoom = statesRoom;
    this.log = new AllocLog(index, geometry, hasher);
  }

  /** Takes over what a replay found; the recovered commit has number 0. */
  resume(replayed: ReplayedLog): void {
    assert(this.grownBlocks === 0, 'an arena is resumed once');
    this.setGrown(replayed.grownBlocks);
    this.states = this.statesRoom(this.index, replayed.states.length, replayed.states);
    this.loggedBlocks = replayed.grownBlocks;
    this.loggedFreeBlocks = replayed.loggedFreeBlocks;
    replayed.free.forEach((start, count) => {
      this.free.freeRange(start, count);
    });
    for (const { count } of replayed.pending) this.pendingBlocks += count;
    this.recent = replayed.recent;
    this.oldLogBlocks = replayed.oldLogBlocks;
    if (replayed.oldLogCommit !== undefined) this.compactedAtCommit = replayed.oldLogCommit;
    const { chain, successor, position, unitCount } = replayed;
    this.log.resume(chain, successor, position, unitCount);
    this.compactedBlocks = this.compactedBlocksNow();
  }

  /** Blocks that data and metadata may still take: what the log's reserve leaves. */
  get availableBlocks(): number {
    const held = this.log.blockCount + this.oldLogBlocks;
    const kept = Math.max(0, this.reserveBlocks - held);
    return Math.max(0, this.free.blockCount - kept);
  }

  get fullyGrown(): boolean {
    return this.grownBlocks === arenaBlocks(this.geometry);
  }

  /**
   * Whether the next commit has something to log. An arena that has grown by less than its reserve has not: no data
   * can be in it, and there may not even be room for a log. It stays out of the superblock until it has grown
   * further.
   */
  get touched(): boolean {
    if (this.records.unitCount > 0 || this.compactionAsked) return true;
    if (this.grownBlocks === this.loggedBlocks) return false;
    return this.log.blockCount > 0 || this.free.blockCount >= this.reserveBlocks;
  }

  /** What goes into the superblock: the state as of the last freeze. */
  get entry(): ArenaEntry {
    const { head, sectors, hashHigh, hashLow } = this.log.position;
    return {
      grownBlocks: this.loggedBlocks,
      usedBlocks: this.loggedBlocks - this.loggedFreeBlocks,
      logHead: head,
      logSectors: sectors,
      logHashHigh: hashHigh,
      logHashLow: hashLow,
    };
  }

  /** The file has room for `count` blocks more. */
  grow(count: number): void {
    assert(this.grownBlocks + count <= arenaBlocks(this.geometry), 'an arena keeps its bounds');
    this.states = this.statesRoom(this.index, this.grownBlocks + count, this.states);
    this.comeBack(this.grownBlocks, count);
    trace('grow', addressOf(this.index, this.grownBlocks as BlockIndex, this.geometry), count);
    this.setGrown(this.grownBlocks + count);
  }

  private setGrown(blocks: number): void {
    this.grownBlocks = blocks;
    this.reserveBlocks = logReserveBlocks(blocks, this.geometry);
  }

  /**
   * Takes `count` neighbouring blocks, data from the bottom, a single block of metadata from the top; −1 when no
   * range has room or the reserve would be touched.
   */
  allocateRun(kind: BlockKind, count: number): number {
    if (count >= this.missingRun || count > this.availableBlocks) return -1;
    const start =
      kind === 'metadata' && count === 1
        ? this.free.allocateHigh(1)
        : this.free.allocateRunLow(count);
    if (start >= 0) this.markAllocated(start, count, kind);
    else this.missingRun = count;
    return start;
  }

  /** Takes up to `countMax` neighbours from the lowest range; how many is in `free.lastCount`. −1 when full. */
  allocateSome(kind: BlockKind, countMax: number): number {
    const count = Math.min(countMax, this.availableBlocks);
    if (count === 0) return -1;
    const start = this.free.allocateLow(count);
    assert(start >= 0, 'I9: what is available is free');
    this.markAllocated(start, this.free.lastCount, kind);
    return start;
  }

  private markAllocated(start: number, count: number, kind: BlockKind): void {
    const state = (kind === 'data' ? STATE.data : STATE.metadata) | UNLOGGED | UNPUBLISHED;
    for (let n = start; n < start + count; n += 1) {
      assert(this.states[n] === STATE.free, 'I4: only a free block is allocated');
      this.states[n] = state;
    }
  }

  /** What the arena has not grown to is free, too. */
  isFreeBlock(block: number): boolean {
    return ((this.states[block] ?? STATE.free) & STATE_MASK) === STATE.free;
  }

  /** In use: neither free, nor pending, nor the log's own. */
  isAllocated(block: number): boolean {
    const state = (this.states[block] ?? STATE.free) & STATE_MASK;
    return state === STATE.data || state === STATE.metadata;
  }

  /** In use, and not only by a transaction that is still open: what a pointer of somebody else can name. */
  isPublished(block: number): boolean {
    const state = (this.states[block] ?? STATE.free) & (STATE_MASK | UNPUBLISHED);
    return state === STATE.data || state === STATE.metadata;
  }

  /** Born in a transaction that was rolled back or freed it again: it was never logged, so nothing is. */
  forgetUnlogged(block: number): void {
    assert(
      this.isAllocated(block) && ((this.states[block] as number) & UNPUBLISHED) !== 0,
      'I4: only an unpublished block in use is forgotten',
    );
    this.states[block] = STATE.pending | UNLOGGED;
    this.forgottenBlocks += 1;
  }

  /** A forgotten block's write was skipped, or a fence has passed since it landed (I8). */
  reuseUnlogged(block: number): void {
    assert(this.states[block] === (STATE.pending | UNLOGGED), 'I8: reuse follows forgetting');
    this.states[block] = STATE.free;
    this.forgottenBlocks -= 1;
    this.comeBack(block, 1);
  }

  /** An ended transaction allocated this block. */
  recordAlloc(block: number, birthDelta: number, hashHigh: number, hashLow: number): void {
    const state = this.states[block] as number;
    assert((state & UNPUBLISHED) !== 0, 'I3: an allocation is logged once');
    this.states[block] = state & ~UNPUBLISHED;
    const metadata = (state & STATE_MASK) === STATE.metadata;
    this.records.appendAlloc(block, metadata, birthDelta, hashHigh, hashLow);
  }

  /** An ended transaction freed these blocks; they stay pending until `release`. */
  recordFree(start: number, count: number): void {
    this.records.appendFree(start, count);
    this.markPending(start, count);
  }

  private markPending(start: number, count: number): void {
    for (let n = start; n < start + count; n += 1) {
      const state = this.states[n] as number;
      const kind = state & STATE_MASK;
      assert(kind !== STATE.free && kind !== STATE.pending, 'I4: a block is freed once');
      assert((state & UNPUBLISHED) === 0, 'I3: what no log will know is not freed in one');
      this.states[n] = STATE.pending | (state & UNLOGGED);
    }
    this.pendingBlocks += count;
    trace('defer', addressOf(this.index, start as BlockIndex, this.geometry), count);
  }

  /** Freed blocks have come of age: two further commits are durable, and no reader sees them (I1, I4). */
  release(start: number, count: number): void {
    for (let n = start; n < start + count; n += 1) {
      assert(this.states[n] === STATE.pending, 'I4: only a logged, pending block is released');
      this.states[n] = STATE.free;
    }
    this.comeBack(start, count);
    this.pendingBlocks -= count;
    trace('release', addressOf(this.index, start as BlockIndex, this.geometry), count);
  }

  private comeBack(start: number, count: number): void {
    this.free.freeRange(start, count);
    this.missingRun = Number.POSITIVE_INFINITY;
  }

  /** A compaction's old chain has been released. */
  releaseOldLog(count: number): void {
    this.oldLogBlocks -= count;
    assert(this.oldLogBlocks >= 0, 'I9: old log blocks are counted once');
  }

  /** The next freeze compacts, if it may by then. */
  askCompaction(): void {
    this.compactionAsked = this.log.blockCount > 0;
  }

  /**
   * Seals the records since the last freeze into the log as commit number `commit`, and queues the batches. Compacts
   * instead when the chain has grown long. Returns the blocks of a replaced chain; they are freed by this commit.
   */
  freeze(commit: number, generation: Generation, writer: LogWriter): number[] {
    const compact = this.compactionDue(commit);
    const units = this.takeRecords();
    this.recent = this.recent.filter((records) => records.commit >= commit - 2);
    let oldBlocks: number[] = [];
    if (compact) oldBlocks = this.compact(units, commit, generation, writer);
    else this.log.append(units, generation, this.allocateLogBlock, writer);
    this.compactionAsked = this.compactionAsked && !compact;
    this.recent.push({ commit, units });
    this.loggedFreeBlocks += freeBalance(units);
    this.clearUnlogged(units);
    trace('freeze', addressOf(this.index, 0 as BlockIndex, this.geometry), generation);
    return oldBlocks;
  }

  /** The records of this commit. Growth comes first, as one record, however many steps it came in. */
  private takeRecords(): UnitBuffer {
    const { records } = this;
    this.records = new UnitBuffer();
    const grown = this.grownBlocks - this.loggedBlocks;
    if (grown === 0) return records;
    const units = new UnitBuffer(records.unitCount + 64);
    units.appendAvailable(this.loggedBlocks, grown);
    units.appendUnits(records, 0, records.unitCount);
    this.loggedBlocks += grown;
    this.loggedFreeBlocks += grown;
    return units;
  }

  private compact(
    units: UnitBuffer,
    commit: number,
    generation: Generation,
    writer: LogWriter,
  ): number[] {
    const oldBlocks = this.log.restart();
    for (const block of oldBlocks) units.appendFreeRaw(block, 1);
    appendCompacted({
      arena: this,
      units,
      window: this.recent,
      append: (stream) => this.log.append(stream, generation, this.allocateLogBlock, writer),
    });
    for (const block of oldBlocks) this.markPending(block, 1);
    this.oldLogBlocks += oldBlocks.length;
    this.compactedAtCommit = commit;
    this.compactedBlocks = this.log.blockCount;
    this.compactionCount += 1;
    trace('compact', addressOf(this.index, 0 as BlockIndex, this.geometry), oldBlocks.length);
    return oldBlocks;
  }

  /** About how many blocks a compaction would leave. */
  private compactedBlocksNow(): number {
    let units = 0;
    for (const records of this.recent) units += records.units.unitCount;
    return compactedLogBlocks(this.free.rangeCount, units, this.geometry);
  }

  private compactionDue(commit: number): boolean {
    if (this.log.blockCount === 0) return false;
    if (commit < this.compactedAtCommit + COMMITS_BETWEEN_COMPACTIONS) return false;
    if (this.compactionAsked) return true;
    const wanted = Math.max(COMPACT_BLOCKS_MIN, 2 * this.compactedBlocks);
    const longest = logBlocksMax(this.grownBlocks, this.geometry);
    return this.log.blockCount >= Math.min(wanted, longest);
  }

  /** Out of the reserve; there is always one (I9). From the top, away from data's neighbours. */
  readonly allocateLogBlock = (): number => {
    const block = this.free.allocateHigh(1);
    assert(block >= 0, 'I9: the reserve holds a block for the log');
    this.states[block] = STATE.log;
    return block;
  };

  private clearUnlogged(units: UnitBuffer): void {
    forEachAllocated(units, (block) => {
      const state = this.states[block] as number;
      this.states[block] = state & ~UNLOGGED;
    });
  }
}
