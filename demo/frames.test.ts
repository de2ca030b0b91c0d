import { expect, test } from 'vitest';
import { FrameMeter } from './frames.ts';

test('quantiles of the last frames', () => {
  const meter = new FrameMeter();
  expect(meter.quantile(0.5)).toBe(0);
  for (let ms = 1; ms <= 10; ms += 1) meter.add(ms);
  expect([meter.quantile(0.5), meter.quantile(0.9), meter.quantile(1)]).toEqual([5, 9, 10]);
  for (let n = 0; n < 200; n += 1) meter.add(2);
  expect(meter.quantile(1)).toBe(2);
});
