import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Store } from 'opfs-blocks';
import { TestOrigin } from 'opfs-blocks/testing';
import { expect, test } from 'vitest';
import { BlobStore } from './blob-store.ts';

// The directory has 256 pointers, so a block has room for these.
const OPTIONS = { blockSize: 8192, maxBytes: 2 ** 24, cacheBytes: 2 ** 21 };

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const blob = (seed: number, length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, index) => (seed * 31 + index * 7) % 256);

async function expectClean(store: Store, blobs: BlobStore): Promise<void> {
  const report = await store.check({ reachable: blobs.reachable() });
  expect(report.problems).toEqual([]);
}

test('what is put is named by its hash, kept once, and found again', async () => {
  await using store = await new TestOrigin().openStore('blobs', OPTIONS);
  const blobs = new BlobStore(store);
  const bytes = blob(1, 50_000);
  const name = await blobs.put(bytes);
  expect(name).toBe(sha256(bytes));
  const { usedBytes } = await store.stats();
  expect(await blobs.put(bytes)).toBe(name);
  expect((await store.stats()).usedBytes).toBeLessThanOrEqual(usedBytes);
  expect(await blobs.get(name)).toEqual(bytes);
  expect(await blobs.get(sha256(Uint8Array.of()))).toBeUndefined();
  await expectClean(store, blobs);
});

test('any life of puts and deletes is that of a map, and leaks nothing', async () => {
  const steps = fc.array(
    fc.record({
      put: fc.boolean(),
      seed: fc.nat({ max: 12 }),
      length: fc.constantFrom(0, 1, 100, 8192, 8193, 30_000),
    }),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (life) => {
      await using store = await new TestOrigin().openStore('blobs', OPTIONS);
      const blobs = new BlobStore(store);
      const model = new Map<string, Uint8Array>();
      for (const { put, seed, length } of life) {
        const bytes = blob(seed, length);
        const name = sha256(bytes);
        if (put) {
          expect(await blobs.put(bytes)).toBe(name);
          model.set(name, bytes);
        } else {
          expect(await blobs.delete(name)).toBe(model.delete(name));
        }
        expect(await blobs.get(name)).toEqual(model.get(name));
      }
      for (const [name, bytes] of model) expect(await blobs.get(name)).toEqual(bytes);
      await expectClean(store, blobs);
    }),
    { numRuns: 15 },
  );
});

test('a crash keeps what was put', async () => {
  const origin = new TestOrigin();
  const before = new BlobStore(await origin.openStore('blobs', OPTIONS));
  const name = await before.put(blob(2, 20_000));
  origin.browser.killWorkers();
  await using store = await origin.openStore('blobs', OPTIONS);
  expect(await new BlobStore(store).get(name)).toEqual(blob(2, 20_000));
});
