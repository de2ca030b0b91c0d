import { expect, test } from 'vitest';
import { MemoryLocks } from './memory-locks.ts';

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test('a lock has one holder, and goes on in the order asked for', async () => {
  const locks = new MemoryLocks();
  const [one, two] = [locks.owner(), locks.owner()];
  const order: string[] = [];
  let release = (): void => {};
  const first = one.request('a', () => {
    order.push('first');
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const second = two.request('a', async () => order.push('second'));
  const third = one.request('a', async () => order.push('third'));
  await soon();
  expect(order).toEqual(['first']);
  release();
  await Promise.all([first, second, third]);
  expect(order).toEqual(['first', 'second', 'third']);
});

test('a thread that ends gives back what it holds, and is granted nothing any more', async () => {
  const locks = new MemoryLocks();
  const [dying, living] = [locks.owner(), locks.owner()];
  void dying.request('a', () => new Promise(() => {}));
  let late = false;
  void dying.request('b', () => new Promise(() => {}));
  const granted = living.request('a', async () => 'granted');
  dying.end();
  void dying.request('c', async () => {
    late = true;
  });
  expect(await granted).toBe('granted');
  expect(
    await living.request('b', { ifAvailable: true }, async (lock: Lock | null) => lock?.name),
  ).toBe('b');
  await soon();
  expect(late).toBe(false);
});

test('who gives up waiting is passed over', async () => {
  const locks = new MemoryLocks();
  const owner = locks.owner();
  let release = (): void => {};
  const first = owner.request('a', () => new Promise<void>((resolve) => (release = resolve)));
  const controller = new AbortController();
  const given = owner.request('a', { signal: controller.signal }, async () => 'never');
  const third = owner.request('a', async () => 'third');
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  expect(await owner.request('a', { ifAvailable: true }, async (lock: Lock | null) => lock)).toBe(
    null,
  );
  release();
  expect(await third).toBe('third');
  await first;
});
