/**
 * Bytes of any length as a chain of blocks. What is written never changes afterwards, so a chain grows by new
 * blocks only:
 *
 *     head ──▶ index block ──▶ index block ──▶ …          newest first: each names the one written before it
 *                │ │ │           │ │ │
 *                ▼ ▼ ▼           ▼ ▼ ▼
 *                data            data                     every data block is full, except the last of the chain
 *
 * Backwards, because a pointer carries the hash of what it points to: a block can only name blocks that exist already.
 *
 * An index block, little-endian:
 *
 *     0   u32   pointers to data blocks in this index
 *     4   u32   1 when there is an index before this one, else 0
 *     8   u64   bytes of the chain up to and including this index
 *     16  24    pointer to the index before this one, or zeroes
 *     40  24 …  pointers to data blocks, in order
 */
import { type BlockPointer, decodePointer, encodePointer } from '../src/index.ts';

const POINTER_BYTES = 24;
const PREVIOUS_OFFSET = 16;
const INDEX_HEADER_BYTES = 40;
/** How many blocks are asked for in one message: 1 MiB of blocks of 16 KiB. */
const BLOCKS_PER_READ = 64;

/** What a chain is read from: a reader or an open transaction. */
export interface BlockSource {
  read(pointer: BlockPointer): Promise<Uint8Array>;
}

/** What a chain is read from in bulk. */
export interface ManyBlockSource extends BlockSource {
  readMany(pointers: readonly BlockPointer[]): Promise<readonly Uint8Array[]>;
}

/** What a chain is written to: an open transaction. */
export interface BlockTarget {
  write(bytes: Uint8Array): Promise<BlockPointer>;
  writeMany(blocks: readonly Uint8Array[]): Promise<readonly BlockPointer[]>;
}

/** What a chain is taken away from: an open transaction. */
export interface BlockOwner extends BlockSource {
  free(pointer: BlockPointer): Promise<void>;
}

export interface Index {
  /** The index written before this one; `undefined` at the start of the chain. */
  readonly previous: BlockPointer | undefined;
  /** Bytes of the chain up to and including this index. */
  readonly byteCount: number;
  readonly data: readonly BlockPointer[];
}

/** How many data blocks one index block has room for: 681 in blocks of 16 KiB, so 10.6 MiB. */
export function dataBlocksPerIndex(blockSize: number): number {
  return Math.floor((blockSize - INDEX_HEADER_BYTES) / POINTER_BYTES);
}

export function encodeIndex(index: Index): Uint8Array {
  const bytes = new Uint8Array(INDEX_HEADER_BYTES + index.data.length * POINTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index.data.length, true);
  view.setUint32(4, index.previous === undefined ? 0 : 1, true);
  view.setBigUint64(8, BigInt(index.byteCount), true);
  if (index.previous !== undefined) encodePointer(index.previous, bytes, PREVIOUS_OFFSET);
  let at = INDEX_HEADER_BYTES;
  for (const pointer of index.data) {
    encodePointer(pointer, bytes, at);
    at += POINTER_BYTES;
  }
  return bytes;
}

/** The block was verified against its pointer before, so only a block that is no index at all can fail here. */
export function decodeIndex(bytes: Uint8Array): Index {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  if (count > dataBlocksPerIndex(bytes.length))
    throw new Error('This block is not an index block.');
  const hasPrevious = view.getUint32(4, true) === 1;
  return {
    previous: hasPrevious ? decodePointer(bytes, PREVIOUS_OFFSET) : undefined,
    byteCount: Number(view.getBigUint64(8, true)),
    data: Array.from({ length: count }, (_, n) =>
      decodePointer(bytes, INDEX_HEADER_BYTES + n * POINTER_BYTES),
    ),
  };
}

/** Cuts bytes into blocks. The last one may be shorter: the store fills it up with zeroes. Copies nothing. */
export function cutIntoBlocks(bytes: Uint8Array, blockSize: number): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += blockSize)
    blocks.push(bytes.subarray(at, at + blockSize));
  return blocks;
}

/** Writes a short chain that is in memory as a whole. Returns its head. */
export async function writeChain(
  target: BlockTarget,
  blockSize: number,
  bytes: Uint8Array,
): Promise<BlockPointer> {
  const indexBytes = dataBlocksPerIndex(blockSize) * blockSize;
  let previous: BlockPointer | undefined;
  let byteCount = 0;
  do {
    const part = bytes.subarray(byteCount, byteCount + indexBytes);
    const data = part.length === 0 ? [] : await target.writeMany(cutIntoBlocks(part, blockSize));
    byteCount += part.length;
    previous = await target.write(encodeIndex({ previous, byteCount, data }));
  } while (byteCount < bytes.length);
  return previous;
}

/** Walks the index blocks, newest first. */
export async function* walkIndexes(
  source: BlockSource,
  head: BlockPointer,
): AsyncGenerator<{ readonly pointer: BlockPointer; readonly index: Index }> {
  let pointer: BlockPointer | undefined = head;
  while (pointer !== undefined) {
    const index = decodeIndex(await source.read(pointer));
    yield { pointer, index };
    pointer = index.previous;
  }
}

/**
 * The chain's bytes from the start, a handful of blocks at a time. The index blocks are walked once to learn
 * where they are and read again when their turn comes: a pointer for every 10 MiB is all that is kept in memory.
 */
export async function* readChain(
  source: ManyBlockSource,
  head: BlockPointer,
): AsyncGenerator<readonly Uint8Array[]> {
  const indexes: BlockPointer[] = [];
  for await (const { pointer } of walkIndexes(source, head)) indexes.unshift(pointer);
  let start = 0;
  for (const pointer of indexes) {
    const { data, byteCount } = decodeIndex(await source.read(pointer));
    for (let n = 0; n < data.length; n += BLOCKS_PER_READ) {
      const blocks = await source.readMany(data.slice(n, n + BLOCKS_PER_READ));
      yield blocks.map((block) => {
        const part = block.subarray(0, Math.min(block.length, byteCount - start));
        start += part.length;
        return part;
      });
    }
  }
}

/** Frees a chain as a whole. Returns how many blocks that were. */
export async function freeChain(owner: BlockOwner, head: BlockPointer): Promise<number> {
  let blockCount = 0;
  for await (const { pointer, index } of walkIndexes(owner, head)) {
    await Promise.all([...index.data, pointer].map((block) => owner.free(block)));
    blockCount += index.data.length + 1;
  }
  return blockCount;
}

/** Every block of a chain, for `check` and for maps. */
export async function* blocksOfChain(
  source: BlockSource,
  head: BlockPointer,
): AsyncGenerator<BlockPointer> {
  for await (const { pointer, index } of walkIndexes(source, head)) {
    yield pointer;
    yield* index.data;
  }
}
