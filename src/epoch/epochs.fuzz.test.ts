/** What readers of all threads may see, while the owner frees and reuses it: all interleavings. */
import { expect, test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { atomicLoad, atomicStore, plainLoad, plainStore } from '../shared/atomics.ts';
import { enumerate } from '../sim/enumerate.ts';
import { awaitEnd } from '../sim/schedules.ts';
import { EpochClock, type EpochLayout, EpochSlot } from './epochs.ts';

vi.mock(
  '../shared/atomics.ts',
  async () => (await import('../sim/schedule-atomics.ts')).modelAtomics,
);

const layout: EpochLayout = { epoch: 0, clientCount: 2, clientEpoch: (client) => client + 1 };
/** Which block the published state has. */
const PUBLISHED = 4;
const BLOCKS = 8;
const REUSED = 99;
/** Words count 0 … ROUND − 1. */
const ROUND = 2 ** 31 - 1;
const words = new Int32Array(new SharedArrayBuffer(64));

function reset(): void {
  words.fill(0);
  words[layout.epoch] = ROUND - 2;
  words.set([0, 1, 2], BLOCKS);
}

/** Looks up the published block and reads it, slowly. */
function readPublished(): void {
  const block = atomicLoad(words, PUBLISHED);
  for (let look = 0; look < 2; look += 1) {
    const content = plainLoad(words, BLOCKS + block);
    assert(content === block, `I4: block ${block} was reused while a reader saw it`);
  }
}

function enter(slot: EpochSlot): number {
  const epoch = slot.enter();
  const ahead = (atomicLoad(words, layout.epoch) + 1 - epoch + ROUND) % ROUND;
  assert(ahead <= 1, 'I4: what is pinned is one of the two newest');
  return epoch;
}

function reader(client: number, rounds: number) {
  return () => {
    const slot = new EpochSlot(words, layout, client);
    return () => {
      for (let round = 0; round < rounds; round += 1) {
        const epoch = enter(slot);
        readPublished();
        slot.leave(epoch);
      }
    };
  };
}

/** Enters again before it leaves: from the second time on it is the younger epoch that holds. */
function overlappingReader(client: number) {
  return () => {
    const slot = new EpochSlot(words, layout, client);
    return () => {
      const first = enter(slot);
      readPublished();
      const second = slot.enter();
      const block = atomicLoad(words, PUBLISHED);
      slot.leave(first);
      assert(plainLoad(words, BLOCKS + block) === block, 'I4: the second reader is protected');
      slot.leave(second);
    };
  };
}

/** Replaces the published block, and reuses the old one when nobody can see it. Its result: how many it reused. */
function owner(replacements: number, tries: number) {
  return () => {
    const clock = new EpochClock(words, layout);
    return () => {
      let reused = 0;
      for (let block = 0; block < replacements; block += 1) {
        atomicStore(words, PUBLISHED, block + 1);
        const freed = clock.current;
        for (let n = 0; n < tries && !clock.hasPassed(freed); n += 1) clock.tryAdvance();
        if (!clock.hasPassed(freed)) continue;
        plainStore(words, BLOCKS + block, REUSED);
        reused += 1;
      }
      return reused;
    };
  };
}

test.each([
  ['a reader', [reader(0, 2)], 2, 2_000],
  ['a reader whose pins overlap', [overlappingReader(0)], 2, 1_000],
  ['two readers', [reader(0, 1), reader(1, 1)], 1, 10_000],
])('I4: %s never sees a block reused', (name, readers, replacements, atLeast) => {
  const outcomes = new Set<unknown>();
  enumerate(`epochs, ${name}`, atLeast, {}, () => {
    reset();
    return {
      threads: [owner(replacements, 3), ...readers],
      judge: ([reused]) => outcomes.add(reused),
    };
  });
  // Sometimes a reader was in the way, and sometimes none.
  expect(outcomes.size).toBeGreaterThan(1);
});

test('a client that died inside is cleared, and then nothing is held back any more', () => {
  enumerate('epochs, a reader dies', 5_000, { fewer: 1, deaths: 1 }, () => {
    reset();
    return {
      threads: [
        reader(0, 2),
        reader(1, 1),
        () => {
          const clock = new EpochClock(words, layout);
          return () => {
            const freed = clock.current;
            clock.tryAdvance();
            awaitEnd(0);
            awaitEnd(1);
            clock.clear(0);
            clock.tryAdvance();
            clock.tryAdvance();
            return clock.hasPassed(freed) && clock.oldestPinned() === undefined;
          };
        },
      ],
      mortal: 0,
      judge: (results) => assert(results[2] === true, 'I4: the epochs go on'),
    };
  });
});
