import { beforeEach, describe, expect, test } from 'vitest';
import { DiskPageReader, DiskPageWriter } from '../shared/disk-page.ts';
import { RingReader, RingWriter } from '../shared/ring.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { DiskWatch } from './disk-watch.ts';

describe('I14: what threads show of themselves in shared memory', () => {
  let memory: SessionMemory;
  let watch: DiskWatch;
  let pages: DiskPageWriter[];

  beforeEach(() => {
    memory = new SessionMemory(allocateSession({ cacheBytes: 2 ** 16, blockBytesMin: 4096 }));
    watch = new DiskWatch(memory);
    pages = [0, 1].map((disk) => {
      const { words, control } = memory;
      const at = control.diskPage(disk);
      const page = new DiskPageWriter(words, at);
      watch.begin(disk, new DiskPageReader(words, at), true);
      return page;
    });
  });

  /** So many seconds, in each of which these disks show that they live. */
  function look(ticks: number, living: readonly number[], inForeground = true) {
    let found = watch.look(inForeground);
    for (let tick = 1; tick < ticks; tick += 1) {
      for (const disk of living) pages[disk]?.progress();
      found = watch.look(inForeground);
    }
    return found;
  }

  test('disks that wake up now and then are not still', () => {
    expect(look(100, [0, 1])).toMatchObject({ stuck: undefined });
    expect(watch.look(true).stillTicks).toBeLessThan(2);
  });

  test('one that does nothing is stuck, and which one is known', () => {
    expect(look(31, [0])).toMatchObject({ stillTicks: 31, stuck: { disk: 1, ticks: 31 } });
  });

  test('one deep in a call of its file is still, not stuck, and the engine may be waiting for it', () => {
    pages[1]?.enter('flush');
    expect(look(100, [0])).toEqual({ stillTicks: 100, stuck: undefined, engineAtWork: true });
    pages[1]?.leave();
    expect(watch.look(true)).toMatchObject({ stillTicks: 1, stuck: { disk: 0, ticks: 1 } });
  });

  test('time in a call is not held against it afterwards', () => {
    look(20, [0]);
    pages[1]?.enter('write');
    expect(look(20, [0]).stuck).toEqual({ disk: 1, ticks: 20 });
  });

  test('where nothing else tells of its death, no call takes for ever', () => {
    const { words, control } = memory;
    watch.begin(1, new DiskPageReader(words, control.diskPage(1)), false);
    pages[1]?.enter('flush');
    expect(look(30, [0])).toMatchObject({ stuck: { disk: 1, ticks: 30 }, engineAtWork: false });
  });

  test('in the background nobody is stuck', () => {
    expect(look(100, [], false)).toMatchObject({ stillTicks: 100, stuck: undefined });
  });

  test('one that has given its file back is not watched, and what nobody looked at does not count', () => {
    look(10, []);
    watch.end(1);
    watch.forget();
    expect(look(3, [])).toMatchObject({ stillTicks: 3, stuck: { disk: 0, ticks: 3 } });
    watch.end(0);
    expect(watch.look(true)).toMatchObject({ stillTicks: 0, stuck: undefined });
  });

  test('the engine is at work when it asks a disk for something, or takes what one has done', () => {
    const { words, control } = memory;
    expect(watch.look(true).engineAtWork).toBe(false);
    const requests = new RingWriter(words, control.requestRing(0));
    requests.claim();
    requests.publish();
    expect(watch.look(true).engineAtWork).toBe(true);
    expect(watch.look(true).engineAtWork).toBe(false);
    const done = new RingWriter(words, control.completionRing(1));
    done.claim();
    done.publish();
    expect(watch.look(true).engineAtWork).toBe(false);
    const taking = new RingReader(words, control.completionRing(1));
    taking.peek();
    taking.release();
    expect(watch.look(true).engineAtWork).toBe(true);
  });
});
