import { describe, expect, test } from 'vitest';
import type { Sabotage } from './sabotage.ts';
import { CANARY, DUMMY, SABOTAGES } from './sabotage-registry.ts';
import { runTests, type TestVerdict } from './sabotage-run.ts';

const outcome = ({ broken, failed }: TestVerdict) =>
  broken ?? (failed.length > 0 ? 'caught' : 'not noticed');

const judge = ({ name, test: { file, title } }: Sabotage) =>
  runTests(file, [title.join(' ')], name);

/** All sabotages, two vitests at a time: as many as there are cores. */
describe('a protection that is removed is missed by the test that guards it', {
  concurrent: true,
}, () => {
  test.each(SABOTAGES.map((sabotage) => [sabotage.name, sabotage] as const))(
    '%s',
    async (_, sabotage) => {
      expect(outcome(await judge(sabotage))).toBe('caught');
    },
  );

  test('the harness sees a failure: the canary is caught', async () => {
    expect(outcome(await judge(CANARY))).toBe('caught');
  });

  test('the harness sees a pass: a sabotage that changes nothing is not noticed', async () => {
    expect(outcome(await judge(DUMMY))).toBe('not noticed');
  });

  const files = [...new Set(SABOTAGES.map((sabotage) => sabotage.test.file))];
  test.each(files)('and without sabotage the tests of %s pass', async (file) => {
    const guards = SABOTAGES.filter((sabotage) => sabotage.test.file === file);
    const titles = [...new Set(guards.map((sabotage) => sabotage.test.title.join(' ')))];
    const { passed, failed, broken } = await runTests(file, titles);
    expect(broken).toBeUndefined();
    expect(failed).toEqual([]);
    expect([...passed].sort()).toEqual(titles.sort());
  });
});
