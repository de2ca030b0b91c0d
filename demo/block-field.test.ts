import { describe, expect, test } from 'vitest';
import type { OpenOptions, Store } from '../src/index.ts';
import { scaled } from '../src/sim/scale.ts';
import { TestOrigin } from '../src/testing.ts';
import { BlockField } from './block-field.ts';
import { RandomSource } from './random.ts';

/** 21 pointers in a block, so 21 leaves and 441 data blocks under one top. */
const OPTIONS: OpenOptions = { blockSize: 512, disks: 2, maxBytes: 2 ** 21, arenaBytes: 2 ** 18 };

const blocks = (count: number) =>
  Array.from({ length: count }, (_, n) => new Uint8Array(512).fill(n));

async function expectClean(store: Store, field: BlockField): Promise<void> {
  const report = await store.check({ reachable: field.reachable() });
  expect(report.problems).toEqual([]);
}

async function openField(
  origin: TestOrigin,
  seed = 1,
): Promise<{ store: Store; field: BlockField }> {
  const store = await origin.openStore('field', OPTIONS);
  const field = new BlockField(store, new RandomSource(seed));
  await field.load();
  return { store, field };
}

describe('the field of blocks', () => {
  test('random lives leave no leak and nothing dangling, and are there after reopening', async () => {
    const origin = new TestOrigin();
    for (let seed = 1; seed <= scaled(5); seed += 1) {
      const { store, field } = await openField(origin, seed);
      const random = new RandomSource(seed);
      for (let step = 0; step < 25; step += 1) {
        const count = 1 + random.below(40);
        const kind = random.below(3);
        if (kind === 0) await field.append(count, blocks);
        else if (kind === 1) await field.replace(count, blocks);
        else await field.delete(count);
      }
      await expectClean(store, field);
      const { blockCount } = field;
      await store.close();
      const again = await openField(origin);
      expect(again.field.blockCount).toBe(blockCount);
      await again.store.close();
    }
  });

  test('more blocks than one top has room for', async () => {
    const { store, field } = await openField(new TestOrigin());
    let written = 0;
    while (written < 1000) written += await field.append(200, blocks);
    expect(field.blockCount).toBe(written);
    expect(store.root('field-2')).toBeDefined();
    await expectClean(store, field);
    while (field.blockCount > 0) await field.delete(150);
    expect(await field.delete(10)).toBe(0);
    expect(await field.replace(10, blocks)).toBe(0);
    await expectClean(store, field);
    await store.close();
  });

  test('a transaction that fails at its very end leaves memory as the store is', async () => {
    const { store, field } = await openField(new TestOrigin());
    await field.append(50, blocks);
    const refusing = new BlockField({
      blockSize: store.blockSize,
      root: (name) => store.root(name),
      reader: () => store.reader(),
      readMany: (pointers) => store.readMany(pointers),
      transaction: (work, options) =>
        store.transaction(async (tx) => {
          const value = await work(tx);
          if (refuse) throw new Error('at the end');
          return value;
        }, options),
    });
    let refuse = false;
    await refusing.load();
    refuse = true;
    await expect(refusing.append(10, blocks)).rejects.toThrow('at the end');
    await expect(refusing.delete(10)).rejects.toThrow('at the end');
    refuse = false;
    await refusing.append(3, blocks);
    expect(refusing.blockCount).toBe(53);
    await expectClean(store, refusing);
    await store.close();
  });

  test('a full store refuses, and goes on when space comes back', async () => {
    const { store, field } = await openField(new TestOrigin());
    const fill = async () => {
      for (;;) await field.append(100, blocks);
    };
    await expect(fill()).rejects.toMatchObject({ code: 'FULL' });
    await field.delete(100);
    await field.delete(100);
    expect(await field.append(20, blocks)).toBe(20);
    await expectClean(store, field);
    await store.close();
  });

  test('a block is found by its address, and a sample has only what is there', async () => {
    const { store, field } = await openField(new TestOrigin());
    await field.append(100, blocks);
    const sample = field.sample(10);
    expect(new Set(sample.map(({ address }) => address)).size).toBe(10);
    for (const pointer of sample) expect(field.pointerAt(pointer.address)).toEqual(pointer);
    expect(field.pointerAt(2 ** 40)).toBeUndefined();
    await store.close();
  });

  test('a block that is avoided is neither replaced nor deleted', async () => {
    const { store, field } = await openField(new TestOrigin());
    await field.append(20, blocks);
    const [kept] = field.sample(1);
    if (kept === undefined) throw new Error('the field has blocks');
    field.avoided.add(kept.address);
    for (let n = 0; n < 20; n += 1) await field.replace(20, blocks);
    for (let n = 0; n < 20; n += 1) await field.delete(20);
    expect(field.blockCount).toBe(1);
    expect(field.pointerAt(kept.address)).toEqual(kept);
    await expectClean(store, field);
    await store.close();
  });
});

test('a transaction that is given up, at any moment, leaves nothing in memory either', async () => {
  const { store, field } = await openField(new TestOrigin());
  await field.append(200, blocks);
  const random = new RandomSource(3);
  for (let round = 0; round < scaled(120); round += 1) {
    const stop = new AbortController();
    const { signal } = stop;
    const onEnding = round % 3 === 0 ? () => stop.abort() : undefined;
    const given = [
      field.append(30, blocks, { signal, onEnding }),
      field.replace(30, blocks, { signal, onEnding }),
      field.delete(35, { signal, onEnding }),
    ].map((change) => change.catch((error: { code: string }) => error.code));
    await new Promise((resolve) => setTimeout(resolve, random.below(5)));
    stop.abort();
    for (const result of await Promise.all(given)) {
      expect(typeof result === 'number' || result === 'ABORTED').toBe(true);
    }
    // Nothing has looked at the store since: what memory has must be there all the same.
    await store.readMany(field.sample(20));
    const fresh = new BlockField(store);
    await fresh.load();
    expect(field.blockCount).toBe(fresh.blockCount);
  }
  await expectClean(store, field);
  await store.close();
});
