/**
 * Replay: from a superblock's arena entry to free ranges. Everything read here is hostile until it has passed: the
 * chain is followed only as far as the recorded length, every batch must carry its chained checksum, and every record
 * must make sense against the ranges so far. Nothing throws; a log that is not right is a `ReplayFlaw`.
 *
 * The blocks of the log itself need not be known before the chain is followed; whether they, and no others, are
 * allocated to the log is checked at the end: the next batch goes to the block the tail names, and that must not be
 * one that is in use.
 */
import type { ArenaIndex, BlockIndex, Generation } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import { addressOf, type Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import { decodeLogBlockHeader, openBatch, sectorsPerBlock } from '../format/log-block.ts';
import { RecordReader, UnitBuffer } from '../format/log-records.ts';
import type { ArenaEntry } from '../format/superblock.ts';
import type { LogPosition } from './alloc-log.ts';
import { STATE } from './block-state.ts';
import { FreeRanges } from './free-ranges.ts';
import type { RecentRecords } from './records.ts';

/** A log that cannot be replayed, and where. */
export interface ReplayFlaw {
  readonly flaw: string;
  readonly arena: ArenaIndex;
  readonly block: number;
  readonly fault?: DeviceFault;
}

/** A block born in one of the last commits, to be verified by its logged hash. */
export interface LoggedBlock {
  readonly block: number;
  /** 0: the recovered commit; −1 and −2: the two before it. */
  readonly commit: number;
  /** The one in the block's pointer. */
  readonly generation: Generation;
  readonly hashHigh: number;
  readonly hashLow: number;
}

export interface ReplayedLog {
  readonly arena: ArenaIndex;
  readonly grownBlocks: number;
  /** Free and allocatable: what the last two commits freed is not in it. */
  readonly free: FreeRanges;
  /** Free as the log has it, pending blocks included. */
  readonly loggedFreeBlocks: number;
  readonly states: Uint8Array;
  /** Freed by the recovered commit (0) or the one before (−1). `log`: blocks of a chain that was compacted away. */
  readonly pending: readonly { commit: number; start: number; count: number; log: boolean }[];
  /** The records of these two commits, oldest first. */
  readonly recent: RecentRecords[];
  /** Still allocated and born in the last three commits. */
  readonly born: readonly LoggedBlock[];
  readonly chain: number[];
  readonly successor: number;
  readonly position: LogPosition;
  readonly unitCount: number;
  /** Pending blocks of chains that were compacted away, and by which of the commits, the last of them. */
  readonly oldLogBlocks: number;
  readonly oldLogCommit: number | undefined;
}

/** The generations of the recovered commit and of the two before it; 0 where there was none. */
export interface CommitWindow {
  readonly current: number;
  readonly previous: number;
  readonly beforePrevious: number;
}

export interface ReplaySource {
  readonly arena: ArenaIndex;
  readonly entry: ArenaEntry;
  readonly window: CommitWindow;
  readonly geometry: Geometry;
  readonly hasher: BlockHasher;
  readBlock(block: BlockIndex, into: Uint8Array): DeviceFault | undefined;
}

interface LoadedChain {
  readonly units: UnitBuffer;
  readonly chain: number[];
  readonly successor: number;
}

const isFlaw = (value: object): value is ReplayFlaw => 'flaw' in value;

export function replayLog(source: ReplaySource): ReplayedLog | ReplayFlaw {
  const loaded = new ChainLoader(source).load();
  if (isFlaw(loaded)) return loaded;
  return new Replay(source, loaded).run();
}

/** Reads the chain to its recorded length and verifies every batch. One object for one chain. */
class ChainLoader {
  private readonly source: ReplaySource;
  private readonly units = new UnitBuffer();
  private readonly chain: number[] = [];
  private readonly bytes: Uint8Array;
  private block: number;
  /** Named by the block read last. */
  private successor = 0;
  private hashHigh = 0;
  private hashLow = 0;

  constructor(source: ReplaySource) {
    this.source = source;
    this.bytes = new Uint8Array(source.geometry.blockBytes);
    this.block = source.entry.logHead;
  }

  load(): LoadedChain | ReplayFlaw {
    const { entry, geometry } = this.source;
    if (entry.logSectors === 0) return this.flawed('a log without a block');
    const inBlock = sectorsPerBlock(geometry);
    for (let left = entry.logSectors; left > 0; left -= inBlock) {
      const flaw = this.loadBlock() ?? this.loadBatches(Math.min(left, inBlock));
      if (flaw !== undefined) return flaw;
      this.block = this.successor;
    }
    if (this.hashHigh !== entry.logHashHigh || this.hashLow !== entry.logHashLow) {
      return this.flawed('the log is not the one the superblock names');
    }
    const { units, chain, successor } = this;
    return { units, chain, successor };
  }

  /** Its header is believed for now: the hash of the block's first batch covers it. */
  private loadBlock(): ReplayFlaw | undefined {
    const { arena, entry, geometry } = this.source;
    const fault = this.source.readBlock(this.block as BlockIndex, this.bytes);
    if (fault !== undefined) return { ...this.flawed('the log block cannot be read'), fault };
    const { grownBlocks } = entry;
    const expected = { arena, position: this.chain.length, geometry, grownBlocks };
    const header = decodeLogBlockHeader(this.bytes, expected);
    if (!header.ok) return this.flawed(`log block header: ${header.error.detail}`);
    this.chain.push(this.block);
    this.successor = header.value.successor;
    return undefined;
  }

  /** The block's batches, which end exactly behind `sectors` sectors. */
  private loadBatches(sectors: number): ReplayFlaw | undefined {
    const { arena, geometry, hasher } = this.source;
    const blockAddress = addressOf(arena, this.block as BlockIndex, geometry);
    for (let sector = 0; sector < sectors; ) {
      const batch = openBatch({
        block: this.bytes,
        sector,
        blockAddress,
        previousHigh: this.hashHigh,
        previousLow: this.hashLow,
        geometry,
        hasher,
      });
      if (!batch.ok) return this.flawed(`log batch in sector ${sector}: ${batch.error.detail}`);
      const { sectorCount, payloadOffset, unitCount, hashHigh, hashLow } = batch.value;
      if (sector + sectorCount > sectors) return this.flawed('a batch passes the end');
      this.units.appendFromBytes(this.bytes, payloadOffset, unitCount);
      this.hashHigh = hashHigh;
      this.hashLow = hashLow;
      sector += sectorCount;
    }
    return undefined;
  }

  private flawed(flaw: string): ReplayFlaw {
    return { flaw, arena: this.source.arena, block: this.block };
  }
}

/** Applies checked records. One object for one replay. */
class Replay {
  private readonly logged = new FreeRanges();
  private readonly states: Uint8Array;
  private readonly born = new Map<number, LoggedBlock>();
  private readonly pending: { commit: number; start: number; count: number; log: boolean }[] = [];
  private readonly recent: RecentRecords[] = [];
  private oldLogBlocks = 0;
  private oldLogCommit: number | undefined;
  private readonly source: ReplaySource;
  private readonly loaded: LoadedChain;

  constructor(source: ReplaySource, loaded: LoadedChain) {
    this.source = source;
    this.loaded = loaded;
    this.states = new Uint8Array(source.entry.grownBlocks).fill(STATE.data);
  }

  run(): ReplayedLog | ReplayFlaw {
    const { units } = this.loaded;
    const boundaries = new RecordReader(units, this.source.entry.grownBlocks);
    const records = new RecordReader(units, this.source.entry.grownBlocks);
    let from = 0;
    let generationBefore = -1;
    for (;;) {
      const kind = boundaries.next();
      if (kind === 'bad') return this.flawed(boundaries.index, `record: ${boundaries.reason}`);
      if (kind === 'end') break;
      if (kind !== 'sync') continue;
      if (boundaries.generation <= generationBefore) return this.flawed(0, 'a sync from the past');
      generationBefore = boundaries.generation;
      const flaw = this.applyCommit(records, boundaries.nextUnit, boundaries.generation);
      if (flaw !== undefined) return flaw;
      this.keepRecent(from, boundaries.nextUnit, boundaries.generation);
      from = boundaries.nextUnit;
    }
    if (from !== units.unitCount) return this.flawed(0, 'records behind the last sync');
    return this.finish();
  }

  /** Applies records up to unit `end`, which belong to the commit that the sync record there names. */
  private applyCommit(
    records: RecordReader,
    end: number,
    generation: number,
  ): ReplayFlaw | undefined {
    const commit = this.commitOf(generation);
    if (generation > this.source.window.current) return this.flawed(0, 'a sync from the future');
    if (commit === -3 && generation > this.source.window.beforePrevious) {
      // Its frees would count as old between younger ones, and a block could be pending and free at once.
      return this.flawed(0, 'a sync of a generation that the superblock’s line does not have');
    }
    while (records.nextUnit < end) {
      const kind = records.next();
      const { index, count } = records;
      let sound = true;
      if (kind === 'available') sound = this.makeFree(index, count);
      else if (kind === 'alloc') sound = this.allocate(records, commit, generation);
      else if (kind === 'allocRaw') sound = this.allocateRaw(index, count);
      else if (kind === 'free') sound = this.free(index, count, commit, false);
      else if (kind === 'freeRaw') sound = this.free(index, count, commit, true);
      if (!sound) return this.flawed(index, `${kind} of ${count} contradicts the records before`);
    }
    return undefined;
  }

  /** 0 for the recovered commit, −1 and −2 for the two before it, −3 for all older ones. */
  private commitOf(generation: number): number {
    const { current, previous, beforePrevious } = this.source.window;
    if (generation === current) return 0;
    if (generation === 0) return -3;
    if (generation === previous) return -1;
    return generation === beforePrevious ? -2 : -3;
  }

  private makeFree(start: number, count: number): boolean {
    if (!this.logged.tryFreeRange(start, count)) return false;
    this.mark(start, count, STATE.free);
    return true;
  }

  private allocate(records: RecordReader, commit: number, generation: number): boolean {
    const { index, metadata, birthDelta, hashHigh, hashLow } = records;
    if (birthDelta > generation || !this.logged.grabRange(index, 1)) return false;
    this.states[index] = metadata ? STATE.metadata : STATE.data;
    if (commit > -3) {
      const birth = (generation - birthDelta) as Generation;
      this.born.set(index, { block: index, commit, generation: birth, hashHigh, hashLow });
    }
    return true;
  }

  private allocateRaw(start: number, count: number): boolean {
    if (!this.logged.grabRange(start, count)) return false;
    this.mark(start, count, STATE.log);
    return true;
  }

  private free(start: number, count: number, commit: number, log: boolean): boolean {
    if (!this.logged.tryFreeRange(start, count)) return false;
    for (let block = start; block < start + count; block += 1) this.born.delete(block);
    if (commit < -1) {
      this.mark(start, count, STATE.free);
      return true;
    }
    this.mark(start, count, STATE.pending);
    this.pending.push({ commit, start, count, log });
    if (log) {
      this.oldLogBlocks += count;
      this.oldLogCommit = commit;
    }
    return true;
  }

  /** Most ranges are a block or two, for which `fill` costs more than the rest of the record. */
  private mark(start: number, count: number, state: number): void {
    const { states } = this;
    for (let block = start; block < start + count; block += 1) states[block] = state;
  }

  private keepRecent(from: number, to: number, generation: number): void {
    const commit = this.commitOf(generation);
    if (commit < -1) return;
    const units = new UnitBuffer();
    units.appendUnits(this.loaded.units, from, to);
    this.recent.push({ commit, units });
  }

  private finish(): ReplayedLog | ReplayFlaw {
    const { entry, arena } = this.source;
    const { chain, successor, units } = this.loaded;
    const flaw = this.logBlocksFlaw();
    if (flaw !== undefined) return flaw;
    if (entry.grownBlocks - this.logged.blockCount !== entry.usedBlocks) {
      return this.flawed(0, 'the superblock counts other blocks as used');
    }
    const free = this.logged.clone();
    for (const { start, count } of this.pending) {
      // Freed in the window and allocated again in it: only a log that we did not write says so.
      if (!free.grabRange(start, count))
        return this.flawed(start, 'a pending block is in use again');
    }
    return {
      arena,
      grownBlocks: entry.grownBlocks,
      free,
      loggedFreeBlocks: this.logged.blockCount,
      states: this.states,
      pending: this.pending,
      recent: this.recent,
      born: [...this.born.values()],
      chain,
      successor,
      position: {
        head: entry.logHead,
        sectors: entry.logSectors,
        hashHigh: entry.logHashHigh,
        hashLow: entry.logHashLow,
      },
      unitCount: units.unitCount,
      oldLogBlocks: this.oldLogBlocks,
      oldLogCommit: this.oldLogCommit,
    };
  }

  /** The chain and its successor are different blocks, and are all that is allocated to the log. */
  private logBlocksFlaw(): ReplayFlaw | undefined {
    const { chain, successor } = this.loaded;
    const blocks = new Set([...chain, successor]);
    for (const block of blocks) {
      if (this.states[block] !== STATE.log)
        return this.flawed(block, 'a log block is not the log’s');
    }
    if (blocks.size !== chain.length + 1) {
      return this.flawed(successor, 'the log’s next block is in use by it');
    }
    let count = 0;
    const { states } = this;
    for (let block = 0; block < states.length; block += 1) {
      if (states[block] === STATE.log) count += 1;
    }
    if (count !== blocks.size) return this.flawed(0, 'blocks of the log that are not in it');
    return undefined;
  }

  private flawed(block: number, flaw: string): ReplayFlaw {
    return { flaw, arena: this.source.arena, block };
  }
}
