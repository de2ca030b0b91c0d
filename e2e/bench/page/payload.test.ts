import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { cycling, payloads, shuffled } from './payload.ts';

test('an order has every number once, is the same in every run, and not ascending', () => {
  const order = shuffled(1000, 1);
  expect([...order].sort((one, other) => one - other)).toEqual([...order.keys()]);
  expect(shuffled(1000, 1)).toEqual(order);
  expect(order.filter((value, index) => value === index).length).toBeLessThan(20);
});

test('payloads differ, and nobody gains by compressing them', () => {
  const [one, other] = payloads(2, 4096);
  expect(one).not.toEqual(other);
  expect(gzipSync(one as Uint8Array).length).toBeGreaterThan(4000);
});

test('cycling begins again', () => {
  const next = cycling(['a', 'b']);
  expect([next(), next(), next()]).toEqual(['a', 'b', 'a']);
});
