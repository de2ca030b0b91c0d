import { describe, expect, test } from 'vitest';
import { LYING_CATALOGUE } from './catalogue.ts';
import {
  addFigures,
  type CrashTask,
  failureTasks,
  imageTasks,
  lyingTasks,
  noFigures,
  rowTasks,
  runTask,
} from './crash-tasks.ts';

/** A test for each task, and what they came to. */
function runAll(tasks: readonly CrashTask[]) {
  const figures = noFigures();
  const named = tasks.map((task) => [nameOf(task), task] as const);
  test.each(named)('%s', (_, task) => addFigures(figures, runTask(task)));
  return figures;
}

function nameOf({ suite, ...task }: CrashTask): string {
  return `${suite}: ${Object.values(task).flat().join(' ')}`;
}

describe('I1: flushes that lied', () => {
  const figures = runAll(lyingTasks(1));

  test('all subsets of two generations of single puts, deletes and roots, and random ones', () => {
    expect(LYING_CATALOGUE.length).toBeGreaterThanOrEqual(5);
    expect(figures.lies).toBeGreaterThanOrEqual(30_000);
    expect(figures.liesAmidJoint).toBeGreaterThanOrEqual(15_000);
    expect(figures.liesAmidFenced).toBeGreaterThanOrEqual(15_000);
    expect(figures.randomLies).toBeGreaterThanOrEqual(10_000);
  });
});

describe('I1: many crashes in a row, and files whose names are lost', () => {
  const figures = runAll(rowTasks(1));

  test('2,000 crashes, 1,000 states with missing files', () => {
    expect(figures.chained).toBeGreaterThanOrEqual(2000);
    expect(figures.lostNames).toBeGreaterThanOrEqual(1000);
  });
});

describe('I12: every call of a file fails, once and for ever', () => {
  const figures = runAll(failureTasks(1));

  test('in ten workloads', () => {
    expect(figures.failedWorkloads).toBeGreaterThanOrEqual(10);
    expect(figures.failedCalls).toBeGreaterThanOrEqual(1500);
  });
});

describe('I2: damaged images are refused, rolled back with a report, or harmless', () => {
  const figures = runAll(imageTasks(1));

  test('10,000 raw ones, and 2,000 with all checksums made right again', () => {
    expect(figures.rawImages).toBeGreaterThanOrEqual(10_000);
    expect(figures.forgedImages).toBeGreaterThanOrEqual(2000);
    expect(figures.refusedImages).toBeGreaterThanOrEqual(4000);
  });
});
