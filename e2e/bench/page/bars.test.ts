import { expect, test } from 'vitest';
import { type Bar, judge, judgeFigure } from './bars.ts';
import type { Measurement } from './measure.ts';

function measured(name: string, ...samples: number[]): Measurement {
  return { name, kind: 'own', note: '', operations: 1, samples };
}

const SLOWER: Bar = { row: 'r', text: '≤ 1.5 ×', ours: 'own', reference: 'limit', atMost: 1.5 };
const FASTER: Bar = { row: 'r', text: '≥ 5 ×', ours: 'own', reference: 'peer', atLeast: 5 };

test('how many times as long: ours by the reference, of medians', () => {
  const sides = [measured('own', 3, 3, 99), measured('limit', 2, 2, 2)];
  expect(judge(SLOWER, sides, 'threaded')).toMatchObject({
    value: 1.5,
    text: '1.50 × (3 samples)',
    met: true,
  });
  expect(judge({ ...SLOWER, atMost: 1.4 }, sides, 'threaded').met).toBe(false);
});

test('how many times as fast: the reference by ours', () => {
  const sides = [measured('own', 2), measured('peer', 10)];
  expect(judge(FASTER, sides, 'threaded')).toMatchObject({ value: 5, met: true });
  expect(judge(FASTER, [measured('own', 10), measured('peer', 2)], 'threaded').met).toBe(false);
});

test('a ratio of enough samples needs no warning', () => {
  const ten = Array.from({ length: 10 }, () => 2);
  const sides = [measured('own', ...ten), measured('limit', ...ten)];
  expect(judge(SLOWER, sides, 'threaded').text).toBe('1.00 ×');
});

test('another profile than the bar’s is shown, not judged', () => {
  const sides = [measured('own', 3), measured('limit', 1)];
  expect(judge(SLOWER, sides, 'inline')).toMatchObject({ value: 3, met: undefined });
  expect(judge({ ...SLOWER, profiles: ['inline'] }, sides, 'inline').met).toBe(false);
});

test('a side that could not be measured leaves a dash', () => {
  const verdict = judge(SLOWER, [measured('limit', 1)], 'threaded');
  expect(verdict).toMatchObject({ value: undefined, text: '–', met: undefined });
});

test('figures have limits of their own', () => {
  const figure = { row: 'r', bar: 'b', value: 7, text: '7' };
  expect(judgeFigure({ ...figure, atMost: 7 }).met).toBe(true);
  expect(judgeFigure({ ...figure, atMost: 6 }).met).toBe(false);
  expect(judgeFigure({ ...figure, atLeast: 8 }).met).toBe(false);
});
