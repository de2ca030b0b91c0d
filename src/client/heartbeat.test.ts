import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { Heartbeat, TICK_MS } from './heartbeat.ts';
import { Lifeline } from './lifeline.ts';

describe('I14: a worker that answers nothing for 5 s is stalled', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watched() {
    const lifeline = new Lifeline();
    const events: string[] = [];
    const heartbeat = new Heartbeat(lifeline, {
      ping: () => events.push('ping'),
      onStalled: (stalled) => events.push(stalled ? 'stalled' : 'well'),
      onLost: () => events.push('lost'),
    });
    let answer = (): void => {};
    void lifeline
      .race(() => new Promise<void>((resolve) => (answer = resolve)))
      .catch(() => undefined);
    return { lifeline, heartbeat, events, answer: () => answer() };
  }

  test('and well again when it answers', () => {
    const { heartbeat, events } = watched();
    vi.advanceTimersByTime(4 * TICK_MS);
    expect(events).toEqual(['ping']);
    vi.advanceTimersByTime(TICK_MS);
    expect(events).toEqual(['ping', 'stalled']);
    heartbeat.heard();
    expect(events).toEqual(['ping', 'stalled', 'well']);
  });

  test('one that is slow but answers is not', () => {
    const { heartbeat, events } = watched();
    for (let second = 0; second < 60; second += 1) {
      vi.advanceTimersByTime(TICK_MS);
      if (second % 3 === 0) heartbeat.heard();
    }
    expect(events).not.toContain('stalled');
  });

  test('silence never ends the session, unless it is being closed', () => {
    const patient = watched();
    vi.advanceTimersByTime(1000 * TICK_MS);
    expect(patient.events).not.toContain('lost');
    const closing = watched();
    closing.heartbeat.impatient = true;
    vi.advanceTimersByTime(29 * TICK_MS);
    expect(closing.events).not.toContain('lost');
    vi.advanceTimersByTime(TICK_MS);
    expect(closing.events).toContain('lost');
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
});
