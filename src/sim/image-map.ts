/**
 * Where the metadata is in the files of a store: labels, superblocks, and the log batches that the newest superblock
 * reaches. Found by following the bytes as FORMAT.md has them, on files that are sound.
 */
import { assert } from '../base/assert.ts';
import type { ArenaIndex, BlockIndex } from '../base/brand.ts';
import {
  addressOf,
  arenaDisk,
  fileOffsetOf,
  type Geometry,
  LABEL_BYTES,
  SLOT_COUNT,
  slotDisk,
  slotOffset,
} from '../format/geometry.ts';
import { BlockHasher } from '../format/hasher.ts';
import { decodeLabel } from '../format/label.ts';
import { readU32, roundUp, viewOf } from '../format/layout.ts';
import { LOG_BATCH_HEADER, LOG_BLOCK_HEADER } from '../format/log-block.ts';
import { decodeSuperblock, SUPERBLOCK_HEADER, type Superblock } from '../format/superblock.ts';
import { hasher } from './memory-store.ts';
import type { SectorFile } from './sector-file.ts';

export interface FoundSuperblock {
  readonly file: number;
  readonly offset: number;
  /** Whole sectors. */
  readonly byteCount: number;
  readonly superblock: Superblock;
}

export interface FoundBatch {
  readonly arena: ArenaIndex;
  readonly file: number;
  /** Of the batch's first sector in the file. */
  readonly offset: number;
  /** As `offset`, as an address of the store: what the batch's hash is bound to. */
  readonly address: number;
  /** The batch's first sector in its block; 0 when the block's header is in it. */
  readonly sector: number;
  readonly sectorCount: number;
  readonly unitCount: number;
  /** Length of the log in sectors, this batch included. */
  readonly logSectors: number;
}

export interface ImageMap {
  readonly geometry: Geometry;
  readonly blockHasher: BlockHasher;
  /** Newest first. */
  readonly superblocks: readonly FoundSuperblock[];
  /** In the order of the logs, arena by arena. */
  readonly batches: readonly FoundBatch[];
  /** All of it, labels too, as stretches of the files. */
  readonly stretches: readonly { file: number; offset: number; byteCount: number }[];
}

export function mapImage(files: readonly SectorFile[]): ImageMap {
  const [first] = files;
  assert(first !== undefined, 'a store has files');
  const label = decodeLabel(readBytes(first, 0, LABEL_BYTES), hasher);
  assert(label.ok, 'an image is mapped before it is damaged');
  const { geometry, hashDomain } = label.value;
  const superblocks = findSuperblocks(files, geometry);
  const [newest] = superblocks;
  assert(newest !== undefined, 'a sound image has a superblock');
  const batches = newest.superblock.arenas.flatMap((entry, arena) =>
    entry.grownBlocks === 0 ? [] : findBatches(files, geometry, arena as ArenaIndex, entry),
  );
  const stretches = [
    ...files.map((_, file) => ({ file, offset: 0, byteCount: LABEL_BYTES })),
    ...superblocks,
    ...batches.map(({ file, offset, sectorCount }) => ({
      file,
      offset,
      byteCount: sectorCount * geometry.sectorBytes,
    })),
  ].map(({ file, offset, byteCount }) => ({ file, offset, byteCount }));
  return {
    geometry,
    blockHasher: new BlockHasher(hasher, hashDomain),
    superblocks,
    batches,
    stretches,
  };
}

export function readBytes(file: SectorFile, offset: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  file.read(bytes, offset);
  return bytes;
}

function findSuperblocks(files: readonly SectorFile[], geometry: Geometry): FoundSuperblock[] {
  const found: FoundSuperblock[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const file = slotDisk(slot, geometry);
    const offset = slotOffset(slot, geometry);
    const bytes = readBytes(files[file] as SectorFile, offset, geometry.slotBytes);
    const decoded = decodeSuperblock(bytes, geometry, hasher);
    if (!decoded.ok) continue;
    const usedBytes = readU32(viewOf(bytes), SUPERBLOCK_HEADER.at.usedBytes);
    const byteCount = roundUp(usedBytes, geometry.sectorBytes);
    found.push({ file, offset, byteCount, superblock: decoded.value });
  }
  return found.sort((one, other) => other.superblock.generation - one.superblock.generation);
}

function findBatches(
  files: readonly SectorFile[],
  geometry: Geometry,
  arena: ArenaIndex,
  log: { readonly logHead: number; readonly logSectors: number },
): FoundBatch[] {
  const { blockBytes, sectorBytes } = geometry;
  const file = arenaDisk(arena, geometry);
  const batches: FoundBatch[] = [];
  let block = log.logHead;
  let logSectors = 0;
  while (logSectors < log.logSectors) {
    const blockAddress = addressOf(arena, block as BlockIndex, geometry);
    const blockOffset = fileOffsetOf(blockAddress, geometry);
    const bytes = readBytes(files[file] as SectorFile, blockOffset, blockBytes);
    const view = viewOf(bytes);
    for (let sector = 0; sector < blockBytes / sectorBytes && logSectors < log.logSectors; ) {
      const header = sector * sectorBytes + (sector === 0 ? LOG_BLOCK_HEADER.size : 0);
      const sectorCount = readU32(view, header + LOG_BATCH_HEADER.at.sectorCount);
      const unitCount = readU32(view, header + LOG_BATCH_HEADER.at.unitCount);
      logSectors += sectorCount;
      batches.push({
        arena,
        file,
        offset: blockOffset + sector * sectorBytes,
        address: blockAddress + sector * sectorBytes,
        sector,
        sectorCount,
        unitCount,
        logSectors,
      });
      sector += sectorCount;
    }
    block = readU32(view, LOG_BLOCK_HEADER.at.successor);
  }
  return batches;
}
