import { describe, expect, test } from 'vitest';
import type { ArenaIndex, BlockIndex, Generation } from '../base/brand.ts';
import { addressOf, type Geometry } from '../format/geometry.ts';
import { batchUnitsMax, openBatch, sectorsPerBlock } from '../format/log-block.ts';
import { RecordReader, UnitBuffer } from '../format/log-records.ts';
import { blockHasher } from '../sim/arena-life.ts';
import { LogDisk } from '../sim/log-disk.ts';
import { stride } from '../sim/scale.ts';
import { AllocLog, type LogPosition } from './alloc-log.ts';
import { STATE } from './block-state.ts';
import { type ReplayedLog, type ReplayFlaw, replayLog } from './log-replay.ts';

const BLOCKS = 8192;
const ARENA = 3 as ArenaIndex;

function geometryOf(blockBytes: number, sectorBytes: number): Geometry {
  return {
    ...{ blockBytes, sectorBytes, slotBytes: 4096, diskCount: 1 },
    arenaBytes: BLOCKS * blockBytes,
  };
}

const GEOMETRIES = [
  geometryOf(512, 512),
  geometryOf(4096, 512),
  geometryOf(4096, 4096),
  geometryOf(16_384, 4096),
];
const each = GEOMETRIES.map((geometry) => ({
  name: `${geometry.blockBytes}/${geometry.sectorBytes}`,
  geometry,
}));

/** A log alone: data from the bottom, the log's blocks from the top, and a count of what is in use. */
class Bench {
  readonly disk: LogDisk;
  readonly geometry: Geometry;
  log: AllocLog;
  commit = 0;
  usedBlocks = 0;
  private nextData = 0;
  private nextLog = BLOCKS - 1;

  constructor(geometry: Geometry) {
    this.geometry = geometry;
    this.disk = new LogDisk(geometry);
    this.log = new AllocLog(ARENA, geometry, blockHasher);
    const units = new UnitBuffer();
    units.appendAvailable(0, BLOCKS);
    this.append(units);
  }

  readonly allocate = (): number => {
    this.usedBlocks += 1;
    this.nextLog -= 1;
    return this.nextLog + 1;
  };

  append(units: UnitBuffer): void {
    this.commit += 1;
    this.log.append(units, this.commit as Generation, this.allocate, this.disk);
  }

  /** A commit of `count` records, every third of them a free; an allocation takes two units, a free one. */
  commitRecords(count: number): void {
    const units = new UnitBuffer();
    for (let n = 0; n < count; n += 1) {
      if (n % 3 === 2) {
        units.appendFree(this.nextData - 1, 1);
        this.usedBlocks -= 1;
      } else {
        units.appendAlloc(this.nextData, false, 0, n, this.commit);
        this.nextData += 1;
        this.usedBlocks += 1;
      }
    }
    this.append(units);
  }

  /** A commit of so many units: allocations, and in front of them a free when the number is odd. */
  commitUnits(count: number): void {
    const units = new UnitBuffer();
    if (count % 2 !== 0) {
      units.appendAlloc(BLOCKS / 2 + this.commit, true, 0, 0, 0);
      units.appendFree(BLOCKS / 2 + this.commit, 1);
    }
    while (units.unitCount + 2 <= count) {
      units.appendAlloc(this.nextData, false, 0, this.nextData + 1, 0);
      this.nextData += 1;
      this.usedBlocks += 1;
    }
    this.append(units);
  }

  get entry() {
    const { head, sectors, hashHigh, hashLow } = this.log.position;
    return {
      ...{ grownBlocks: BLOCKS, usedBlocks: this.usedBlocks },
      ...{ logHead: head, logSectors: sectors, logHashHigh: hashHigh, logHashLow: hashLow },
    };
  }

  /** The units of each batch. */
  batches(): UnitBuffer[] {
    const { geometry, disk, log } = this;
    const batches: UnitBuffer[] = [];
    let [sectors, previousHigh, previousLow] = [0, 0, 0];
    while (sectors < log.position.sectors) {
      const at = log.chain[Math.floor(sectors / sectorsPerBlock(geometry))] as BlockIndex;
      const block = disk.blocks.get(at) as Uint8Array;
      const sector = sectors % sectorsPerBlock(geometry);
      const blockAddress = addressOf(ARENA, at, geometry);
      const hasher = blockHasher;
      const place = { block, sector, blockAddress, previousHigh, previousLow, geometry, hasher };
      const batch = openBatch(place);
      if (!batch.ok) throw new Error(batch.error.detail);
      const units = new UnitBuffer();
      units.appendFromBytes(block, batch.value.payloadOffset, batch.value.unitCount);
      batches.push(units);
      sectors += batch.value.sectorCount;
      previousHigh = batch.value.hashHigh;
      previousLow = batch.value.hashLow;
    }
    return batches;
  }

