import { beforeEach, describe, expect, test } from 'vitest';
import { COMMITS_DEFERRED, DeferredFrees, type FreedRange } from './deferred-frees.ts';

const data = (start: number, count = 1): FreedRange => ({ arena: 0, start, count, log: false });
const log = (start: number, count = 1): FreedRange => ({ arena: 0, start, count, log: true });

let deferred: DeferredFrees;

beforeEach(() => {
  deferred = new DeferredFrees();
});

/** First blocks of what is released, in order. */
function released(durableCommit: number, settled: number): number[] {
  const starts: number[] = [];
  deferred.release(durableCommit, settled, ({ start }) => starts.push(start));
  return starts;
}

describe('I1: commits', () => {
  test('two further commits, not one: the three newest generations stay recoverable', () => {
    expect(COMMITS_DEFERRED).toBe(2);
    deferred.defer(1, [data(7)]);
    deferred.freeze(10);
    expect(released(10, 99)).toEqual([]);
    expect(released(11, 99)).toEqual([]);
    expect(released(12, 99)).toEqual([7]);
    expect(released(13, 99)).toEqual([]);
  });

  test('what no commit has frozen never comes back, however many are durable', () => {
    deferred.defer(1, [data(7)]);
    expect(released(1000, 99)).toEqual([]);
    deferred.freeze(1001);
    expect(released(1003, 99)).toEqual([7]);
  });

  test('a commit freezes what was deferred before it, not what comes after', () => {
    deferred.defer(1, [data(1)]);
    deferred.freeze(1);
    deferred.defer(2, [data(2)]);
    deferred.freeze(2);
    expect(released(3, 99)).toEqual([1]);
    expect(released(4, 99)).toEqual([2]);
  });

  test('several transactions of one commit come back together, in the order they ended', () => {
    deferred.defer(1, [data(5), data(3)]);
    deferred.defer(2, [data(4)]);
    deferred.freeze(1);
    expect(released(3, 99)).toEqual([5, 3, 4]);
  });

  test('after a recovery the commits are known: 0 is the recovered one, −1 the one before', () => {
    deferred.defer(0, [data(1)], -1);
    deferred.defer(0, [data(2)], 0);
    expect(released(0, 0)).toEqual([]);
    expect(released(1, 0)).toEqual([1]);
    expect(released(2, 0)).toEqual([2]);
  });

  test('commits are counted upward, and nothing frozen is deferred behind what is not', () => {
    deferred.defer(1, [data(1)]);
    deferred.freeze(5);
    expect(() => deferred.freeze(4)).toThrow('I1: commits are counted upward');
    expect(() => deferred.defer(2, [data(2)], 4)).toThrow('I1: commits are counted upward');
    deferred.defer(2, [data(3)]);
    expect(() => deferred.defer(3, [data(4)], 6)).toThrow('I1: what is frozen was deferred first');
  });
});

