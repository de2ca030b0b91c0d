/** opfs-blocks, through its public API, as one of the sides. */
import {
  type BlockPointer,
  deleteStore,
  type OpenOptions,
  openStore,
  type Store,
} from '../../../src/index.ts';
import { payloads } from './payload.ts';
import type { Peer } from './peers/peer.ts';

export const MIB = 2 ** 20;
export const BLOCK_BYTES = 16_384;
const FILL_BYTES = 16 * MIB;

/** A store of this name that holds nothing. */
export async function openFresh(name: string, options: OpenOptions = {}): Promise<Store> {
  await deleteStore(name);
  return openStore(name, options);
}

export async function removeStore(store: Store): Promise<void> {
  await store.close();
  await deleteStore(store.name);
}

/** Writes `byteCount` bytes in transactions of 16 MiB. */
export async function fill(store: Store, byteCount: number): Promise<BlockPointer[]> {
  const blocks = payloads(64, store.blockSize);
  const perTransaction = FILL_BYTES / store.blockSize;
  const pointers: BlockPointer[] = [];
  while (pointers.length < byteCount / store.blockSize) {
    const some = await store.transaction((tx) => writeRun(tx, blocks, perTransaction));
    for (const pointer of some) pointers.push(pointer);
  }
  return pointers;
}

interface Writer {
  writeMany(blocks: readonly Uint8Array[]): Promise<BlockPointer[]>;
}

/** So many blocks, 64 a message, all messages on their way at once. */
export async function writeRun(
  tx: Writer,
  blocks: readonly Uint8Array[],
  count: number,
): Promise<BlockPointer[]> {
  const writes: Promise<BlockPointer[]>[] = [];
  for (let n = 0; n < count; n += blocks.length)
    writes.push(tx.writeMany(blocks.slice(0, count - n)));
  return (await Promise.all(writes)).flat();
}

/** Frees blocks and commits until their space is free to be written again. */
export async function freeAll(store: Store, pointers: readonly BlockPointer[]): Promise<void> {
  await store.transaction((tx) => {
    for (const pointer of pointers) void tx.free(pointer);
  });
  // A freed block comes of age two commits later.
  for (let n = 0; n < 2; n += 1) {
    await store.transaction(async (tx) => tx.free(await tx.write(new Uint8Array(1))));
  }
}

/** Puts and gets by number, as the others do. An application would keep the pointers in blocks of its own. */
export function asPeer(store: Store, durability: 'strict' | 'relaxed'): Peer {
  const pointers = new Map<number, BlockPointer>();
  const into = new Uint8Array(store.blockSize);
  return {
    name: `opfs-blocks, ${durability}`,
    isOwn: true,
    durability: `durability: '${durability}'`,
    async put(key, bytes) {
      pointers.set(key, await store.transaction((tx) => tx.write(bytes), { durability }));
    },
    async putMany(firstKey, blocks) {
      const written = await store.transaction((tx) => tx.writeMany(blocks), { durability });
      for (const [n, pointer] of written.entries()) pointers.set(firstKey + n, pointer);
    },
    async get(key) {
      return store.read(pointers.get(key) as BlockPointer, into);
    },
    close: () => removeStore(store),
  };
}

/** Resolves when everything relaxed is durable, so that its commit does not fall into another's time. */
export async function quiesce(store: Store): Promise<void> {
  await store.transaction((tx) => tx.write(new Uint8Array(1)));
}
