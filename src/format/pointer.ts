/**
 * A block pointer names a block *and* what must be found there. The hash lives in the pointer, not in the block, so a
 * block written to the wrong place, an old version of it, or another store's block cannot pass (gefs, ZFS).
 *
 * It exists in three shapes: `Pointer` inside the engine, `BlockPointer` for users, and 24 bytes on disk and in
 * users' own blocks.
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import { isCount } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { type Decoded, decoded, describeFlaw, flawed } from './decoded.ts';
import {
  hash64,
  layout,
  readHashHigh,
  readHashLow,
  readU53,
  u53,
  viewOf,
  writeHash,
  writeU53,
} from './layout.ts';

export const POINTER = layout({ address: u53, hash: hash64, generation: u53 });
export const POINTER_BYTES = POINTER.size;

/** As the engine carries it: the 64-bit hash as two unsigned 32-bit halves, because BigInt is slow. */
export interface Pointer {
  readonly address: BlockAddress;
  /** The generation that was open when the block was born. */
  readonly generation: Generation;
  readonly hashHigh: number;
  readonly hashLow: number;
}

/** As users carry it: plain, and it survives `structuredClone` and `postMessage`. */
export interface BlockPointer {
  /** Where the block is, in bytes. Below 2^53, a multiple of the block size. */
  readonly address: number;
  /** xxhash64 of what must be found there, 0 … 2^64 − 1. */
  readonly hash: bigint;
  /** The generation that was open when the block was born. Below 2^53. */
  readonly generation: number;
}

/**
 * Packs a pointer into 24 bytes, so that blocks can hold pointers to other blocks.
 *
 * @param into Where to write; a new array of 24 bytes when left out.
 * @param offset Where in `into`, in bytes.
 * @returns `into`.
 * @throws StoreError `MISUSE` when this is not a pointer or there is no room for it.
 * @example
 * const pointer = { address: 32768, hash: 0x0123456789abcdefn, generation: 7 };
 * const bytes = encodePointer(pointer);
 * console.log(bytes.length); // 24
 * console.log(decodePointer(bytes).hash === pointer.hash); // true
 */
export function encodePointer(
  pointer: BlockPointer,
  into: Uint8Array = new Uint8Array(POINTER_BYTES),
  offset = 0,
): Uint8Array {
  const engine = fromPublic(pointer);
  if (!engine.ok) {
    throw new StoreError('MISUSE', `This is not a block pointer: ${engine.error.detail}.`);
  }
  assertRoom(into, offset);
  writePointer(viewOf(into), offset, engine.value);
  return into;
}

/**
 * Unpacks what `encodePointer` packed. Whether a block is there, and whether it is the pointer's, only a read can
 * tell.
 *
 * @param offset Where in `bytes`, in bytes.
 * @throws StoreError `MISUSE` when fewer than 24 bytes are left, `CORRUPT` when they cannot be a pointer: its address
 * or its generation is 2^53 or more, as in 24 bytes of 0xFF.
 * @example
 * const node = new Uint8Array(48);
 * encodePointer({ address: 16384, hash: 1n, generation: 1 }, node, 24);
 * console.log(decodePointer(node, 24).address); // 16384
 */
export function decodePointer(bytes: Uint8Array, offset = 0): BlockPointer {
  assertRoom(bytes, offset);
  const pointer = readPointer(viewOf(bytes), offset);
  if (!pointer.ok) {
    throw new StoreError('CORRUPT', `No block pointer is here: ${describeFlaw(pointer.error)}.`, {
      coordinates: { offset },
    });
  }
  return toPublic(pointer.value);
}

function assertRoom(bytes: Uint8Array, offset: number): void {
  if (isCount(offset) && offset + POINTER_BYTES <= bytes.length) return;
  throw new StoreError('MISUSE', `A block pointer takes ${POINTER_BYTES} bytes.`, {
    coordinates: {
      expected: `${POINTER_BYTES} bytes at offset ${offset}`,
      actual: `${bytes.length} bytes in all`,
    },
  });
}

/** Takes a hash apart and puts it together: arithmetic with BigInt costs five times as much. */
const hashView = new DataView(new ArrayBuffer(8));
const HASH_END = 2n ** 64n;

export function toPublic(pointer: Pointer): BlockPointer {
  hashView.setUint32(0, pointer.hashHigh);
  hashView.setUint32(4, pointer.hashLow);
  const hash = hashView.getBigUint64(0);
  return { address: pointer.address, hash, generation: pointer.generation };
}

/** Takes anything that a caller without types may hand in. Alignment and range are the geometry's to judge. */
export function fromPublic(pointer: BlockPointer): Decoded<Pointer> {
  if (typeof pointer !== 'object' || pointer === null) return flawed('type', 0, 'not an object');
  const { address, hash, generation } = pointer;
  if (!isCount(address)) {
    return flawed('bounds', POINTER.at.address, 'its address is not an integer from 0 to 2^53 − 1');
  }
  if (typeof hash !== 'bigint' || hash < 0n || hash >= HASH_END) {
    return flawed('bounds', POINTER.at.hash, 'its hash is not a bigint from 0 to 2^64 − 1');
  }
  if (!isCount(generation)) {
    const detail = 'its generation is not an integer from 0 to 2^53 − 1';
    return flawed('bounds', POINTER.at.generation, detail);
  }
  hashView.setBigUint64(0, hash);
  return decoded({
    address: address as BlockAddress,
    generation: generation as Generation,
    hashHigh: hashView.getUint32(0),
    hashLow: hashView.getUint32(4),
  });
}

export function samePointer(left: Pointer, right: Pointer): boolean {
  return (
    left.address === right.address &&
    left.generation === right.generation &&
    left.hashHigh === right.hashHigh &&
    left.hashLow === right.hashLow
  );
}

export function writePointer(view: DataView, offset: number, pointer: Pointer): void {
  writeU53(view, offset + POINTER.at.address, pointer.address);
  writeHash(view, offset + POINTER.at.hash, pointer.hashHigh, pointer.hashLow);
  writeU53(view, offset + POINTER.at.generation, pointer.generation);
}

/** The caller has checked that 24 bytes are there. */
export function readPointer(view: DataView, offset: number): Decoded<Pointer> {
  const address = readU53(view, offset + POINTER.at.address);
  if (!isCount(address)) return flawed('bounds', offset + POINTER.at.address, 'address over 2^53');
  const generation = readU53(view, offset + POINTER.at.generation);
  if (!isCount(generation)) {
    return flawed('bounds', offset + POINTER.at.generation, 'generation over 2^53');
  }
  return decoded({
    address: address as BlockAddress,
    generation: generation as Generation,
    hashHigh: readHashHigh(view, offset + POINTER.at.hash),
    hashLow: readHashLow(view, offset + POINTER.at.hash),
  });
}
