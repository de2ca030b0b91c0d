import { expect, test } from 'vitest';
import { barTable, markdownTable, sideTable, timeText } from './table.ts';

test('columns are as wide as their widest cell, in characters', () => {
  expect(markdownTable(['a', 'bb'], [['≤ ×', '1']])).toBe(
    ['| a   | bb |', '|-----|----|', '| ≤ × | 1  |'].join('\n'),
  );
});

test('a bar that only one profile has leaves a dash in the other', () => {
  const verdict = { row: 'read', bar: '≤ 2 ×', text: '1.00 ×', value: 1, met: true };
  const missed = { ...verdict, row: 'write', met: false };
  const table = barTable([
    { title: 'threaded', verdicts: [verdict, missed] },
    { title: 'inline', verdicts: [{ ...verdict, text: '3.00 ×', met: undefined }] },
  ]);
  const cells = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells[0]).toEqual(['', 'row', 'bar', 'threaded', 'met', 'inline', 'met', '']);
  expect(cells[2]).toEqual(['', 'read', '≤ 2 ×', '1.00 ×', 'yes', '3.00 ×', '', '']);
  expect(cells[3]).toEqual(['', 'write', '≤ 2 ×', '1.00 ×', 'NO', '–', '', '']);
});

test('a side without samples is shown as not measured', () => {
  const side = { name: 'a', kind: 'own' as const, note: 'how', operations: 8, samples: [] };
  expect(sideTable([side])).toContain('| a    | –      | –   | 0       | how |');
  expect(sideTable([{ ...side, samples: [1, 2, 3] }])).toContain('2.00 µs | 3.00 µs | 3 of 8');
});

test('times have three digits that mean something', () => {
  expect([0.512, 12.34, 345.6, 1234, 12_345, 123_456].map(timeText)).toEqual([
    ...['0.51 µs', '12.3 µs', '346 µs', '1.23 ms', '12.3 ms', '123 ms'],
  ]);
});
