/**
 * Freed blocks on their way back to the free ranges (the seed's broken `defertl`, done right).
 *
 * Owns the waiting half of I1 and I4: a block freed in commit c comes back when c + 2 is durable, because the three
 * newest generations stay recoverable, *and* when no reader can still see a state from before it was freed. Commits
 * are counted, not generation numbers, which may skip. Both conditions only ever grow along a queue, so it is a plain
 * first-in, first-out list and nothing is searched.
 *
 * The blocks of a replaced log wait for commits only: no reader has ever seen them, and the reserve counts on having
 * them back in time (I9), however long somebody reads.
 */
import { assert } from '../base/assert.ts';

/** Further commits that must be durable before a block freed in a commit is reused. */
export const COMMITS_DEFERRED = 2;

export interface FreedRange {
  readonly arena: number;
  readonly start: number;
  readonly count: number;
  /** Blocks of a log chain that a compaction replaced. */
  readonly log: boolean;
}

export class DeferredFrees {
  private readonly frees = new WaitingGroups();
  private readonly logs = new WaitingGroups();

  /** Blocks that wait for anything. */
  get blockCount(): number {
    return this.frees.blockCount + this.logs.blockCount;
  }

  /**
   * What one ended transaction freed, and no commit has frozen yet. Or all that a commit freed that is known already,
   * as after a recovery.
   *
   * @param stamp Of the readers' horizon, after the state without the blocks was published.
   */
  defer(stamp: number, ranges: readonly FreedRange[], commit?: number): void {
    this.frees.push(
      stamp,
      ranges.filter((range) => !range.log),
      commit,
    );
    this.logs.push(
      SEEN_BY_NOBODY,
      ranges.filter((range) => range.log),
      commit,
    );
  }

  /** What a compaction freed, in the commit that is about to freeze. */
  deferLog(ranges: readonly FreedRange[]): void {
    this.logs.push(SEEN_BY_NOBODY, ranges, undefined);
  }

  /** Commit number `commit` has frozen everything deferred so far. */
  freeze(commit: number): void {
    this.frees.freeze(commit);
    this.logs.freeze(commit);
  }

  /**
   * Hands out what has come of age: `durableCommit` is durable, and no reader sees what was freed up to `settled`.
   */
  release(durableCommit: number, settled: number, visit: (range: FreedRange) => void): void {
    this.logs.release(durableCommit, SEEN_BY_NOBODY, visit);
    this.frees.release(durableCommit, settled, visit);
  }

  /** Blocks that readers may still see, by stamp: `stamp` itself, the one before, and all older ones. */
  limboBlocks(stamp: number, settled: number): [number, number, number] {
    return this.frees.byAge(stamp, settled);
  }

  /** Blocks whose commits are not durable often enough yet. */
  commitWaitBlocks(durableCommit: number): number {
    const aged = this.frees.agedBlocks(durableCommit) + this.logs.agedBlocks(durableCommit);
    return this.blockCount - aged;
  }

  /** Blocks that only readers hold back: their commits are old enough. Counts what `release` left. */
  heldByReaders(durableCommit: number): number {
    return this.frees.agedBlocks(durableCommit);
  }

  /**
   * Whether further commits would release anything, or leave only readers to hold it, so that these can be named. Log
   * blocks do not count: they go back to the reserve, and nobody else may take them.
   */
  waitsForCommits(durableCommit: number): boolean {
    return this.frees.blockCount > this.frees.agedBlocks(durableCommit);
  }
}

/** A stamp that every horizon has passed. */
const SEEN_BY_NOBODY = 0;

interface WaitingGroup {
  readonly stamp: number;
  /** The commit that froze it; not known before. */
  commit: number | undefined;
  readonly ranges: readonly FreedRange[];
}

/** Groups released are cut off the list when there are so many of them, and more than of those that wait. */
const RELEASED_MAX = 64;

/** First in, first out; stamps and commits ascend. */
class WaitingGroups {
  blockCount = 0;
  private readonly groups: WaitingGroup[] = [];
  /** The first that waits. */
  private head = 0;
  private lastStamp = 0;
  private lastCommit = Number.NEGATIVE_INFINITY;

  push(stamp: number, ranges: readonly FreedRange[], commit: number | undefined): void {
    if (ranges.length === 0) return;
    assert(stamp >= this.lastStamp, 'I4: frees are deferred in the order of their stamps');
    this.lastStamp = stamp;
    if (commit !== undefined) {
      assert(this.unfrozenFrom() === this.groups.length, 'I1: what is frozen was deferred first');
      this.assertLater(commit);
    }
    this.groups.push({ stamp, commit, ranges });
    for (const range of ranges) this.blockCount += range.count;
  }

  freeze(commit: number): void {
    this.assertLater(commit);
    for (let n = this.unfrozenFrom(); n < this.groups.length; n += 1) {
      (this.groups[n] as WaitingGroup).commit = commit;
    }
  }

  release(durableCommit: number, settled: number, visit: (range: FreedRange) => void): void {
    for (let group = this.groups[this.head]; group !== undefined; group = this.groups[this.head]) {
      if (!isAged(group, durableCommit) || group.stamp > settled) break;
      this.head += 1;
      for (const range of group.ranges) {
        this.blockCount -= range.count;
        visit(range);
      }
    }
    if (this.head > RELEASED_MAX && this.head * 2 > this.groups.length) {
      this.groups.splice(0, this.head);
      this.head = 0;
    }
  }

  agedBlocks(durableCommit: number): number {
    let blocks = 0;
    for (let n = this.head; n < this.groups.length; n += 1) {
      const group = this.groups[n] as WaitingGroup;
      if (!isAged(group, durableCommit)) break;
      for (const range of group.ranges) blocks += range.count;
    }
    return blocks;
  }

  byAge(stamp: number, settled: number): [number, number, number] {
    const blocks: [number, number, number] = [0, 0, 0];
    for (let n = this.groups.length - 1; n >= this.head; n -= 1) {
      const group = this.groups[n] as WaitingGroup;
      if (group.stamp <= settled) break;
      const age = Math.min(2, Math.max(0, stamp - group.stamp)) as 0 | 1 | 2;
      for (const range of group.ranges) blocks[age] += range.count;
    }
    return blocks;
  }

  /** Where the groups without a commit begin. */
  private unfrozenFrom(): number {
    let first = this.groups.length;
    while (first > this.head && (this.groups[first - 1] as WaitingGroup).commit === undefined) {
      first -= 1;
    }
    return first;
  }

  private assertLater(commit: number): void {
    assert(commit >= this.lastCommit, 'I1: commits are counted upward');
    this.lastCommit = commit;
  }
}

function isAged(group: WaitingGroup, durableCommit: number): boolean {
  return group.commit !== undefined && group.commit + COMMITS_DEFERRED <= durableCommit;
}
