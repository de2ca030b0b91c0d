import { describe, expect, test } from 'vitest';
import type { Superblock } from '../format/superblock.ts';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';
import { recoverableGeneration } from './recover.ts';
import { SuperblockRing } from './superblock-ring.ts';

/** What a slot holds. `sound`: its whole root set verifies. */
interface Written {
  readonly superblock: Superblock;
  readonly sound: boolean;
}
type Slots = (Written | undefined)[];

function superblock(generation: number, previous: number, beforePrevious: number): Superblock {
  const storeId = new Uint8Array(16);
  const fields = { joint: true, storeId, roots: new Map(), arenas: [] };
  return { generation, previous, beforePrevious, thirdPrevious: 0, ...fields };
}

/** How a session finds the slots that its commits may write to. */
interface Rule {
  readonly name: string;
  begin(slots: Slots, opened: Superblock): (generation: number) => number;
}

const RING: Rule = {
  name: 'the ring',
  begin(slots, opened) {
    const ring = new SuperblockRing(
      slots.map((slot) => recoverableGeneration({ superblock: slot?.superblock }, opened)),
    );
    let last: { slot: number; generation: number } | undefined;
    return (generation) => {
      if (last !== undefined) ring.complete(last.slot, last.generation);
      const slot = ring.next();
      ring.begin(slot);
      last = { slot, generation };
      return slot;
    };
  },
};

const MODULO: Rule = {
  name: 'slot = generation mod 4',
  begin: () => (generation) => generation % 4,
};

/** A ring that trusts any older number: what an earlier recovery gave up counts as recoverable. */
const BY_NUMBER: Rule = {
  name: 'an older number is a good one',
  begin(slots, opened) {
    const generations = slots.map((slot) => {
      const generation = slot?.superblock.generation ?? -1;
      return generation <= opened.generation ? generation : -1;
    });
    return (generation) => {
      const slot = generations.indexOf(Math.min(...generations));
      generations[slot] = generation;
      return slot;
    };
  },
};

/**
 * Sessions that end in crashes. Returns how often one of the three newest acknowledged superblocks was overwritten.
 * `lies`: flushes may have lied, so that up to that many of the newest superblocks turn out not to be sound.
 */
function simulate(rule: Rule, seed: number, options: { crashes: number; lies: number }): number {
  const random = new Random(seed);
  const slots: Slots = [
    { superblock: superblock(1, 0, 0), sound: true },
    undefined,
    undefined,
    undefined,
  ];
  let overwritten = 0;
  for (let crash = 0; crash < options.crashes; crash += 1) {
    const found = slots.filter((slot) => slot !== undefined);
    const newest = Math.max(...found.map((slot) => slot.superblock.generation));
    const sound = found.filter((slot) => slot.sound);
    if (sound.length === 0) return overwritten + 1;
    let opened = sound.reduce((one, other) =>
      one.superblock.generation > other.superblock.generation ? one : other,
    ).superblock;
    const slotFor = rule.begin(slots, opened);
    const commits = random.below(5);
    for (let commit = 0; commit <= commits; commit += 1) {
      const generation = newest + 1 + commit;
      const next = superblock(generation, opened.generation, opened.previous);
      const slot = slotFor(generation);
      const recoverable = [opened.generation, opened.previous, opened.beforePrevious];
      if (recoverable.includes(slots[slot]?.superblock.generation ?? -1)) overwritten += 1;
      // The last one of a session is cut short: a joint commit whose data did not all arrive.
      const finished = commit < commits;
      slots[slot] = { superblock: next, sound: finished };
      if (finished) opened = next;
    }
    loseLies(slots, random.below(options.lies + 1));
  }
  return overwritten;
}

/** The newest `count` sound superblocks turn out not to be, as long as one is left. */
function loseLies(slots: Slots, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const sound = slots.filter((slot) => slot?.sound === true) as Written[];
    if (sound.length < 2) return;
    const generation = Math.max(...sound.map((slot) => slot.superblock.generation));
    const at = slots.findIndex((slot) => slot?.superblock.generation === generation);
    slots[at] = { ...(slots[at] as Written), sound: false };
  }
}

const LIVES = scaled(4000);

describe('I1: the three newest acknowledged superblocks are never overwritten', () => {
  test(`in ${LIVES} lives of 10 crashes each`, () => {
    for (let seed = 0; seed < LIVES; seed += 1) {
      expect(simulate(RING, seed, { crashes: 10, lies: 0 })).toBe(0);
    }
  });

  test(`nor when flushes have lied, in ${LIVES} more`, () => {
    for (let seed = 0; seed < LIVES; seed += 1) {
      expect(simulate(RING, seed, { crashes: 10, lies: 2 })).toBe(0);
    }
  });

  test('arithmetic on the generation would overwrite them', () => {
    let lives = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      if (simulate(MODULO, seed, { crashes: 10, lies: 0 }) > 0) lives += 1;
    }
    expect(lives).toBeGreaterThan(190);
  });

  test('so would believing every older number, once flushes have lied', () => {
    let lives = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      if (simulate(BY_NUMBER, seed, { crashes: 10, lies: 2 }) > 0) lives += 1;
    }
    expect(lives).toBeGreaterThan(20);
  });
});

describe('four unfinished commits in a row', () => {
  /** Generation 5 is good, in the slot that its number gives; each attempt after it is cut short. */
  function attempts(rule: Rule): Slots {
    const slots: Slots = [2, 3, 4, 5].map((generation) => ({
      superblock: superblock(generation, generation - 1, Math.max(0, generation - 2)),
      sound: true,
    }));
    const opened = superblock(5, 4, 3);
    for (let generation = 6; generation < 10; generation += 1) {
      const slot = rule.begin(slots, opened)(generation);
      slots[slot] = { superblock: superblock(generation, 5, 4), sound: false };
    }
    return slots;
  }

  test('leave the good one where it is, and its two predecessors', () => {
    const left = attempts(RING).filter((slot) => slot?.sound);
    expect(left.map((slot) => slot?.superblock.generation).sort()).toEqual([3, 4, 5]);
  });

  test('would have overwritten all of them, had arithmetic chosen the slots', () => {
    expect(attempts(MODULO).filter((slot) => slot?.sound)).toEqual([]);
  });
});

describe('the ring', () => {
  test('takes an unusable slot first, else the oldest', () => {
    expect(new SuperblockRing([7, undefined, 9, 8]).next()).toBe(1);
    expect(new SuperblockRing([7, 6, 9, 8]).next()).toBe(1);
    expect(new SuperblockRing([1, undefined, undefined, undefined]).next()).toBe(1);
  });

  test('expects nothing of a slot that is being written', () => {
    const ring = new SuperblockRing([7, 6, 9, 8]);
    ring.begin(1);
    expect(ring.next()).toBe(1);
    ring.complete(1, 10);
    expect(ring.next()).toBe(0);
  });

  test('refuses a generation that is not the newest', () => {
    const ring = new SuperblockRing([7, 6, 9, 8]);
    ring.begin(1);
    expect(() => ring.complete(1, 9)).toThrow('I1');
  });
});
