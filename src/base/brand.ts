/**
 * Numbers with a meaning. A brand costs nothing at run time and keeps an arena index from being used as an address.
 * All of them are safe integers below 2^53 and are never touched by 32-bit operators, except those whose comment
 * says that they fit in 32 bits.
 */
import { assert } from './assert.ts';

declare const brand: unique symbol;
type Brand<Name extends string> = { readonly [brand]: Name };

/** Where a block lives in the whole store: `arenaIndex × arenaBytes + offset in the arena`. Block aligned. */
export type BlockAddress = number & Brand<'BlockAddress'>;
/** A commit's number. Never a clock; may skip, never repeats. Fits in 53 bits. */
export type Generation = number & Brand<'Generation'>;
/** A length or an offset in bytes. */
export type ByteCount = number & Brand<'ByteCount'>;
/** A block's index inside its arena. Fits in 24 bits. */
export type BlockIndex = number & Brand<'BlockIndex'>;
/** 0 … 1,023. */
export type ArenaIndex = number & Brand<'ArenaIndex'>;
/** 0 … 7: which file, and which disk worker. */
export type DiskIndex = number & Brand<'DiskIndex'>;
/** A cache slot. Fits in 31 bits. */
export type SlotIndex = number & Brand<'SlotIndex'>;

export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function blockAddress(value: number): BlockAddress {
  assert(isCount(value), 'an address is a safe integer, 0 or more');
  return value as BlockAddress;
}

export function generation(value: number): Generation {
  assert(isCount(value), 'a generation is a safe integer, 0 or more');
  return value as Generation;
}

export function byteCount(value: number): ByteCount {
  assert(isCount(value), 'a byte count is a safe integer, 0 or more');
  return value as ByteCount;
}

export function blockIndex(value: number): BlockIndex {
  assert(isCount(value) && value < 2 ** 24, 'a block index fits in 24 bits');
  return value as BlockIndex;
}

export function arenaIndex(value: number): ArenaIndex {
  assert(isCount(value) && value < 1024, 'an arena index is below 1,024');
  return value as ArenaIndex;
}

export function diskIndex(value: number): DiskIndex {
  assert(isCount(value) && value < 8, 'a disk index is below 8');
  return value as DiskIndex;
}

export function slotIndex(value: number): SlotIndex {
  assert(isCount(value) && value < 2 ** 31, 'a slot index fits in 31 bits');
  return value as SlotIndex;
}
