import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { allocateSession } from '../shared/session-memory.ts';
import { DiskWorkers } from './disk-workers.ts';
import { TICK_MS } from './heartbeat.ts';
import { Lifeline } from './lifeline.ts';
import { MemoryLocks } from './memory-locks.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A worker whose script says what the test says, or nothing. */
class ScriptedWorker extends EventTarget {
  terminated = false;

  postMessage(): void {}

  say(note: object): void {
    this.dispatchEvent(new MessageEvent('message', { data: note }));
  }

  terminate(): void {
    this.terminated = true;
  }
}

function starting() {
  const worker = new ScriptedWorker();
  const lifeline = new Lifeline();
  const disks = new DiskWorkers({
    environment: {
      startWorker: () => worker as never,
      locks: new MemoryLocks().owner(),
      uniqueId: () => '1',
    },
    ...{ store: 'a', source: undefined, waitMs: 5000, lifeline },
    buffers: allocateSession({ cacheBytes: 2 ** 20, blockBytesMin: 4096 }),
  });
  const outcomes: unknown[] = [];
  disks.start({ disk: 1, file: 'disk-1', create: false }).then(
    () => outcomes.push('attached'),
    (error: unknown) => outcomes.push(error),
  );
  const ticks = (count: number) => vi.advanceTimersByTimeAsync(count * TICK_MS);
  return { worker, disks, outcomes, ticks };
}

/**
 * A script that was found, loaded and then did nothing, such as one of another bundle, had `openStore` wait for ever:
 * the engine answers meanwhile, and nobody looked at the disk.
 */
describe('a disk’s worker that never answers', () => {
  test('ends the wait after 30 ticks, and the error says what to look at', async () => {
    const { worker, disks, outcomes, ticks } = starting();
    await ticks(29);
    expect(outcomes).toEqual([]);
    await ticks(1);
    expect(outcomes).toEqual([
      expect.objectContaining({
        ...{ name: 'StoreError', code: 'UNSUPPORTED', coordinates: { store: 'a' } },
        message: expect.stringMatching(/script is found and allowed.*worker-src.*option worker/),
        cause: 'disk-1 has not answered for 30 s',
      }),
    ]);
    await disks.destroy();
    expect(worker.terminated).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is one that says nothing: who has begun may wait for its file as long as it was told to', async () => {
    const { worker, disks, outcomes, ticks } = starting();
    await ticks(20);
    worker.say({ note: 'begun' });
    await ticks(1000);
    expect(outcomes).toEqual([]);
    worker.say({ note: 'attached', locksShared: false });
    await ticks(0);
    expect(outcomes).toEqual(['attached']);
    await disks.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is waited for no longer when the opening has been given up', async () => {
    const { disks, outcomes, ticks } = starting();
    await ticks(5);
    await disks.destroy();
    expect(vi.getTimerCount()).toBe(0);
    await ticks(100);
    expect(outcomes).toEqual([]);
  });
});
