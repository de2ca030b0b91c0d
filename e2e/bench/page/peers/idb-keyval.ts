/** idb-keyval, the smallest thing that people use. It does not say how durable: the browser's default, relaxed. */
import { createStore, get, set, setMany } from 'idb-keyval';
import type { Peer } from './peer.ts';

const DATABASE = 'bench-keyval';

export async function openIdbKeyval(): Promise<Peer> {
  const store = createStore(DATABASE, 'blocks');
  return {
    name: 'idb-keyval',
    durability: 'the browser’s default (relaxed in Chromium)',
    put: (key, bytes) => set(key, bytes, store),
    putMany: (firstKey, blocks) =>
      setMany(
        blocks.map((bytes, n): [number, Uint8Array] => [firstKey + n, bytes]),
        store,
      ),
    async get(key) {
      const bytes = await get<Uint8Array>(key, store);
      if (bytes === undefined) throw new Error(`no record ${key}`);
      return bytes;
    },
    async close() {
      // Deleting waits for the library's connection, which only its transactions lead to.
      (await store('readonly', (records) => records.transaction.db)).close();
      indexedDB.deleteDatabase(DATABASE);
    },
  };
}
