/**
 * Checksums: xxhash64 over a prefix of 32 bytes and the bytes themselves. The prefix says where and when the bytes
 * belong, so that a block in the wrong place, of another age or of another store does not pass. Owns the arithmetic
 * of I2.
 *
 * It catches accidents, not adversaries: whoever can write the files can also compute an xxhash64. Hostile images are
 * met by the bounds checks of the decoders.
 *
 * Not crc32c (32 bits, and five times slower here), not SHA-256 (asynchronous, and slower still), not xxhash3 (half
 * as fast as WebAssembly without SIMD).
 */
import { assert } from '../base/assert.ts';
import { byteField, hash64, layout, u53, viewOf, writeHash, writeU53 } from './layout.ts';
import type { Pointer } from './pointer.ts';
import { createXxHash64 } from './xxhash64.ts';

export const HASH_DOMAIN_BYTES = 16;

/** What is hashed before a block. */
export const BLOCK_PREFIX = layout({
  hashDomain: byteField(HASH_DOMAIN_BYTES),
  address: u53,
  generation: u53,
});

/** What is hashed before a batch of the allocation log; it chains the batch to the one before it. */
export const BATCH_PREFIX = layout({
  hashDomain: byteField(HASH_DOMAIN_BYTES),
  address: u53,
  previousHash: hash64,
});

export const PREFIX_BYTES = BLOCK_PREFIX.size;
const NO_PREFIX = new Uint8Array(PREFIX_BYTES);
const EIGHT_ZEROES = new Uint8Array(8);

/** The hash function. Its result stays in two fields, each a u32, until the next call: nothing to allocate. */
export interface Hasher {
  /** `bytes` may lie in shared memory. */
  hash(prefix: Uint8Array, bytes: Uint8Array): void;
  /** The same, as if the eight bytes at `hole` were zero: they are where the checksum itself is kept. */
  hashAround(prefix: Uint8Array, bytes: Uint8Array, hole: number): void;
  readonly high: number;
  readonly low: number;
}

/** Instantiates the WebAssembly: once per thread, not once per store. */
export async function createHasher(): Promise<Hasher> {
  const xxhash = await createXxHash64();
  const begin = (prefix: Uint8Array): void => {
    assert(prefix.length === PREFIX_BYTES, 'a hash prefix is 32 bytes');
    xxhash.begin();
    xxhash.update(prefix);
  };
  return {
    get high() {
      return xxhash.high;
    },
    get low() {
      return xxhash.low;
    },
    hash(prefix, bytes) {
      begin(prefix);
      xxhash.update(bytes);
      xxhash.end();
    },
    hashAround(prefix, bytes, hole) {
      assert(hole >= 0 && hole + 8 <= bytes.length, 'the checksum lies in what it covers');
      begin(prefix);
      xxhash.update(bytes.subarray(0, hole));
      xxhash.update(EIGHT_ZEROES);
      xxhash.update(bytes.subarray(hole + 8));
      xxhash.end();
    },
  };
}

/** Hashes what stands on its own, outside any hash domain: labels, superblocks and image frames. */
export function hashPlain(hasher: Hasher, bytes: Uint8Array, hole: number): void {
  hasher.hashAround(NO_PREFIX, bytes, hole);
}

/** Hashes of one store: a hasher and the store's hash domain. Results are in `high` and `low`. */
export class BlockHasher {
  private readonly hasher: Hasher;
  private readonly prefix = new Uint8Array(PREFIX_BYTES);
  private readonly prefixView = viewOf(this.prefix);

  /** @param hashDomain 16 bytes, copied. */
  constructor(hasher: Hasher, hashDomain: Uint8Array) {
    assert(hashDomain.length === HASH_DOMAIN_BYTES, 'a hash domain is 16 bytes');
    this.hasher = hasher;
    this.prefix.set(hashDomain, BLOCK_PREFIX.at.hashDomain);
  }

  get high(): number {
    return this.hasher.high;
  }

  get low(): number {
    return this.hasher.low;
  }

  /** `generation` is the one in the block's pointer. `bytes` are the whole block and may be shared. */
  hashBlock(address: number, generation: number, bytes: Uint8Array): void {
    writeU53(this.prefixView, BLOCK_PREFIX.at.address, address);
    writeU53(this.prefixView, BLOCK_PREFIX.at.generation, generation);
    this.hasher.hash(this.prefix, bytes);
  }

  /** Whether `bytes` are the pointer's block (I2). An arrow, because it is handed on by itself. */
  readonly verify = (bytes: Uint8Array, pointer: Pointer): boolean => {
    this.hashBlock(pointer.address, pointer.generation, bytes);
    return this.hasher.high === pointer.hashHigh && this.hasher.low === pointer.hashLow;
  };

  /**
   * Hashes the whole sectors of a log batch, as if the eight bytes at `hole` were zero.
   *
   * @param address Where the batch's first sector is: the address of its block and the offset in it.
   * @param batch.previousHigh Of the batch before it in the log, 0 for the first one; `previousLow` likewise.
   */
  hashBatch(
    address: number,
    batch: { bytes: Uint8Array; hole: number; previousHigh: number; previousLow: number },
  ): void {
    writeU53(this.prefixView, BATCH_PREFIX.at.address, address);
    const at = BATCH_PREFIX.at.previousHash;
    writeHash(this.prefixView, at, batch.previousHigh, batch.previousLow);
    this.hasher.hashAround(this.prefix, batch.bytes, batch.hole);
  }
}
