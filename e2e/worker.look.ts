/**
 * What synchronous verbs cost in a dedicated worker, beside a bare handle in the same worker and the same run. Not a
 * test: `npm run look -- --project threaded e2e/worker.look.ts`.
 */
import { expect, test } from 'vitest';
import type { BlockPointer, Profile } from '../src/worker.ts';
import { useBrowser } from './fixture.ts';
import { inWorker } from './in-worker.ts';

const fixture = useBrowser();

/** In microseconds, each the best of many short rounds. */
type Costs = Readonly<Record<string, number>>;

test.each(['inline', 'threaded'] as const)(
  '%s: reads and strict transactions, beside a bare handle',
  { timeout: 300_000 },
  async (profile) => {
    // Isolated in any case: elsewhere clocks tick every 100 µs only.
    fixture.server.isolated = true;
    const page = await fixture.newPage();
    const rounds: Costs[] = [];
    for (let round = 0; round < 3; round += 1) {
      const name = `${profile}-${round}`;
      const reads = await inWorker(page, `reads-${name}`, measureReads, profile);
      const writes = await inWorker(page, `writes-${name}`, measureWrites, profile);
      rounds.push({ ...reads, ...writes });
    }
    await page.close();
    console.log(`${profile}\n${table(rounds)}`);
    expect(rounds.every(({ misses }) => (misses as number) > 30_000)).toBe(true);
  },
);

function table(rounds: readonly Costs[]): string {
  const us = (what: string): string => {
    const sorted = rounds.map((costs) => costs[what] as number).sort((one, other) => one - other);
    return `${(sorted[sorted.length >> 1] as number).toFixed(2)} µs`;
  };
  const ratios = rounds.map(
    ({ uncached, bareRead }) => (uncached as number) / (bareRead as number),
  );
  return [
    `uncached read of 16 KiB   ${us('uncached')}, bare read + xxhash64 ${us('bareRead')}`,
    `  ratio, round by round   ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
    `the same, 64 neighbours   ${us('many')} each`,
    `cached read               ${us('cached')}`,
    `strict, one block         ${us('strict')}, bare write, flush, write, flush ${us('bareWrite')}`,
    `relaxed, one block        ${us('relaxed')}`,
  ].join('\n');
}

async function measureReads(profile: Profile): Promise<Costs> {
  const BLOCK_BYTES = 16_384;
  const BLOCKS = 8192;
  await pageLib.deleteStore('look');
  const store = await workerLib.openStore('look', { profile, disks: 1, cacheBytes: 16 * 2 ** 20 });
  const bytes = new Uint8Array(BLOCK_BYTES).fill(7);
  const pointers: BlockPointer[] = [];
  for (let n = 0; n < BLOCKS; n += 64) {
    const blocks = Array.from({ length: 64 }, () => bytes);
    pointers.push(...store.transaction((tx) => tx.writeMany(blocks), { durability: 'relaxed' }));
  }
  store.sync();
  const handle = await tools.openBare('look-bare', BLOCKS * BLOCK_BYTES);
  // Read in the same order again and again, a small cache never has the block.
  const order = Array.from({ length: BLOCKS }, (_, n) => (n * 5741) % BLOCKS);
  const hasher = await tools.createXXHash64();
  const into = new Uint8Array(BLOCK_BYTES);
  const { time, best } = tools.stopwatch();
  const missesBefore = store.stats().cache.misses;
  for (let round = 0; round < 512; round += 1) {
    const part = order.slice((round * 64) % BLOCKS, ((round * 64) % BLOCKS) + 64);
    time('uncached', 64, () => {
      for (const n of part) store.read(pointers[n] as BlockPointer, into);
    });
    time('bareRead', 64, () => {
      for (const n of part) {
        handle.read(into, { at: n * BLOCK_BYTES });
        hasher.init().update(into).digest('binary');
      }
    });
  }
  const misses = store.stats().cache.misses - missesBefore;
  const intos = Array.from({ length: 64 }, () => new Uint8Array(BLOCK_BYTES));
  for (let first = 0; first < BLOCKS; first += 64) {
    const part = pointers.slice(first, first + 64);
    time('many', 64, () => store.readMany(part, intos));
    time('cached', 64, () => {
      for (const pointer of part) store.read(pointer, into);
    });
  }
  store.close();
  await store.closed;
  handle.close();
  await pageLib.deleteStore('look');
  await pageLib.deleteStore('look-bare');
  return { ...best, misses };
}

async function measureWrites(profile: Profile): Promise<Costs> {
  const BLOCK_BYTES = 16_384;
  const ROUNDS = 200;
  await pageLib.deleteStore('look');
  const store = await workerLib.openStore('look', { profile, disks: 1 });
  const bytes = new Uint8Array(BLOCK_BYTES).fill(7);
  const superblock = bytes.subarray(0, 4096);
  const handle = await tools.openBare('look-bare', 0);
  // Made longer ahead of need, as ours is.
  handle.truncate(8 * ROUNDS * BLOCK_BYTES);
  const { time, best } = tools.stopwatch();
  for (let round = 0; round < ROUNDS; round += 1) {
    time('strict', 4, () => {
      for (let n = 0; n < 4; n += 1) store.transaction((tx) => tx.write(bytes));
    });
    time('relaxed', 16, () => {
      const durability = 'relaxed' as const;
      for (let n = 0; n < 16; n += 1) store.transaction((tx) => tx.write(bytes), { durability });
    });
    store.sync();
    time('bareWrite', 4, () => {
      for (let n = 1; n <= 4; n += 1) {
        handle.write(bytes, { at: (4 * round + n) * BLOCK_BYTES });
        handle.flush();
        handle.write(superblock, { at: 0 });
        handle.flush();
      }
    });
  }
  store.close();
  await store.closed;
  handle.close();
  await pageLib.deleteStore('look');
  await pageLib.deleteStore('look-bare');
  return best;
}
