import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { Lifeline } from './lifeline.ts';

const lost = new StoreError('SESSION_LOST', 'the worker died', { coordinates: { store: 'a' } });
const never = (): Promise<never> => new Promise(() => {});

describe('I14: when the worker dies no call stays pending', () => {
  test('pending calls reject with SESSION_LOST, and say whether they may have been applied', async () => {
    const lifeline = new Lifeline();
    const read = lifeline.race(never);
    const end = lifeline.race(never, { maybeApplied: true });
    lifeline.end(lost);
    await expect(read).rejects.toMatchObject({ code: 'SESSION_LOST', maybeApplied: false });
    await expect(end).rejects.toMatchObject({
      code: 'SESSION_LOST',
      maybeApplied: true,
      coordinates: { store: 'a' },
    });
  });

  test('a call made afterwards is not even tried, so it was not applied', async () => {
    const lifeline = new Lifeline();
    lifeline.end(lost);
    let tried = false;
    const call = async (): Promise<void> => {
      tried = true;
    };
    await expect(lifeline.race(call, { maybeApplied: true })).rejects.toMatchObject({
      code: 'SESSION_LOST',
      maybeApplied: false,
    });
    expect(tried).toBe(false);
  });

  test('the first end holds', async () => {
    const lifeline = new Lifeline();
    const call = lifeline.race(never);
    lifeline.end(lost);
    lifeline.end(new StoreError('CLOSED', 'closed'));
    await expect(call).rejects.toMatchObject({ code: 'SESSION_LOST' });
    expect(lifeline.ended?.code).toBe('SESSION_LOST');
  });

  test('an answer that comes after the end changes nothing', async () => {
    const lifeline = new Lifeline();
    let answer = (_value: number): void => {};
    const call = lifeline.race(
      () =>
        new Promise<number>((resolve) => {
          answer = resolve;
        }),
    );
    lifeline.end(lost);
    answer(1);
    await expect(call).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });
});

test('answers and errors come through, and nothing is left pending', async () => {
  const lifeline = new Lifeline();
  expect(await lifeline.race(async () => 7)).toBe(7);
  const full = new StoreError('FULL', 'full');
  await expect(lifeline.race(() => Promise.reject(full))).rejects.toBe(full);
  await expect(lifeline.race(() => Promise.reject(new TypeError('odd')))).rejects.toMatchObject({
    code: 'IO',
    message: expect.stringContaining('TypeError: odd'),
  });
  expect(lifeline.pendingCount).toBe(0);
});

test('those who wait for the end hear of it once, and at once when it has come', () => {
  const lifeline = new Lifeline();
  const heard: string[] = [];
  const stop = lifeline.onEnd(() => heard.push('stopped'));
  lifeline.onEnd((error) => heard.push(error.code));
  stop();
  lifeline.end(lost);
  lifeline.end(lost);
  lifeline.onEnd((error) => heard.push(`late ${error.code}`));
  expect(heard).toEqual(['SESSION_LOST', 'late SESSION_LOST']);
});
