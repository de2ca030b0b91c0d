/** One block that is in memory, at random over 64 MiB, into a buffer of the caller's, from the page. */
import type { BlockPointer, Store } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import { type Group, ofKind, operationsFor, type RunContext, repeated } from '../group.ts';
import type { Side } from '../measure.ts';
import { BLOCK_BYTES, fill, MIB, openFresh } from '../own-store.ts';
import { cycling, payloads, shuffled } from '../payload.ts';
import { fillPeer } from '../peers/peer.ts';

const DATA_BYTES = 64 * MIB;
/** Room for every block, whatever a cache needs besides. */
const CACHE_BYTES = 96 * MIB;
/** Each in a line of the processor's cache of its own. */
const VERSION_BYTES = 64;
const COPY_US = 2;
const MESSAGE_US = 100;
const SLOW_US = 1000;
const SLOW_RECORDS = 256;
const INDEXED_DB = 'IndexedDB, relaxed';

export const CACHED_TITLE = 'One block from memory, main thread, random over 64 MiB';

const BARS: readonly Bar[] = [
  {
    row: '`readCached`, main thread',
    text: '≤ 1.5 × a copy from shared memory',
    ours: 'readCached',
    reference: 'copy from shared memory',
    atMost: 1.5,
  },
  {
    row: '`readCached`, main thread',
    text: '≥ 50 × faster than IndexedDB get',
    ours: 'readCached',
    reference: INDEXED_DB,
    atLeast: 50,
  },
  {
    row: '`read` with `into`, cached',
    text: '≤ 1.3 × a resolved promise and a copy',
    ours: 'read with into',
    reference: 'resolved promise, copy',
    atMost: 1.3,
  },
];

export async function cachedReads(context: RunContext): Promise<[Group[], Store]> {
  const store = await openFresh('bench-cached', { cacheBytes: CACHE_BYTES });
  const pointers = await fill(store, DATA_BYTES);
  const order = shuffled(pointers.length, 1);
  const shuffledPointers = order.map((n) => pointers[n] as BlockPointer);
  await warmUp(store, shuffledPointers);
  const sides = [
    ...ofKind('own', ownSides(store, shuffledPointers)),
    ...ofKind('limit', [...copySides(order), floorSide(shuffledPointers)]),
    ...(await peerSides(context, order)),
  ];
  return [[{ title: CACHED_TITLE, sides, bars: BARS }], store];
}

/** Every block once, so that all are where a hit finds them. */
async function warmUp(store: Store, pointers: readonly BlockPointer[]): Promise<void> {
  for (let n = 0; n < pointers.length; n += 64) await store.readMany(pointers.slice(n, n + 64));
}

function ownSides(store: Store, order: readonly BlockPointer[]): Side[] {
  const into = new Uint8Array(BLOCK_BYTES).fill(1);
  const next = cycling(order);
  const operations = operationsFor(COPY_US);
  const reads = repeated('read with into', operationsFor(MESSAGE_US), () =>
    store.read(next(), into),
  );
  const areCached = order.every((pointer) => store.readCached(pointer, into) !== undefined);
  if (!areCached) return [reads];
  const hit = (): void => {
    if (store.readCached(next(), into) === undefined) throw new Error('a miss among cached blocks');
  };
  return [
    { name: 'readCached', operations, sample: () => times(operations, hit) },
    // A hit is no message, so a sample holds as many as those of the copies do.
    repeated('read with into', operations, () => store.read(next(), into)),
  ];
}

function copySides(order: readonly number[]): Side[] {
  const memory = sharedIfPossible(DATA_BYTES);
  const slots = order.map((n) => new Uint8Array(memory, n * BLOCK_BYTES, BLOCK_BYTES).fill(n));
  const into = new Uint8Array(BLOCK_BYTES).fill(1);
  const next = cycling(slots);
  const operations = operationsFor(COPY_US);
  const note = 'no check, no allocation';
  const copy = () => into.set(next());
  return [
    { name: 'copy from shared memory', note, operations, sample: () => times(operations, copy) },
    repeated('resolved promise, copy', operations, () => Promise.resolve().then(copy), { note }),
  ];
}

/** What it costs to find a block by its pointer, to compare the two, and to see that it was not replaced meanwhile. */
function floorSide(order: readonly BlockPointer[]): Side {
  const memory = sharedIfPossible(DATA_BYTES);
  const versions = new Int32Array(sharedIfPossible(order.length * VERSION_BYTES));
  const stride = VERSION_BYTES / Int32Array.BYTES_PER_ELEMENT;
  const found = new Map(
    order.map(({ address, generation, hash }, n) => {
      const bytes = new Uint8Array(memory, n * BLOCK_BYTES, BLOCK_BYTES).fill(n);
      return [address, { generation, hash, bytes, version: n * stride }];
    }),
  );
  const into = new Uint8Array(BLOCK_BYTES).fill(1);
  const next = cycling(order);
  const operations = operationsFor(COPY_US);
  const copy = (): void => {
    const pointer = next();
    const block = found.get(pointer.address);
    if (block?.hash !== pointer.hash || block.generation !== pointer.generation) return;
    const before = Atomics.load(versions, block.version);
    into.set(block.bytes);
    if (Atomics.add(versions, block.version, 0) !== before) throw new Error('it was replaced');
  };
  const note = 'bare, but looked up by its pointer, and its version looked at';
  return repeated('floor: found, copied', operations, () => Promise.resolve().then(copy), { note });
}

/** Pages without isolation have none; a copy costs the same. */
function sharedIfPossible(byteCount: number): ArrayBufferLike {
  return typeof SharedArrayBuffer === 'undefined'
    ? new ArrayBuffer(byteCount)
    : new SharedArrayBuffer(byteCount);
}

function times(count: number, run: () => void): void {
  for (let n = 0; n < count; n += 1) run();
}

async function peerSides(context: RunContext, order: readonly number[]): Promise<Side[]> {
  const sides: Side[] = [];
  for (const peer of context.peersByName.values()) {
    // It differs from the relaxed one in its writes only.
    if (peer.name === 'IndexedDB, strict') continue;
    context.report(`filling ${peer.name}`);
    const count = Math.min(order.length, peer.isSlow === true ? SLOW_RECORDS : order.length);
    await fillPeer(peer, payloads(64, BLOCK_BYTES), count);
    const next = cycling(order.filter((key) => key < count));
    const operations = operationsFor(peer.isSlow === true ? SLOW_US : MESSAGE_US);
    sides.push(repeated(peer.name, operations, () => peer.get(next()), { note: 'get' }));
  }
  return sides;
}
