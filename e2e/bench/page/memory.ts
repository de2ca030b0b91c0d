/**
 * What an open store keeps in memory beyond a page whose workers are idle: cache, engine, indexes. It should be the
 * cache and a little more, and stay so.
 */
import { PUBLIC_LIMITS } from '../../../src/client/options.ts';
import type { BlockPointer, Store } from '../../../src/index.ts';
import { contentsLayout } from '../../../src/shared/contents-layout.ts';
import { controlLayout } from '../../../src/shared/control-layout.ts';
import { cacheSlots } from '../../../src/shared/session-memory.ts';
import { fill, MIB, openFresh, removeStore } from './own-store.ts';
import { payloads, randomFrom } from './payload.ts';

export interface MemoryRequest {
  readonly dataBytes: number;
  readonly cacheBytes: number;
  readonly operations: number;
}

export interface MemoryResult {
  /** Bytes more than with idle workers: with the store just filled, then after half of the operations, and all. */
  readonly filledBytes: number;
  readonly halfBytes: number;
  readonly endBytes: number;
}

interface MemoryMeter {
  measureUserAgentSpecificMemory(): Promise<{
    readonly bytes: number;
    readonly breakdown: readonly { readonly bytes: number }[];
  }>;
}

const BATCH = 64;
/** One batch in so many is written instead of read. */
const WRITE_EVERY = 8;
const workers = import.meta.glob<new () => Worker>('../../../workers/*.ts', {
  query: '?worker',
  import: 'default',
});

/** Undefined where the browser does not measure, which is outside cross-origin isolation. */
export async function measureMemory(request: MemoryRequest): Promise<MemoryResult | undefined> {
  if (!('measureUserAgentSpecificMemory' in performance)) return undefined;
  const idleBytes = await withIdleWorkers(() => usedBytes());
  const sharedBytes = sessionBytes(request.cacheBytes);
  const store = await openFresh('bench-memory', { cacheBytes: request.cacheBytes, disks: 1 });
  const pointers = await fill(store, request.dataBytes);
  const filledBytes = (await usedBytes(sharedBytes)) - idleBytes;
  await work(store, pointers, request.operations / 2);
  const halfBytes = (await usedBytes(sharedBytes)) - idleBytes;
  await work(store, pointers, request.operations / 2);
  const endBytes = (await usedBytes(sharedBytes)) - idleBytes;
  await removeStore(store);
  return { filledBytes, halfBytes, endBytes };
}

/**
 * Chromium counts a shared buffer once for each thread that has it: 64 MiB that a page shares with three workers are
 * 259 MiB to it. It is there once, and counted so here. Whoever is larger than the session's buffers has them.
 */
async function usedBytes(sharedBytes = Number.POSITIVE_INFINITY): Promise<number> {
  const meter = performance as unknown as MemoryMeter;
  const { bytes, breakdown } = await meter.measureUserAgentSpecificMemory();
  const holders = breakdown.filter((part) => part.bytes > sharedBytes).length;
  return holders < 2 ? bytes : bytes - (holders - 1) * sharedBytes;
}

function sessionBytes(cacheBytes: number): number {
  const { blockBytesMin } = PUBLIC_LIMITS;
  const slotCountMax = cacheSlots(cacheBytes, blockBytesMin);
  const { wordCount } = controlLayout({ slotCountMax, blockBytesMin });
  return contentsLayout(cacheBytes).byteCount + wordCount * 4;
}

/** The store's own worker scripts, started and left alone. */
async function withIdleWorkers(measure: () => Promise<number>): Promise<number> {
  const started: Worker[] = [];
  for (const [path, load] of Object.entries(workers)) {
    const isUsed = globalThis.crossOriginIsolated === !path.endsWith('/inline.ts');
    if (Object.keys(workers).length > 1 && !isUsed) continue;
    started.push(new (await load())());
  }
  // Long enough for a script to have run.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const bytes = await measure();
  for (const worker of started) worker.terminate();
  return bytes;
}

async function work(store: Store, pointers: BlockPointer[], operations: number): Promise<void> {
  const random = randomFrom(5);
  const blocks = payloads(BATCH, store.blockSize);
  const intos = blocks.map(() => new Uint8Array(store.blockSize));
  for (let done = 0, batch = 0; done < operations; done += BATCH, batch += 1) {
    const first = random(pointers.length - BATCH);
    const some = pointers.slice(first, first + BATCH);
    if (batch % WRITE_EVERY !== 0) {
      await store.readMany(some, intos);
      continue;
    }
    const written = await store.transaction(
      async (tx) => {
        for (const pointer of some) void tx.free(pointer);
        return tx.writeMany(blocks);
      },
      { durability: 'relaxed' },
    );
    pointers.splice(first, BATCH, ...written);
  }
}

export const MEMORY_ALLOWANCE_BYTES = 16 * MIB;