  /** The log as of commit `commit`, whose superblock had `entry`. */
  replay(entry = this.entry, commit = this.commit): ReplayedLog | ReplayFlaw {
    const window = { current: commit, previous: commit - 1, beforePrevious: commit - 2 };
    const { geometry, disk } = this;
    const { readBlock } = disk;
    return replayLog({ arena: ARENA, entry, window, geometry, hasher: blockHasher, readBlock });
  }
}

/** How reading a batch by itself ends: `bad` when a record is cut off. */
function lastKind(units: UnitBuffer): string {
  const reader = new RecordReader(units, BLOCKS);
  for (;;) {
    const kind = reader.next();
    if (kind === 'end' || kind === 'bad') return kind;
  }
}

function replayed(bench: Bench): ReplayedLog {
  const result = bench.replay();
  if ('flaw' in result) throw new Error(`the log does not replay: ${result.flaw}`);
  return result;
}

describe.each(each)('I5: a log of blocks and sectors of $name', ({ geometry }) => {
  const perBlock = sectorsPerBlock(geometry);
  const unitsInBlock = batchUnitsMax(perBlock, true, geometry);

  test('commits of one record to several blocks: fresh sectors, in order, none written twice', () => {
    const bench = new Bench(geometry);
    let sectors = bench.log.position.sectors;
    const blocksWorth = Math.floor(unitsInBlock / 2);
    const sizes = [1, 2, 30, 1, blocksWorth, 1, 2 * blocksWorth + 7, 1, 1, 5, blocksWorth - 3];
    for (const size of sizes.filter((count) => count < BLOCKS / 4)) {
      bench.disk.settle();
      bench.commitRecords(size);
      for (const { block, sector, sectorCount } of bench.disk.batches) {
        // What the disk asserts is that no sector is written twice; this is that none is left out.
        expect(bench.log.chain[Math.floor(sectors / perBlock)]).toBe(block);
        expect(sectors % perBlock).toBe(sector);
        sectors += sectorCount;
      }
      expect(bench.log.position.sectors).toBe(sectors);
      expect(replayed(bench).chain).toEqual(bench.log.chain);
      expect(bench.log.chain).not.toContain(bench.log.successor);
    }
    expect(bench.disk.sectorsWritten).toBe(sectors);
  });

  test('sizes around a full block: no record is split, none is lost', () => {
    // An allocation takes two units, so that both the sync record and an allocation meet the end of the block.
    for (let wanted = unitsInBlock - 9; wanted <= unitsInBlock + 5; wanted += 1) {
      const bench = new Bench(geometry);
      bench.commitUnits(wanted - batchUnitsMax(1, true, geometry) - 3);
      bench.commitUnits(wanted);
      const { states, born } = replayed(bench);
      expect(born.length).toBe(states.filter((state) => state === STATE.data).length);
      expect(born.map(({ block, hashHigh }) => hashHigh - block)).toEqual(born.map(() => 1));
      for (const batch of bench.batches()) expect(lastKind(batch)).toBe('end');
    }
  });

  test('resuming goes on exactly where the log was', () => {
    const bench = new Bench(geometry);
    const straight = new Bench(geometry);
    for (const size of [3, 40, 1, 100, 1, 1, 7, 60, 2]) {
      const { chain, successor, position, unitCount } = replayed(bench);
      expect(position).toEqual(bench.log.position);
      bench.log = new AllocLog(ARENA, geometry, blockHasher);
      bench.log.resume(chain, successor, position, unitCount);
      bench.commitRecords(size);
      straight.commitRecords(size);
      expect(bench.log.position).toEqual(straight.log.position);
      expect(bench.log.unitCount).toBe(straight.log.unitCount);
      expect(bench.log.blockCount).toBe(straight.log.blockCount);
    }
    for (const [block, bytes] of straight.disk.blocks) {
      expect(bench.disk.blocks.get(block)).toEqual(bytes);
    }
  });

  test('an uncommitted tail is ignored, whatever it holds', () => {
    const bench = new Bench(geometry);
    for (const size of [3, 1, 20]) bench.commitRecords(size);
    const { entry, commit } = bench;
    const committed = replayed(bench);
    bench.disk.settle();
    bench.commitRecords(unitsInBlock);
    expect(bench.disk.batches.length).toBeGreaterThan(1);
    expect(bench.replay(entry, commit)).toEqual(committed);
    bench.disk.lose(() => false);
    expect(bench.replay(entry, commit)).toEqual(committed);
  });
});

