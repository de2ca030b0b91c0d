/**
 * A transaction writes into nearly all the space there is and is rolled back. In the inline profile its writes stood in
 * the queue, nothing asked the disk to look at them, and no commit was begun for their sake: from then on every
 * transaction was answered FULL, in an empty store.
 */
import { expect, test } from 'vitest';
import { TestOrigin } from '../testing.ts';

/** All blocks of a transaction fit into the cache, so that nothing presses a disk to write. */
const OPTIONS = {
  ...{ blockSize: 512, disks: 1, maxBytes: 2 ** 18, arenaBytes: 2 ** 18, cacheBytes: 2 ** 19 },
};
/** More than half of the store, and too few for the queue to be worked off for its length. */
const COUNT = 250;

const blocks = () => Array.from({ length: COUNT }, (_, n) => new Uint8Array(512).fill(n));
const change = new Error('changed my mind');

test.each(['inline', 'threaded'] as const)(
  'I9: what was rolled back comes back when it is needed, %s',
  async (profile) => {
    await using store = await new TestOrigin(profile).openStore('a', OPTIONS);
    for (let times = 0; times < 3; times += 1) {
      const rolledBack = store.transaction(async (tx) => {
        await tx.writeMany(blocks());
        throw change;
      });
      await expect(rolledBack).rejects.toBe(change);
    }
    const pointers = await store.transaction((tx) => tx.writeMany(blocks()));
    const { clean, problems } = await store.check({ reachable: pointers });
    expect([clean, problems]).toEqual([true, []]);
  },
);

test('I9: and in a worker of its own', async () => {
  using store = await new TestOrigin().openSyncStore('a', OPTIONS);
  for (let times = 0; times < 3; times += 1) {
    const rolledBack = () =>
      store.transaction((tx) => {
        tx.writeMany(blocks());
        throw change;
      });
    expect(rolledBack).toThrow(change);
  }
  const pointers = store.transaction((tx) => tx.writeMany(blocks()));
  expect(store.check({ reachable: pointers }).clean).toBe(true);
});
