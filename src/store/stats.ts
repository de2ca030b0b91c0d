/**
 * What the engine is asked about while it works: sizes, and a byte per block. Reads only; nothing here touches a
 * disk, except to ask a file for its length.
 */
import type { Arena } from '../arena/arena.ts';
import { STATE, UNLOGGED, UNPUBLISHED } from '../arena/block-state.ts';
import { logReserveBlocks } from '../arena/reserve.ts';
import type { BlockAddress } from '../base/brand.ts';
import { arenaDisk, arenaOf, blockIndexOf } from '../format/geometry.ts';
import type { Engine } from './engine.ts';
import {
  type ArenaStats,
  BLOCK_STATE,
  type BlockStates,
  type CommitStats,
  type EpochStats,
  type StoreStats,
} from './report.ts';
import type { OpenedEngine } from './store-files.ts';

/** Commits are counted by whoever drives the engine. */
export function storeStats(opened: OpenedEngine, commits: CommitStats): StoreStats {
  const { engine } = opened;
  const { blockBytes } = engine;
  const { slots, used, dirty, hits, misses, evictions } = engine.io.cache.stats();
  const arenas = engine.arenas.arenas.map((arena) => arenaStats(arena));
  const disks = opened.disks.map((disk) => {
    const { flushesSpared: _, ...stats } = disk.counters();
    return stats;
  });
  const sum = (field: 'grownBytes' | 'usedBytes' | 'pendingBytes' | 'freeBytes') =>
    arenas.reduce((bytes, arena) => bytes + arena[field], 0);
  return {
    generation: engine.durableGeneration,
    health: engine.health,
    blockBytes,
    fileBytes: disks.reduce((bytes, disk) => bytes + disk.fileBytes, 0),
    maxBytes: engine.growth.maxBytes,
    grownBytes: sum('grownBytes'),
    usedBytes: sum('usedBytes'),
    pendingBytes: sum('pendingBytes'),
    freeBytes: sum('freeBytes'),
    heldByReadersBytes: engine.heldByReadersBlocks * blockBytes,
    roots: engine.roots.size,
    arenas,
    cache: { slots, used, dirty, hits, misses, evictions },
    disks,
    commits: { ...commits },
    epochs: epochStats(engine),
  };
}

function epochStats(engine: Engine): EpochStats {
  const { horizon, deferred, commitCount } = engine;
  return {
    global: horizon.stamp,
    clients: horizon.pins(),
    limboBlocks: deferred.limboBlocks(horizon.stamp, horizon.settled),
    commitWaitBlocks: deferred.commitWaitBlocks(commitCount),
  };
}

/** Used, pending and free bytes add up to the grown ones. */
function arenaStats(arena: Arena): ArenaStats {
  const { geometry, free, grownBlocks, log } = arena;
  const { blockBytes } = geometry;
  const pendingBlocks = arena.pendingBlocks + arena.forgottenBlocks;
  return {
    arena: arena.index,
    disk: arenaDisk(arena.index, geometry),
    grownBytes: grownBlocks * blockBytes,
    usedBytes: (grownBlocks - free.blockCount - pendingBlocks) * blockBytes,
    pendingBytes: pendingBlocks * blockBytes,
    freeBytes: free.blockCount * blockBytes,
    freeRanges: free.rangeCount,
    largestFreeBytes: free.largest() * blockBytes,
    logBlocks: log.blockCount,
    logRecords: log.unitCount,
    reserveBytes: logReserveBlocks(grownBlocks, geometry) * blockBytes,
    compactions: arena.compactionCount,
  };
}

/** From the allocator's byte to the public one. */
export const PUBLIC_STATES = new Uint8Array(256);
PUBLIC_STATES[STATE.free] = BLOCK_STATE.free;
PUBLIC_STATES[STATE.data] = BLOCK_STATE.data;
PUBLIC_STATES[STATE.metadata] = BLOCK_STATE.metadata;
PUBLIC_STATES[STATE.log] = BLOCK_STATE.log;
PUBLIC_STATES[STATE.pending] = BLOCK_STATE.pending;
PUBLIC_STATES[STATE.data | UNLOGGED] = BLOCK_STATE.dirty;
PUBLIC_STATES[STATE.metadata | UNLOGGED] = BLOCK_STATE.dirty;
PUBLIC_STATES[STATE.data | UNLOGGED | UNPUBLISHED] = BLOCK_STATE.dirty;
PUBLIC_STATES[STATE.metadata | UNLOGGED | UNPUBLISHED] = BLOCK_STATE.dirty;
PUBLIC_STATES[STATE.pending | UNLOGGED] = BLOCK_STATE.pending;

/** A byte per block of every grown arena, in a buffer of its own. Costs about a nanosecond a block. */
export function blockStates(engine: Engine): BlockStates {
  const { arenaBytes, blockBytes } = engine.geometry;
  const grown = engine.arenas.arenas.filter((arena) => arena.grownBlocks > 0);
  const bytes = new Uint8Array(grown.reduce((blocks, arena) => blocks + arena.grownBlocks, 0));
  const arenas: BlockStates['arenas'][number][] = [];
  let first = 0;
  for (const { index, grownBlocks, states } of grown) {
    for (let block = 0; block < grownBlocks; block += 1) {
      bytes[first + block] = PUBLIC_STATES[states[block] as number] as number;
    }
    const disk = arenaDisk(index, engine.geometry);
    arenas.push({ arena: index, disk, first, count: grownBlocks });
    first += grownBlocks;
  }
  for (const address of engine.damaged) markDamaged(engine, address, bytes, arenas);
  return { bytes, arenas, arenaBytes, blockBytes };
}

/** A damaged block that has been freed since is a free block. */
function markDamaged(
  engine: Engine,
  address: BlockAddress,
  bytes: Uint8Array,
  arenas: BlockStates['arenas'],
): void {
  const arena = arenas.find(({ arena: index }) => index === arenaOf(address, engine.geometry));
  const block = blockIndexOf(address, engine.geometry);
  if (arena === undefined || block >= arena.count) return;
  const state = bytes[arena.first + block];
  if (state === BLOCK_STATE.data || state === BLOCK_STATE.metadata) {
    bytes[arena.first + block] = BLOCK_STATE.damaged;
  }
}
