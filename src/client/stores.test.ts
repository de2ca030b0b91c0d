import { expect, test } from 'vitest';
import { fakeOrigin } from './fake-session.ts';
import { deleteStoreIn, listStoresIn } from './stores.ts';

test('stores are listed by name, those that were lost among them', async () => {
  const { origin, open } = fakeOrigin();
  for (const name of ['b', 'a', 'c']) await (await open({}, name)).close();
  origin.evict('b');
  const listed = await listStoresIn(origin.environment);
  expect(listed.map(({ name, evicted }) => [name, evicted])).toEqual([
    ['a', false],
    ['b', true],
    ['c', false],
  ]);
  expect(listed[1]?.known).toMatchObject({ generation: 1, geometry: { blockBytes: 4096 } });
  origin.catalogueWorks = false;
  expect(await listStoresIn(origin.environment)).toEqual([
    { name: 'a', evicted: false },
    { name: 'c', evicted: false },
  ]);
});

test('deleting removes files and memory, accepts a loss, and is idempotent', async () => {
  const { origin, open } = fakeOrigin();
  const remove = (): Promise<void> => deleteStoreIn(origin.environment, 'a', { waitMs: 0 });
  await (await open()).close();
  await remove();
  expect(await listStoresIn(origin.environment)).toEqual([]);
  await remove();
  await (await open()).close();
  origin.evict('a');
  await expect(open()).rejects.toMatchObject({ code: 'EVICTED' });
  await remove();
  await (await open()).close();
});

test('an open store is not deleted: LOCKED', async () => {
  const { origin, open } = fakeOrigin();
  await using store = await open();
  const removing = deleteStoreIn(origin.environment, 'a', { waitMs: 0 });
  await expect(removing).rejects.toMatchObject({ code: 'LOCKED' });
  expect(await store.transaction(() => 'works')).toBe('works');
});
