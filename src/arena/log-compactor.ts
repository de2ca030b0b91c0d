/**
 * Compaction: a new chain that says in few records what the old one said in many.
 *
 * It lists the free ranges as they were before the last three commits, and then repeats these commits' records
 * verbatim, because opening needs them: frees of the last two stay pending, and blocks born in the last three are
 * verified by their logged hashes. The new chain becomes reachable with the superblock of the commit that writes it;
 * the old one is freed in that commit like any other block, so a crash in between finds it whole (I5).
 */
import type { Generation } from '../base/brand.ts';
import { UnitBuffer } from '../format/log-records.ts';
import { STATE, STATE_MASK, UNLOGGED } from './block-state.ts';
import {
  appendWithoutAvailable,
  forEachAllocated,
  forEachFreed,
  type RecentRecords,
} from './records.ts';

/** The base's own boundary: no commit has this number, so its ranges belong to none of the window's. */
const BASE_GENERATION = 0 as Generation;

export interface CompactedArena {
  readonly grownBlocks: number;
  readonly states: Uint8Array;
}

/** Fills a log that has just been restarted: base, window and this commit's records, in one append. */
export function appendCompacted(options: {
  readonly arena: CompactedArena;
  /** This commit's records; completed on the way, as by `AllocLog.append`. */
  readonly units: UnitBuffer;
  /** The two commits before, oldest first. */
  readonly window: readonly RecentRecords[];
  /** Appends to the log that has been restarted. */
  append(stream: UnitBuffer): void;
}): void {
  const { arena, units, window } = options;
  const stream = new UnitBuffer();
  appendBase(stream, arena, [...window.map((recent) => recent.units), units]);
  stream.appendSync(BASE_GENERATION);
  for (const recent of window) appendWithoutAvailable(stream, recent.units);
  const own = stream.unitCount;
  appendWithoutAvailable(stream, units);
  options.append(stream);
  units.clear();
  units.appendUnits(stream, own, stream.unitCount);
}

/**
 * Appends what was free before the window. An address is allocated at most once in a window and freed at most once,
 * and never allocated after it was freed; so what the window allocated was free before it, what it only freed was
 * not, and for all others the state of now is that of then. What is free or unlogged now is free in the log; so is a
 * block that was freed before the window and that a reader still holds. Space that grew within the window counts as
 * free before it.
 */
function appendBase(
  stream: UnitBuffer,
  arena: CompactedArena,
  window: readonly UnitBuffer[],
): void {
  const { grownBlocks, states } = arena;
  const wasFree = new Uint8Array(grownBlocks);
  for (let block = 0; block < grownBlocks; block += 1) {
    const state = states[block] as number;
    const kind = state & STATE_MASK;
    if (kind === STATE.free || kind === STATE.pending || (state & UNLOGGED) !== 0) {
      wasFree[block] = 1;
    }
  }
  for (const units of window) forEachFreed(units, (block) => markFreed(wasFree, block));
  for (const units of window) forEachAllocated(units, (block) => markAllocated(wasFree, block));
  let start = 0;
  for (let block = 0; block <= grownBlocks; block += 1) {
    if (block < grownBlocks && wasFree[block] === 1) continue;
    if (block > start) stream.appendAvailable(start, block - start);
    start = block + 1;
  }
}

function markFreed(wasFree: Uint8Array, block: number): void {
  wasFree[block] = 0;
}

function markAllocated(wasFree: Uint8Array, block: number): void {
  wasFree[block] = 1;
}
