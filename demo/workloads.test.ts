import { afterEach, describe, expect, test } from 'vitest';
import type { OpenOptions, Store } from '../src/index.ts';
import { TestOrigin } from '../src/testing.ts';
import { BlockField } from './block-field.ts';
import { Turns } from './turns.ts';
import { Pace, WORKLOAD_KINDS, Workloads } from './workloads.ts';

const OPTIONS: OpenOptions = { blockSize: 4096, disks: 2, maxBytes: 2 ** 22, arenaBytes: 2 ** 20 };

interface Bench {
  readonly origin: TestOrigin;
  readonly store: Store;
  readonly field: BlockField;
  readonly workloads: Workloads;
}

const benches: Bench[] = [];

afterEach(async () => {
  for (const { workloads, store } of benches.splice(0)) {
    await workloads.stopAll();
    await store.close();
  }
});

async function setUp(options: OpenOptions = OPTIONS): Promise<Bench> {
  const origin = new TestOrigin();
  const store = await origin.openStore('work', options);
  const field = new BlockField(store);
  await field.load();
  const workloads = new Workloads(store, field, new Turns());
  for (const kind of WORKLOAD_KINDS) workloads.settings[kind] = { rate: Infinity, batch: 8 };
  benches.push({ origin, store, field, workloads });
  return benches.at(-1) as Bench;
}

async function expectClean({ store, field }: Bench): Promise<void> {
  const report = await store.check({ reachable: field.reachable() });
  expect(report.problems).toEqual([]);
}

const soon = { timeout: 10_000, interval: 5 };

describe('the workloads', () => {
  test('all four at once, stopped in the middle, leave a clean store', async () => {
    const bench = await setUp();
    const { workloads } = bench;
    for (const kind of WORKLOAD_KINDS) workloads.start(kind);
    expect(workloads.anyRunning).toBe(true);
    for (const kind of WORKLOAD_KINDS) {
      await expect.poll(() => workloads.state(kind).transactions, soon).toBeGreaterThan(3);
    }
    await workloads.stopAll();
    expect(workloads.anyRunning).toBe(false);
    expect(WORKLOAD_KINDS.map((kind) => workloads.state(kind).running)).not.toContain(true);
    await expectClean(bench);
  });

  test('started and stopped in quick succession', async () => {
    const bench = await setUp();
    for (let round = 0; round < 30; round += 1) {
      for (const kind of WORKLOAD_KINDS) bench.workloads.start(kind);
      await new Promise((resolve) => setTimeout(resolve, round % 7));
      for (const kind of WORKLOAD_KINDS) bench.workloads.stop(kind);
    }
    await bench.workloads.stopAll();
    await expectClean(bench);
  });

  test('a full store is waited for, and the work goes on when there is space again', async () => {
    const bench = await setUp();
    const { workloads, field } = bench;
    workloads.settings.fill.batch = 64;
    workloads.start('fill');
    await expect.poll(() => workloads.state('fill').note, soon).toContain('FULL');
    const { transactions } = workloads.state('fill');
    await field.delete(200);
    await field.delete(200);
    await expect
      .poll(() => workloads.state('fill').transactions, soon)
      .toBeGreaterThan(transactions);
    expect(workloads.state('fill').running).toBe(true);
    await workloads.stopAll();
    await expectClean(bench);
  });

  test('an empty field says what to do', async () => {
    const { workloads } = await setUp();
    workloads.start('storm');
    workloads.start('replace');
    await expect.poll(() => workloads.state('storm').note, soon).toContain('Nothing left');
    await expect.poll(() => workloads.state('replace').note, soon).toContain('fill first');
  });

  test('a worker that is killed ends the loops, which say why', async () => {
    const { origin, workloads } = await setUp();
    for (const kind of WORKLOAD_KINDS) workloads.start(kind);
    await expect.poll(() => workloads.state('commits').transactions, soon).toBeGreaterThan(0);
    origin.browser.killWorkers();
    await expect.poll(() => workloads.anyRunning, soon).toBe(false);
    expect(workloads.state('commits').note).toContain('SESSION_LOST');
  });

  test('a damaged block is stepped around', async () => {
    const bench = await setUp({ ...OPTIONS, disks: 1, cacheBytes: 2 ** 18 });
    const { origin, store, workloads, field } = bench;
    const make = (count: number) => Array.from({ length: count }, () => new Uint8Array(4096));
    while (field.blockCount < 200) await field.append(40, make);
    const [victim] = field.sample(1);
    // So that the block is not a recent one: for such, opening would go back to the generation before it.
    for (let n = 0; n < 4; n += 1) await field.append(1, make);
    await store.close();
    await origin.flipBlockByte('work', { address: victim?.address ?? 0, byte: 9 });
    const again = await origin.openStore('work', { create: false });
    const damagedField = new BlockField(again);
    await damagedField.load();
    const survivors = new Workloads(again, damagedField, new Turns());
    survivors.settings.replace = { rate: Infinity, batch: 40 };
    survivors.start('replace');
    await expect.poll(() => damagedField.avoided.size, soon).toBe(1);
    const { transactions } = survivors.state('replace');
    await expect
      .poll(() => survivors.state('replace').transactions, soon)
      .toBeGreaterThan(transactions + 3);
    await survivors.stopAll();
    await again.close();
    expect(workloads.anyRunning).toBe(false);
  });
});

test('a rate is kept', async () => {
  const pace = new Pace();
  const { signal } = new AbortController();
  const startMs = performance.now();
  for (let n = 0; n < 10; n += 1) await pace.wait(10, 200, signal);
  const ms = performance.now() - startMs;
  // 100 blocks at 200 a second take 500 ms, of which a pause of 200 ms is forgiven.
  expect(ms).toBeGreaterThan(250);
  expect(ms).toBeLessThan(2000);
});
