/**
 * The part of a check that looks at the allocators: replays an arena's log from the disk and compares what it gives
 * with what the engine has in memory. Guards I3 (free ∪ pending ∪ held by readers is what the log gives) and the half
 * of I1 that the log can tell (what the last two commits freed is not free yet).
 */
import type { Arena } from '../arena/arena.ts';
import { STATE, STATE_MASK, UNLOGGED, UNPUBLISHED } from '../arena/block-state.ts';
import { type LoggedBlock, type ReplayedLog, replayLog } from '../arena/log-replay.ts';
import type { BlockIndex } from '../base/brand.ts';
import { addressOf, arenaDisk, fileOffsetOf } from '../format/geometry.ts';
import type { Superblock } from '../format/superblock.ts';
import type { DiskPort } from '../sync/disk-port.ts';
import { blocksText, type CheckProblems } from './check-problems.ts';
import { describeFault } from './store-errors.ts';
import type { OpenedEngine } from './store-files.ts';

/** What the log tells about one arena: its recent blocks, and how many log blocks were read for that. */
export interface CheckedLog {
  readonly born: readonly LoggedBlock[];
  readonly blocksRead: number;
}

/** `compare`: memory is as of this superblock. Without, as after a failed write, only the log itself is judged. */
export function checkArena(
  opened: OpenedEngine,
  options: { arena: Arena; superblock: Superblock; compare: boolean },
  problems: CheckProblems,
): CheckedLog {
  const { arena, superblock, compare } = options;
  checkRanges(arena, problems);
  const entry = superblock.arenas[arena.index];
  if (entry === undefined || entry.grownBlocks === 0) return { born: [], blocksRead: 0 };
  const { geometry, ports } = opened.engine;
  const port = ports[arenaDisk(arena.index, geometry)] as DiskPort;
  const { generation: current, previous, beforePrevious } = superblock;
  let blocksRead = 0;
  const replayed = replayLog({
    arena: arena.index,
    entry,
    window: { current, previous, beforePrevious },
    geometry,
    hasher: opened.blockHasher,
    readBlock(block, into) {
      blocksRead += 1;
      return port.readRaw(fileOffsetOf(addressOf(arena.index, block, geometry), geometry), into);
    },
  });
  if ('flaw' in replayed) {
    const { fault, flaw, block } = replayed;
    const unreadable = fault !== undefined && fault.kind !== 'short';
    problems.add({
      kind: unreadable ? 'io' : 'log',
      message: unreadable ? `${describeFault(fault)}.` : `The log, at block ${block}: ${flaw}.`,
      arena: arena.index,
      disk: port.disk,
    });
    return { born: [], blocksRead };
  }
  if (compare) compareArena(arena, replayed, problems);
  return { born: replayed.born, blocksRead };
}

/** The engine's own structures agree with one another. */
function checkRanges(arena: Arena, problems: CheckProblems): void {
  const add = (message: string) => {
    problems.add({ kind: 'ranges', message, arena: arena.index });
  };
  const { free, states } = arena;
  const flaw = free.checkInvariants();
  if (flaw !== undefined) add(`The free ranges are not sound: ${flaw}.`);
  let [freeBlocks, pendingBlocks, forgottenBlocks] = [0, 0, 0];
  for (const state of states) {
    if (state === STATE.free) freeBlocks += 1;
    else if (state === STATE.pending) pendingBlocks += 1;
    else if (state === (STATE.pending | UNLOGGED)) forgottenBlocks += 1;
  }
  let usedInRanges = 0;
  free.forEach((start, count) => {
    for (let block = start; block < start + count; block += 1) {
      if (states[block] !== STATE.free) usedInRanges += 1;
    }
  });
  if (usedInRanges > 0) add(`I3: ${blocksText(usedInRanges)} in the free ranges are not free.`);
  if (freeBlocks !== free.blockCount) {
    add(`I3: ${blocksText(freeBlocks)} are free, but the ranges have ${free.blockCount}.`);
  }
  if (pendingBlocks !== arena.pendingBlocks || forgottenBlocks !== arena.forgottenBlocks) {
    const known = `${arena.pendingBlocks} and ${arena.forgottenBlocks}`;
    add(`I3: ${pendingBlocks} and ${forgottenBlocks} blocks wait, not ${known}.`);
  }
}

function compareArena(arena: Arena, replayed: ReplayedLog, problems: CheckProblems): void {
  const { log } = arena;
  if (!sameNumbers(log.chain, replayed.chain) || log.successor !== replayed.successor) {
    problems.add({
      kind: 'log',
      message: 'I5: the log’s chain of blocks is not the one in memory.',
      arena: arena.index,
    });
  }
  const { geometry, index, states } = arena;
  const grownBlocks = Math.min(arena.grownBlocks, replayed.grownBlocks);
  let start = 0;
  let flawBefore: string | undefined;
  for (let block = 0; block <= grownBlocks; block += 1) {
    const flaw =
      block < grownBlocks
        ? stateFlaw(replayed.states[block] as number, states[block] as number)
        : undefined;
    if (flaw === flawBefore) continue;
    if (flawBefore !== undefined) {
      problems.add({
        kind: 'ranges',
        message: `${blocksText(block - start)} ${flawBefore}.`,
        address: addressOf(index, start as BlockIndex, geometry),
        arena: index,
      });
    }
    flawBefore = flaw;
    start = block;
  }
}

/**
 * What is wrong with a block that the log gives one state and memory another. A compacted log no longer tells data
 * from metadata. Blocks that readers hold, and blocks of rolled-back transactions, are pending here and free there;
 * granted ones that were not used yet are taken here and free there.
 */
function stateFlaw(logged: number, known: number): string | undefined {
  if (logged === known) return undefined;
  const knownState = known & STATE_MASK;
  if (logged === STATE.free) {
    const isFine = knownState === STATE.pending || (known & UNPUBLISHED) !== 0;
    return isFine ? undefined : 'I4: free in the log and in use in memory';
  }
  if (logged === STATE.pending) {
    if (knownState === STATE.free)
      return 'I1: freed by one of the last two commits and free already';
    return 'I3: freed in the log and not in memory';
  }
  if (knownState === STATE.free || knownState === STATE.pending) {
    return 'I3: in use in the log and free in memory';
  }
  const isUsed = (state: number) => state === STATE.data || state === STATE.metadata;
  if (isUsed(logged) && isUsed(known)) return undefined;
  return 'I3: not what they are in the log';
}

function sameNumbers(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, n) => value === other[n]);
}