describe('I4: readers', () => {
  test('a reader of an older state holds the blocks, and everything behind them', () => {
    deferred.defer(3, [data(1)]);
    deferred.defer(5, [data(2)]);
    deferred.freeze(1);
    expect(released(100, 2)).toEqual([]);
    expect(released(100, 3)).toEqual([1]);
    expect(released(100, 4)).toEqual([]);
    expect(released(100, 5)).toEqual([2]);
  });

  test('both conditions must hold', () => {
    deferred.defer(3, [data(1)]);
    deferred.freeze(1);
    expect(released(2, 3)).toEqual([]);
    expect(released(3, 2)).toEqual([]);
    expect(released(3, 3)).toEqual([1]);
  });

  test('frees are deferred in the order of their stamps', () => {
    deferred.defer(3, [data(1)]);
    deferred.freeze(1);
    released(3, 3);
    expect(() => deferred.defer(2, [data(2)])).toThrow('I4: frees are deferred in the order');
  });

  test('what only readers hold is counted; what waits for commits is not', () => {
    deferred.defer(1, [data(0, 4)]);
    deferred.freeze(1);
    deferred.defer(2, [data(10, 5)]);
    deferred.freeze(2);
    deferred.defer(3, [data(20, 6)]);
    expect(deferred.heldByReaders(2)).toBe(0);
    expect(deferred.heldByReaders(3)).toBe(4);
    expect(deferred.heldByReaders(4)).toBe(9);
    expect(deferred.heldByReaders(99)).toBe(9);
    expect(deferred.blockCount).toBe(15);
    released(4, 1);
    expect(deferred.heldByReaders(4)).toBe(5);
    expect(deferred.blockCount).toBe(11);
  });

  test('further commits help until only readers hold what is left', () => {
    expect(deferred.waitsForCommits(9)).toBe(false);
    deferred.defer(4, [data(1)]);
    expect(deferred.waitsForCommits(9)).toBe(true);
    deferred.freeze(1);
    expect(deferred.waitsForCommits(2)).toBe(true);
    expect(deferred.waitsForCommits(3)).toBe(false);
    expect(deferred.heldByReaders(3)).toBe(1);
    released(3, 4);
    expect(deferred.waitsForCommits(2)).toBe(false);
  });
});

/**
 * A reader that stayed for long held the chains of all compactions since. Each weighed on the reserve, and after a few
 * `compactLogs` an assertion about I9 ended the session. No reader can see a log block.
 */
describe('I9: blocks of replaced logs', () => {
  test('wait for commits only', () => {
    deferred.defer(5, [data(1)]);
    deferred.deferLog([log(2, 3)]);
    expect(released(99, 0)).toEqual([]);
    deferred.freeze(1);
    expect(released(2, 0)).toEqual([]);
    expect(released(3, 0)).toEqual([2]);
    expect(released(3, 5)).toEqual([1]);
  });

  test('are not held by readers, and are nobody’s space', () => {
    deferred.deferLog([log(2, 3)]);
    deferred.freeze(1);
    expect(deferred.heldByReaders(9)).toBe(0);
    expect(deferred.waitsForCommits(1)).toBe(false);
    expect(deferred.blockCount).toBe(3);
  });

  test('are told apart in one group, as after a recovery', () => {
    deferred.defer(0, [log(8), data(9)], 0);
    expect(released(2, 0)).toEqual([8, 9]);
  });
});

test('the limbo tells what readers may see, by age, and what waits for commits', () => {
  deferred.defer(4, [data(40, 1)]);
  deferred.defer(5, [data(50, 2)]);
  deferred.defer(6, [data(60, 3)]);
  deferred.freeze(1);
  deferred.defer(7, [data(70, 4)]);
  expect(deferred.limboBlocks(7, 3)).toEqual([4, 3, 3]);
  expect(deferred.limboBlocks(7, 5)).toEqual([4, 3, 0]);
  expect(deferred.limboBlocks(7, 7)).toEqual([0, 0, 0]);
  expect(deferred.commitWaitBlocks(2)).toBe(10);
  expect(deferred.commitWaitBlocks(3)).toBe(4);
});

test('a queue that lives for long forgets nothing and hands out nothing twice', () => {
  const waiting: number[] = [];
  for (let commit = 1; commit <= 5000; commit += 1) {
    deferred.defer(commit, [data(commit)]);
    deferred.freeze(commit);
    waiting.push(commit);
    // Readers leave only now and then: hundreds of groups come back at once.
    for (const start of released(commit, commit - (commit % 700))) {
      expect(start).toBe(waiting.shift());
    }
    expect(deferred.blockCount).toBe(waiting.length);
    expect(waiting.length).toBeLessThan(702);
  }
});

test('nothing deferred is nothing', () => {
  deferred.defer(1, []);
  deferred.freeze(1);
  expect(deferred.blockCount).toBe(0);
  expect(released(9, 9)).toEqual([]);
});
