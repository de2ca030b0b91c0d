/**
 * The records of the allocation log: a stream of units of eight bytes, each two u32. The first word is a block index,
 * the second holds the operation in its low 8 bits and a count or a delta in the other 24.
 *
 * Guarantees: every record that can be appended can be read back, and any units at all can be read: a reader ends
 * with `end` or `bad`, after at most as many steps as there are units. It does not know whether a record fits the
 * arena's state; replaying it does (I3).
 *
 * A million records must cost milliseconds at open, so nothing is allocated per record: a buffer of words, and a
 * cursor with fields.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { ARENA_BLOCKS_MAX } from './geometry.ts';
import { hash64, layout, u32, u53, viewOf } from './layout.ts';

export const UNIT_BYTES = 8;
/** Counts and birth deltas take 24 bits. */
export const RECORD_COUNT_MAX = 2 ** 24 - 1;
const METADATA_FLAG = 2 ** 31;

export const LOG_OP = {
  /** A block with a hash; two units. Its count is the birth delta. */
  alloc: 1,
  /** Blocks without a hash: the log's own. */
  allocRaw: 2,
  free: 3,
  /** Space that was not there before: growth, or the free ranges a compacted log starts from. */
  available: 4,
  /** Everything before it belongs to the commit of this generation or to an earlier one; two units. */
  sync: 5,
  /** As `free`, for blocks of a log chain that a compaction has replaced: replay tells them apart for the reserve. */
  freeRaw: 6,
} as const;

/** Two units. `index` carries the metadata flag in bit 31, `op` the birth delta in its upper 24 bits. */
export const ALLOC_RECORD = layout({ index: u32, op: u32, hash: hash64 });
/** One unit: `allocRaw`, `free`, `freeRaw` and `available`. `op` carries the count in its upper 24 bits. */
export const RANGE_RECORD = layout({ index: u32, op: u32 });
/** Two units. `index` is 0. */
export const SYNC_RECORD = layout({ index: u32, op: u32, generation: u53 });

/** How many units a record of this operation takes; 0 when there is no such operation. */
export function recordUnits(op: number): number {
  switch (op) {
    case LOG_OP.alloc:
    case LOG_OP.sync:
      return 2;
    case LOG_OP.allocRaw:
    case LOG_OP.free:
    case LOG_OP.freeRaw:
    case LOG_OP.available:
      return 1;
    default:
      return 0;
  }
}

/** Whole records, growing at the end. */
export class UnitBuffer {
  /** Two words a unit; what lies behind `unitCount` is undefined. Replaced when the buffer grows. */
  words: Uint32Array;
  unitCount = 0;

  constructor(unitsExpected = 64) {
    this.words = new Uint32Array(2 * unitsExpected);
  }

  /** @param birthDelta Generation of the commit that logs the block, minus the generation in the block's pointer. */
  appendAlloc(
    index: number,
    metadata: boolean,
    birthDelta: number,
    hashHigh: number,
    hashLow: number,
  ): void {
    assert(index >= 0 && index < ARENA_BLOCKS_MAX, 'I3: a logged block is inside its arena');
    assert(birthDelta >= 0 && birthDelta <= RECORD_COUNT_MAX, 'a birth delta fits in 24 bits');
    const at = this.room(2);
    const words = this.words;
    words[at] = metadata ? index + METADATA_FLAG : index;
    words[at + 1] = LOG_OP.alloc + birthDelta * 256;
    words[at + 2] = hashLow;
    words[at + 3] = hashHigh;
  }

  appendAllocRaw(index: number, count: number): void {
    this.appendRange(LOG_OP.allocRaw, index, count);
  }

  appendFree(index: number, count: number): void {
    this.appendRange(LOG_OP.free, index, count);
  }

  appendFreeRaw(index: number, count: number): void {
    this.appendRange(LOG_OP.freeRaw, index, count);
  }

  appendAvailable(index: number, count: number): void {
    this.appendRange(LOG_OP.available, index, count);
  }

  appendSync(generation: number): void {
    assert(isCount(generation), 'a generation is a safe integer, 0 or more');
    const at = this.room(2);
    const words = this.words;
    words[at] = 0;
    words[at + 1] = LOG_OP.sync;
    words[at + 2] = generation % 2 ** 32;
    words[at + 3] = Math.floor(generation / 2 ** 32);
  }

  /** Appends the units `from … to` of another buffer; they are whole records. */
  appendUnits(other: UnitBuffer, from: number, to: number): void {
    assert(from >= 0 && from <= to && to <= other.unitCount, 'copied log units exist');
    const at = this.room(to - from);
    this.words.set(other.words.subarray(2 * from, 2 * to), at);
  }

  /** Appends what was read from disk: any bytes. */
  appendFromBytes(bytes: Uint8Array, offset: number, unitCount: number): void {
    const view = viewOf(bytes);
    const at = this.room(unitCount);
    for (let word = 0; word < 2 * unitCount; word += 1) {
      this.words[at + word] = view.getUint32(offset + 4 * word, true);
    }
  }

  copyUnitsTo(bytes: Uint8Array, offset: number, fromUnit: number, unitCount: number): void {
    assert(fromUnit >= 0 && fromUnit + unitCount <= this.unitCount, 'copied log units exist');
    const view = viewOf(bytes);
    const at = 2 * fromUnit;
    for (let word = 0; word < 2 * unitCount; word += 1) {
      view.setUint32(offset + 4 * word, this.words[at + word] as number, true);
    }
  }

  /** Forgets the records from unit `unitCount` on; a record starts there. */
  truncate(unitCount: number): void {
    assert(unitCount <= this.unitCount, 'log records are cut off, not invented');
    this.unitCount = unitCount;
  }

