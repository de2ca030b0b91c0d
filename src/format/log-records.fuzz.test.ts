/** Replay a failure by giving `fc.assert` the seed and path it prints: `{ seed, path }` as its second argument. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scaled } from '../sim/scale.ts';
import { readRecords } from './golden/samples.ts';
import { recordUnits, UnitBuffer, wholeRecordUnits } from './log-records.ts';

const GROWN = 1000;
const u32 = fc.nat({ max: 2 ** 32 - 1 });
const index = fc.nat({ max: GROWN - 1 });

interface RecordModel {
  readonly line: string;
  readonly append: (buffer: UnitBuffer) => void;
}

const range = fc
  .tuple(fc.constantFrom('allocRaw', 'free', 'freeRaw', 'available'), index, fc.nat({ max: GROWN }))
  .map(([kind, first, count]): RecordModel => {
    const blocks = Math.max(1, Math.min(count, GROWN - first));
    return {
      line: `${kind} ${first} ${blocks}`,
      append: (buffer) => {
        if (kind === 'allocRaw') buffer.appendAllocRaw(first, blocks);
        else if (kind === 'free') buffer.appendFree(first, blocks);
        else if (kind === 'freeRaw') buffer.appendFreeRaw(first, blocks);
        else buffer.appendAvailable(first, blocks);
      },
    };
  });

const alloc = fc.tuple(index, fc.boolean(), fc.nat({ max: 2 ** 24 - 1 }), u32, u32).map(
  ([block, metadata, delta, high, low]): RecordModel => ({
    line: `alloc ${block} ${metadata} ${delta} ${high} ${low}`,
    append: (buffer) => buffer.appendAlloc(block, metadata, delta, high, low),
  }),
);

const sync = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(
  (generation): RecordModel => ({
    line: `sync ${generation}`,
    append: (buffer) => buffer.appendSync(generation),
  }),
);

const records = fc.array(fc.oneof(range, alloc, sync), { maxLength: 60 });

function filled(models: readonly RecordModel[]): UnitBuffer {
  const buffer = new UnitBuffer(1);
  for (const model of models) model.append(buffer);
  return buffer;
}

function linesOf(buffer: UnitBuffer): string[] {
  const lines = readRecords(buffer, GROWN);
  return lines.ok ? lines.value : [`bad: ${lines.error.detail}`];
}

describe('log records', () => {
  test('I3: whatever is appended is read back, also over the disk (replay: see above)', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 7 }), (models, offset) => {
        const buffer = filled(models);
        const lines = models.map(({ line }) => line);
        expect(linesOf(buffer)).toEqual(lines);
        const bytes = new Uint8Array(offset + buffer.unitCount * 8);
        buffer.copyUnitsTo(bytes, offset, 0, buffer.unitCount);
        const again = new UnitBuffer(1);
        again.appendFromBytes(bytes, offset, buffer.unitCount);
        expect(linesOf(again)).toEqual(lines);
      }),
    );
  });

  test('are cut between records only, and as late as possible (replay: see above)', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 9 }), (models, room) => {
        const buffer = filled(models);
        const parts = new UnitBuffer();
        let from = 0;
        while (from < buffer.unitCount) {
          const units = wholeRecordUnits(buffer, from, room + 2);
          expect(units).toBeGreaterThan(0);
          expect(units).toBeLessThanOrEqual(room + 2);
          const part = new UnitBuffer();
          part.appendUnits(buffer, from, from + units);
          expect(linesOf(part).join()).not.toContain('bad');
          const op = (buffer.words[2 * (from + units) + 1] as number) & 0xff;
          if (from + units < buffer.unitCount) {
            expect(units + recordUnits(op)).toBeGreaterThan(room + 2);
          }
          parts.appendUnits(part, 0, part.unitCount);
          from += units;
        }
        expect(linesOf(parts)).toEqual(linesOf(buffer));
      }),
    );
  });

  test('any words at all end a reader (replay: see above)', () => {
    const op = fc.oneof(fc.integer({ min: 0, max: 7 }), u32);
    const words = fc.array(fc.tuple(fc.oneof(index, u32), op), { maxLength: 40 });
    fc.assert(
      fc.property(words, fc.nat({ max: GROWN }), (units, grownBlocks) => {
        const buffer = new UnitBuffer();
        buffer.words = Uint32Array.from(units.flat());
        buffer.unitCount = units.length;
        const lines = readRecords(buffer, grownBlocks);
        if (lines.ok) expect(lines.value.length).toBeLessThanOrEqual(units.length);
      }),
      { numRuns: scaled(2000) },
    );
  });
});
