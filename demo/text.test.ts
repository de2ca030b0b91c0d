import { describe, expect, test } from 'vitest';
import { StoreError } from '../src/base/errors.ts';
import {
  binaryText,
  bytesText,
  countOf,
  errorText,
  percentText,
  rangesText,
  shortCountText,
  timeText,
} from './text.ts';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('numbers in words', () => {
  test('bytes have three digits and never four', () => {
    const shown = [0, 999, 1000, 9994, 9995, 99_949, 99_950, 999_499, 999_500, 104_857_600];
    const expected =
      '0 B, 999 B, 1.00 kB, 9.99 kB, 10.0 kB, 99.9 kB, 100 kB, 999 kB, 1.00 MB, 105 MB';
    expect(shown.map((bytes) => plain(bytesText(bytes))).join(', ')).toBe(expected);
    expect(plain(bytesText(5e15))).toBe('5000 TB');
  });

  test('counts where there is little room have three characters at most', () => {
    const shown = [0, 999, 1000, 3397, 9500, 65_536].map(shortCountText);
    expect(shown.join(', ')).toBe('0, 999, 1k, 3k, 10k, 66k');
  });

  test('a share is all or nothing only when it is', () => {
    const shown = [0, 0.0001, 0.042, 0.0996, 0.87, 0.9949, 0.9951, 0.99999, 1];
    const expected = '0 %, 0.1 %, 4.2 %, 10 %, 87 %, 99 %, 99.5 %, 99.9 %, 100 %';
    expect(shown.map((share) => plain(percentText(share))).join(', ')).toBe(expected);
  });

  test('sizes that a person chose keep their binary unit', () => {
    expect([16_384, 67_108_864, 2 ** 33].map((bytes) => plain(binaryText(bytes)))).toEqual([
      '16 KiB',
      '64 MiB',
      '8 GiB',
    ]);
  });

  test('counts, times and ranges', () => {
    expect(plain(countOf(1, 'block'))).toBe('1 block');
    expect(plain(countOf(6400, 'block'))).toBe('6,400 blocks');
    expect([0.42, 9.96, 999, 1234].map((ms) => plain(timeText(ms)))).toEqual([
      '0.4 ms',
      '10 ms',
      '999 ms',
      '1.2 s',
    ]);
    expect(rangesText([0, 1, 2, 5, 7, 8])).toBe('0–2, 5, 7–8');
    expect(rangesText([])).toBe('');
  });

  test('an error keeps the sentence that says what to do, and its code', () => {
    expect(errorText(new StoreError('FULL', 'Delete something.'))).toBe('Delete something. (FULL)');
    const both = new AggregateError([new StoreError('FULL', 'Delete.')], 'Later more.');
    expect(errorText(both)).toBe('Delete. (FULL) Later more.');
  });
});