test.each([GEOMETRIES[0], GEOMETRIES[1]] as Geometry[])(
  'I5: any flip of any byte of any committed sector is noticed ($blockBytes/512)',
  (geometry) => {
    const bench = new Bench(geometry);
    for (const size of [1, 30, 2, 70, 1]) bench.commitRecords(size);
    let tried = 0;
    let { sectors } = bench.log.position;
    for (const block of bench.log.chain) {
      const inBlock = Math.min(sectors, sectorsPerBlock(geometry));
      sectors -= inBlock;
      const bytes = bench.disk.blocks.get(block) as Uint8Array;
      for (let at = 0; at < inBlock * geometry.sectorBytes; at += stride(9)) {
        const before = bytes[at] as number;
        bytes[at] = before ^ (1 << (at % 8));
        expect('flaw' in bench.replay()).toBe(true);
        bytes[at] = before;
        tried += 1;
      }
    }
    const committedBytes = bench.log.position.sectors * geometry.sectorBytes;
    expect(tried).toBeGreaterThanOrEqual(committedBytes / stride(9));
    expect(bench.replay()).not.toHaveProperty('flaw');
  },
);

test('I5: a lost batch, an old batch in its place and a batch of another log are noticed', () => {
  const geometry = GEOMETRIES[1] as Geometry;
  const bench = new Bench(geometry);
  for (const size of [1, 1, 1, 1]) bench.commitRecords(size);
  const [block] = bench.log.chain as [number];
  const sector = (n: number) => bench.disk.sectorOf(block, n);
  const kept = Array.from({ length: 5 }, (_, n) => sector(n).slice());
  const swap = (target: number, source: Uint8Array) => {
    sector(target).set(source);
    const result = bench.replay();
    sector(target).set(kept[target] as Uint8Array);
    return result;
  };
  for (let n = 0; n < 5; n += 1) {
    expect(swap(n, new Uint8Array(512))).toHaveProperty('flaw');
    if (n > 0) expect(swap(n, kept[n - 1] as Uint8Array)).toHaveProperty('flaw');
  }
  const other = new Bench(geometry);
  for (const size of [1, 1, 2, 1]) other.commitRecords(size);
  expect(other.log.chain).toEqual([block]);
  for (const n of [3, 4]) {
    expect(swap(n, other.disk.sectorOf(block, n))).toHaveProperty('flaw');
  }
  // All of the other log is a sound log, but it is not the one that the superblock names.
  bench.disk.blocks.set(block, other.disk.blocks.get(block) as Uint8Array);
  expect(bench.replay()).toMatchObject({ flaw: 'the log is not the one the superblock names' });
});

describe('a log’s own blocks', () => {
  const geometry = GEOMETRIES[0] as Geometry;

  test('the first commit takes two: its head, and the successor that the header names', () => {
    const bench = new Bench(geometry);
    expect(bench.log.chain).toEqual([BLOCKS - 1]);
    expect(bench.log.successor).toBe(BLOCKS - 2);
    expect(bench.log.blockCount).toBe(2);
  });

  test('their records are in the commit that takes them', () => {
    const bench = new Bench(geometry);
    bench.commitRecords(400);
    const { states } = replayed(bench);
    const own = [...bench.log.chain, bench.log.successor];
    expect(own.length).toBeGreaterThan(10);
    expect(own.every((block) => states[block] === states[BLOCKS - 1])).toBe(true);
  });

  test('a commit that its own records push over the end of a block takes one more', () => {
    // For every size: whatever the records of new blocks displace, blocks and records agree.
    for (let count = 1; count < 120; count += 1) {
      const bench = new Bench(geometry);
      bench.commitRecords(count);
      expect(replayed(bench).chain.length + 1).toBe(bench.log.blockCount);
    }
  });

  test('after a restart a new chain begins, and the old blocks are handed back, successor included', () => {
    const bench = new Bench(geometry);
    bench.commitRecords(100);
    const before = [...bench.log.chain, bench.log.successor];
    expect(bench.log.restart()).toEqual(before);
    expect(bench.log.blockCount).toBe(0);
    expect(bench.log.position).toEqual({ head: 0, sectors: 0, hashHigh: 0, hashLow: 0 });
    expect(bench.log.unitCount).toBe(0);
    const units = new UnitBuffer();
    units.appendAvailable(0, 10);
    bench.append(units);
    expect(before).not.toContain(bench.log.chain[0]);
    expect(bench.log.position.head).toBe(bench.log.chain[0]);
  });

  test('a log is resumed at its length', () => {
    const log = new AllocLog(ARENA, geometry, blockHasher);
    const position: LogPosition = { head: 5, sectors: 3, hashHigh: 1, hashLow: 2 };
    const message = 'I5: the log is as long as its chain';
    expect(() => log.resume([5, 6], 7, position, 9)).toThrow(message);
    log.resume([5, 6, 7], 8, position, 9);
    expect(log.position).toEqual(position);
  });
});
