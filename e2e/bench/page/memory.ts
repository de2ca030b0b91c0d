/**
 * What an open store keeps in memory beyond a page whose workers are idle: cache, engine, indexes. It should be the
 * cache and a little more, and stay so. What the measuring itself needs (blocks to write, pointers to read) is there
 * before the idle page is measured, and so in neither figure.
 */
import { PUBLIC_LIMITS } from '../../../src/client/options.ts';
import { type BlockPointer, decodePointer, encodePointer, type Store } from '../../../src/index.ts';
import { contentsLayout } from '../../../src/shared/contents-layout.ts';
import { controlLayout } from '../../../src/shared/control-layout.ts';
import { cacheSlots } from '../../../src/shared/session-memory.ts';
import { BLOCK_BYTES, MIB, openFresh, removeStore, writeRun } from './own-store.ts';
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
  /** Of each of these moments, what the browser has counted for each thread, and the rest. */
  readonly parts: readonly (readonly MemoryPart[])[];
}

export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

interface MemoryMeter {
  measureUserAgentSpecificMemory(): Promise<{
    readonly breakdown: readonly {
      readonly bytes: number;
      readonly attribution: readonly { readonly url: string; readonly scope: string }[];
    }[];
  }>;
}

/** What there may be besides the cache. */
export const MEMORY_ALLOWANCE_BYTES = 16 * MIB;

const BATCH = 64;
/** One batch in so many is written instead of read. */
const WRITE_EVERY = 8;
const FILL_BLOCKS = 1024;
/** Memory of messages is kept for their successors, and given up when none have come for so long, in milliseconds. */
const QUIET_MS = 2100;
const POINTER_BYTES = 24;
/** Those of the `threaded` profile: elsewhere there is nothing to measure with. */
const workers = import.meta.glob<new () => Worker>('../../../workers/{store,disk}.ts', {
  query: '?worker',
  import: 'default',
});

/** Undefined where the browser does not measure, which is outside cross-origin isolation. */
export async function measureMemory(request: MemoryRequest): Promise<MemoryResult | undefined> {
  if (!('measureUserAgentSpecificMemory' in performance)) return undefined;
  const tools = new Tools(request.dataBytes / BLOCK_BYTES);
  const idle = await withIdleWorkers(() => measuredParts());
  const { cacheBytes, operations } = request;
  const store = await openFresh('bench-memory', { cacheBytes, disks: 1 });
  const { maxBytes } = await store.stats();
  const shared = { sessionBytes: bytesOfSession(cacheBytes), statesBytes: maxBytes / BLOCK_BYTES };
  const parts = [idle];
  const measure = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const now = await measuredParts();
    parts.push(now);
    return totalBytes(now, shared) - totalBytes(idle, NOTHING_SHARED);
  };
  await fill(store, tools);
  const filledBytes = await measure();
  await work(store, tools, operations / 2);
  const halfBytes = await measure();
  await work(store, tools, operations / 2);
  const endBytes = await measure();
  await removeStore(store);
  return { filledBytes, halfBytes, endBytes, parts };
}

async function measuredParts(): Promise<MemoryPart[]> {
  const meter = performance as unknown as MemoryMeter;
  const { breakdown } = await meter.measureUserAgentSpecificMemory();
  return breakdown.map(({ bytes, attribution: [owner] }) => {
    return { name: owner === undefined ? 'browser' : `${owner.scope} ${owner.url}`, bytes };
  });
}

/** What several threads have: all of them the session's buffers, page and engine the states, a byte a block. */
interface SharedBytes {
  readonly sessionBytes: number;
  readonly statesBytes: number;
}
const NOTHING_SHARED: SharedBytes = { sessionBytes: Number.POSITIVE_INFINITY, statesBytes: 0 };

/**
 * Chromium counts a shared buffer once for each thread that has it: 64 MiB that a page shares with three workers are
 * 259 MiB to it. It is there once, and counted so here. Whoever is larger than the session's buffers has them.
 */
function totalBytes(
  parts: readonly MemoryPart[],
  { sessionBytes, statesBytes }: SharedBytes,
): number {
  const holders = parts.filter(({ bytes }) => bytes > sessionBytes).length;
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return holders < 2 ? bytes : bytes - (holders - 1) * sessionBytes - statesBytes;
}

function bytesOfSession(cacheBytes: number): number {
  const { blockBytesMin } = PUBLIC_LIMITS;
  const slotCountMax = cacheSlots(cacheBytes, blockBytesMin);
  const { wordCount } = controlLayout({ slotCountMax, blockBytesMin });
  return contentsLayout(cacheBytes).byteCount + wordCount * 4;
}

/** The store's own worker scripts, started and left alone. */
async function withIdleWorkers<T>(measure: () => Promise<T>): Promise<T> {
  const started: Worker[] = [];
  for (const load of Object.values(workers)) started.push(new (await load())());
  // Long enough for a script to have run.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const measured = await measure();
  for (const worker of started) worker.terminate();
  return measured;
}

/** What it takes to use a store, allocated once. Pointers are packed, as an application keeps them in its blocks. */
class Tools {
  readonly blockCount: number;
  readonly blocks = payloads(BATCH, BLOCK_BYTES);
  readonly intos = this.blocks.map(() => new Uint8Array(BLOCK_BYTES).fill(1));
  readonly #packed: Uint8Array;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.#packed = new Uint8Array(blockCount * POINTER_BYTES).fill(1);
  }

  put(first: number, pointers: readonly BlockPointer[]): void {
    for (const [n, pointer] of pointers.entries()) {
      encodePointer(pointer, this.#packed, (first + n) * POINTER_BYTES);
    }
  }

  pointersFrom(first: number): BlockPointer[] {
    return this.blocks.map((_, n) => decodePointer(this.#packed, (first + n) * POINTER_BYTES));
  }
}

async function fill(store: Store, tools: Tools): Promise<void> {
  for (let first = 0; first < tools.blockCount; first += FILL_BLOCKS) {
    tools.put(first, await store.transaction((tx) => writeRun(tx, tools.blocks, FILL_BLOCKS)));
  }
}

async function work(store: Store, tools: Tools, operations: number): Promise<void> {
  const random = randomFrom(5);
  for (let done = 0, batch = 0; done < operations; done += BATCH, batch += 1) {
    const first = random(tools.blockCount - BATCH);
    const some = tools.pointersFrom(first);
    if (batch % WRITE_EVERY !== 0) {
      await store.readMany(some, tools.intos);
      continue;
    }
    const written = await store.transaction(
      async (tx) => {
        for (const pointer of some) void tx.free(pointer);
        return tx.writeMany(tools.blocks);
      },
      { durability: 'relaxed' },
    );
    tools.put(first, written);
  }
}
