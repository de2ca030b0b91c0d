import { expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import { newTally } from './explorer.ts';
import { lieTwice } from './lies-twice.ts';
import { someOf } from './scale.ts';
import { runWorkload } from './workload.ts';

// A store was rolled back by three generations, whose superblocks stayed in their slots. Its next three commits were
// lied about as well, and of them only the last superblock landed: it named two predecessors, both lost, and no number
// told that the superblock before those was near enough to be trusted. So a superblock names three.
test.each(someOf(['single-kinds-in-turn', 'single-puts', 'single-puts-fenced'], 3))(
  'I1: in %s, flushes lie about three generations, and again after the roll-back',
  (name) => {
    const budget = {
      exhaustiveUnits: 4,
      randomSubsets: 0,
      randomFates: 0,
      deepEvery: 16,
      nestedEvery: 0,
    };
    const tally = newTally();
    lieTwice(runWorkload(workloadNamed(name)), budget, tally);
    expect(tally.rolledBack).toBeGreaterThan(50);
  },
);
