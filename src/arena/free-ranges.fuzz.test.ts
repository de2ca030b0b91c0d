/**
 * Free ranges against the dumbest possible model: one boolean a block. A failure prints seed and path; replay it with
 * `fc.assert(property, { seed, path })`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';
import { FreeRanges } from './free-ranges.ts';

class Model {
  readonly free: boolean[];

  constructor(blockCount: number) {
    this.free = new Array(blockCount).fill(false);
  }

  isAll(start: number, count: number, free: boolean): boolean {
    if (!Number.isInteger(start) || !Number.isInteger(count) || count < 1 || start < 0)
      return false;
    if (start + count > this.free.length) return false;
    for (let block = start; block < start + count; block += 1) {
      if (this.free[block] !== free) return false;
    }
    return true;
  }

  set(start: number, count: number, free: boolean): void {
    this.free.fill(free, start, start + count);
  }

  ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    for (let block = 0; block < this.free.length; block += 1) {
      if (this.free[block] !== true) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[0] + last[1] === block) last[1] += 1;
      else ranges.push([block, 1]);
    }
    return ranges;
  }
}

function rangesOf(ranges: FreeRanges): [number, number][] {
  const list: [number, number][] = [];
  ranges.forEach((start, count) => {
    list.push([start, count]);
  });
  return list;
}

type Kind = 'free' | 'tryFree' | 'grab' | 'isFree' | 'low' | 'run' | 'high' | 'clone' | 'clear';
interface Step {
  readonly kind: Kind;
  readonly start: number;
  readonly count: number;
}

/** Does the step to both and compares what they answer. Returns the ranges to go on with (a clone, sometimes). */
function apply(ranges: FreeRanges, model: Model, step: Step): FreeRanges {
  const { kind, start, count } = step;
  switch (kind) {
    case 'free':
      // Asserted misuse has a test of its own; here the caller is right.
      if (model.isAll(start, count, false)) {
        ranges.freeRange(start, count);
        model.set(start, count, true);
      }
      return ranges;
    case 'tryFree': {
      const possible = model.isAll(start, count, false);
      expect(ranges.tryFreeRange(start, count)).toBe(possible);
      if (possible) model.set(start, count, true);
      return ranges;
    }
    case 'grab': {
      const possible = model.isAll(start, count, true);
      expect(ranges.grabRange(start, count)).toBe(possible);
      if (possible) model.set(start, count, false);
      return ranges;
    }
    case 'isFree':
      expect(ranges.isFree(start, count)).toBe(model.isAll(start, count, true));
      return ranges;
    case 'clone': {
      const copy = ranges.clone();
      // What happens to the one must not be seen by the other.
      ranges.clear();
      expect(ranges.checkInvariants()).toBeUndefined();
      return copy;
    }
    case 'clear':
      ranges.clear();
      model.set(0, model.free.length, false);
      return ranges;
    default:
      allocate(ranges, model, kind, count);
      return ranges;
  }
}

function allocate(
  ranges: FreeRanges,
  model: Model,
  kind: 'low' | 'run' | 'high',
  count: number,
): void {
  if (!(Number.isInteger(count) && count >= 1)) return;
  const list = model.ranges();
  if (kind === 'run') {
    const [start] = list.find((range) => range[1] >= count) ?? [-1];
    expect(ranges.allocateRunLow(count)).toBe(start);
    if (start >= 0) model.set(start, count, false);
    return;
  }
  const [startFree, countFree] = (kind === 'low' ? list[0] : list.at(-1)) ?? [-1, 0];
  const taken = Math.min(count, countFree);
  const start = kind === 'low' || startFree < 0 ? startFree : startFree + countFree - taken;
  expect(kind === 'low' ? ranges.allocateLow(count) : ranges.allocateHigh(count)).toBe(start);
  expect(ranges.lastCount).toBe(taken);
  if (start >= 0) model.set(start, taken, false);
}

function compare(ranges: FreeRanges, model: Model): void {
  expect(ranges.checkInvariants()).toBeUndefined();
  const list = model.ranges();
  expect(rangesOf(ranges)).toEqual(list);
  expect(ranges.rangeCount).toBe(list.length);
  expect(ranges.blockCount).toBe(list.reduce((sum, range) => sum + range[1], 0));
  expect(ranges.largest()).toBe(list.reduce((longest, range) => Math.max(longest, range[1]), 0));
}

