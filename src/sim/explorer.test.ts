import { describe, expect, test } from 'vitest';
import { randomWorkload } from './catalogue.ts';
import { Explorer, newTally } from './explorer.ts';
import { runWorkload } from './workload.ts';

const budget = {
  exhaustiveUnits: 8,
  randomSubsets: 40,
  randomFates: 0,
  deepEvery: 8,
  nestedEvery: 0,
};

describe('crash explorer', () => {
  test('I1, I5, I6: every enumerated crash state recovers to what was promised', () => {
    const tally = newTally();
    const start = process.cpuUsage();
    for (let seed = 1; seed <= 8; seed += 1) {
      const run = runWorkload(randomWorkload(seed));
      console.log(seed, run.marks);
      new Explorer(
        { ...run, setting: run.workload.setting },
        budget,
        tally,
        `workload=random-${seed}`,
      ).explore();
    }
    const used = process.cpuUsage(start);
    console.log(
      tally,
      `${((tally.distinct / (used.user + used.system)) * 1e6).toFixed(0)} states/cpu s`,
    );
    expect(tally.distinct).toBeGreaterThan(1000);
  });
});
