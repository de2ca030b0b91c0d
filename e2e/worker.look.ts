/**
 * What synchronous verbs cost in a dedicated worker, beside a bare handle in the same worker and the same run. Not a
 * test: `npm run look`.
 */
import { expect, test } from 'vitest';
import type { BlockPointer } from '../src/worker.ts';
import { useBrowser } from './fixture.ts';
import { inWorker } from './in-worker.ts';

const fixture = useBrowser();

/** In microseconds, each the best of many short rounds. */
interface Costs {
  readonly uncached: number;
  readonly bareRead: number;
  readonly cached: number;
  readonly many: number;
  readonly strict: number;
  readonly relaxed: number;
  readonly bareWrite: number;
  readonly misses: number;
}

test('reads and strict transactions, beside a bare handle', { timeout: 300_000 }, async () => {
  const rounds: Costs[] = [];
  for (let round = 0; round < 3; round += 1) {
    rounds.push(await inWorker(fixture.page, `look-${round}`, measure));
  }
  const median = (pick: (costs: Costs) => number): number => {
    const sorted = rounds.map(pick).sort((one, other) => one - other);
    return sorted[sorted.length >> 1] ?? Number.NaN;
  };
  const us = (pick: (costs: Costs) => number): string => `${median(pick).toFixed(2)} µs`;
  const ratios = rounds.map(({ uncached, bareRead }) => uncached / bareRead);
  console.log(
    [
      `uncached read of 16 KiB   ${us((c) => c.uncached)}, bare read + xxhash64 ${us((c) => c.bareRead)}`,
      `  ratio, round by round   ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
      `the same, 64 neighbours   ${us((c) => c.many)} each`,
      `cached read               ${us((c) => c.cached)}`,
      `strict, one block         ${us((c) => c.strict)}, bare write, flush, write, flush ${us((c) => c.bareWrite)}`,
      `relaxed, one block        ${us((c) => c.relaxed)}`,
    ].join('\n'),
  );
  expect(rounds.every(({ misses }) => misses > 0)).toBe(true);
});

async function measure(): Promise<Costs> {
  const BLOCK_BYTES = 16_384;
  const BLOCKS = 8192;
  await pageLib.deleteStore('look');
  const store = await workerLib.openStore('look', { disks: 1, cacheBytes: 16 * 2 ** 20 });
  const bytes = new Uint8Array(BLOCK_BYTES).fill(7);
  const pointers: BlockPointer[] = [];
  for (let n = 0; n < BLOCKS; n += 64) {
    const blocks = Array.from({ length: 64 }, () => bytes);
    pointers.push(...store.transaction((tx) => tx.writeMany(blocks), { durability: 'relaxed' }));
  }
  store.sync();
  const folder = await bare.openDirectory('look-bare', { create: true });
  const handle = await bare.openFile(folder, 'bare', { create: true });
  for (let n = 0; n < BLOCKS; n += 1) handle.write(bytes, { at: n * BLOCK_BYTES });
  handle.flush();
  // A fixed permutation: read in the same order again and again, a small cache never has the block.
  const order = Array.from({ length: BLOCKS }, (_, n) => (n * 5741) % BLOCKS);
  const hasher = await bare.createXXHash64();
  const into = new Uint8Array(BLOCK_BYTES);
  const intos = Array.from({ length: 64 }, () => new Uint8Array(BLOCK_BYTES));
  const hot = pointers.slice(0, 64);
  const superblock = bytes.subarray(0, 4096);
  const durability = 'relaxed' as const;
  /** The best of many short rounds, in turn: what else the machine does comes and goes. */
  const best = new Map<string, number>();
  const time = (what: string, count: number, run: () => void): void => {
    const startedMs = performance.now();
    run();
    const us = ((performance.now() - startedMs) * 1000) / count;
    best.set(what, Math.min(us, best.get(what) ?? Number.POSITIVE_INFINITY));
  };
  const missesBefore = store.stats().cache.misses;
  for (let round = 0; round < 256; round += 1) {
    const first = (round * 64) % BLOCKS;
    const part = order.slice(first, first + 64);
    time('uncached', 64, () => {
      for (const n of part) store.read(pointers[n] as BlockPointer, into);
    });
    time('bareRead', 64, () => {
      for (const n of part) {
        handle.read(into, { at: n * BLOCK_BYTES });
        hasher.init().update(into).digest('binary');
      }
    });
    store.readMany(hot);
    time('cached', 64, () => {
      for (const pointer of hot) store.read(pointer, into);
    });
    const neighbours = pointers.slice((first + 4096) % BLOCKS, ((first + 4096) % BLOCKS) + 64);
    time('many', 64, () => store.readMany(neighbours, intos));
    time('strict', 4, () => {
      for (let n = 0; n < 4; n += 1) store.transaction((tx) => tx.write(bytes));
    });
    time('relaxed', 16, () => {
      for (let n = 0; n < 16; n += 1) store.transaction((tx) => tx.write(bytes), { durability });
    });
    store.sync();
    time('bareWrite', 4, () => {
      for (let n = 0; n < 4; n += 1) {
        handle.write(bytes, { at: (BLOCKS + round * 4 + n) * BLOCK_BYTES });
        handle.flush();
        handle.write(superblock, { at: 0 });
        handle.flush();
      }
    });
  }
  const misses = store.stats().cache.misses - missesBefore;
  store.close();
  await store.closed;
  handle.close();
  await pageLib.deleteStore('look');
  await pageLib.deleteStore('look-bare');
  return { misses, ...Object.fromEntries(best) } as unknown as Costs;
}
