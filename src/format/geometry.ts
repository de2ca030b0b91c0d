/**
 * Where things are: the sizes a store was created with, and the arithmetic from addresses to files.
 *
 * Each file: one label of `LABEL_BYTES`, then its share of the four superblock slots, then its arenas one behind the
 * other. Superblock slot s is on disk s mod D, arena i on disk i mod D. Because a file is one line, an arena is grown
 * to its full size before the next arena of the same disk is opened.
 */
import { assert } from '../base/assert.ts';
import {
  type ArenaIndex,
  type BlockAddress,
  type BlockIndex,
  type ByteCount,
  byteCount,
  type DiskIndex,
  isCount,
} from '../base/brand.ts';

export const LABEL_BYTES = 4096;
export const SLOT_COUNT = 4;
export const ARENAS_MAX = 1024;
export const DISKS_MAX = 8;
export const ROOTS_MAX = 64;
export const ROOT_NAME_BYTES_MAX = 32;
/** A block index takes 24 bits in the allocation log. */
export const ARENA_BLOCKS_MAX = 2 ** 24;
const BLOCK_BYTES_MAX = 65_536;
assert(
  BLOCK_BYTES_MAX * ARENA_BLOCKS_MAX * ARENAS_MAX < Number.MAX_SAFE_INTEGER,
  'every address of every geometry is a safe integer',
);

/** Bytes in front of a superblock's roots and arenas; see FORMAT.md. */
export const SUPERBLOCK_HEADER_BYTES = 80;
export const SUPERBLOCK_ROOT_BYTES_MAX = 1 + ROOT_NAME_BYTES_MAX + 24;
export const SUPERBLOCK_ARENA_BYTES = 24;

/** Fixed when a store is created, stored in every label. */
export interface Geometry {
  /** Power of two, 512 … 65,536. */
  readonly blockBytes: number;
  /** The unit of tearing that the log's batches are aligned to: 4,096, or 512 in tests. */
  readonly sectorBytes: number;
  /** Room for one superblock: 65,536, or 4,096 in tests. */
  readonly slotBytes: number;
  /** Files, 1 … 8. */
  readonly diskCount: number;
  /** A multiple of the block size. */
  readonly arenaBytes: number;
}

/** Says what is wrong with a geometry, or `undefined`. Total: takes any numbers. */
export function geometryFlaw(geometry: Geometry): string | undefined {
  const { blockBytes, sectorBytes, slotBytes, diskCount, arenaBytes } = geometry;
  if (!isPowerOfTwo(blockBytes) || blockBytes < 512 || blockBytes > BLOCK_BYTES_MAX)
    return 'blockBytes';
  if (sectorBytes !== 4096 && sectorBytes !== 512) return 'sectorBytes';
  if (blockBytes < sectorBytes) return 'sectorBytes';
  if (slotBytes !== 65_536 && slotBytes !== 4096) return 'slotBytes';
  if (!isCount(diskCount) || diskCount < 1 || diskCount > DISKS_MAX) return 'diskCount';
  if (!isCount(arenaBytes) || arenaBytes % blockBytes !== 0) return 'arenaBytes';
  const arenaBlocks = arenaBytes / blockBytes;
  if (arenaBlocks < 32 || arenaBlocks > ARENA_BLOCKS_MAX) return 'arenaBytes';
  return undefined;
}

function isPowerOfTwo(value: number): boolean {
  return isCount(value) && value > 0 && Number.isInteger(Math.log2(value));
}

export function arenaBlocks(geometry: Geometry): number {
  return geometry.arenaBytes / geometry.blockBytes;
}

/** How many arenas a superblock of this geometry has room for, every root name at its longest. */
export function arenasMax(geometry: Geometry): number {
  const room = geometry.slotBytes - SUPERBLOCK_HEADER_BYTES - ROOTS_MAX * SUPERBLOCK_ROOT_BYTES_MAX;
  return Math.min(ARENAS_MAX, Math.floor(room / SUPERBLOCK_ARENA_BYTES));
}

export function slotDisk(slot: number, geometry: Geometry): DiskIndex {
  assert(slot >= 0 && slot < SLOT_COUNT, 'there are four superblock slots');
  return (slot % geometry.diskCount) as DiskIndex;
}

/** Where slot `slot` starts in the file of its disk. */
export function slotOffset(slot: number, geometry: Geometry): ByteCount {
  return byteCount(LABEL_BYTES + Math.floor(slot / geometry.diskCount) * geometry.slotBytes);
}

/** Where the arenas start in every file, whether or not all slots in front of them are used. */
export function arenasOffset(geometry: Geometry): ByteCount {
  return byteCount(LABEL_BYTES + Math.ceil(SLOT_COUNT / geometry.diskCount) * geometry.slotBytes);
}

/** The length of a disk's file before any arena on it has grown: label and superblock slots. */
export function emptyFileBytes(disk: DiskIndex, geometry: Geometry): ByteCount {
  let bytes = LABEL_BYTES;
  for (let slot = disk as number; slot < SLOT_COUNT; slot += geometry.diskCount) {
    bytes += geometry.slotBytes;
  }
  return byteCount(bytes);
}

export function arenaDisk(arena: ArenaIndex, geometry: Geometry): DiskIndex {
  return (arena % geometry.diskCount) as DiskIndex;
}

/** Where arena `arena` starts in the file of its disk. */
export function arenaOffset(arena: ArenaIndex, geometry: Geometry): ByteCount {
  const before = Math.floor(arena / geometry.diskCount);
  return (arenasOffset(geometry) + before * geometry.arenaBytes) as ByteCount;
}

export function addressOf(arena: ArenaIndex, block: BlockIndex, geometry: Geometry): BlockAddress {
  return (arena * geometry.arenaBytes + block * geometry.blockBytes) as BlockAddress;
}

export function arenaOf(address: BlockAddress, geometry: Geometry): ArenaIndex {
  return Math.floor(address / geometry.arenaBytes) as ArenaIndex;
}

export function blockIndexOf(address: BlockAddress, geometry: Geometry): BlockIndex {
  return ((address % geometry.arenaBytes) / geometry.blockBytes) as BlockIndex;
}

/** Where the block at `address` is in the file of its disk. */
export function fileOffsetOf(address: BlockAddress, geometry: Geometry): ByteCount {
  const arena = arenaOf(address, geometry);
  return (arenaOffset(arena, geometry) + (address % geometry.arenaBytes)) as ByteCount;
}
