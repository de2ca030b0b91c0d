/** Blocks that are not in the store's cache, but in the operating system's. */
import type { BlockPointer, Store } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import { type Group, ofKind, operationsFor, repeated } from '../group.ts';
import type { Limit } from '../limit.ts';
import type { Side } from '../measure.ts';
import { BLOCK_BYTES, fill, MIB, openFresh } from '../own-store.ts';
import { cycling, shuffled } from '../payload.ts';

export const DATA_BYTES = 256 * MIB;
/** Every block is asked for once before any is asked for again, so none is still there. */
export const CACHE_BYTES = 8 * MIB;
const BATCH = 64;
const MESSAGE_US = 100;
const MANY_US = 15;
export const LIMIT_US = 3;

export const UNCACHED_TITLE = 'Blocks that are not cached, main thread, 256 MiB';

const BARS: readonly Bar[] = [
  {
    row: '`readMany` of 64, not cached',
    text: '≤ 2 × (raw read + xxhash64) in a worker',
    ours: 'readMany of 64 scattered',
    reference: 'raw read + xxhash64, scattered',
    atMost: 2,
  },
  {
    row: '`readMany` of 64 neighbours',
    text: '≤ 0.6 × 64 scattered ones',
    ours: 'readMany of 64 neighbours',
    reference: 'readMany of 64 scattered',
    atMost: 0.6,
  },
];

export interface UncachedStore {
  readonly store: Store;
  readonly pointers: readonly BlockPointer[];
}

export async function uncachedReads(limit: Limit): Promise<[Group, UncachedStore]> {
  const store = await openFresh('bench-uncached', { cacheBytes: CACHE_BYTES });
  const pointers = await fill(store, DATA_BYTES);
  const group = {
    title: UNCACHED_TITLE,
    sides: [...ofKind('own', ownSides(store, pointers)), ...ofKind('limit', limitSides(limit))],
    bars: BARS,
  };
  return [group, { store, pointers }];
}

function ownSides(store: Store, pointers: readonly BlockPointer[]): Side[] {
  const intos = Array.from({ length: BATCH }, () => new Uint8Array(BLOCK_BYTES).fill(1));
  const next = cycling(shuffled(pointers.length, 2).map((n) => pointers[n] as BlockPointer));
  const nextRun = cycling(neighbours(pointers));
  const batches = operationsFor(BATCH * MANY_US);
  const batch = (name: string, pick: () => readonly BlockPointer[]): Side => ({
    name,
    operations: batches * BATCH,
    async sample() {
      for (let n = 0; n < batches; n += 1) await store.readMany(pick(), intos);
    },
  });
  return [
    batch('readMany of 64 scattered', () => Array.from(intos, () => next())),
    batch('readMany of 64 neighbours', nextRun),
    repeated('read, one at a time', operationsFor(MESSAGE_US), () => store.read(next(), intos[0])),
  ];
}

/** All runs of 64 pointers whose blocks lie side by side, in a random order. */
function neighbours(pointers: readonly BlockPointer[]): BlockPointer[][] {
  const sorted = [...pointers].sort((one, other) => one.address - other.address);
  const runs: BlockPointer[][] = [];
  for (let n = 0; n + BATCH <= sorted.length; n += BATCH) {
    const run = sorted.slice(n, n + BATCH);
    const spread = (run.at(-1)?.address ?? 0) - (run[0]?.address ?? 0);
    if (spread === (BATCH - 1) * BLOCK_BYTES) runs.push(run);
  }
  return shuffled(runs.length, 3).map((n) => runs[n] as BlockPointer[]);
}

function limitSides(limit: Limit): Side[] {
  const blockCount = DATA_BYTES / BLOCK_BYTES;
  const next = cycling(shuffled(blockCount, 2).map((n) => n * BLOCK_BYTES));
  const nextRun = cycling(shuffled(blockCount / BATCH, 3).map((n) => n * BATCH * BLOCK_BYTES));
  const note = 'timed inside its worker, no message';
  const batches = operationsFor(BATCH * LIMIT_US);
  const operations = batches * BATCH;
  return [
    ...floorSides(limit, next),
    {
      name: 'raw read + xxhash64, scattered',
      ...{ note, operations },
      timesItself: true,
      sample: () => limit.call('readBlocks', Array.from({ length: operations }, next), BLOCK_BYTES),
    },
    {
      name: 'raw read + xxhash64, neighbours',
      ...{ note, operations },
      timesItself: true,
      sample: () =>
        limit.call('readRuns', Array.from({ length: batches }, nextRun), BATCH, BLOCK_BYTES),
    },
  ];
}

/** Asked of a worker by message, read and hashed into shared memory, and copied out: as we do, without our code. */
function floorSides(limit: Limit, next: () => number): Side[] {
  if (!globalThis.crossOriginIsolated) return [];
  const shared = new Uint8Array(new SharedArrayBuffer(BATCH * BLOCK_BYTES));
  const intos = Array.from({ length: BATCH }, () => new Uint8Array(BLOCK_BYTES).fill(1));
  const batches = operationsFor(BATCH * MANY_US);
  return [
    {
      name: 'floor: 64 scattered, for the page',
      note: 'bare, but asked by message, and copied',
      operations: batches * BATCH,
      async sample() {
        for (let n = 0; n < batches; n += 1) {
          await limit.call('readInto', shared, Array.from(intos, next), BLOCK_BYTES);
          for (const [block, into] of intos.entries()) {
            into.set(shared.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
          }
        }
      },
    },
  ];
}
