/**
 * The price of a read, three ways, on the same bytes in the same run: `readCached` (no message), `read` (a message) and
 * IndexedDB. One after the other, as code that needs a value before it goes on would do it.
 */
import { clear, createStore, get, set, type UseStore } from 'idb-keyval';
import type { BlockPointer, Store } from '../src/index.ts';

export interface ReadPrices {
  /** Milliseconds a read; `undefined` without shared memory. */
  readonly cachedMs: number | undefined;
  readonly readMs: number;
  readonly indexedDbMs: number;
}

const DATABASE = 'opfs-blocks demo prices';
const ROUNDS = 7;
/** A cached read is so short that a clock of 5 µs needs many of them. */
const CACHED_READS = 4000;
const READS = 60;

export async function measureReads(
  store: Pick<Store, 'blockSize' | 'profile' | 'read' | 'readMany' | 'readCached'>,
  pointers: readonly BlockPointer[],
): Promise<ReadPrices> {
  const into = new Uint8Array(store.blockSize);
  const pointerOf = (n: number) => pointers[n % pointers.length] as BlockPointer;
  await store.readMany(pointers);
  const cachedMs =
    store.profile === 'threaded'
      ? await medianMs(CACHED_READS, async () => {
          for (let n = 0; n < CACHED_READS; n += 1) store.readCached(pointerOf(n), into);
        })
      : undefined;
  const readMs = await medianMs(READS, async () => {
    for (let n = 0; n < READS; n += 1) await store.read(pointerOf(n), into);
  });
  return { cachedMs, readMs, indexedDbMs: await measureIndexedDb(store, pointers) };
}

async function measureIndexedDb(
  store: Pick<Store, 'readMany'>,
  pointers: readonly BlockPointer[],
): Promise<number> {
  const table: UseStore = createStore(DATABASE, 'blocks');
  const blocks = await store.readMany(pointers);
  for (let n = 0; n < blocks.length; n += 1) await set(n, blocks[n], table);
  const ms = await medianMs(READS, async () => {
    for (let n = 0; n < READS; n += 1) await get(n % blocks.length, table);
  });
  await clear(table);
  return ms;
}

/** Milliseconds for one of `count`; the median of some rounds, after one that does not count. */
async function medianMs(count: number, work: () => Promise<void>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now();
    await work();
    times.push((performance.now() - startMs) / count);
  }
  return times.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] as number;
}
