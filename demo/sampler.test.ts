import { expect, test } from 'vitest';
import type { StoreStats } from '../src/index.ts';
import { TestOrigin } from '../src/testing.ts';
import { History, SAMPLE_COUNT, Sampler } from './sampler.ts';

async function someStats(): Promise<StoreStats> {
  await using store = await new TestOrigin().openStore('a', { blockSize: 512, disks: 2 });
  return store.stats();
}

function withDisk(stats: StoreStats, change: Partial<StoreStats['disks'][number]>): StoreStats {
  const [first, ...others] = stats.disks;
  if (first === undefined) throw new Error('a store has a disk');
  return { ...stats, disks: [{ ...first, ...change }, ...others] };
}

test('counters become rates, whatever time has passed between two samples', async () => {
  const stats = await someStats();
  const { bytesWritten = 0, writes = 0 } = stats.disks[0] ?? {};
  const sampler = new Sampler();
  sampler.take(stats, 1000);
  const later = withDisk(stats, { bytesWritten: bytesWritten + 5_000_000, writes: writes + 10 });
  const sample = sampler.take(later, 1500);
  expect(sample.bytesWritten).toBe(10_000_000);
  expect(sample.writes).toBe(20);
  expect(sampler.take(later, 1750).bytesWritten).toBe(0);
});

test('the deepest queue between two samples counts, and so does the slowest commit', async () => {
  const stats = await someStats();
  const sampler = new Sampler();
  sampler.take(stats, 0);
  sampler.look(withDisk(stats, { queued: 40 }));
  sampler.look(withDisk(stats, { queued: 3 }));
  sampler.noteCommit(2, 1);
  sampler.noteCommit(6, 7);
  const sample = sampler.take(stats, 1000);
  expect(sample.queued).toBe(40);
  expect([sample.commits, sample.transactions]).toEqual([2, 8]);
  expect([sample.commitMsMean, sample.commitMsMax]).toEqual([4, 6]);
  expect(sampler.take(stats, 2000)).toMatchObject({ queued: 0, commits: 0, commitMsMax: 0 });
});

test('a store that was opened again counts from zero, which is no negative rate', async () => {
  const stats = await someStats();
  const sampler = new Sampler();
  sampler.take(withDisk(stats, { bytesWritten: 10 ** 9 }), 0);
  expect(sampler.take(stats, 1000).bytesWritten).toBe(0);
});

test('a history ends with what came last', () => {
  const history = new History(2);
  history.push(1, 10);
  history.push(2, 20);
  expect(history.last(1)).toBe(20);
  expect(history.recent(0, 2)).toBe(3);
  expect(history.times[SAMPLE_COUNT - 1]).toBe(0);
  expect(history.lines[0]?.[SAMPLE_COUNT - 2]).toBe(1);
});
