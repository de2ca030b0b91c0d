import { describe, expect, test } from 'vitest';
import { crashedFiles, crashPoints, lyingPoint, RecordedDisks } from './disk-trace.ts';
import { fatesOf, fatesText, parseFates } from './fates.ts';
import { SectorFile, SIM_SECTOR_BYTES } from './sector-file.ts';

const sectors = (count: number, fill: number) =>
  new Uint8Array(count * SIM_SECTOR_BYTES).fill(fill);

/**
 * Two files: sectors of 1, flushed; then of 2 in both files, in the first one over the old ones; then a flush of
 * the first.
 */
function recorded() {
  const initial = [new SectorFile(), new SectorFile()];
  const disks = new RecordedDisks(initial.map((file) => file.clone()));
  const [one, other] = [disks.handle(0), disks.handle(1)];
  one.write(sectors(2, 1), { at: 0 });
  one.flush();
  one.write(sectors(2, 2), { at: SIM_SECTOR_BYTES });
  other.truncate(4 * SIM_SECTOR_BYTES);
  other.write(sectors(1, 2), { at: 0 });
  one.flush();
  return { initial, operations: disks.operations };
}

/** The first byte of every sector, and the length in sectors. */
const look = (file: SectorFile | undefined) =>
  Array.from({ length: (file?.byteCount ?? 0) / SIM_SECTOR_BYTES }, (_, n) => {
    const sector = file?.sectors[n];
    return sector === undefined ? 0 : sector[0];
  });

function crash(fates: string) {
  const { initial, operations } = recorded();
  const point = crashPoints(initial, operations)[1];
  if (point === undefined) throw new Error('no second point');
  return crashedFiles(point, parseFates(fates));
}

describe('what a crash leaves', () => {
  test('points are right before the flushes, and at the end', () => {
    const { initial, operations } = recorded();
    const points = crashPoints(initial, operations);
    expect(points.map(({ operation }) => operation)).toEqual([1, 5, 6]);
    expect(points.map(({ pending }) => pending.length)).toEqual([2, 4, 2]);
  });

  test('is what was flushed, and of the rest what was kept, sector by sector', () => {
    expect(crash('0000').map(look)).toEqual([[1, 1], []]);
    expect(crash('1111').map(look)).toEqual([
      [1, 2, 2],
      [2, 0, 0, 0],
    ]);
    expect(crash('0100').map(look)).toEqual([[1, 1, 2], []]);
    expect(crash('0010').map(look)).toEqual([
      [1, 1],
      [0, 0, 0, 0],
    ]);
  });

  test('is torn, noise, or in the wrong place', () => {
    const [front] = crash('f000');
    expect(front?.sectors[1]?.[0]).toBe(2);
    expect(front?.sectors[1]?.[SIM_SECTOR_BYTES - 1]).toBe(1);
    const [back] = crash('b000');
    expect(back?.sectors[1]?.[0]).toBe(1);
    expect(back?.sectors[1]?.[SIM_SECTOR_BYTES - 1]).toBe(2);
    const [garbage] = crash('g000');
    expect(new Set(garbage?.sectors[1]).size).toBeGreaterThan(100);
    expect(crash('a000').map(look)).toEqual([[1, 1, 2], []]);
  });

  test('when flushes lied is nothing of what came since', () => {
    const { initial, operations } = recorded();
    const point = lyingPoint(initial, operations, 0, 6);
    expect(point.pending).toHaveLength(6);
    expect(crashedFiles(point, parseFates('000000')).map(look)).toEqual([[], []]);
    expect(crashedFiles(point, parseFates('000100')).map(look)).toEqual([[0, 0, 2], []]);
  });
});

describe('fates', () => {
  const pointOf = (count: number) => ({
    operation: 1,
    durable: [],
    pending: Array.from(
      { length: count },
      () => ({ kind: 'resize', file: 0, byteCount: 0 }) as const,
    ),
  });
  const budget = { exhaustiveUnits: 4, randomSubsets: 5, randomFates: 0 };

  test('are all subsets while there are few', () => {
    const all = [...fatesOf(pointOf(4), budget)].map(fatesText);
    expect(new Set(Array.from(fatesOf(pointOf(4), budget), fatesText)).size).toBe(16);
    expect(all).toHaveLength(16);
  });

  test('and beyond that none, all, each alone, all but each, prefixes, and random ones', () => {
    const some = new Set(Array.from(fatesOf(pointOf(6), budget), fatesText));
    for (const known of ['000000', '111111', '001000', '110111', '111000']) {
      expect(some).toContain(known);
    }
  });

  test('are the same every time', () => {
    const hostile = { ...budget, randomFates: 50 };
    const [one, other] = [1, 2].map(() => Array.from(fatesOf(pointOf(9), hostile), fatesText));
    expect(one).toEqual(other);
  });

  test('are text that can be read again', () => {
    expect(fatesText(parseFates('01fbga'))).toBe('01fbga');
    expect(() => parseFates('01x')).toThrow('fates are letters');
  });
});
