import { describe, expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import {
  byteDamage,
  byteDamageCount,
  damageText,
  parseDamage,
  wholesaleDamages,
} from './damage.ts';
import { imageBase } from './image-base.ts';
import { judgeByte, judgeDamage, judgeForged, newImageTally } from './image-judge.ts';
import { forgedFields } from './reseal.ts';

const base = imageBase(workloadNamed('roots'));

describe('damaged images: a legal content or a typed error', () => {
  test('every 700th byte of the metadata is changed in one of eleven ways', () => {
    const tally = newImageTally();
    for (let n = 0; n < byteDamageCount(base); n += 701) judgeByte(base, n, tally);
    expect(tally.refused).toBeGreaterThan(100);
    expect(tally.rolledBack).toBeGreaterThan(10);
  });

  test('files are cut, swapped, old, foreign or missing, and sectors in the wrong place', () => {
    const tally = newImageTally();
    for (const damage of wholesaleDamages(base)) judgeDamage(base, damage, tally);
    expect(tally.images).toBeGreaterThan(200);
    expect(tally.refused).toBeGreaterThan(100);
    expect(tally.rolledBack).toBeGreaterThan(5);
  });

  test('every third field is changed once, and all checksums are made right again', () => {
    const tally = newImageTally();
    const fields = forgedFields(base);
    for (const [n, field] of fields.entries()) {
      if (n % 3 === 0) judgeForged(base, field, n % 10, tally);
    }
    expect(tally.images).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(15);
    expect(tally.refused).toBeLessThan(tally.images);
  });
});

describe('damages', () => {
  test('touch every byte of labels, superblocks and logs before any byte a second time', () => {
    const { stretches } = base.map;
    const bytes = stretches.reduce((sum, { byteCount }) => sum + byteCount, 0);
    const touched = new Set<string>();
    for (let n = 0; n < bytes; n += 1) {
      const { file, one } = byteDamage(base, n);
      touched.add(`${file} ${one}`);
    }
    expect(touched.size).toBe(bytes);
    // Labels, four superblocks of several sectors, and the log.
    expect(bytes).toBeGreaterThan(2 * 4096 + 4 * 1024 + 512);
  });

  test('are text that can be read again', () => {
    for (const damage of [byteDamage(base, 12_345), ...wholesaleDamages(base)]) {
      expect(parseDamage(damageText(damage))).toEqual(damage);
    }
  });
});
