import { describe, expect, test } from 'vitest';
import { Doorbell } from './doorbell.ts';

function pair(value = 0) {
  const words = new Int32Array(new SharedArrayBuffer(64));
  words[3] = value;
  return { words, bell: new Doorbell(words, 3), other: new Doorbell(words, 3) };
}

const WAIT_MS = 20;

function elapsedMs(act: () => void): number {
  const before = performance.now();
  act();
  return performance.now() - before;
}

describe('a doorbell', () => {
  test('counts, around 2^32 too', () => {
    const { words, bell, other } = pair(-1);
    const seen = bell.value;
    other.ring();
    expect(bell.value).not.toBe(seen);
    expect([...words]).toEqual(new Array(16).fill(0));
    other.ring();
    expect(bell.value).toBe(1);
  });

  test.each(['wait', 'waitAwake'] as const)(
    'whoever has been rung for does not sleep, and whoever has not, for as long as it said: %s',
    (wait) => {
      const { bell, other } = pair();
      const seen = bell.value;
      other.ring();
      expect(elapsedMs(() => bell[wait](seen, 10_000))).toBeLessThan(5000);
      expect(elapsedMs(() => bell[wait](bell.value, WAIT_MS))).toBeGreaterThan(WAIT_MS / 2);
      expect(bell.waitAsync(seen)).toBeUndefined();
    },
  );

  test('without blocking: a ring ends the wait, for all that wait', async () => {
    const { bell, other } = pair();
    const sleepers = [bell.waitAsync(bell.value), other.waitAsync(other.value)];
    expect(sleepers).not.toContain(undefined);
    other.ring();
    await Promise.all(sleepers);
    expect(bell.value).toBe(1);
  });
});
