/**
 * The blocks of the allocation log. A block is a header and batches; each commit's batch starts on a fresh sector and
 * is never touched again once it is written (I5), because everything it will ever need is in it from the start: the
 * header is written with the first batch and already names the block that will follow.
 *
 * A batch's hash covers its whole sectors and the hash of the batch before it, so a torn, lost, stale or misplaced
 * batch anywhere in the chain shows in the last hash, and the last hash is in the superblock.
 *
 * A chain cannot loop: the header says at which position in the chain its block stands.
 *
 * Not a hash per record: eight bytes for every eight. Not a hash per block: it would change with each batch, and what
 * is committed would have to be written again.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { BLOCK_TYPE } from './block-header.ts';
import { type Decoded, decoded, flawed } from './decoded.ts';
import type { Geometry } from './geometry.ts';
import type { BlockHasher } from './hasher.ts';
import {
  byteField,
  firstNonZero,
  hash64,
  layout,
  readHashHigh,
  readHashLow,
  readU16,
  readU32,
  readU53,
  u16,
  u32,
  u53,
  viewOf,
  writeHash,
  writeU16,
  writeU32,
  writeU53,
} from './layout.ts';
import { UNIT_BYTES } from './log-records.ts';

export const LOG_BLOCK_HEADER = layout({
  type: u16,
  format: u16,
  arena: u32,
  position: u32,
  successor: u32,
  reserved: byteField(16),
});
export const LOG_BLOCK_HEADER_BYTES = LOG_BLOCK_HEADER.size;
export const LOG_BLOCK_FORMAT = 1;

export const LOG_BATCH_HEADER = layout({
  unitCount: u32,
  sectorCount: u32,
  generation: u53,
  hash: hash64,
});
export const LOG_BATCH_HEADER_BYTES = LOG_BATCH_HEADER.size;

export interface LogBlockHeader {
  readonly arena: number;
  /** 0 for the first block of the chain. */
  readonly position: number;
  /** Index in the arena of the block that follows. It is allocated, but nothing may have been written to it yet. */
  readonly successor: number;
}

export function sectorsPerBlock(geometry: Geometry): number {
  return geometry.blockBytes / geometry.sectorBytes;
}

/** Where a batch's header is, counted from its first sector. */
function batchHeaderOffset(firstInBlock: boolean): number {
  return firstInBlock ? LOG_BLOCK_HEADER_BYTES : 0;
}

/** Where a batch's units start, counted from its first sector. */
export function batchPayloadOffset(firstInBlock: boolean): number {
  return batchHeaderOffset(firstInBlock) + LOG_BATCH_HEADER_BYTES;
}

/** How many units fit into a batch of `sectors` whole sectors. */
export function batchUnitsMax(sectors: number, firstInBlock: boolean, geometry: Geometry): number {
  if (sectors <= 0) return 0;
  const room = sectors * geometry.sectorBytes - batchPayloadOffset(firstInBlock);
  return Math.floor(room / UNIT_BYTES);
}

/** How many whole sectors a batch of `unitCount` units takes. */
export function batchSectors(unitCount: number, firstInBlock: boolean, geometry: Geometry): number {
  const byteCount = batchPayloadOffset(firstInBlock) + unitCount * UNIT_BYTES;
  return Math.ceil(byteCount / geometry.sectorBytes);
}

/** A batch and its place. The batch is the first of its block exactly when `sector` is 0. */
export interface BatchPlace {
  /** The whole block. */
  readonly block: Uint8Array;
  /** The batch's first sector in the block. */
  readonly sector: number;
  readonly blockAddress: number;
  /** Hash of the batch before this one in the log, 0 for the first one. */
  readonly previousHigh: number;
  readonly previousLow: number;
  readonly geometry: Geometry;
  readonly hasher: BlockHasher;
}

export interface BatchToSeal extends BatchPlace {
  /** Given exactly when the batch is the first of its block. */
  readonly header?: LogBlockHeader;
  readonly unitCount: number;
  /** Of the commit that writes the batch. */
  readonly generation: number;
}

/**
 * Finishes a batch whose units are already in their place in `block`: clears the padding, writes the headers,
 * computes the chained hash and stores it. The hash is left in the hasher's `high` and `low`.
 *
 * @returns How many sectors the batch takes.
 */
export function sealBatch(batch: BatchToSeal): number {
  const { block, sector, header, unitCount, geometry, hasher } = batch;
  const firstInBlock = sector === 0;
  assert(block.length === geometry.blockBytes, 'a log block is a whole block');
  assert((header !== undefined) === firstInBlock, 'the first batch brings the block header');
  assert(isCount(unitCount) && unitCount > 0, 'a batch has units');
  const sectorCount = batchSectors(unitCount, firstInBlock, geometry);
  assert(sector + sectorCount <= sectorsPerBlock(geometry), 'a batch lies in one block');
  const start = sector * geometry.sectorBytes;
  const end = start + sectorCount * geometry.sectorBytes;
  const view = viewOf(block);
  block.fill(0, start + batchPayloadOffset(firstInBlock) + unitCount * UNIT_BYTES, end);
  if (header !== undefined) writeBlockHeader(block, header);
  const at = start + batchHeaderOffset(firstInBlock);
  writeU32(view, at + LOG_BATCH_HEADER.at.unitCount, unitCount);
  writeU32(view, at + LOG_BATCH_HEADER.at.sectorCount, sectorCount);
  writeU53(view, at + LOG_BATCH_HEADER.at.generation, batch.generation);
  hashSectors(batch, start, end);
  writeHash(view, at + LOG_BATCH_HEADER.at.hash, hasher.high, hasher.low);
  return sectorCount;
}

