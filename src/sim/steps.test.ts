import { expect, test } from 'vitest';
import { parseSteps, randomSteps, stepsText } from './steps.ts';

test('steps are text that can be read again', () => {
  for (let seed = 1; seed < 50; seed += 1) {
    const steps = randomSteps(seed, 40);
    expect(parseSteps(stepsText(steps))).toEqual(steps);
  }
  expect(stepsText(parseSteps('put 3..5 7; end;commit ;'))).toBe(
    'put 3 7; put 4 7; put 5 7; end; commit',
  );
  expect(() => parseSteps('stop')).toThrow('a step is one of those known');
});
