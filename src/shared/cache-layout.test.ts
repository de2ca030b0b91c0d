import { describe, expect, test } from 'vitest';
import {
  cacheLayout,
  highWord,
  homeBucket,
  isReadable,
  isStable,
  joinWords,
  lowWord,
  SLOT_HASH_HIGH,
  SLOT_STATUS,
  SLOT_WORDS,
  STATE_INITIAL,
  stateAfter,
  statusOf,
  versionOf,
} from './cache-layout.ts';

const { empty, owned, loading, clean, dirty } = SLOT_STATUS;

describe('state word', () => {
  test('I2: only clean and dirty are readable, and whatever is not is unstable', () => {
    let state = STATE_INITIAL;
    const walk = [owned, loading, clean, empty, owned, dirty, clean, empty, owned, empty, owned];
    for (const status of walk) {
      state = stateAfter(state, status);
      expect(statusOf(state)).toBe(status);
      expect(isReadable(state)).toBe(status === clean || status === dirty);
      expect(isStable(state)).toBe(isReadable(state));
    }
  });

  test('the version moves when a slot becomes readable and when it stops, and not between', () => {
    const versions = [owned, loading, clean, empty, owned, dirty, clean, empty].reduce(
      (states, status) => states.concat(stateAfter(states.at(-1) ?? 0, status)),
      [STATE_INITIAL],
    );
    expect(versions.map(versionOf)).toEqual([1, 1, 1, 2, 3, 3, 4, 4, 5]);
  });

  test('the version wraps around after 2^29 changes and remains a 32-bit word', () => {
    let state = (-8 | empty) as number;
    expect(versionOf(state)).toBe(2 ** 29 - 1);
    state = stateAfter(stateAfter(state, owned), dirty);
    expect(versionOf(state)).toBe(0);
    expect(statusOf(state)).toBe(dirty);
    expect(state).toBe(state | 0);
  });
});

describe('words', () => {
  test.each([0, 512, 2 ** 31, 2 ** 32 - 512, 2 ** 32, 2 ** 32 + 2 ** 31, Number.MAX_SAFE_INTEGER])(
    '%d is the same after it was taken apart and put together',
    (value) => {
      expect(joinWords(lowWord(value), highWord(value))).toBe(value);
      expect(lowWord(value)).toBe(lowWord(value) | 0);
    },
  );
});

describe('layout', () => {
  test.each([1, 3, 4, 1000, 4096])(
    '%d slots: index and headers fit, and do not overlap',
    (slotCount) => {
      const layout = cacheLayout({ slotCount, blockBytes: 4096 });
      expect(layout.bucketCount).toBeGreaterThanOrEqual(2 * slotCount);
      expect(Math.log2(layout.bucketCount) % 1).toBe(0);
      expect(layout.slotsStart).toBeGreaterThanOrEqual(layout.bucketCount);
      expect(layout.slotsStart % SLOT_WORDS).toBe(0);
      expect(layout.wordCount).toBe(layout.slotsStart + slotCount * SLOT_WORDS);
      expect(SLOT_HASH_HIGH).toBeLessThan(SLOT_WORDS);
      for (const address of [0, 4096, 2 ** 40, Number.MAX_SAFE_INTEGER - 4095]) {
        const bucket = homeBucket(layout, lowWord(address), highWord(address));
        expect(bucket).toBeGreaterThanOrEqual(0);
        expect(bucket).toBeLessThan(layout.bucketCount);
      }
    },
  );

  test('sizes that make no sense are refused', () => {
    expect(() => cacheLayout({ slotCount: 0, blockBytes: 4096 })).toThrow('slots');
    expect(() => cacheLayout({ slotCount: 2 ** 24 + 1, blockBytes: 4096 })).toThrow('slots');
    expect(() => cacheLayout({ slotCount: 1, blockBytes: 4095 })).toThrow('power of two');
    expect(() => cacheLayout({ slotCount: 1, blockBytes: 256 })).toThrow('power of two');
  });
});
