import { expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import { failEveryCall, newFailTally } from './fail-nth.ts';
import { someOf } from './scale.ts';

test.each(someOf(['creation', 'single-roots'], 2))(
  'I12: every call of %s fails, once and for ever',
  (name) => {
    const tally = newFailTally();
    failEveryCall(workloadNamed(name), 1, tally);
    expect(tally.loops).toBeGreaterThan(40);
    expect(tally.poisoned).toBeGreaterThan(0);
  },
);