function writeBlockHeader(block: Uint8Array, header: LogBlockHeader): void {
  const view = viewOf(block);
  block.fill(0, 0, LOG_BLOCK_HEADER_BYTES);
  writeU16(view, LOG_BLOCK_HEADER.at.type, BLOCK_TYPE.log);
  writeU16(view, LOG_BLOCK_HEADER.at.format, LOG_BLOCK_FORMAT);
  writeU32(view, LOG_BLOCK_HEADER.at.arena, header.arena);
  writeU32(view, LOG_BLOCK_HEADER.at.position, header.position);
  writeU32(view, LOG_BLOCK_HEADER.at.successor, header.successor);
}

/** Hashes the sectors from byte `start` to byte `end` of the block, the batch's own hash field as zero. */
function hashSectors(batch: BatchPlace, start: number, end: number): void {
  batch.hasher.hashBatch(batch.blockAddress + start, {
    bytes: batch.block.subarray(start, end),
    hole: batchHeaderOffset(batch.sector === 0) + LOG_BATCH_HEADER.at.hash,
    previousHigh: batch.previousHigh,
    previousLow: batch.previousLow,
  });
}

export interface OpenedBatch {
  readonly unitCount: number;
  readonly sectorCount: number;
  readonly generation: number;
  /** Where the units start, counted from the start of the block. */
  readonly payloadOffset: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

/** Verifies a batch against the hash before it. Its units are then what was written; records are not looked at. */
export function openBatch(place: BatchPlace): Decoded<OpenedBatch> {
  const { block, sector, geometry, hasher } = place;
  const start = sector * geometry.sectorBytes;
  if (block.length !== geometry.blockBytes) return flawed('length', 0, 'not a whole log block');
  if (!isCount(sector) || sector >= sectorsPerBlock(geometry)) {
    return flawed('bounds', 0, 'no sector of the log block');
  }
  const first = sector === 0;
  const at = start + batchHeaderOffset(first);
  const view = viewOf(block);
  const unitCount = readU32(view, at + LOG_BATCH_HEADER.at.unitCount);
  const sectorCount = readU32(view, at + LOG_BATCH_HEADER.at.sectorCount);
  const generation = readU53(view, at + LOG_BATCH_HEADER.at.generation);
  if (sectorCount < 1 || sector + sectorCount > sectorsPerBlock(geometry)) {
    return flawed('count', at + LOG_BATCH_HEADER.at.sectorCount, 'sectors of a log batch');
  }
  if (unitCount < 1 || batchSectors(unitCount, first, geometry) !== sectorCount) {
    return flawed('count', at + LOG_BATCH_HEADER.at.unitCount, 'units of a log batch');
  }
  if (!isCount(generation)) {
    return flawed('bounds', at + LOG_BATCH_HEADER.at.generation, 'generation over 2^53');
  }
  const hashHigh = readHashHigh(view, at + LOG_BATCH_HEADER.at.hash);
  const hashLow = readHashLow(view, at + LOG_BATCH_HEADER.at.hash);
  hashSectors(place, start, start + sectorCount * geometry.sectorBytes);
  if (hasher.high !== hashHigh || hasher.low !== hashLow) {
    return flawed('checksum', at + LOG_BATCH_HEADER.at.hash, 'log batch');
  }
  const payloadOffset = start + batchPayloadOffset(first);
  return decoded({ unitCount, sectorCount, generation, payloadOffset, hashHigh, hashLow });
}

/** What is known of a log block before it is read. */
export interface ExpectedLogBlock {
  readonly arena: number;
  readonly position: number;
  readonly geometry: Geometry;
  readonly grownBlocks: number;
}

/**
 * Only after `openBatch` has verified the block's first batch, whose hash covers this header, are the bytes trusted.
 */
export function decodeLogBlockHeader(
  block: Uint8Array,
  expected: ExpectedLogBlock,
): Decoded<{ readonly successor: number }> {
  const at = LOG_BLOCK_HEADER.at;
  if (block.length !== expected.geometry.blockBytes) {
    return flawed('length', 0, 'not a whole log block');
  }
  const view = viewOf(block);
  if (readU16(view, at.type) !== BLOCK_TYPE.log) return flawed('type', at.type, 'no log block');
  if (readU16(view, at.format) !== LOG_BLOCK_FORMAT) {
    return flawed('version', at.format, 'format of a log block');
  }
  if (readU32(view, at.arena) !== expected.arena) {
    return flawed('bounds', at.arena, 'log block of another arena');
  }
  if (readU32(view, at.position) !== expected.position) {
    return flawed('order', at.position, 'log block of another position');
  }
  const successor = readU32(view, at.successor);
  if (successor >= expected.grownBlocks) {
    return flawed('bounds', at.successor, 'successor outside the arena');
  }
  const nonZero = firstNonZero(block, at.reserved, LOG_BLOCK_HEADER_BYTES);
  return nonZero < 0 ? decoded({ successor }) : flawed('padding', nonZero, 'log block header');
}
