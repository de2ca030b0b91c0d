/**
 * A first look at throughput, not a test: 256 MiB in transactions of 16 MiB through the public API on the main thread,
 * read back, beside a bare sync access handle in the same run. Ratios within the run are what counts. `npm run look`.
 */
import { expect, test } from 'vitest';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();

interface Look {
  readonly writeMs: number;
  readonly readMs: number;
  readonly smallMs: number[];
}

const MIB = 2 ** 20;
const TOTAL_BYTES = 256 * MIB;
const ROUNDS = 5;

test('256 MiB written and read back, beside a bare handle', { timeout: 300_000 }, async () => {
  const ours: Look[] = [];
  const raw: { writeMs: number; readMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await lookAtStore(round));
    raw.push(await lookAtHandle());
  }
  const rate = (ms: number) => `${((TOTAL_BYTES / MIB / ms) * 1000).toFixed(0)} MiB/s`;
  const row = (what: string, own: number, bare: number) =>
    `${what.padEnd(8)} opfs-blocks ${rate(own).padStart(11)}   bare handle ${rate(bare).padStart(11)}` +
    `   ratio ${(bare / own).toFixed(2)}`;
  const small = median(ours.flatMap(({ smallMs }) => smallMs));
  console.log(
    [
      row('write', median(ours.map(({ writeMs }) => writeMs)), median(raw.map((r) => r.writeMs))),
      row('read', median(ours.map(({ readMs }) => readMs)), median(raw.map((r) => r.readMs))),
      `one block, one strict transaction: ${small.toFixed(2)} ms`,
    ].join('\n'),
  );
  expect(ours).toHaveLength(ROUNDS);
});

function lookAtStore(round: number): Promise<Look> {
  return fixture.page.evaluate(
    async ({ name, totalBytes }) => {
      const store = await lib.openStore(name, { maxBytes: 2 ** 30, arenaBytes: 64 * 2 ** 20 });
      const blocks = Array.from({ length: 64 }, (_, n) => new Uint8Array(16_384).fill(n));
      const fill = () =>
        store.transaction(async (tx) => {
          const pointers = [];
          for (let n = 0; n < 16; n += 1) pointers.push(...(await tx.writeMany(blocks)));
          return pointers;
        });
      const pointers = [];
      const startedMs = performance.now();
      for (let done = 0; done < totalBytes; done += 16 * 2 ** 20) pointers.push(...(await fill()));
      const writeMs = performance.now() - startedMs;
      const intos = blocks.map(() => new Uint8Array(16_384));
      const readStartedMs = performance.now();
      for (let n = 0; n < pointers.length; n += 64) {
        await store.readMany(pointers.slice(n, n + 64), intos);
      }
      const readMs = performance.now() - readStartedMs;
      const smallMs = [];
      for (let n = 0; n < 50; n += 1) {
        const smallStartedMs = performance.now();
        await store.transaction((tx) => tx.write(new Uint8Array(16_384)));
        smallMs.push(performance.now() - smallStartedMs);
      }
      await store.close();
      await lib.deleteStore(name);
      return { writeMs, readMs, smallMs };
    },
    { name: `look-${round}`, totalBytes: TOTAL_BYTES },
  );
}

function lookAtHandle(): Promise<{ writeMs: number; readMs: number }> {
  return fixture.page.evaluate((request) => runRaw(request), {
    totalBytes: TOTAL_BYTES,
    callBytes: MIB,
    flushEveryBytes: 16 * MIB,
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
