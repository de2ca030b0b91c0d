import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

const settled = async (promise: Promise<void> | undefined): Promise<boolean> =>
  Promise.race([
    Promise.resolve(promise).then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 5, false)),
  ]);

test('who comes alone begins at once, and so does who comes after', () => {
  const turns = new Turns();
  const first = turns.enter();
  expect(first.begins).toBeUndefined();
  expect(first.isAwaited).toBe(false);
  first.end();
  expect(turns.enter().begins).toBeUndefined();
});

test('the order is that of entering, whoever gives up first', async () => {
  const turns = new Turns();
  const [first, second, third] = [turns.enter(), turns.enter(), turns.enter()];
  expect([first.isAwaited, second.isAwaited, third.isAwaited]).toEqual([true, true, false]);
  second.end();
  expect(await settled(third.begins)).toBe(false);
  first.end();
  expect(await settled(second.begins)).toBe(true);
  expect(await settled(third.begins)).toBe(true);
  third.end();
  third.end();
  expect(turns.enter().begins).toBeUndefined();
});
