/**
 * Replay of logs that were forged: every checksum is right, and something makes no sense. Each must be a flaw, because
 * what replay lets pass the arena asserts later, and then it is our bug. What replay gives for honest logs is compared
 * with a model in `arena.fuzz.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import type { ArenaIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Geometry } from '../format/geometry.ts';
import { UnitBuffer } from '../format/log-records.ts';
import { blockHasher } from '../sim/arena-life.ts';
import { type ForgedBlock, type ForgedLog, forgeLog } from '../sim/log-forger.ts';
import { STATE } from './block-state.ts';
import { type ReplayedLog, type ReplayFlaw, replayLog } from './log-replay.ts';

const ARENA = 2 as ArenaIndex;
const GROWN = 64;
const HEAD = 60;
const NEXT = 59;

const geometry: Geometry = {
  ...{ blockBytes: 512, sectorBytes: 512, slotBytes: 4096, diskCount: 1 },
  arenaBytes: 128 * 512,
};
const window = { current: 12, previous: 10, beforePrevious: 7 };

type Build = (units: UnitBuffer) => void;

const unitsOf = (build: Build): UnitBuffer => {
  const units = new UnitBuffer();
  build(units);
  return units;
};

/** What every log here starts with: everything is free, and the log has its two blocks, since long ago. */
const begin: Build = (units) => {
  units.appendAvailable(0, GROWN);
  units.appendAllocRaw(NEXT, 2);
  units.appendSync(1);
};

function replay(log: ForgedLog, grown: Partial<typeof window> = {}): ReplayedLog | ReplayFlaw {
  const { entry, readBlock } = log;
  return replayLog({
    ...{ arena: ARENA, entry, readBlock, geometry, hasher: blockHasher },
    window: { ...window, ...grown },
  });
}

function forge(chain: readonly ForgedBlock[], usedBlocks: number, grownBlocks = GROWN): ForgedLog {
  const common = { arena: ARENA, geometry, hasher: blockHasher };
  return forgeLog({ ...common, grownBlocks, usedBlocks, chain });
}

/** The usual beginning and then `build`, in one block. */
function log(usedBlocks: number, build: Build): ForgedLog {
  const units = unitsOf((all) => {
    begin(all);
    build(all);
  });
  return forge([{ block: HEAD, successor: NEXT, units }], usedBlocks);
}

function sound(result: ReplayedLog | ReplayFlaw): ReplayedLog {
  if ('flaw' in result) throw new Error(`replay found: ${result.flaw}`);
  return result;
}

