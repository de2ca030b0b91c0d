import { expect, test } from 'vitest';
import { DiskPageReader, DiskPageWriter } from '../shared/disk-page.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { STUCK_LOOKS, WatchfulWaiting } from './watchful-waiting.ts';

function waiting() {
  const memory = new SessionMemory(allocateSession({ cacheBytes: 16 * 512, blockBytesMin: 512 }));
  const start = memory.control.diskPage(0);
  const page = new DiskPageWriter(memory.words, start);
  const pages = [new DiskPageReader(memory.words, start)];
  const watchful = new WatchfulWaiting(memory, () => pages, { lookMs: 0 });
  const bell = memory.storeBell;
  /** Waits for a ring that does not come. */
  const sleep = (times: number): void => {
    for (let n = 0; n < times; n += 1) watchful.wait(bell, bell.value);
  };
  return { memory, page, watchful, bell, sleep };
}

test('I14: disks that do nothing, outside any call, end the session after 60 looks', () => {
  const { memory, sleep } = waiting();
  sleep(STUCK_LOOKS - 1);
  expect(memory.ended).toBe(false);
  sleep(1);
  expect(memory.ended).toBe(true);
});

test('I14: one that is deep in a call of its file is waited for', () => {
  const { memory, page, sleep } = waiting();
  page.enter('flush');
  sleep(3 * STUCK_LOOKS);
  expect(memory.ended).toBe(false);
  page.leave();
  sleep(STUCK_LOOKS);
  expect(memory.ended).toBe(false);
  sleep(1);
  expect(memory.ended).toBe(true);
});

test('progress, or a ring, starts the count anew', () => {
  const { memory, page, watchful, bell, sleep } = waiting();
  sleep(STUCK_LOOKS - 1);
  page.progress();
  sleep(STUCK_LOOKS - 1);
  expect(memory.ended).toBe(false);
  const seen = bell.value;
  bell.ring();
  watchful.wait(bell, seen);
  sleep(STUCK_LOOKS - 1);
  expect(memory.ended).toBe(false);
});
