import { beforeEach, describe, expect, test } from 'vitest';
import { DiskPageReader, DiskPageWriter } from '../shared/disk-page.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { STUCK_LOOKS, WatchfulWaiting } from './watchful-waiting.ts';

describe('I14: a thread that waits and hears of nobody’s death', () => {
  let memory: SessionMemory;
  let disks: DiskPageWriter[];
  let waiting: WatchfulWaiting;

  beforeEach(() => {
    memory = new SessionMemory(allocateSession({ cacheBytes: 2 ** 16, blockBytesMin: 4096 }));
    const { words, control } = memory;
    const places = [0, 1].map((disk) => control.diskPage(disk));
    disks = places.map((at) => new DiskPageWriter(words, at));
    const pages = places.map((at) => new DiskPageReader(words, at));
    waiting = new WatchfulWaiting(memory, () => pages, { lookMs: 0 });
  });

  /** So many looks, before each of which these disks have shown that they live. */
  function wait(looks: number, living: readonly number[]): void {
    const bell = memory.storeBell;
    for (let look = 0; look < looks; look += 1) {
      for (const disk of living) disks[disk]?.progress();
      waiting.wait(bell, bell.value);
    }
  }

  test('waits for disks that live, however long', () => {
    wait(10 * STUCK_LOOKS, [0, 1]);
    expect(memory.ended).toBe(false);
  });

  test('ends the session when one disk has been still for 30 s, though another lives', () => {
    wait(STUCK_LOOKS, [1]);
    expect(memory.ended).toBe(false);
    wait(1, [1]);
    expect(memory.ended).toBe(true);
  });

  test('waits for one deep in a call of its file', () => {
    disks[0]?.enter('flush');
    wait(10 * STUCK_LOOKS, [1]);
    expect(memory.ended).toBe(false);
  });

  test('a ring says that somebody lives', () => {
    wait(STUCK_LOOKS, [1]);
    const seen = memory.storeBell.value;
    memory.storeBell.ring();
    waiting.wait(memory.storeBell, seen);
    wait(STUCK_LOOKS, [1]);
    expect(memory.ended).toBe(false);
  });
});
