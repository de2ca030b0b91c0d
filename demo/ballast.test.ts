import { expect, test } from 'vitest';
import { TestOrigin } from '../src/testing.ts';
import { Ballast } from './ballast.ts';
import { BlockField } from './block-field.ts';

const OPTIONS = { blockSize: 512, disks: 1, maxBytes: 2 ** 18, arenaBytes: 2 ** 17 };
const make = (count: number) => Array.from({ length: count }, () => new Uint8Array(512));

test('a store that is full to the last block can be emptied again, and filled, and emptied', async () => {
  await using store = await new TestOrigin().openStore('brim', OPTIONS);
  const field = new BlockField(store);
  for (let round = 0; round < 3; round += 1) {
    for (let blocks = 16; blocks >= 1; ) {
      await field.append(blocks, make).catch(() => {
        blocks = Math.floor(blocks / 2);
      });
    }
    const filled = field.blockCount;
    expect(filled).toBeGreaterThan(100);
    while (field.blockCount > 0) await field.delete(40);
    const report = await store.check({ reachable: field.reachable() });
    expect(report.problems).toEqual([]);
  }
});

test('without ballast the work’s own refusal comes out', async () => {
  await using store = await new TestOrigin().openStore('brim', OPTIONS);
  const ballast = new Ballast(store);
  const refuse = () =>
    store.transaction(async (tx) => {
      for (;;) await tx.writeMany(make(20));
    });
  await expect(ballast.spend(refuse)).rejects.toMatchObject({ code: 'FULL' });
  await ballast.keep();
  expect(store.root('ballast-11')).toBeDefined();
  await expect(ballast.spend(refuse)).rejects.toMatchObject({ code: 'FULL' });
  expect(store.root('ballast-11')).toBeUndefined();
});
