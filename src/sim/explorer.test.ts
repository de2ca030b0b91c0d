import { describe, expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import { CrashFailure, Explorer, newTally, type Trace } from './explorer.ts';
import { someOf } from './scale.ts';
import type { Run } from './workload.ts';
import { runWorkload } from './workload.ts';

const BUDGET = {
  exhaustiveUnits: 5,
  randomSubsets: 4,
  randomFates: 3,
  deepEvery: 32,
  nestedEvery: 0,
};

const traceOf = (run: Run): Trace => ({ ...run, setting: run.workload.setting });

/** Explores a workload, and gives the tally. */
function explore(name: string, options: { lies?: number; nestedEvery?: number } = {}) {
  const tally = newTally();
  const budget = { ...BUDGET, nestedEvery: options.nestedEvery ?? 0 };
  const trace = traceOf(runWorkload(workloadNamed(name)));
  new Explorer(trace, budget, tally, `crash workload=${name}`).explore(options.lies);
  return tally;
}

/** And the least number of distinct states of each. */
const WORKLOADS = [
  ['creation-three-disks', 200],
  ['compaction-chain', 400],
  ['landed-aborts', 200],
  ['readers', 300],
  ['roots', 200],
  ['overtaken', 200],
  ['reopens', 100],
  ['written-and-not-flushed', 300],
  ['stalled-fences', 300],
  ['roots-fenced', 200],
  ['overtaken-fenced', 200],
  ['stalled-fences-fenced', 300],
  ['single-kinds-in-turn', 300],
] as const;
const LIES = [
  ['single-puts', 3],
  ['single-puts-fenced', 3],
  ['single-kinds-in-turn', 3],
  ['lies-overtaken', 3],
  ['lies-about-compaction', 3],
  ['lies-about-compaction-fenced', 3],
] as const;

describe('crash states recover as promised (I1–I6, I8)', () => {
  test.each(someOf(WORKLOADS, 6))('of the workload %s', (name, statesMin) => {
    expect(explore(name).distinct).toBeGreaterThan(statesMin);
  });

  test('when what follows a recovery is crashed, too', () => {
    expect(explore('creation-three-disks', { nestedEvery: 8 }).nested).toBeGreaterThan(200);
  });
});

describe('flushes that lied (I1)', () => {
  test.each(someOf(LIES, 4))(
    'in %s, about %i generations: an older one is opened, and it says so',
    (name, lies) => {
      expect(explore(name, { lies }).rolledBack).toBeGreaterThan(20);
    },
  );
});

describe('the explorer itself', () => {
  test('finds the same states in every run: same seed, same bytes', () => {
    const [one, other] = [1, 2].map(() => runWorkload(workloadNamed('random-5')));
    expect(one?.operations).toEqual(other?.operations);
    expect(one?.history).toEqual(other?.history);
    expect(explore('creation')).toEqual(explore('creation'));
  });

  test('notices a commit that is promised and not there, and says how to have that again', () => {
    const run = runWorkload(workloadNamed('ring-wrap'));
    // As if every commit had been acknowledged before its last flush.
    const history = run.history.map((entry) => ({ ...entry, acked: (entry.acked ?? 0) - 1 }));
    const explorer = new Explorer({ ...traceOf(run), history }, BUDGET, newTally(), 'crash');
    expect(() => explorer.explore()).toThrow(CrashFailure);
    expect(() => explorer.explore()).toThrow(/replay: crash lies=1 crash=\d+ fates=[01fbga]+/);
  });

  test('notices content that is not the model’s', () => {
    const run = runWorkload(workloadNamed('ring-wrap'));
    const history = run.history.map((entry) => ({ ...entry, content: new Map([[1, 77]]) }));
    const explorer = new Explorer({ ...traceOf(run), history }, BUDGET, newTally(), 'crash');
    expect(() => explorer.explore()).toThrow('the model’s [1=77]');
  });
});
