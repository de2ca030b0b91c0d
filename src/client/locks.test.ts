import { describe, expect, test } from 'vitest';
import { holdStore } from './locks.ts';
import { MemoryLocks } from './memory-locks.ts';

const never = new AbortController().signal;

describe('I11: one opener per store', () => {
  test('the second is LOCKED after waitMs, and told where the first is and what to do', async () => {
    const locks = new MemoryLocks();
    const page = locks.owner();
    const held = await holdStore(page, 'a', { waitMs: 10, signal: never });
    const refused = { code: 'LOCKED', coordinates: { store: 'a' } };
    const again = holdStore(page, 'a', { waitMs: 10, signal: never });
    await expect(again).rejects.toMatchObject(refused);
    await expect(again).rejects.toThrow(/open in this page.*close it there.*waitMs/);
    const atOnce = holdStore(page, 'a', { waitMs: 0, signal: never });
    await expect(atOnce).rejects.toMatchObject(refused);
    await held.release();
    await (await holdStore(page, 'a', { waitMs: 0, signal: never })).release();
  });

  test('another tab is named when the holder is not this page', async () => {
    const locks = new MemoryLocks();
    void locks.owner().request('opfs-blocks:b', () => new Promise(() => {}));
    const refused = holdStore(locks.owner(), 'b', { waitMs: 1, signal: never });
    await expect(refused).rejects.toThrow(/another tab/);
  });

  test('waiting ends when the store becomes free, and names of stores do not mix', async () => {
    const locks = new MemoryLocks();
    const page = locks.owner();
    const held = await holdStore(page, 'a', { waitMs: 10, signal: never });
    const other = await holdStore(page, 'b', { waitMs: 0, signal: never });
    const waiting = holdStore(page, 'a', { waitMs: Number.POSITIVE_INFINITY, signal: never });
    await held.release();
    await (await waiting).release();
    await other.release();
  });

  test('a signal ends waiting with its reason, and leaves no request behind', async () => {
    const locks = new MemoryLocks();
    const page = locks.owner();
    const held = await holdStore(page, 'a', { waitMs: 10, signal: never });
    const controller = new AbortController();
    const waiting = holdStore(page, 'a', { waitMs: 5000, signal: controller.signal });
    controller.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
    await held.release();
    await (await holdStore(page, 'a', { waitMs: 0, signal: never })).release();
  });
});
