/**
 * How much of an arena is kept for its allocation log, so that a full store can still free and commit (I9).
 *
 * An address is allocated at most once and freed at most once in any three commits, because freed blocks wait for two
 * further ones. So whatever happens, three commits' records cost at most an alloc (16 bytes) and a free (8 bytes) an
 * address. In front of them a compacted log lists the ranges that were free before: 8 bytes a range, and behind each
 * range but the last there is an address that was not free, and which therefore is not allocated in the window. So a
 * compacted log has at most 24 bytes an address, and a few for the last range and the sync records. Let x be the
 * blocks that takes, not rounded. A commit that compacts finds and makes, at most,
 *
 *     the chain it replaces        either: was short enough a commit ago    x + 7 blocks, and that commit's x + 1
 *                                  or: was compacted three commits ago      x + 2 blocks, and two commits' x + 2
 *     its own chain                compacted, its successor included        x + 2
 *     the two commits after it     records of two commits, begun blocks     x + 2
 *
 * which is less than 4x + 12 in both cases. The commit behind them finds the replaced chain reusable, readers or not,
 * and may compact again. Growth by a block adds at most a block to the reserve, so it never leaves an arena short.
 */
import type { Geometry } from '../format/geometry.ts';
import { LOG_BATCH_HEADER_BYTES, LOG_BLOCK_HEADER_BYTES } from '../format/log-block.ts';
import { UNIT_BYTES } from '../format/log-records.ts';

const RECORD_BYTES_PER_BLOCK = 24;
/** The last range, the base's sync record, and those of three commits. */
const RECORD_BYTES_BESIDE = 72;
/**
 * Blocks by which a chain may be longer than any compacted one before it is compacted: less, and small ones always
 * are.
 */
const CHAIN_BLOCKS_BESIDE = 6;
/** Blocks begun, successors, and what a chain may be longer. */
const RESERVE_BLOCKS_BESIDE = 12;

/** Units that one batch leaves in a block, less one: records are not split. */
function payloadBytes(geometry: Geometry): number {
  return geometry.blockBytes - LOG_BLOCK_HEADER_BYTES - LOG_BATCH_HEADER_BYTES - UNIT_BYTES;
}

/** About how many blocks a log takes that has just been compacted to so many ranges and units. */
export function compactedLogBlocks(
  rangeCount: number,
  unitCount: number,
  geometry: Geometry,
): number {
  return Math.ceil(((rangeCount + unitCount) * UNIT_BYTES) / payloadBytes(geometry)) + 1;
}

/** Blocks that three commits' records and the ranges before them fill at most, not rounded. */
function recordBlocksMax(blockCount: number, geometry: Geometry): number {
  const byteCount = RECORD_BYTES_PER_BLOCK * blockCount + RECORD_BYTES_BESIDE;
  return byteCount / payloadBytes(geometry);
}

/** The most blocks a freshly compacted log of an arena of `blockCount` blocks takes, its successor included. */
export function compactedLogBlocksMax(blockCount: number, geometry: Geometry): number {
  return Math.ceil(recordBlocksMax(blockCount, geometry)) + 1;
}

/** A log of so many blocks is compacted, however little that brings. */
export function logBlocksMax(blockCount: number, geometry: Geometry): number {
  return compactedLogBlocksMax(blockCount, geometry) + CHAIN_BLOCKS_BESIDE;
}

/** Blocks kept for the log of an arena of `blockCount` blocks, its present blocks included. */
export function logReserveBlocks(blockCount: number, geometry: Geometry): number {
  if (blockCount === 0) return 0;
  return Math.ceil(4 * recordBlocksMax(blockCount, geometry)) + RESERVE_BLOCKS_BESIDE;
}