describe('what replay gives', () => {
  test('I3: frees of the last two commits are pending, older ones free', () => {
    const replayed = sound(
      replay(
        log(2, (units) => {
          for (const block of [1, 2, 3, 4]) units.appendAlloc(block, false, 0, 1, 2);
          units.appendSync(6);
          units.appendFree(1, 1);
          units.appendSync(7);
          units.appendFree(2, 1);
          units.appendSync(10);
          units.appendFree(3, 2);
          units.appendSync(12);
        }),
      ),
    );
    expect(replayed.pending).toEqual([
      { commit: -1, start: 2, count: 1, log: false },
      { commit: 0, start: 3, count: 2, log: false },
    ]);
    expect(replayed.free.isFree(1, 1)).toBe(true);
    expect(replayed.free.isFree(2, 1) || replayed.free.isFree(3, 1)).toBe(false);
    expect([...replayed.states.subarray(0, 6)]).toEqual([
      ...[STATE.free, STATE.free, STATE.pending, STATE.pending, STATE.pending, STATE.free],
    ]);
    expect(replayed.loggedFreeBlocks).toBe(replayed.free.blockCount + 3);
    expect(replayed.recent.map(({ commit }) => commit)).toEqual([-1, 0]);
  });

  test('I2: blocks born in the last three commits and still in use, under the generation of their pointers', () => {
    const { born, states } = sound(
      replay(
        log(2 + 4, (units) => {
          units.appendAlloc(1, false, 0, 11, 12);
          units.appendSync(6);
          units.appendAlloc(2, false, 0, 21, 22);
          units.appendSync(7);
          units.appendAlloc(3, true, 4, 31, 32);
          units.appendAlloc(4, false, 0, 41, 42);
          units.appendSync(10);
          units.appendAlloc(5, false, 1, 51, 52);
          units.appendFree(4, 1);
          units.appendSync(12);
        }),
      ),
    );
    expect(born).toEqual([
      { block: 2, commit: -2, generation: 7, hashHigh: 21, hashLow: 22 },
      { block: 3, commit: -1, generation: 6, hashHigh: 31, hashLow: 32 },
      { block: 5, commit: 0, generation: 11, hashHigh: 51, hashLow: 52 },
    ]);
    expect(states[3]).toBe(STATE.metadata);
  });

  test('I9: blocks of a replaced chain are told from data, and when it was', () => {
    const replayed = sound(
      replay(
        log(2, (units) => {
          units.appendAllocRaw(20, 3);
          units.appendSync(6);
          units.appendFreeRaw(20, 3);
          units.appendSync(10);
        }),
      ),
    );
    expect(replayed.oldLogBlocks).toBe(3);
    expect(replayed.oldLogCommit).toBe(-1);
    expect(replayed.pending).toEqual([{ commit: -1, start: 20, count: 3, log: true }]);
  });

  test('numbers may be skipped, but not lie between the commits of the line', () => {
    const build =
      (generation: number): Build =>
      (units) => {
        units.appendAlloc(1, false, 0, 1, 2);
        units.appendSync(generation);
        units.appendFree(1, 1);
        units.appendSync(12);
      };
    for (const generation of [2, 6, 7, 10]) {
      const { pending } = sound(replay(log(2, build(generation))));
      expect(pending.map(({ commit }) => commit)).toEqual([0]);
    }
    for (const generation of [8, 9, 11]) {
      expect(replay(log(2, build(generation)))).toHaveProperty('flaw');
    }
    const young = { previous: 0, beforePrevious: 0 };
    expect(replay(log(2, build(11)), young)).toHaveProperty('flaw');
  });
});

