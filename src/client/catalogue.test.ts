import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CatalogueEntry, CatalogueKeeper, hexOf } from './catalogue.ts';

const entry: CatalogueEntry = {
  storeId: '00'.repeat(16),
  geometry: { blockBytes: 4096, arenaBytes: 2 ** 20, diskCount: 1 },
  generation: 1,
};

function keeperOver(works: () => boolean) {
  const written: number[] = [];
  const catalogue = {
    recall: async () => undefined,
    remember: async (_store: string, { generation }: CatalogueEntry) => {
      if (!works()) throw new Error('no IndexedDB');
      written.push(generation);
    },
    forget: async () => {},
    list: async () => [],
  };
  const keeper = new CatalogueKeeper(catalogue, 'a', { entry, status: 'ok' });
  return { keeper, written };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('commits are noted every 2 s at most, and the last one always', async () => {
  const { keeper, written } = keeperOver(() => true);
  await keeper.write();
  for (let generation = 2; generation <= 50; generation += 1) {
    keeper.note(generation);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(written).toEqual([1, 21, 41]);
  await keeper.write();
  expect(written).toEqual([1, 21, 41, 50]);
  await vi.advanceTimersByTimeAsync(10_000);
  await keeper.write();
  expect(written).toEqual([1, 21, 41, 50]);
});

test('a catalogue that fails is a fact of the store, not an error; it may come back', async () => {
  let works = false;
  const { keeper, written } = keeperOver(() => works);
  await keeper.write();
  expect(keeper.status).toBe('unavailable');
  works = true;
  await keeper.write();
  expect(keeper.status).toBe('ok');
  expect(written).toEqual([1]);
});

test('store ids are remembered as hexadecimal digits', () => {
  expect(hexOf(Uint8Array.of(0, 1, 0xab, 0xff))).toBe('0001abff');
});