  /** Forgets the records, keeps the memory. */
  clear(): void {
    this.unitCount = 0;
  }

  /** A whole arena of 2^24 blocks does not fit in a count of 24 bits: it becomes two records. */
  private appendRange(op: number, index: number, count: number): void {
    assert(index >= 0 && count > 0, 'I3: a logged range has blocks');
    assert(index + count <= ARENA_BLOCKS_MAX, 'I3: a logged range is inside its arena');
    const first = Math.min(count, RECORD_COUNT_MAX);
    const at = this.room(1);
    this.words[at] = index;
    this.words[at + 1] = op + first * 256;
    if (first < count) this.appendRange(op, index + first, count - first);
  }

  /** Makes room for `units` more and counts them. Returns the index of their first word. */
  private room(units: number): number {
    const at = 2 * this.unitCount;
    this.unitCount += units;
    if (2 * this.unitCount > this.words.length) {
      const grown = new Uint32Array(Math.max(4 * this.unitCount, 128));
      grown.set(this.words.subarray(0, at));
      this.words = grown;
    }
    return at;
  }
}

/** The largest number of units, at most `unitsMax`, that starts at the record at `from` and splits no record. */
export function wholeRecordUnits(buffer: UnitBuffer, from: number, unitsMax: number): number {
  const end = Math.min(buffer.unitCount, from + unitsMax);
  let at = from;
  while (at < end) {
    const units = recordUnits((buffer.words[2 * at + 1] as number) % 256);
    assert(units > 0, 'what is written to the log is whole records');
    if (at + units > end) break;
    at += units;
  }
  return at - from;
}

export type RecordKind =
  | 'alloc'
  | 'allocRaw'
  | 'free'
  | 'freeRaw'
  | 'available'
  | 'sync'
  | 'end'
  | 'bad';

/**
 * Reads records one after the other into its own fields.
 *
 * @example
 * const reader = new RecordReader(buffer, grownBlocks);
 * for (let kind = reader.next(); kind !== 'end'; kind = reader.next()) {
 *   if (kind === 'bad') return reader.reason;
 *   if (kind === 'free') ranges.freeRange(reader.index, reader.count);
 * }
 */
export class RecordReader {
  /** First block. */
  index = 0;
  /** Blocks; 1 for `alloc`. */
  count = 0;
  metadata = false;
  /** Of an `alloc`: the generation that logged it, minus the generation in the block's pointer. */
  birthDelta = 0;
  hashHigh = 0;
  hashLow = 0;
  /** Of the last `sync`. */
  generation = 0;
  /** Where the record starts, in units. */
  unit = 0;
  /** What is wrong with a `bad` record. */
  reason = '';

  private readonly buffer: UnitBuffer;
  private readonly grownBlocks: number;
  private readonly end: number;
  private following: number;

  /** @param range Units to read; all of them when left out. `from` is where a record starts. */
  constructor(buffer: UnitBuffer, grownBlocks: number, range: { from?: number; to?: number } = {}) {
    this.buffer = buffer;
    this.grownBlocks = grownBlocks;
    this.following = range.from ?? 0;
    this.end = range.to ?? buffer.unitCount;
    assert(this.following <= this.end && this.end <= buffer.unitCount, 'read log units exist');
  }

  /** Where the next record starts, in units. */
  get nextUnit(): number {
    return this.following;
  }

  /** After `bad` and `end` it answers the same again. */
  next(): RecordKind {
    if (this.reason !== '') return 'bad';
    const unit = this.following;
    this.unit = unit;
    if (unit >= this.end) return 'end';
    const words = this.buffer.words;
    const first = words[2 * unit] as number;
    const second = words[2 * unit + 1] as number;
    const op = second & 0xff;
    const units = recordUnits(op);
    if (units === 0) return this.bad('unknown operation');
    if (unit + units > this.end) return this.bad('record is cut off');
    this.following = unit + units;
    if (op === LOG_OP.sync) return this.sync(first, second, 2 * unit + 2);
    this.index = first & 0x7fffffff;
    this.metadata = first >= METADATA_FLAG;
    if (op === LOG_OP.alloc) return this.alloc(second >>> 8, 2 * unit + 2);
    this.count = second >>> 8;
    if (this.metadata) return this.bad('range of metadata');
    if (this.count === 0) return this.bad('range of no blocks');
    if (this.index + this.count > this.grownBlocks) return this.bad('range outside the arena');
    if (op === LOG_OP.free) return 'free';
    if (op === LOG_OP.freeRaw) return 'freeRaw';
    return op === LOG_OP.allocRaw ? 'allocRaw' : 'available';
  }

  private alloc(birthDelta: number, hashAt: number): RecordKind {
    if (this.index >= this.grownBlocks) return this.bad('block outside the arena');
    this.count = 1;
    this.birthDelta = birthDelta;
    this.hashLow = this.buffer.words[hashAt] as number;
    this.hashHigh = this.buffer.words[hashAt + 1] as number;
    return 'alloc';
  }

  private sync(first: number, second: number, generationAt: number): RecordKind {
    if (first !== 0 || second !== LOG_OP.sync) return this.bad('sync record with extra bits');
    const high = this.buffer.words[generationAt + 1] as number;
    if (high >= 2 ** 21) return this.bad('generation over 2^53');
    this.generation = high * 2 ** 32 + (this.buffer.words[generationAt] as number);
    return 'sync';
  }

  private bad(reason: string): RecordKind {
    this.reason = reason;
    return 'bad';
  }
}
