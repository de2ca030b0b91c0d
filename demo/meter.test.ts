import { describe, expect, test } from 'vitest';
import { Meter, SAMPLE_COUNT } from './meter.ts';

describe('the throughput meter', () => {
  test('a steady stream shows its rate, and nothing a second after it ended', () => {
    const meter = new Meter();
    for (let ms = 5000; ms < 7000; ms += 50) meter.add(500, ms);
    expect(meter.rate(7000)).toBe(10_000);
    expect(meter.rate(7500)).toBe(5000);
    expect(meter.rate(8000)).toBe(0);
  });

  test('the history forgets what is older than its samples, however long nobody looked', () => {
    const meter = new Meter();
    meter.add(1000, 100);
    expect(meter.history(200).at(-1)).toBe(10_000);
    expect(meter.history(200)).toHaveLength(SAMPLE_COUNT - 1);
    expect(Math.max(...meter.history(1_000_000))).toBe(0);
  });
});
