import { describe, expect, test } from 'vitest';
import { addFigures, noFigures, runTask, stateTasks } from './crash-tasks.ts';

describe('I1–I9: crash states, flushes telling the truth', () => {
  const figures = noFigures();

  test.each(stateTasks(1).map((task) => [task.workloads.join(', '), task] as const))(
    'of %s recover as promised',
    (_, task) => {
      addFigures(figures, runTask(task));
    },
  );

  test('are at least 150,000, joint and fenced ones, and 5,000 of crashes in what follows a recovery', () => {
    expect(figures.states).toBeGreaterThanOrEqual(150_000);
    expect(figures.amidJoint).toBeGreaterThanOrEqual(50_000);
    expect(figures.amidFenced).toBeGreaterThanOrEqual(40_000);
    // Superblocks of joint commits that landed without all that they name.
    expect(figures.rolledBack).toBeGreaterThanOrEqual(10_000);
    expect(figures.nested).toBeGreaterThanOrEqual(5000);
    expect(figures.hostile).toBeGreaterThanOrEqual(20_000);
    expect(figures.deep).toBeGreaterThanOrEqual(5000);
  });

  test('and the workloads have met everything there is to meet', () => {
    for (const [name, count] of Object.entries(figures.marks)) {
      expect(count, name).toBeGreaterThan(2);
    }
    // The ring of four superblocks was gone around many times.
    expect(figures.marks.commits).toBeGreaterThan(500);
  });
});
