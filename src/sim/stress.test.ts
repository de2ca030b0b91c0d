/**
 * Real threads on shared memory. `OPFS_BLOCKS_STRESS=100` does a hundred times as much: 10^8 cells through the ring and
 * 10^7 wait/notify.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Doorbell } from '../shared/doorbell.ts';
import { scaled } from './scale.ts';
import { bundleThread, freshMemory, runThreads, startThread } from './stress.ts';
import type { Role } from './stress-roles.ts';

const FACTOR = Number(process.env['OPFS_BLOCKS_STRESS'] ?? 1);
const TIMEOUT_MS = 60_000 * Math.max(2, FACTOR);

const folder = mkdtempSync(join(tmpdir(), 'stress-'));
let code = '';
beforeAll(async () => {
  code = await bundleThread(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function stress(
  name: string,
  roles: readonly [Role, ...Role[]],
  count: number,
): Promise<number[]> {
  const before = performance.now();
  const results = await runThreads(code, roles, count);
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  const told = roles.map((role, n) => `${role} ${results[n]}`).join(', ');
  console.log(`${name}: ${count} in ${seconds} s (${told})`);
  return results;
}

test(
  'cells go through a ring whole and in order, and both sides are always woken',
  async () => {
    await stress('ring', ['writeRing', 'readRing'], scaled(1_000_000) * FACTOR);
  },
  TIMEOUT_MS,
);

test(
  'two threads wake each other, and no wake-up is lost',
  async () => {
    const count = scaled(100_000) * FACTOR;
    expect(await stress('wait/notify', ['ping', 'pong'], count)).toEqual([count, count]);
  },
  TIMEOUT_MS,
);

test(
  'a mailbox full of requests: each has its own answer',
  async () => {
    const count = scaled(200_000) * FACTOR;
    expect(await stress('mailbox', ['askMailbox', 'serveMailbox'], count)).toEqual([count, count]);
  },
  TIMEOUT_MS,
);

test(
  'no read under a seqlock is torn',
  async () => {
    const count = scaled(1_000_000) * FACTOR;
    const [, changes] = await stress('seqlock', ['writeLocked', 'readLocked'], count);
    expect(changes).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'no read of a state in two copies is torn',
  async () => {
    await stress('twin', ['writeTwin', 'readTwins'], scaled(1_000_000) * FACTOR);
  },
  TIMEOUT_MS,
);

test(
  'I2: a reader of the cache has the right bytes or none, while the owner evicts and reuses',
  async () => {
    const count = scaled(500_000) * FACTOR;
    const [, hits] = await stress('cache', ['fillCache', 'readCache'], count);
    expect(hits).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'I4: no block is reused while one of two readers reads it',
  async () => {
    const count = scaled(500_000) * FACTOR;
    const roles = ['publishBlocks', 'readBlocks', 'readBlocksToo'] as const;
    const [reuses, ...changes] = await stress('epochs', roles, count);
    expect(reuses).toBeGreaterThan(count / 2);
    for (const count of changes) expect(count).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'a thread that waits without blocking is woken each time by one that blocks',
  async () => {
    const memory = freshMemory();
    const count = scaled(10_000) * FACTOR;
    const [theirs, mine] = [new Doorbell(memory.words, 0), new Doorbell(memory.words, 16)];
    const { answer } = startThread(code, 'ping', memory, count);
    for (let round = 1; round <= count; round += 1) {
      for (let seen = mine.value; seen !== round; seen = mine.value) await mine.waitAsync(seen);
      theirs.ring();
    }
    expect(await answer).toBe(count);
  },
  TIMEOUT_MS,
);
