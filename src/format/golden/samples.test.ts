/**
 * The format is a promise to stores that exist: the bytes of one sample of every structure are checked in. When a
 * change of format is meant, `UPDATE_GOLDEN=1 npx vitest run src/format/golden` rewrites them, and the version goes
 * up.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createHasher } from '../hasher.ts';
import { fromHex, toHex } from './hex.ts';
import { SAMPLES } from './samples.ts';

const hasher = await createHasher();
const folder = new URL('./', import.meta.url);
const update = process.env['UPDATE_GOLDEN'] === '1';

describe('golden bytes', () => {
  for (const sample of SAMPLES) {
    const file = new URL(`${sample.name}.hex`, folder);

    test(`${sample.name} is written as it always was, and what was written is still read`, () => {
      const bytes = sample.encode(hasher);
      if (update) writeFileSync(file, toHex(bytes));
      const golden = fromHex(existsSync(file) ? readFileSync(file, 'utf8') : '');
      expect(toHex(bytes)).toBe(toHex(golden));
      expect(sample.decode(golden, hasher)).toEqual(sample.decode(bytes, hasher));
      expect(sample.decode(golden, hasher).ok).toBe(true);
    });
  }

  test('every golden file belongs to a sample', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.hex'));
    expect(files.sort()).toEqual(SAMPLES.map(({ name }) => `${name}.hex`).sort());
  });
});
