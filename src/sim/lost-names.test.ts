import { expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import { loseNames, newLostNamesTally } from './lost-names.ts';
import { runWorkload } from './workload.ts';

test.each(['creation-three-disks', 'ring-wrap'])(
  'files of %s whose names are lost are missed, or nothing was ever in them',
  (name) => {
    const tally = newLostNamesTally();
    loseNames(runWorkload(workloadNamed(name)), tally);
    expect(tally.states).toBeGreaterThan(30);
    expect(tally.recreated).toBeGreaterThan(5);
    expect(tally.recreated).toBeLessThan(tally.states);
  },
);
