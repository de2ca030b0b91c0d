/**
 * The control memory of the block cache: which Int32 word means what. One thread owns it (the store worker) and is the
 * only one that changes a word's value, but for the header of a slot while it is lent (`cache/slot-headers`). Any
 * thread may read it. Contents lie apart, in `BlockMemory`: slot s at s × blockBytes.
 *
 *     words                       what
 *     0 … bucketCount − 1         index: 0 = nothing, else slot + 1; linear probing from the address's home bucket
 *     slotsStart + s × SLOT_WORDS header of slot s: state, address, generation, hash (offsets below)
 *
 * **State word**: 3 bits of status, 29 bits of version. The version is odd while the slot's key or content may change
 * and even while they stand still; only `clean` and `dirty` are even. It changes only by compare-and-swap.
 *
 * **How another thread reads** (`cache/cache-reader.ts`; needs no lock, never waits):
 *
 * 1. Probe the index for the address. The owner shifts entries while we look, so an entry may be missed: a spurious
 *    miss costs a load, nothing else.
 * 2. Note the state. Not readable: a miss.
 * 3. Compare the whole key (address, generation, hash). *After* step 2: a key compared before the version was noted
 *    may be gone by then, and the version noted would be the next block's.
 * 4. Copy.
 * 5. Read the state again by a read-modify-write (add 0) and compare the versions. Equal: the copy is the pointer's
 *    block. A plain atomic load would not do: it lets the copy's reads drift behind it on ARM. The write half puts us
 *    into the word's modification order: either the owner's compare-and-swap to odd comes later, and then its writes
 *    to the slot come after our copy, or it came earlier, and then we see it.
 *
 * The version wraps after 2^29 changes of one slot. To be fooled, a reader has to sleep in step 4 for an exact multiple
 * of 2^28 reuses of that slot.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';

/** Words of a slot's header; a power of two, so that two headers share a cache line of 64 bytes and none straddles. */
export const SLOT_WORDS = 8;
export const SLOT_STATE = 0;
export const SLOT_ADDRESS_LOW = SLOT_STATE + 1;
export const SLOT_ADDRESS_HIGH = SLOT_ADDRESS_LOW + 1;
export const SLOT_GENERATION_LOW = SLOT_ADDRESS_HIGH + 1;
export const SLOT_GENERATION_HIGH = SLOT_GENERATION_LOW + 1;
export const SLOT_HASH_LOW = SLOT_GENERATION_HIGH + 1;
export const SLOT_HASH_HIGH = SLOT_HASH_LOW + 1;

/** The largest number of slots (256 GiB of 16 KiB blocks); every word's offset then stays far below 2^31. */
export const CACHE_SLOTS_MAX = 2 ** 24;

/** In the order that `isReadable` relies on: whatever is `clean` or above is verified content under its key. */
export const SLOT_STATUS = {
  /** No key, no content. */
  empty: 0,
  /** Plucked: no key, its bytes belong to whoever plucked it. */
  owned: 1,
  /** Has a key; a disk is filling it. */
  loading: 2,
  /** Content is verified and on the disk. */
  clean: 3,
  /** Content is finalized and not yet on the disk. */
  dirty: 4,
} as const;
export type SlotStatus = (typeof SLOT_STATUS)[keyof typeof SLOT_STATUS];

const STATUS_BITS = 3;
const STATUS_MASK = 2 ** STATUS_BITS - 1;
/** One version further; the lowest bit of the version is the one that says *unstable*. */
const VERSION_STEP = 2 ** STATUS_BITS;

/** What a fresh slot's state word has to be: empty, and unstable as everything empty is. */
export const STATE_INITIAL = VERSION_STEP | SLOT_STATUS.empty;

export function statusOf(state: number): SlotStatus {
  return (state & STATUS_MASK) as SlotStatus;
}

export function versionOf(state: number): number {
  return state >>> STATUS_BITS;
}

export function isStable(state: number): boolean {
  return (state & VERSION_STEP) === 0;
}

/** Whether a thread that sees this state may use the slot's content, given that the key is the one it wants. */
export function isReadable(state: number): boolean {
  return isStable(state) && statusOf(state) >= SLOT_STATUS.clean;
}

/**
 * The state after a change of status. The version moves on exactly when the slot enters or leaves the readable
 * statuses, so no caller can forget it.
 */
export function stateAfter(state: number, status: SlotStatus): number {
  const moves = isStable(state) !== status >= SLOT_STATUS.clean;
  return (((state & ~STATUS_MASK) | status) + (moves ? VERSION_STEP : 0)) | 0;
}

export interface CacheLayout {
  readonly slotCount: number;
  readonly blockBytes: number;
  /** A power of two, at least twice the slots: probes stay short and always meet an empty bucket. */
  readonly bucketCount: number;
  /** The first word of slot 0's header. The index starts at word 0. */
  readonly slotsStart: number;
  /** Length of the control memory, in words. */
  readonly wordCount: number;
  /** log2 of the block size, 9 … 16: addresses differ only above it. */
  readonly blockShift: number;
  /** 32 − log2 of the buckets. */
  readonly bucketShift: number;
}

export function cacheLayout(options: { slotCount: number; blockBytes: number }): CacheLayout {
  const { slotCount, blockBytes } = options;
  const blockShift = Math.log2(blockBytes);
  assert(
    isCount(slotCount) && slotCount > 0 && slotCount <= CACHE_SLOTS_MAX,
    'a cache has 1 … 2^24 slots',
  );
  assert(
    Number.isInteger(blockShift) && blockShift >= 9 && blockShift <= 16,
    'a block has 512 … 65,536 bytes, a power of two',
  );
  const bucketBits = Math.max(3, Math.ceil(Math.log2(slotCount * 2)));
  const bucketCount = 2 ** bucketBits;
  return {
    slotCount,
    blockBytes,
    bucketCount,
    slotsStart: bucketCount,
    wordCount: bucketCount + slotCount * SLOT_WORDS,
    blockShift,
    bucketShift: 32 - bucketBits,
  };
}

/** The lower 32 bits of a number below 2^53. Here, and nowhere else, 32-bit operators may touch an address. */
export function lowWord(value: number): number {
  return value | 0;
}

/** The upper 21 bits of a number below 2^53. */
export function highWord(value: number): number {
  return (value / 2 ** 32) | 0;
}

export function joinWords(low: number, high: number): number {
  return high * 2 ** 32 + (low >>> 0);
}

/**
 * Where the probe for an address begins: its block number times 2^32 divided by the golden ratio, upper bits. Runs of
 * neighbours, the common case, then spread almost without collisions.
 */
export function homeBucket(layout: CacheLayout, low: number, high: number): number {
  const block = (low >>> layout.blockShift) | (high << (32 - layout.blockShift));
  return Math.imul(block, 0x9e3779b1) >>> layout.bucketShift;
}
