import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sabotaged, sabotageNamed } from './sabotage-plugin.ts';
import { CANARY, DUMMY, SABOTAGES } from './sabotage-registry.ts';

describe('the registry of sabotages', () => {
  test.each([...SABOTAGES, CANARY, DUMMY].map((sabotage) => [sabotage.name, sabotage] as const))(
    'follows the code: the snippet of %s is there exactly once',
    (_, sabotage) => {
      const source = readFileSync(sabotage.file, 'utf8');
      expect(sabotaged(source, sabotage)).not.toBe(source);
    },
  );

  test('has at least 25, each under a name of its own and with a test of its own files', () => {
    expect(SABOTAGES.length).toBeGreaterThanOrEqual(25);
    expect(new Set(SABOTAGES.map(({ name }) => name)).size).toBe(SABOTAGES.length);
    for (const { test: guard, file } of SABOTAGES) {
      expect(guard.file).toMatch(/^src\/.*\.test\.ts$/);
      expect(file).toMatch(/^src\/(?!sim)/);
    }
  });

  test('refuses a name that it does not have, and a snippet that is not there or there twice', () => {
    expect(() => sabotageNamed('unheard-of')).toThrow('there is no sabotage');
    expect(() => sabotaged('nothing', CANARY)).toThrow('there 0 times');
    expect(() => sabotaged(CANARY.find + CANARY.find, CANARY)).toThrow('there 2 times');
  });
});
