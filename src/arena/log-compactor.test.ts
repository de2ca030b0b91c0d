/**
 * Compaction keeps meaning. The stories are lived by one arena beside a model (`ArenaLife`): its `verify` replays the
 * log of every generation that may be opened and compares free ranges, what is pending, what was born lately, and what
 * the next compaction would repeat. Random lives with compactions are in `arena.fuzz.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import type { Geometry } from '../format/geometry.ts';
import { RecordReader, UnitBuffer } from '../format/log-records.ts';
import { ArenaLife } from '../sim/arena-life.ts';
import { STATE, UNLOGGED } from './block-state.ts';
import { appendCompacted } from './log-compactor.ts';

const geometry: Geometry = {
  ...{ blockBytes: 512, sectorBytes: 512, slotBytes: 4096, diskCount: 1 },
  arenaBytes: 256 * 512,
};

/** An arena of 160 blocks with `count` of them in use, and its log durable. */
function lived(count: number): ArenaLife {
  const life = new ArenaLife(geometry);
  life.arena.grow(160);
  life.allocate('data', count);
  life.end();
  life.commitAll();
  life.verify();
  return life;
}

function compact(life: ArenaLife): void {
  const { compactionCount } = life.arena;
  life.arena.askCompaction();
  life.commitAll();
  expect(life.arena.compactionCount).toBe(compactionCount + 1);
  life.verify();
}

function freeEvery(life: ArenaLife, step: number, count = 1000): void {
  const blocks = [...life.used.keys()].sort((one, other) => one - other);
  for (let n = 0; n < blocks.length && n < count * step; n += step) life.free(blocks[n] as number);
  life.end();
}

describe('I5: a compacted log says what the old one said', () => {
  test('with nothing else in the commit, only the log’s own blocks change', () => {
    const life = lived(60);
    freeEvery(life, 3);
    life.commitAll();
    for (let n = 0; n < 4; n += 1) life.commitAll();
    const before = life.replayNewest();
    compact(life);
    const after = life.replayNewest();
    const isLog = (block: number) =>
      [before, after].some(({ states }) => [STATE.log, STATE.pending].includes(states[block] as 3));
    for (let block = 0; block < 160; block += 1) {
      if (!isLog(block)) expect(after.free.isFree(block, 1)).toBe(before.free.isFree(block, 1));
    }
    expect(after.chain.length).toBeLessThan(before.chain.length);
    expect(after.pending.every(({ log }) => log)).toBe(true);
    expect(after.oldLogBlocks).toBe(before.chain.length + 1);
  });

  test('what the last two commits freed stays pending, what the last three bore is known', () => {
    const life = lived(40);
    for (let n = 0; n < 3; n += 1) {
      life.allocate(n % 2 === 0 ? 'data' : 'metadata', 2);
      freeEvery(life, 5, 3);
      life.commitAll();
    }
    life.allocate('metadata', 1);
    freeEvery(life, 7, 2);
    compact(life);
    const replayed = life.replayNewest();
    expect(new Set(replayed.pending.map(({ commit }) => commit))).toEqual(new Set([-1, 0]));
    expect(new Set(replayed.born.map(({ commit }) => commit))).toEqual(new Set([-2, -1, 0]));
  });

  test('blocks that an open transaction has taken are free in the log', () => {
    const life = lived(20);
    life.allocate('data', 7);
    compact(life);
    life.allocate('metadata', 1);
    life.end();
    life.commitAll();
    life.verify();
    life.reopen();
    life.verify();
    expect(life.used.size).toBe(28);
  });

  test('so are those of a transaction rolled back, whether or not they have landed', () => {
    const life = lived(20);
    life.allocate('data', 9);
    life.discard(3, true);
    life.discard(3, false);
    compact(life);
    life.abort(true);
    for (let n = 0; n < 4; n += 1) life.commitAll();
    compact(life);
  });

  test('blocks born and freed in one commit', () => {
    const life = lived(20);
    life.allocate('data', 5);
    life.end();
    freeEvery(life, 4);
    compact(life);
    life.reopen();
    life.verify();
  });

  test('frees that a reader holds for long are free in the log, and not in memory', () => {
    const life = lived(60);
    life.pin();
    freeEvery(life, 2);
    for (let n = 0; n < 8; n += 1) life.commitAll();
    expect(life.arena.pendingBlocks).toBe(30);
    compact(life);
    const replayed = life.replayNewest();
    expect(replayed.pending.every(({ log }) => log)).toBe(true);
    expect(life.arena.pendingBlocks).toBe(30 + replayed.oldLogBlocks);
    life.unpin(0);
    life.verify();
    expect(life.arena.pendingBlocks).toBe(replayed.oldLogBlocks);
  });

  test('right after growth, and when what grew is in use', () => {
    const life = lived(30);
    life.arena.grow(20);
    compact(life);
    life.arena.grow(1);
    life.allocate('data', 110);
    life.end();
    life.commitAll();
    life.verify();
    life.arena.grow(40);
    life.allocate('data', 30);
    life.end();
    freeEvery(life, 3, 9);
    life.commitAll();
    compact(life);
    life.reopen();
    life.verify();
    expect(life.arena.grownBlocks).toBe(221);
  });

  test('several compactions in a row, three commits apart at the least', () => {
    const life = lived(50);
    for (let round = 0; round < 30; round += 1) {
      life.allocate('data', 3);
      freeEvery(life, 4, 3);
      life.arena.askCompaction();
      life.commitAll();
      life.verify();
    }
    expect(life.arena.compactionCount).toBe(10);
  });

  test('a crash before the superblock sees the old chain whole', () => {
    const life = lived(50);
    for (let n = 0; n < 4; n += 1) {
      freeEvery(life, 5, 2);
      life.commitAll();
    }
    const { chain } = life.arena.log;
    life.arena.askCompaction();
    freeEvery(life, 5, 1);
    life.freeze();
    expect(life.arena.log.chain).not.toEqual(chain);
    life.reopen({ lands: () => true });
    expect(life.arena.log.chain).toEqual(chain);
    life.verify();
    compact(life);
  });

  test('I1: the old chain is not reused before two further commits are durable', () => {
    const life = lived(20);
    for (let n = 0; n < 3; n += 1) life.commitAll();
    const old = [...life.arena.log.chain, life.arena.log.successor];
    compact(life);
    const waits = () => old.every((block) => !life.arena.free.isFree(block, 1));
    expect(waits()).toBe(true);
    life.commitAll();
    expect(waits()).toBe(true);
    life.commitAll();
    expect(old.every((block) => life.arena.free.isFree(block, 1))).toBe(true);
  });
});

