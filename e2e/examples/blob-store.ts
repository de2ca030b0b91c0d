/**
 * A content-addressed blob store: what is put in is named by its SHA-256, and the same bytes are kept once.
 *
 * The root `blobs` points to a directory of 256 pointers, one for each first byte of a name. Behind each is a bucket: a
 * block of entries, name by name. An entry points to a manifest, a block with the blob's length and the pointers to its
 * bytes. Every change writes the blocks on its way anew and moves the root, in one transaction.
 *
 * It holds what fits: in blocks of 16 KiB a bucket has room for 292 entries, a manifest for a blob of 11 MB.
 */
import {
  type BlockPointer,
  decodePointer,
  encodePointer,
  type Store,
  type Transaction,
} from 'opfs-blocks';

const ROOT = 'blobs';
const POINTER_BYTES = 24;
const NAME_BYTES = 32;
const ENTRY_BYTES = NAME_BYTES + POINTER_BYTES;
const LENGTH_BYTES = 8;

type Reads = Pick<Transaction, 'root' | 'read' | 'readMany'>;

/** The bucket that a name belongs to, as it is. */
interface Found {
  readonly directory: Uint8Array;
  readonly bucket: Uint8Array;
  /** Where the name's entry is in the bucket; where it would be added, if it is not there. */
  readonly at: number;
  readonly manifest: BlockPointer | undefined;
}

export class BlobStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns the blob's name, 64 hexadecimal digits. */
  async put(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const name = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    await this.#store.transaction(async (tx) => {
      const found = await this.#find(tx, name);
      if (found.manifest !== undefined) return;
      if (found.at + ENTRY_BYTES > found.bucket.length) throw new RangeError('the bucket is full');
      found.bucket.set(name, found.at);
      encodePointer(await this.#writeBlob(tx, bytes), found.bucket, found.at + NAME_BYTES);
      await this.#replace(tx, name, found);
    });
    return hex(name);
  }

  /** The blob, or `undefined`. Sees one state, whatever is put or deleted meanwhile. */
  async get(name: string): Promise<Uint8Array | undefined> {
    using reader = this.#store.reader();
    const { manifest } = await this.#find(reader, unhex(name));
    if (manifest === undefined) return undefined;
    const { length, pointers } = parseManifest(await reader.read(manifest));
    const whole = new Uint8Array(pointers.length * this.#store.blockSize);
    const parts = pointers.map((_, index) => whole.subarray(index * this.#store.blockSize));
    await reader.readMany(pointers, parts);
    return whole.subarray(0, length);
  }

  /** @returns whether it was there. */
  delete(name: string): Promise<boolean> {
    return this.#store.transaction(async (tx) => {
      const found = await this.#find(tx, unhex(name));
      if (found.manifest === undefined) return false;
      const { pointers } = parseManifest(await tx.read(found.manifest));
      for (const pointer of [found.manifest, ...pointers]) tx.free(pointer);
      // The last entry takes the place of the one that goes.
      const last = endOfEntries(found.bucket) - ENTRY_BYTES;
      found.bucket.copyWithin(found.at, last, last + ENTRY_BYTES);
      found.bucket.fill(0, last, last + ENTRY_BYTES);
      await this.#replace(tx, unhex(name), found);
      return true;
    });
  }

  /** All pointers in use, for `store.check({ reachable })`. */
  async *reachable(): AsyncGenerator<BlockPointer> {
    using reader = this.#store.reader();
    const root = reader.root(ROOT);
    if (root === undefined) return;
    yield root;
    for (const bucket of pointersIn(await reader.read(root), 0, POINTER_BYTES)) {
      yield bucket;
      for (const manifest of pointersIn(await reader.read(bucket), NAME_BYTES, ENTRY_BYTES)) {
        yield manifest;
        yield* parseManifest(await reader.read(manifest)).pointers;
      }
    }
  }

  async #find(reads: Reads, name: Uint8Array): Promise<Found> {
    const empty = (): Uint8Array => new Uint8Array(this.#store.blockSize);
    const root = reads.root(ROOT);
    const directory = root === undefined ? empty() : await reads.read(root);
    const pointer = pointerAt(directory, slotOf(name));
    const bucket = pointer === undefined ? empty() : await reads.read(pointer);
    const end = endOfEntries(bucket);
    for (let at = 0; at < end; at += ENTRY_BYTES) {
      if (!name.every((byte, index) => bucket[at + index] === byte)) continue;
      return { directory, bucket, at, manifest: decodePointer(bucket, at + NAME_BYTES) };
    }
    return { directory, bucket, at: end, manifest: undefined };
  }

  /** Puts the changed bucket in the place of the old one, and the directory too. */
  async #replace(tx: Transaction, name: Uint8Array, { directory, bucket }: Found): Promise<void> {
    const [oldRoot, oldBucket] = [tx.root(ROOT), pointerAt(directory, slotOf(name))];
    encodePointer(await put(tx, oldBucket, bucket), directory, slotOf(name));
    tx.setRoot(ROOT, await put(tx, oldRoot, directory));
  }

  async #writeBlob(tx: Transaction, bytes: Uint8Array): Promise<BlockPointer> {
    const { blockSize } = this.#store;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += blockSize) {
      parts.push(bytes.subarray(at, at + blockSize));
    }
    const manifest = new Uint8Array(LENGTH_BYTES + parts.length * POINTER_BYTES);
    if (manifest.length > blockSize) throw new RangeError('the blob is too large');
    new DataView(manifest.buffer).setFloat64(0, bytes.length);
    for (const [index, pointer] of (await tx.writeMany(parts)).entries()) {
      encodePointer(pointer, manifest, LENGTH_BYTES + index * POINTER_BYTES);
    }
    return tx.write(manifest);
  }
}

function put(tx: Transaction, old: BlockPointer | undefined, bytes: Uint8Array) {
  return old === undefined ? tx.write(bytes) : tx.replace(old, bytes);
}

function slotOf(name: Uint8Array): number {
  return (name[0] ?? 0) * POINTER_BYTES;
}

/** No pointer is all zeroes: generations begin at 1. */
function pointerAt(bytes: Uint8Array, at: number): BlockPointer | undefined {
  return bytes.subarray(at, at + POINTER_BYTES).some(Boolean)
    ? decodePointer(bytes, at)
    : undefined;
}

function pointersIn(bytes: Uint8Array, first: number, step: number): BlockPointer[] {
  const pointers: BlockPointer[] = [];
  for (let at = first; at + POINTER_BYTES <= bytes.length; at += step) {
    const pointer = pointerAt(bytes, at);
    if (pointer !== undefined) pointers.push(pointer);
  }
  return pointers;
}

function endOfEntries(bucket: Uint8Array): number {
  return pointersIn(bucket, NAME_BYTES, ENTRY_BYTES).length * ENTRY_BYTES;
}

function parseManifest(block: Uint8Array): { length: number; pointers: BlockPointer[] } {
  const length = new DataView(block.buffer, block.byteOffset).getFloat64(0);
  return { length, pointers: pointersIn(block, LENGTH_BYTES, POINTER_BYTES) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function unhex(name: string): Uint8Array {
  return Uint8Array.from(name.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
