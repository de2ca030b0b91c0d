import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { ThreadsLook } from './disk-watch.ts';
import { Heartbeat, TICK_MS } from './heartbeat.ts';
import { Lifeline } from './lifeline.ts';

const seconds = (count: number): void => void vi.advanceTimersByTime(count * TICK_MS);

/** One that has answered before. */
function watched() {
  const lifeline = new Lifeline();
  const events: string[] = [];
  const page = { inForeground: true };
  const heartbeat = new Heartbeat(lifeline, {
    ping: () => events.push('ping'),
    onStalled: (stalled) => events.push(stalled ? 'stalled' : 'well'),
    onLost: (reason) => events.push(`lost: ${reason}`),
    inForeground: () => page.inForeground,
  });
  heartbeat.heard();
  let answer = (): void => {};
  void lifeline
    .race(() => new Promise<void>((resolve) => (answer = resolve)))
    .catch(() => undefined);
  const isLost = (): boolean => events.some((event) => event.startsWith('lost'));
  return { lifeline, heartbeat, events, page, isLost, answer: () => answer() };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('I14: a worker that answers nothing for 5 s is stalled', () => {
  test('and well again when it answers', () => {
    const { heartbeat, events } = watched();
    seconds(4);
    expect(events).toEqual(['ping']);
    seconds(1);
    expect(events).toEqual(['ping', 'stalled']);
    heartbeat.heard();
    expect(events).toEqual(['ping', 'stalled', 'well']);
  });

  test('one that is slow but answers is not', () => {
    const { heartbeat, events } = watched();
    for (let second = 0; second < 60; second += 1) {
      seconds(1);
      if (second % 3 === 0) heartbeat.heard();
    }
    expect(events).not.toContain('stalled');
  });

  test('silence never ends a session without shared memory, unless it is being closed', () => {
    const patient = watched();
    seconds(1000);
    expect(patient.isLost()).toBe(false);
    const closing = watched();
    closing.heartbeat.impatient = true;
    seconds(29);
    expect(closing.isLost()).toBe(false);
    seconds(1);
    expect(closing.isLost()).toBe(true);
  });

  test('but one that has never answered anything has 30 s for it', () => {
    const lost: string[] = [];
    const lifeline = new Lifeline();
    const hooks = { ping: () => {}, onStalled: () => {}, inForeground: () => true };
    new Heartbeat(lifeline, { ...hooks, onLost: (reason) => lost.push(reason) });
    void lifeline.race(() => new Promise(() => {}));
    seconds(29);
    expect(lost).toEqual([]);
    seconds(1);
    expect(lost).toEqual(['its worker has not answered for 30 s']);
  });

  test('nothing is asked while nothing is pending, nor after the end', async () => {
    const { events, answer } = watched();
    answer();
    await vi.advanceTimersByTimeAsync(60 * TICK_MS);
    expect(events).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    const lost = watched();
    lost.lifeline.end(new StoreError('SESSION_LOST', 'gone'));
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a session that is shared is watched all the time', async () => {
    const { heartbeat, events, answer } = watched();
    answer();
    heartbeat.isShared = true;
    await vi.advanceTimersByTimeAsync(6 * TICK_MS);
    expect(events).toEqual(['ping', 'stalled']);
    heartbeat.heard();
    heartbeat.isShared = false;
    await vi.advanceTimersByTimeAsync(2 * TICK_MS);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('I14: where threads share memory, 30 s of silence end the session', () => {
  const well: ThreadsLook = { stillTicks: 0, stuck: undefined, engineAtWork: false };

  /** Threads that look as `at` says of the nth second. */
  function watchedThreads(at: (second: number) => Partial<ThreadsLook>) {
    const parts = watched();
    let looks = 0;
    parts.heartbeat.threads = {
      look: () => {
        looks += 1;
        return { ...well, ...at(looks) };
      },
      forget: () => {},
    };
    return parts;
  }

  test('the engine’s, when it has nothing to do with its disks', () => {
    const { isLost, events } = watchedThreads(() => ({}));
    seconds(29);
    expect(isLost()).toBe(false);
    seconds(1);
    expect(events.at(-1)).toBe('lost: its worker has not answered for 30 s');
  });

  test('not the engine’s while it works with its disks, or waits for one deep in a call', () => {
    const { isLost, events } = watchedThreads(() => ({ engineAtWork: true }));
    seconds(1000);
    expect(isLost()).toBe(false);
    expect(events).toEqual(['ping', 'stalled']);
  });

  test('only seconds in the foreground count', () => {
    const { isLost, page } = watchedThreads(() => ({}));
    seconds(29);
    page.inForeground = false;
    seconds(600);
    expect(isLost()).toBe(false);
    page.inForeground = true;
    seconds(1);
    expect(isLost()).toBe(true);
  });

  test('a disk’s, although the engine answers; and it is named', () => {
    const { heartbeat, events, isLost } = watchedThreads((second) => ({
      stillTicks: second,
      stuck: { disk: 3, ticks: second },
    }));
    for (let second = 1; second <= 29; second += 1) {
      seconds(1);
      heartbeat.heard();
      expect(events.includes('stalled')).toBe(second >= 5);
    }
    expect(events).not.toContain('well');
    expect(isLost()).toBe(false);
    seconds(1);
    expect(events.at(-1)).toBe('lost: the worker of disk-3 has done nothing for 30 s');
  });

  test('when everybody has got an answer nothing is stalled', async () => {
    const { events, answer } = watchedThreads((second) => ({ stillTicks: second }));
    seconds(6);
    expect(events.at(-1)).toBe('stalled');
    answer();
    await vi.advanceTimersByTimeAsync(2 * TICK_MS);
    expect(events.at(-1)).toBe('well');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a disk in one long call is stalled, but no reason to end; it is well when the call is over', () => {
    const { heartbeat, events, isLost } = watchedThreads((second) =>
      second < 600 ? { stillTicks: second, engineAtWork: true } : {},
    );
    for (let second = 1; second <= 600; second += 1) {
      seconds(1);
      heartbeat.heard();
    }
    expect(isLost()).toBe(false);
    expect(events.filter((event) => event !== 'ping')).toEqual(['stalled', 'well']);
  });
});