const MODEL_BLOCKS = 96;
const HOSTILE = [-1, -0, 0, 0.5, 1e9, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 53, -Infinity, Infinity, NaN];
const kinds: Kind[] = [
  'free',
  'free',
  'tryFree',
  'tryFree',
  'grab',
  'grab',
  'isFree',
  'low',
  'run',
  'high',
];

describe('I3: free ranges are disjoint, coalesced and in bounds', () => {
  test('any sequence does what a boolean a block does, hostile arguments included', () => {
    const step = fc.record({
      kind: fc.constantFrom<Kind>(...kinds, 'clone', 'clear'),
      start: fc.oneof(
        { weight: 20, arbitrary: fc.nat(MODEL_BLOCKS - 1) },
        { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
      ),
      count: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: 1, max: 12 }) },
        { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let ranges = new FreeRanges();
        const model = new Model(MODEL_BLOCKS);
        for (const next of steps) {
          // Blocks behind the model's end are in bounds for the ranges: keep to the model.
          if (next.start + next.count > MODEL_BLOCKS && next.start + next.count <= 2 ** 24)
            continue;
          ranges = apply(ranges, model, next);
        }
        compare(ranges, model);
      }),
      { numRuns: scaled(2000) },
    );
  });

  test('long sequences over thousands of ranges split and merge chunks and stay right', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, countMax) => {
        const random = new Random(seed);
        const model = new Model(6000);
        let ranges = new FreeRanges();
        // Phases lean towards freeing, then towards taking: chunks fill up, split, drain and merge.
        for (let phase = 0; phase < 4; phase += 1) {
          const lean: Kind = phase % 2 === 0 ? 'tryFree' : 'grab';
          for (let step = 0; step < 2500; step += 1) {
            const kind = random.below(4) > 0 ? lean : (kinds[random.below(kinds.length)] as Kind);
            if ((kind === 'low' || kind === 'run' || kind === 'high') && random.below(20) > 0)
              continue;
            const count = 1 + random.below(countMax);
            ranges = apply(ranges, model, { kind, start: random.below(6000 - count), count });
          }
          compare(ranges, model);
        }
      }),
      { numRuns: scaled(12) },
    );
  });

  test('hundreds of chunks keep their order and their bounds while they come and go', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const ranges = new FreeRanges();
        const teeth = 12_000;
        // Teeth appear everywhere, some gaps between them close, then all but a few go.
        for (let step = 0; step < 5 * teeth; step += 1) {
          const start = random.below(teeth) * 2;
          if (step < 2 * teeth) ranges.tryFreeRange(start, 1);
          else if (step < 2.1 * teeth) ranges.tryFreeRange(start + 1, 1 + random.below(2));
          else ranges.grabRange(start, 1 + random.below(2));
          if (step % 2000 > 0) continue;
          expect(ranges.checkInvariants()).toBeUndefined();
          const count = 2 + random.below(4);
          const [fit] = rangesOf(ranges).find((range) => range[1] >= count) ?? [-1];
          expect(ranges.allocateRunLow(count)).toBe(fit);
        }
      }),
      { numRuns: scaled(8) },
    );
  });

  test('ranges made in any order are equal, whatever their chunks', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const starts = Array.from({ length: 1500 }, (_, n) => n * 3);
        const ascending = new FreeRanges();
        for (const start of starts) ascending.freeRange(start, 2);
        for (let n = starts.length - 1; n > 0; n -= 1) {
          const other = random.below(n + 1);
          [starts[n], starts[other]] = [starts[other] as number, starts[n] as number];
        }
        const shuffled = new FreeRanges();
        for (const start of starts) shuffled.freeRange(start, 2);
        expect(shuffled.equals(ascending)).toBe(true);
        expect(ascending.equals(shuffled)).toBe(true);
        expect(shuffled.grabRange(starts[0] as number, 1)).toBe(true);
        expect(shuffled.equals(ascending)).toBe(false);
      }),
      { numRuns: scaled(20) },
    );
  });
});