/** Each: what is wrong, what the superblock counts as used, the records behind the usual beginning. */
const nonsense: [string, number, string, Build][] = [
  [
    'a block allocated twice',
    3,
    'alloc of 1 contradicts',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'ranges that overlap',
    6,
    'allocRaw of 3 contradicts',
    (units) => {
      units.appendAllocRaw(10, 2);
      units.appendAllocRaw(9, 3);
      units.appendSync(12);
    },
  ],
  [
    'a free block freed',
    2,
    'free of 1 contradicts',
    (units) => {
      units.appendFree(5, 1);
      units.appendSync(12);
    },
  ],
  [
    'a block freed twice',
    2,
    'free of 2 contradicts',
    (units) => {
      units.appendAllocRaw(5, 2);
      units.appendFree(5, 1);
      units.appendFree(5, 2);
      units.appendSync(12);
    },
  ],
  [
    'a chain freed twice',
    2,
    'freeRaw of 1 contradicts',
    (units) => {
      units.appendAllocRaw(5, 1);
      units.appendFreeRaw(5, 1);
      units.appendFreeRaw(5, 1);
      units.appendSync(12);
    },
  ],
  [
    'growth where something is free',
    2,
    'available of 4 contradicts',
    (units) => {
      units.appendAvailable(3, 4);
      units.appendSync(12);
    },
  ],
  [
    'a range outside the arena',
    3,
    'range outside the arena',
    (units) => {
      units.appendAllocRaw(GROWN, 1);
      units.appendSync(12);
    },
  ],
  [
    'a range that ends outside',
    4,
    'range outside the arena',
    (units) => {
      units.appendFree(GROWN - 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'a block outside the arena',
    3,
    'block outside the arena',
    (units) => {
      units.appendAlloc(GROWN, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'a block born before time',
    3,
    'alloc of 1 contradicts',
    (units) => {
      units.appendAlloc(5, false, 13, 1, 2);
      units.appendSync(12);
    },
  ],
  ['a sync from the future', 2, 'a sync from the future', (units) => units.appendSync(13)],
  [
    'a sync from the past',
    2,
    'a sync from the past',
    (units) => {
      units.appendSync(10);
      units.appendSync(9);
      units.appendSync(12);
    },
  ],
  [
    'a sync between two commits of the line',
    2,
    'does not have',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(7);
      units.appendFree(5, 1);
      units.appendSync(11);
      units.appendSync(12);
    },
  ],
  [
    'a commit twice',
    2,
    'a sync from the past',
    (units) => {
      units.appendSync(12);
      units.appendSync(12);
    },
  ],
  [
    'a base behind the first commit',
    2,
    'a sync from the past',
    (units) => {
      units.appendSync(0);
      units.appendSync(12);
    },
  ],
  [
    'records behind the last sync',
    3,
    'records behind the last sync',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
    },
  ],
  [
    'I1: a pending block in use again',
    3,
    'a pending block is in use again',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(7);
      units.appendFree(5, 1);
      units.appendSync(10);
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'I1: a block pending twice',
    2,
    'a pending block is in use again',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendFree(5, 1);
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendFree(5, 1);
      units.appendSync(12);
    },
  ],
  [
    'too few blocks counted',
    2,
    'counts other blocks as used',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'too many blocks counted',
    4,
    'counts other blocks as used',
    (units) => {
      units.appendAlloc(5, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'a log block freed',
    1,
    'a log block is not the log’s',
    (units) => {
      units.appendFree(HEAD, 1);
      units.appendSync(12);
    },
  ],
  [
    'a log block that is data',
    2,
    'a log block is not the log’s',
    (units) => {
      units.appendFree(NEXT, 1);
      units.appendSync(7);
      units.appendAlloc(NEXT, false, 0, 1, 2);
      units.appendSync(12);
    },
  ],
  [
    'log blocks that lead nowhere',
    4,
    'blocks of the log that are not in it',
    (units) => {
      units.appendAllocRaw(5, 2);
      units.appendSync(12);
    },
  ],
];

describe('I3: records that contradict one another are a flaw:', () => {
  test.each(nonsense)('%s', (_, usedBlocks, flaw, build) => {
    const result = replay(log(usedBlocks, build));
    expect(result).toMatchObject({ arena: ARENA, flaw: expect.stringContaining(flaw) });
  });

  test('an unknown operation', () => {
    const forged = log(2, (units) => {
      units.appendSync(12);
      units.words[2 * units.unitCount - 3] = 0x77;
    });
    expect(replay(forged)).toMatchObject({ flaw: 'record: unknown operation' });
  });

  test('a record that is cut off', () => {
    const forged = log(2, (units) => {
      units.appendSync(12);
      units.truncate(units.unitCount - 1);
    });
    expect(replay(forged)).toMatchObject({ flaw: 'record: record is cut off' });
  });
});

describe('I5: chains that are none', () => {
  const more: Build = (units) => units.appendSync(7);
  const first = unitsOf((units) => {
    units.appendAvailable(0, GROWN);
    units.appendAllocRaw(NEXT, 2);
    units.appendAllocRaw(30, 1);
    units.appendSync(1);
  });

  test('an honest one of two blocks', () => {
    const chain = [
      { block: HEAD, successor: NEXT, units: first },
      { block: NEXT, successor: 30, units: unitsOf(more) },
    ];
    expect(sound(replay(forge(chain, 3)))).toMatchObject({ chain: [HEAD, NEXT], successor: 30 });
    expect(replay(forge(chain, 3), { current: 6 })).toHaveProperty('flaw');
  });

  test('one that leads back to itself', () => {
    const chain = [
      { block: HEAD, successor: HEAD, units: first },
      { block: HEAD, successor: NEXT, units: unitsOf(more) },
    ];
    expect(replay(forge(chain, 3))).toMatchObject({
      flaw: expect.stringContaining('log block of another position'),
    });
  });

  /** The next batch would have been written over a committed one. */
  test('one whose next block is in use by it', () => {
    const units = unitsOf((all) => {
      all.appendAvailable(0, GROWN);
      all.appendAllocRaw(HEAD, 1);
      all.appendSync(1);
    });
    expect(replay(forge([{ block: HEAD, successor: HEAD, units }], 1))).toMatchObject({
      flaw: 'the log’s next block is in use by it',
      block: HEAD,
    });
  });

  test('one that leaves the arena', () => {
    const chain = [{ block: HEAD, successor: GROWN, units: first }];
    expect(replay(forge(chain, 3))).toMatchObject({
      flaw: expect.stringContaining('successor outside the arena'),
    });
  });

  test('one that leads to a block that is no log', () => {
    const forged = forge([{ block: HEAD, successor: NEXT, units: first }], 3);
    const entry = { ...forged.entry, logSectors: 2 };
    expect(replay({ ...forged, entry })).toMatchObject({
      flaw: expect.stringContaining('no log block'),
      block: NEXT,
    });
  });

  test('one of another arena, at another place, of another store, or of another length', () => {
    const { entry, readBlock } = log(2, more);
    const hasher = blockHasher;
    const common = { entry, readBlock, window, geometry, hasher };
    expect(replayLog({ ...common, arena: ARENA })).not.toHaveProperty('flaw');
    expect(replayLog({ ...common, arena: 1 as ArenaIndex })).toHaveProperty('flaw');
    const none = { ...entry, logSectors: 0, logHashHigh: 0, logHashLow: 0, usedBlocks: GROWN };
    expect(replayLog({ ...common, arena: ARENA, entry: none })).toMatchObject({
      flaw: 'a log without a block',
    });
    for (const change of [
      { logHead: NEXT },
      { logSectors: 0 },
      { logHashHigh: entry.logHashHigh ^ 1 },
      { logHashLow: entry.logHashLow ^ 1 },
    ]) {
      const other = { ...entry, ...change };
      expect(replayLog({ ...common, arena: ARENA, entry: other })).toHaveProperty('flaw');
    }
  });

  test('a length that ends in the middle of a batch', () => {
    const wide = { ...geometry, blockBytes: 4096, arenaBytes: 128 * 4096 };
    const units = unitsOf((all) => {
      begin(all);
      for (let block = 0; block < 50; block += 1) all.appendAlloc(block, false, 0, 1, 2);
      all.appendSync(12);
    });
    const chain = [{ block: HEAD, successor: NEXT, units }];
    const common = { arena: ARENA, geometry: wide, hasher: blockHasher };
    const forged = forgeLog({ ...common, grownBlocks: GROWN, usedBlocks: 52, chain });
    expect(forged.entry.logSectors).toBe(2);
    expect(replayLog({ ...common, ...forged, window })).not.toHaveProperty('flaw');
    const entry = { ...forged.entry, logSectors: 1 };
    const cut = replayLog({ ...common, ...forged, entry, window });
    expect(cut).toMatchObject({ flaw: 'a batch passes the end' });
  });

  test('a block that cannot be read: the fault is handed on, with the block', () => {
    const fault: DeviceFault = {
      ...{ kind: 'io', operation: 'read', file: 'disk-0', detail: 'gone' },
      ...{ offset: 9, expected: 512, actual: 0 },
    };
    const { entry } = log(2, more);
    expect(replay({ entry, readBlock: () => fault })).toEqual({
      ...{ flaw: 'the log block cannot be read', arena: ARENA, block: HEAD, fault },
    });
  });
});
