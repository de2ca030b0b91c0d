import { describe, expect, test } from 'vitest';
import { NestingGuard } from './nesting.ts';

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('a transaction started inside another is noticed', () => {
  test('before the callback’s first await', async () => {
    const guard = new NestingGuard();
    expect(await guard.run(() => guard.isInside())).toBe(true);
  });

  test('after awaits, and through helpers', async () => {
    const guard = new NestingGuard();
    const helper = async (depth: number): Promise<boolean> => {
      await pause();
      return depth === 0 ? guard.isInside() : helper(depth - 1);
    };
    expect(await guard.run(() => helper(20))).toBe(true);
  });

  test('in Promise.all', async () => {
    const guard = new NestingGuard();
    const inside = async (): Promise<boolean> => {
      await pause();
      return guard.isInside();
    };
    const [first] = await guard.run(async () => Promise.all([inside()]));
    expect(first).toBe(true);
  });
});

describe('and nothing else is', () => {
  test('before, after, and beside a running callback', async () => {
    const guard = new NestingGuard();
    expect(guard.isInside()).toBe(false);
    const beside = (async () => {
      await pause();
      return guard.isInside();
    })();
    const running = guard.run(async () => {
      await pause();
      await pause();
    });
    expect(guard.isInside()).toBe(false);
    expect(await beside).toBe(false);
    await running;
    expect(guard.isInside()).toBe(false);
  });

  test('a callback of another store', async () => {
    const guard = new NestingGuard();
    const other = new NestingGuard();
    const inside = await guard.run(async () => {
      await pause();
      return other.run(async () => {
        await pause();
        return [guard.isInside(), other.isInside()];
      });
    });
    expect(inside).toEqual([true, true]);
    const apart = await guard.run(async () => {
      await pause();
      return other.isInside();
    });
    expect(apart).toBe(false);
  });

  test('after a callback that has thrown', async () => {
    const guard = new NestingGuard();
    const failing = guard.run(() => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(guard.isInside()).toBe(false);
  });
});
