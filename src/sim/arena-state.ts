/**
 * What replaying a log must give, according to a model that knows nothing of logs: which blocks are in use, which the
 * last commits allocated and freed, which are the log's own.
 */
import { STATE } from '../arena/block-state.ts';
import type { CommitWindow, ReplayedLog } from '../arena/log-replay.ts';
import { forEachAllocated, forEachFreed } from '../arena/records.ts';
import { assert, fail } from '../base/assert.ts';
import type { ArenaEntry } from '../format/superblock.ts';

/** Generations that recovery may choose. */
export const RECOVERABLE = 3;

export interface Birth {
  readonly block: number;
  readonly metadata: boolean;
  readonly generation: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

/** What one commit did, log blocks included. */
export interface CommitDeeds {
  readonly commit: number;
  readonly births: readonly Birth[];
  readonly freed: readonly number[];
  readonly oldLog: readonly number[];
}

/** A superblock, and what the model says that replaying its log gives. */
export interface SavedState {
  readonly commit: number;
  readonly window: CommitWindow;
  readonly entry: ArenaEntry;
  readonly used: ReadonlyMap<number, Birth>;
  readonly log: ReadonlySet<number>;
  readonly deeds: readonly CommitDeeds[];
}

/** Replaying the log of `state` has given what the model says. */
export function assertReplayed(state: SavedState, replayed: ReplayedLog): void {
  const recent = state.deeds.filter((deeds) => deeds.commit > state.commit - RECOVERABLE);
  const waiting = recent.filter((deeds) => deeds.commit > state.commit - 2);
  const pending = new Set(waiting.flatMap(({ freed, oldLog }) => [...freed, ...oldLog]));
  for (let block = 0; block < state.entry.grownBlocks; block += 1) {
    const birth = state.used.get(block);
    const kind = replayed.states[block] as number;
    const isFree = replayed.free.isFree(block, 1);
    const expected = state.log.has(block)
      ? STATE.log
      : birth !== undefined
        ? STATE.data
        : pending.has(block)
          ? STATE.pending
          : STATE.free;
    const known = kind === STATE.metadata ? STATE.data : kind;
    if (known !== expected) fail(`I3: replay has block ${block} as ${kind}, not ${expected}`);
    if (isFree !== (expected === STATE.free)) fail(`I3: replay has block ${block} free`);
  }
  // A compacted log has forgotten which older blocks are metadata.
  for (const birth of recent.flatMap(({ births }) => births)) {
    if (state.used.get(birth.block) !== birth) continue;
    const isMetadata = replayed.states[birth.block] === STATE.metadata;
    assert(isMetadata === birth.metadata, 'I3: replay tells metadata from data');
  }
  const flaw = replayed.free.checkInvariants();
  assert(flaw === undefined, 'I3: the ranges that replay gives are sound');
  assertSame('born', bornOf(state, recent), replayedBirths(replayed), state);
  assertSame('pending', pendingOf(state, waiting), replayedFrees(replayed), state);
  assertRecent(state, replayed, waiting);
  const logged = replayed.free.blockCount + pending.size;
  assert(replayed.loggedFreeBlocks === logged, 'I3: free in the log is free or pending');
  const old = waiting.flatMap(({ oldLog }) => oldLog);
  assert(replayed.oldLogBlocks === old.length, 'I9: replay counts the blocks of old logs');
  const last = waiting.findLast(({ oldLog }) => oldLog.length > 0);
  const lastCommit = last === undefined ? undefined : last.commit - state.commit;
  assert(replayed.oldLogCommit === lastCommit, 'I9: replay knows when the log was compacted');
}

/** What the next compaction would repeat. */
function assertRecent(
  state: SavedState,
  replayed: ReplayedLog,
  waiting: readonly CommitDeeds[],
): void {
  for (const { commit, births, freed, oldLog } of waiting) {
    const records = replayed.recent.find((each) => each.commit === commit - state.commit);
    const allocated = new Set<number>();
    const given = new Set<number>();
    if (records !== undefined) {
      forEachAllocated(records.units, (block) => allocated.add(block));
      forEachFreed(records.units, (block) => given.add(block));
    }
    for (const { block } of births) assert(allocated.has(block), 'recent records: a birth');
    for (const block of [...freed, ...oldLog]) assert(given.has(block), 'recent records: a free');
    assert(given.size === freed.length + oldLog.length, 'recent records: no more frees');
  }
}

function bornOf(state: SavedState, recent: readonly CommitDeeds[]): string[] {
  return recent.flatMap(({ commit, births }) =>
    births
      .filter((birth) => state.used.get(birth.block) === birth)
      .map((birth) => {
        const { block, generation, hashHigh, hashLow } = birth;
        return [block, commit - state.commit, generation, hashHigh, hashLow].join();
      }),
  );
}

function replayedBirths(replayed: ReplayedLog): string[] {
  return replayed.born.map(({ block, commit, generation, hashHigh, hashLow }) =>
    [block, commit, generation, hashHigh, hashLow].join(),
  );
}

function pendingOf(state: SavedState, waiting: readonly CommitDeeds[]): string[] {
  return waiting.flatMap(({ commit, freed, oldLog }) => [
    ...freed.map((block) => [block, commit - state.commit, false].join()),
    ...oldLog.map((block) => [block, commit - state.commit, true].join()),
  ]);
}

function replayedFrees(replayed: ReplayedLog): string[] {
  return replayed.pending.flatMap(({ commit, start, count, log }) =>
    Array.from({ length: count }, (_, n) => [start + n, commit, log].join()),
  );
}

function assertSame(what: string, one: string[], other: string[], state: SavedState): void {
  const [expected, got] = [one.sort().join(' '), other.sort().join(' ')];
  if (expected === got) return;
  fail(`I3: replay at commit ${state.commit} gives ${what} [${got}], not [${expected}]`);
}
