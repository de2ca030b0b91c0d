import { describe, expect, test } from 'vitest';
import { interleave, type Plan, ROUNDS_MIN, type Side } from './measure.ts';

/** A clock that only the sides move. */
class Clock {
  ms = 0;
  readonly turns: string[] = [];
  readonly now = () => this.ms;

  side(name: string, msOfSample: (sample: number) => number, more: Partial<Side> = {}): Side {
    let count = 0;
    const sample = async () => {
      this.turns.push(name);
      this.ms += msOfSample(count);
      count += 1;
    };
    return { name, operations: 1, sample, ...more };
  }
}

const PLAN: Plan = { roundsMax: 3, warmUpRounds: 0, samplesPerTurn: 1, msMax: Infinity };

describe('interleave', () => {
  test('sides take turns', async () => {
    const clock = new Clock();
    const sides = [clock.side('A', () => 1), clock.side('B', () => 2)];
    await interleave(sides, PLAN, clock.now);
    expect(clock.turns.join('')).toBe('ABABAB');
  });

  test('a sample is microseconds an operation', async () => {
    const clock = new Clock();
    const sides = [clock.side('A', () => 10, { operations: 4 })];
    const [measured] = await interleave(sides, PLAN, clock.now);
    expect(measured?.samples).toEqual([2500, 2500, 2500]);
  });

  test('warm-up and the first sample of a turn are thrown away', async () => {
    const clock = new Clock();
    const plan = { ...PLAN, warmUpRounds: 2, samplesPerTurn: 3, roundsMax: 2 };
    const sides = [clock.side('A', (sample) => sample)];
    const [measured] = await interleave(sides, plan, clock.now);
    expect(measured?.samples).toEqual([7000, 8000, 10_000, 11_000]);
  });

  test('a slow side takes part in every n-th round, and is warmed up once', async () => {
    const clock = new Clock();
    const plan = { ...PLAN, warmUpRounds: 2, roundsMax: 5 };
    const sides = [clock.side('A', () => 1), clock.side('B', () => 1, { every: 3 })];
    const measured = await interleave(sides, plan, clock.now);
    expect(clock.turns.join('')).toBe('A' + 'AB' + 'ABAAABA');
    expect(measured.map(({ samples }) => samples.length)).toEqual([5, 2]);
  });

  test('a side with a clock of its own is believed', async () => {
    const clock = new Clock();
    const sides = [{ name: 'A', operations: 1, timesItself: true, sample: () => 0.5 }];
    const [measured] = await interleave(sides, PLAN, clock.now);
    expect(measured?.samples).toEqual([500, 500, 500]);
  });

  test('no round begins when time is up, but for the least number', async () => {
    const clock = new Clock();
    const plan = { ...PLAN, roundsMax: 100, msMax: 5 };
    const [slow] = await interleave([clock.side('A', () => 1000)], plan, clock.now);
    expect(slow?.samples).toHaveLength(ROUNDS_MIN);
    const patient = { ...plan, msMax: 10 };
    const [fast] = await interleave([clock.side('B', () => 1)], patient, clock.now);
    expect(fast?.samples).toHaveLength(11);
  });

  test('settling is not timed', async () => {
    const clock = new Clock();
    const settle = async () => {
      clock.ms += 500;
    };
    const [measured] = await interleave([clock.side('A', () => 1, { settle })], PLAN, clock.now);
    expect(measured?.samples).toEqual([1000, 1000, 1000]);
  });
});
