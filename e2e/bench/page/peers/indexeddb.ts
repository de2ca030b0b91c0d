/** IndexedDB as it is: one object store, keys out of line, an explicit durability for each transaction. */
import type { Peer } from './peer.ts';

const STORE = 'blocks';

export async function openIndexedDb(durability: 'strict' | 'relaxed'): Promise<Peer> {
  const name = `bench-idb-${durability}`;
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  const write = (records: Iterable<[number, Uint8Array]>) =>
    new Promise<void>((resolve, reject) => {
      const transaction = database.transaction(STORE, 'readwrite', { durability });
      const store = transaction.objectStore(STORE);
      for (const [key, bytes] of records) store.put(bytes, key);
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      // Without waiting for the last request's event, as one does who has nothing more to ask.
      transaction.commit();
    });
  return {
    name: `IndexedDB, ${durability}`,
    durability: `durability: '${durability}'`,
    put: (key, bytes) => write([[key, bytes]]),
    putMany: (firstKey, blocks) =>
      write(blocks.map((bytes, n): [number, Uint8Array] => [firstKey + n, bytes])),
    get: (key) => settled(database.transaction(STORE).objectStore(STORE).get(key)),
    async close() {
      database.close();
      await settled(indexedDB.deleteDatabase(name));
    },
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
