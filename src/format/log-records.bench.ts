/**
 * What a million log records cost; opening a store replays them all. Run with `npx vitest bench src/format`.
 *
 * Vitest makes every imported name a getter, so appending, which asserts, is about ten times slower here than in a
 * bundle: there a million records take 4 ms to append and 6 ms to read.
 */
import { bench, describe } from 'vitest';
import { RecordReader, UnitBuffer } from './log-records.ts';

const RECORDS = 1_000_000;

function append(buffer: UnitBuffer): void {
  for (let n = 0; n < RECORDS; n += 1) {
    if (n % 2 === 0) buffer.appendAlloc(n, false, 0, n, n);
    else buffer.appendFree(n - 1, 1);
  }
}

function read(buffer: UnitBuffer): number {
  const reader = new RecordReader(buffer, 2 ** 24);
  let sum = 0;
  for (let kind = reader.next(); kind !== 'end'; kind = reader.next()) {
    if (kind === 'bad') throw new Error(reader.reason);
    sum += reader.index;
  }
  return sum;
}

describe('a million records', () => {
  const full = new UnitBuffer();
  append(full);
  const reused = new UnitBuffer();
  const bytes = new Uint8Array(full.unitCount * 8);
  full.copyUnitsTo(bytes, 0, 0, full.unitCount);

  bench('append, memory new', () => append(new UnitBuffer()), { iterations: 20, time: 0 });
  bench(
    'append, memory reused',
    () => {
      reused.clear();
      append(reused);
    },
    { iterations: 20, time: 0 },
  );
  bench('read', () => void read(full), { iterations: 20, time: 0 });
  bench('copy to bytes', () => full.copyUnitsTo(bytes, 0, 0, full.unitCount), {
    iterations: 20,
    time: 0,
  });
  bench(
    'copy from bytes',
    () => {
      reused.clear();
      reused.appendFromBytes(bytes, 0, full.unitCount);
    },
    { iterations: 20, time: 0 },
  );
});
