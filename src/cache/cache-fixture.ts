/** For tests of the cache only: small caches, pointers by number, and content that says whose it is. */
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation, SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { SLOT_STATUS } from '../shared/cache-layout.ts';
import { Cache } from './cache.ts';
import { SlotHeaders } from './slot-headers.ts';
import { NO_SLOT, type NoSlot } from './slot-list.ts';

export const BLOCK_BYTES = 512;

export interface Fixture {
  readonly cache: Cache;
  readonly memory: { readonly bytes: Uint8Array };
}

export function fixture(slotCount: number): Fixture {
  const memory = { bytes: new Uint8Array(slotCount * BLOCK_BYTES) };
  return { memory, cache: new Cache({ blockBytes: BLOCK_BYTES, slotCount, memory }) };
}

/** The pointer to block number `block`; each generation and each `variant` has a hash of its own. */
export function pointerTo(block: number, generation = 1, variant = 0): Pointer {
  return {
    address: (block * BLOCK_BYTES) as BlockAddress,
    generation: generation as Generation,
    hashHigh: 0xfedcba98 - variant,
    hashLow: Math.imul(block + 1, 0x9e3779b1) >>> 0,
  };
}

/** Writes content that belongs to this pointer and to no other. */
export function fill(bytes: Uint8Array, pointer: Pointer): void {
  const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
  words[0] = pointer.address;
  words[1] = pointer.generation;
  words[2] = pointer.hashHigh;
  words.fill(pointer.address + pointer.generation / 8 + (pointer.hashHigh % 4) / 64, 3);
}

export function isContentOf(bytes: Uint8Array, pointer: Pointer): boolean {
  const expected = new Uint8Array(bytes.length);
  fill(expected, pointer);
  return bytes.every((byte, at) => byte === expected[at]);
}

export function some(slot: SlotIndex | NoSlot): SlotIndex {
  assert(slot !== NO_SLOT, 'the test expected a slot');
  return slot;
}

/** A load from begin to end. */
export function load(cache: Cache, pointer: Pointer): SlotIndex {
  const slot = some(cache.pluck());
  cache.beginLoad(slot, pointer);
  fill(cache.bytesOf(slot), pointer);
  cache.finishLoad(slot);
  return slot;
}

export function insert(cache: Cache, pointer: Pointer): SlotIndex {
  const slot = some(cache.pluck());
  fill(cache.bytesOf(slot), pointer);
  cache.insertDirty(slot, pointer);
  return slot;
}

/** What another thread does with a slot that it was lent. */
export function fillLent(cache: Cache, slot: SlotIndex, pointer: Pointer): void {
  const headers = new SlotHeaders(cache.layout, cache.control);
  fill(cache.bytesOf(slot), pointer);
  headers.setKey(slot, pointer);
  headers.become(slot, SLOT_STATUS.clean);
}
