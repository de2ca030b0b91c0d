/** What happens to those who wait for a disk that answers no more; the rest is in `disk-port.test.ts` and beside it. */
import { describe, expect, test } from 'vitest';
import type { DiskIndex } from '../base/brand.ts';
import { REQUEST_CELLS } from '../shared/control-layout.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { DiskLink } from './disk-link.ts';
import { REQUEST } from './disk-protocol.ts';

/** A link to a thread that never was; the session ends at the `looks`-th time that somebody sleeps over it. */
function silent(looks: number) {
  const memory = new SessionMemory(allocateSession({ cacheBytes: 2 ** 16, blockBytesMin: 4096 }));
  let slept = 0;
  const waiting = {
    wait() {
      slept += 1;
      if (slept === looks) memory.end();
    },
  };
  const link = new DiskLink({ disk: 2 as DiskIndex, file: 'disk-2', memory, waiting });
  return { link, slept: () => slept };
}

describe('I14: when the session ends', () => {
  test('who waits for an answer is told that the disk is gone', () => {
    const { link, slept } = silent(3);
    const answer = link.call(REQUEST.size, 0);
    expect(answer).toMatchObject({ kind: 'gone', file: 'disk-2', detail: 'the session ended' });
    expect(slept()).toBe(3);
    expect(link.call(REQUEST.size, 0)).toBe(answer);
  });

  test('who waits for room in the ring is told so as well', () => {
    const { link, slept } = silent(2);
    for (let n = 0; n < REQUEST_CELLS; n += 1) {
      expect(link.claim(REQUEST.fence, 0)).toBeGreaterThanOrEqual(0);
      link.publish();
    }
    expect(link.claim(REQUEST.fence, 0)).toBe(-1);
    expect(slept()).toBe(2);
  });
});
