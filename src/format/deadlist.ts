/**
 * The header of a deadlist block: blocks that a snapshot keeps alive after they were freed, to be freed when it goes.
 * Behind the header stand the pointers of those blocks, 24 bytes each, so that freeing them can check what it frees.
 *
 * A chain of such blocks is written from its end, so no block is ever rewritten to append to it (I5). Each says how
 * many follow, so a chain cannot loop.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { BLOCK_TYPE } from './block-header.ts';
import { type Decoded, decoded, type Flawed, flawed } from './decoded.ts';
import {
  byteField,
  firstNonZero,
  layout,
  readU16,
  readU32,
  u16,
  u32,
  viewOf,
  writeU16,
  writeU32,
} from './layout.ts';
import { POINTER_BYTES, type Pointer, readPointer, writePointer } from './pointer.ts';

export const DEADLIST_HEADER = layout({
  type: u16,
  format: u16,
  entryCount: u32,
  following: u32,
  reserved: byteField(4),
  next: byteField(POINTER_BYTES),
});
export const DEADLIST_FORMAT = 1;

export interface DeadlistHeader {
  readonly entryCount: number;
  /** How many blocks of the list follow. */
  readonly following: number;
  /** The next of them; absent exactly when `following` is 0, and then zero on disk. */
  readonly next: Pointer | undefined;
}

/** How many pointers fit behind the header. */
export function deadlistEntriesMax(blockBytes: number): number {
  return Math.floor((blockBytes - DEADLIST_HEADER.size) / POINTER_BYTES);
}

/** Where entry `entry` stands in its block. */
export function deadlistEntryOffset(entry: number): number {
  return DEADLIST_HEADER.size + entry * POINTER_BYTES;
}

/** Writes the header to the start of a whole block. */
export function encodeDeadlistHeader(header: DeadlistHeader, block: Uint8Array): void {
  assert(flawOf(header, block.length) === undefined, 'a deadlist block holds what its header says');
  const at = DEADLIST_HEADER.at;
  const view = viewOf(block);
  block.fill(0, 0, DEADLIST_HEADER.size);
  writeU16(view, at.type, BLOCK_TYPE.deadlist);
  writeU16(view, at.format, DEADLIST_FORMAT);
  writeU32(view, at.entryCount, header.entryCount);
  writeU32(view, at.following, header.following);
  if (header.next !== undefined) writePointer(view, at.next, header.next);
}

/** Reads the header of a whole block. */
export function decodeDeadlistHeader(block: Uint8Array): Decoded<DeadlistHeader> {
  const at = DEADLIST_HEADER.at;
  if (block.length < DEADLIST_HEADER.size) {
    return flawed('length', 0, 'shorter than a deadlist header');
  }
  const view = viewOf(block);
  if (readU16(view, at.type) !== BLOCK_TYPE.deadlist) return flawed('type', at.type, 'no deadlist');
  if (readU16(view, at.format) !== DEADLIST_FORMAT) return flawed('version', at.format, 'deadlist');
  const following = readU32(view, at.following);
  const zeroesEnd = following === 0 ? DEADLIST_HEADER.size : at.next;
  const reserved = firstNonZero(block, at.reserved, zeroesEnd);
  if (reserved >= 0) return flawed('padding', reserved, 'deadlist header');
  const entryCount = readU32(view, at.entryCount);
  if (following === 0) return checked({ entryCount, following, next: undefined }, block.length);
  const next = readPointer(view, at.next);
  return next.ok ? checked({ entryCount, following, next: next.value }, block.length) : next;
}

function checked(header: DeadlistHeader, blockBytes: number): Decoded<DeadlistHeader> {
  return flawOf(header, blockBytes) ?? decoded(header);
}

function flawOf(header: DeadlistHeader, blockBytes: number): Flawed | undefined {
  const at = DEADLIST_HEADER.at;
  if (!isCount(header.entryCount) || header.entryCount > deadlistEntriesMax(blockBytes)) {
    return flawed('count', at.entryCount, 'entries over a deadlist block');
  }
  if (!isCount(header.following) || (header.following === 0) !== (header.next === undefined)) {
    return flawed('count', at.following, 'deadlist blocks that follow');
  }
  return undefined;
}
