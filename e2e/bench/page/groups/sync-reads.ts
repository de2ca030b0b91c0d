/** Blocks that are not cached, read without a promise by code in the store's own worker. */
import { type BlockPointer, deleteStore, type Profile } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import { type Caller, callerOf } from '../calls.ts';
import { type Group, ofKind, operationsFor } from '../group.ts';
import type { Bare, Floor, Limit } from '../limit.ts';
import type { Side } from '../measure.ts';
import { BLOCK_BYTES } from '../own-store.ts';
import { cycling, shuffled } from '../payload.ts';
import type { SyncStoreVerbs } from '../sync-store.worker.ts';
import { CACHE_BYTES, DATA_BYTES, LIMIT_US, type UncachedStore } from './uncached-reads.ts';

const BATCH = 64;
const ROW = 'synchronous read, not cached, `opfs-blocks/worker`';
const REFERENCE = 'raw read + xxhash64';
const EACH = 'read, one at a time';
const BATCHED = 'readMany of 64';

export const SYNC_TITLE = 'Blocks that are not cached, in a worker, without a promise';

const BARS: readonly Bar[] = [
  {
    row: ROW,
    text: 'inline: ≤ 1.3 × (raw read + xxhash64)',
    ...{ ours: EACH, reference: REFERENCE, atMost: 1.3, profiles: ['inline'] },
  },
  {
    row: ROW,
    text: 'threaded, one at a time: ≤ 3 ×',
    ...{ ours: EACH, reference: REFERENCE, atMost: 3 },
  },
  {
    row: ROW,
    text: 'threaded, in batches of 64: ≤ 1.5 ×',
    ...{ ours: BATCHED, reference: REFERENCE, atMost: 1.5 },
  },
];

export interface SyncReads {
  readonly group: Group;
  /** What the worker got, which need not be what the page gets. */
  readonly profile: Profile;
  close(): Promise<void>;
}

/** Closes the page's store and opens the same one in a worker. Removes it in the end. */
export async function syncReads(
  { limit, floor }: Bare,
  { store, pointers }: UncachedStore,
): Promise<SyncReads> {
  await store.close();
  const caller = startWorker();
  const options = { cacheBytes: CACHE_BYTES };
  const profile = await caller.call('open', store.name, options, BATCH, BLOCK_BYTES);
  const sides = [
    ...ofKind('limit', [limitSide(limit), cachingSide(limit), ...floorSides(floor)]),
    ...ofKind('own', ownSides(caller, pointers)),
  ];
  return {
    group: { title: SYNC_TITLE, sides, bars: BARS },
    profile,
    async close() {
      await caller.call('close');
      caller.end();
      await deleteStore(store.name);
    },
  };
}

function startWorker(): Caller<SyncStoreVerbs> {
  return callerOf<SyncStoreVerbs>(
    new Worker(new URL('../sync-store.worker.ts', import.meta.url), { type: 'module' }),
  );
}

function ownSides(caller: Caller<SyncStoreVerbs>, pointers: readonly BlockPointer[]): Side[] {
  const next = cycling(shuffled(pointers.length, 4).map((n) => pointers[n] as BlockPointer));
  const operations = batchesHere() * BATCH;
  const pointersOfSample = () => Array.from({ length: operations }, next);
  return [
    {
      name: EACH,
      operations,
      timesItself: true,
      sample: () => caller.call('readEach', pointersOfSample()),
    },
    {
      name: BATCHED,
      operations,
      timesItself: true,
      sample: () => caller.call('readBatches', pointersOfSample(), BATCH),
    },
  ];
}

function batchesHere(): number {
  return operationsFor(BATCH * LIMIT_US);
}

function limitSide(limit: Limit): Side {
  const next = cycling(shuffled(DATA_BYTES / BLOCK_BYTES, 4).map((n) => n * BLOCK_BYTES));
  const operations = batchesHere() * BATCH;
  return {
    name: REFERENCE,
    operations,
    timesItself: true,
    sample: () => limit.call('readBlocks', Array.from({ length: operations }, next), BLOCK_BYTES),
  };
}

/** In place, as in the inline profile: but what is read stays in a cache, and is copied to who asked. */
function cachingSide(limit: Limit): Side {
  const next = cycling(shuffled(DATA_BYTES / BLOCK_BYTES, 4).map((n) => n * BLOCK_BYTES));
  const operations = batchesHere() * BATCH;
  return {
    name: 'floor: read into a cache, and copied',
    note: 'bare, in place',
    operations,
    timesItself: true,
    sample: () =>
      limit.call('readCopied', Array.from({ length: operations }, next), BLOCK_BYTES, CACHE_BYTES),
  };
}

/** Asked of another thread that has the file, and copied out of shared memory: as we do, without our code. */
function floorSides(floor: Floor | undefined): Side[] {
  if (floor === undefined) return [];
  const next = cycling(shuffled(DATA_BYTES / BLOCK_BYTES, 4).map((n) => n * BLOCK_BYTES));
  const operations = batchesHere() * BATCH;
  const note = 'bare, but by another thread, and copied';
  const side = (name: string, verb: 'readEach' | 'readBatches'): Side => ({
    ...{ name, note, operations },
    timesItself: true,
    sample: () => floor.call(verb, Array.from({ length: operations }, next)),
  });
  return [side(`floor: ${EACH}`, 'readEach'), side(`floor: ${BATCHED}`, 'readBatches')];
}