describe('the base', () => {
  const range = (...states: number[]) => ({
    grownBlocks: states.length,
    states: new Uint8Array(states),
  });
  /** What the base lists, for an arena of these states. */
  function baseOf(arena: ReturnType<typeof range>, window: UnitBuffer[] = []): string {
    const listed: string[] = [];
    const units = new UnitBuffer();
    units.appendSync(9);
    appendCompacted({
      ...{ arena, units, window: window.map((each, commit) => ({ commit, units: each })) },
      append(stream) {
        const reader = new RecordReader(stream, arena.grownBlocks);
        while (reader.next() === 'available') listed.push(`${reader.index}+${reader.count}`);
        expect(reader.generation).toBe(0);
      },
    });
    return listed.join(' ');
  }
  const { free, data, metadata, log, pending } = STATE;

  test('is what is free, unlogged, or freed before the window', () => {
    expect(baseOf(range(free, free, data, free))).toBe('0+2 3+1');
    expect(baseOf(range(log, data | UNLOGGED, metadata | UNLOGGED, metadata))).toBe('1+2');
    expect(baseOf(range(data, pending, pending | UNLOGGED, data))).toBe('1+2');
    expect(baseOf(range(data, log))).toBe('');
    expect(baseOf(range(free, free))).toBe('0+2');
  });

  test('less what the window freed, and what it allocated', () => {
    const window = new UnitBuffer();
    window.appendAvailable(0, 6);
    window.appendAlloc(0, false, 0, 1, 1);
    window.appendAllocRaw(1, 1);
    window.appendAlloc(3, false, 0, 1, 1);
    window.appendFree(2, 2);
    window.appendSync(5);
    expect(baseOf(range(data, log, pending, pending, pending, data), [window])).toBe('0+2 3+2');
  });
});
