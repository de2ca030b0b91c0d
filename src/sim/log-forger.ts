/**
 * Forges logs: blocks whose checksums are right and whose contents are whatever a test wants. What a replay must
 * survive is not only damage, which the checksums find, but logs that somebody else wrote.
 */
import type { ArenaIndex, BlockIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import { addressOf, type Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import { batchPayloadOffset, batchSectors, sealBatch } from '../format/log-block.ts';
import type { UnitBuffer } from '../format/log-records.ts';
import type { ArenaEntry } from '../format/superblock.ts';

/** One block of a chain, filled by one batch of everything in `units`. */
export interface ForgedBlock {
  readonly block: number;
  readonly successor: number;
  /** At least one; as many as fit are taken. */
  readonly units: UnitBuffer;
}

export interface ForgedLog {
  readonly entry: ArenaEntry;
  readBlock(block: BlockIndex, into: Uint8Array): DeviceFault | undefined;
}

export function forgeLog(options: {
  readonly arena: ArenaIndex;
  readonly geometry: Geometry;
  readonly hasher: BlockHasher;
  readonly grownBlocks: number;
  readonly usedBlocks: number;
  readonly chain: readonly ForgedBlock[];
}): ForgedLog {
  const { arena, geometry, hasher, grownBlocks, usedBlocks, chain } = options;
  const blocks = new Map<number, Uint8Array>();
  const perBlock = geometry.blockBytes / geometry.sectorBytes;
  let [hashHigh, hashLow, sectors] = [0, 0, 0];
  for (const [position, { block, successor, units }] of chain.entries()) {
    const bytes = new Uint8Array(geometry.blockBytes);
    const payload = batchPayloadOffset(true);
    const unitCount = Math.min(units.unitCount, (geometry.blockBytes - payload) / 8);
    units.copyUnitsTo(bytes, payload, 0, unitCount);
    sealBatch({
      ...{ block: bytes, sector: 0, unitCount, generation: 1 },
      header: { arena, position, successor },
      blockAddress: addressOf(arena, block as BlockIndex, geometry),
      ...{ previousHigh: hashHigh, previousLow: hashLow, geometry, hasher },
    });
    [hashHigh, hashLow] = [hasher.high, hasher.low];
    sectors += position === chain.length - 1 ? batchSectors(unitCount, true, geometry) : perBlock;
    blocks.set(block, bytes);
  }
  return {
    entry: {
      ...{ grownBlocks, usedBlocks, logHead: chain[0]?.block ?? 0, logSectors: sectors },
      ...{ logHashHigh: hashHigh, logHashLow: hashLow },
    },
    readBlock(block, into) {
      into.set(blocks.get(block) ?? new Uint8Array(geometry.blockBytes));
      return undefined;
    },
  };
}
