/**
 * The allocation log of one arena: a chain of log blocks that say, commit by commit, which blocks were allocated and
 * freed. Replaying it gives the free ranges back.
 *
 * Owns I5 for the log: a batch is written to fresh sectors, once; a block's header goes out with its first batch and
 * already names the block's preallocated successor, so nothing committed is ever touched again. Each batch carries a
 * checksum chained to the one before, and the superblock holds the last of them together with the log's length, so
 * that exactly the committed records are replayed.
 *
 * Not a ring and not a tail rewritten in place, as in the seed: a torn tail would lose records that were committed.
 */
import { assert } from '../base/assert.ts';
import type { ArenaIndex, BlockIndex, Generation } from '../base/brand.ts';
import { addressOf, type Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import {
  batchPayloadOffset,
  batchSectors,
  batchUnitsMax,
  sealBatch,
  sectorsPerBlock,
} from '../format/log-block.ts';
import { type UnitBuffer, wholeRecordUnits } from '../format/log-records.ts';

/** Where log blocks come from: the arena itself, reserve included. Never fails (I9). */
export type AllocateLogBlock = () => number;

/** Where batches go: a scratch buffer of one block that is queued, and given back when it has landed. */
export interface LogWriter {
  openScratch(): number;
  scratchBytes(scratch: number): Uint8Array;
  /** Queues `sectorCount` sectors of the scratch buffer, from `sector` on, for the same place in block `block`. */
  writeBatch(batch: {
    scratch: number;
    arena: ArenaIndex;
    block: BlockIndex;
    sector: number;
    sectorCount: number;
  }): void;
}

/** What a superblock remembers of a log. */
export interface LogPosition {
  readonly head: number;
  readonly sectors: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

const NONE = -1;

export class AllocLog {
  /** The log's blocks in order, without the successor. */
  chain: number[] = [];
  /** Allocated and named by the tail's header, not yet written to; −1 while there is no tail. */
  successor = NONE;
  /** Units since the log was created or compacted, for the statistics. */
  unitCount = 0;
  private tailSector: number;
  private sectorCount = 0;
  private hashHigh = 0;
  private hashLow = 0;
  private readonly sectorsPerBlock: number;
  /** The batches of the append under way: from which unit, how many, at which sector. */
  private readonly pieces: { from: number; count: number; sector: number }[] = [];
  private readonly arena: ArenaIndex;
  private readonly geometry: Geometry;
  private readonly hasher: BlockHasher;

  constructor(arena: ArenaIndex, geometry: Geometry, hasher: BlockHasher) {
    this.arena = arena;
    this.geometry = geometry;
    this.hasher = hasher;
    this.sectorsPerBlock = sectorsPerBlock(geometry);
    this.tailSector = this.sectorsPerBlock;
  }

  get position(): LogPosition {
    return {
      head: this.chain[0] ?? 0,
      sectors: this.sectorCount,
      hashHigh: this.hashHigh,
      hashLow: this.hashLow,
    };
  }

  /** Log blocks in use, the successor included. */
  get blockCount(): number {
    return this.chain.length + (this.successor === NONE ? 0 : 1);
  }

  /** Continues a log that was replayed to `position`. */
  resume(chain: number[], successor: number, position: LogPosition, unitCount: number): void {
    assert(
      Math.ceil(position.sectors / this.sectorsPerBlock) === chain.length,
      'I5: the log is as long as its chain',
    );
    this.chain = chain;
    this.successor = successor;
    this.sectorCount = position.sectors;
    this.tailSector = position.sectors - (chain.length - 1) * this.sectorsPerBlock;
    this.hashHigh = position.hashHigh;
    this.hashLow = position.hashLow;
    this.unitCount = unitCount;
  }

  /** Forgets the chain, so that the next append starts a new one. Returns its blocks, for the caller to free. */
  restart(): number[] {
    assert(this.successor !== NONE, 'a log that is replaced has a tail');
    const oldBlocks = [...this.chain, this.successor];
    this.chain = [];
    this.successor = NONE;
    this.sectorCount = 0;
    this.tailSector = this.sectorsPerBlock;
    this.hashHigh = 0;
    this.hashLow = 0;
    this.unitCount = 0;
    return oldBlocks;
  }

  /**
   * Appends a commit's records and queues them. `units` is completed on the way: with the records of the log's own
   * new blocks and with `sync(generation)` as the last.
   */
  append(
    units: UnitBuffer,
    generation: Generation,
    allocate: AllocateLogBlock,
    writer: LogWriter,
  ): void {
    const successors = this.allocateSuccessors(units, generation, allocate);
    for (const piece of this.pieces) {
      if (piece.sector === 0) {
        this.chain.push(this.successor === NONE ? takeNext(successors) : this.successor);
        this.successor = takeNext(successors);
      }
      this.writePiece(units, piece, generation, writer);
    }
    assert(successors.length === 0, 'every log block allocated is in the chain');
    this.unitCount += units.unitCount;
  }

  /**
   * Allocates the successors that this append will name and adds their records. A record more may need a block more,
   * so it counts until the count stands still.
   */
  private allocateSuccessors(
    units: UnitBuffer,
    generation: Generation,
    allocate: AllocateLogBlock,
  ): number[] {
    const own = units.unitCount;
    let needed = 0;
    for (;;) {
      units.truncate(own);
      for (let n = 0; n < needed; n += 1) units.appendAllocRaw(0, 1);
      units.appendSync(generation);
      const entered = this.pack(units);
      const first = entered > 0 && this.successor === NONE ? 1 : 0;
      if (entered + first === needed) break;
      assert(entered + first > needed, 'packing more records never takes fewer blocks');
      needed = entered + first;
    }
    units.truncate(own);
    const successors: number[] = [];
    for (let n = 0; n < needed; n += 1) {
      const block = allocate();
      successors.push(block);
      units.appendAllocRaw(block, 1);
    }
    units.appendSync(generation);
    return successors;
  }

  /** Cuts `units` into batches that fit the chain, into `pieces`. Returns how many new blocks they enter. */
  private pack(units: UnitBuffer): number {
    this.pieces.length = 0;
    let sector = this.tailSector;
    let entered = 0;
    let from = 0;
    while (from < units.unitCount) {
      if (sector === this.sectorsPerBlock) {
        sector = 0;
        entered += 1;
      }
      const room = batchUnitsMax(this.sectorsPerBlock - sector, sector === 0, this.geometry);
      const count = wholeRecordUnits(units, from, Math.min(room, units.unitCount - from));
      assert(count > 0, 'a sector holds at least one record');
      this.pieces.push({ from, count, sector });
      sector += batchSectors(count, sector === 0, this.geometry);
      from += count;
    }
    return entered;
  }

  private writePiece(
    units: UnitBuffer,
    piece: { from: number; count: number; sector: number },
    generation: Generation,
    writer: LogWriter,
  ): void {
    const { sector } = piece;
    const block = this.chain[this.chain.length - 1] as BlockIndex;
    const scratch = writer.openScratch();
    const bytes = writer.scratchBytes(scratch);
    const payload = sector * this.geometry.sectorBytes + batchPayloadOffset(sector === 0);
    units.copyUnitsTo(bytes, payload, piece.from, piece.count);
    const position = this.chain.length - 1;
    const header = { arena: this.arena, position, successor: this.successor };
    const sectorCount = sealBatch({
      block: bytes,
      sector,
      ...(sector === 0 ? { header } : {}),
      unitCount: piece.count,
      generation,
      blockAddress: addressOf(this.arena, block, this.geometry),
      previousHigh: this.hashHigh,
      previousLow: this.hashLow,
      geometry: this.geometry,
      hasher: this.hasher,
    });
    this.hashHigh = this.hasher.high;
    this.hashLow = this.hasher.low;
    this.tailSector = sector + sectorCount;
    this.sectorCount += sectorCount;
    writer.writeBatch({ scratch, arena: this.arena, block, sector, sectorCount });
  }
}

function takeNext(blocks: number[]): number {
  const block = blocks.shift();
  assert(block !== undefined, 'a successor was allocated for every block entered');
  return block;
}
