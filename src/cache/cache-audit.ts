/**
 * Looks through a whole cache for what must never be: for tests, which call it after each step. Takes time in
 * proportion to the slots. Sees the cache's parts as they are and shares no code with them but the layout.
 */
import type { BlockAddress, SlotIndex } from '../base/brand.ts';
import {
  type CacheLayout,
  isStable,
  joinWords,
  SLOT_ADDRESS_HIGH,
  SLOT_ADDRESS_LOW,
  SLOT_STATE,
  SLOT_STATUS,
  SLOT_WORDS,
  statusOf,
} from '../shared/cache-layout.ts';
import type { AddressIndex } from './address-index.ts';
import type { SlotList } from './slot-list.ts';

export interface CacheParts {
  readonly layout: CacheLayout;
  readonly control: Int32Array;
  readonly index: AddressIndex;
  readonly lru: SlotList;
  readonly empty: SlotList;
  readonly holds: Int32Array;
  readonly isIndexed: (slot: SlotIndex) => boolean;
  readonly isLent: (slot: SlotIndex) => boolean;
  readonly counts: { slots: number; used: number; dirty: number; held: number };
  readonly settling: number;
}

/** Says what is wrong, naming the invariant, or `undefined`. */
export function cacheFlaw(parts: CacheParts): string | undefined {
  const tally = { indexed: 0, dirty: 0, loading: 0, held: 0 };
  for (let slot = 0; slot < parts.layout.slotCount; slot += 1) {
    const flaw = slotFlaw(parts, slot as SlotIndex);
    if (flaw !== undefined) return `slot ${slot}: ${flaw}`;
    const status = statusOf(wordOf(parts, slot, SLOT_STATE));
    if (parts.isIndexed(slot as SlotIndex)) tally.indexed += 1;
    if (status === SLOT_STATUS.dirty) tally.dirty += 1;
    if (status === SLOT_STATUS.loading) tally.loading += 1;
    if ((parts.holds[slot] as number) > 0) tally.held += 1;
  }
  const { counts } = parts;
  if (parts.index.count() !== tally.indexed) return 'I2: the index has entries of slots that left';
  if (counts.dirty !== tally.dirty) return 'I10: the count of dirty slots is wrong';
  if (parts.settling !== tally.dirty + tally.loading) return 'I10: settling is wrong';
  if (counts.held !== tally.held) return 'I10: the count of held slots is wrong';
  if (counts.used !== counts.slots - parts.empty.count) return 'I10: the count of used is wrong';
  return parts.lru.flaw() ?? parts.empty.flaw();
}

function slotFlaw(parts: CacheParts, slot: SlotIndex): string | undefined {
  const state = wordOf(parts, slot, SLOT_STATE);
  const status = statusOf(state);
  const holds = parts.holds[slot] as number;
  const indexed = parts.isIndexed(slot);
  if (status > SLOT_STATUS.dirty) return 'I2: no such status';
  if (parts.isLent(slot)) return lentFlaw(parts, slot, status);
  if (holds < 0) return 'I10: fewer than no holds';
  if (isStable(state) !== status >= SLOT_STATUS.clean) return 'I2: stable without verified content';
  if (indexed && status < SLOT_STATUS.loading) return 'I2: in the index without a key';
  if (!indexed && status === SLOT_STATUS.dirty) return 'I2: dirty, but nobody can find it';
  if (holds > 0 && status === SLOT_STATUS.owned) return 'I10: held without a key';
  if (parts.lru.has(slot) !== (status === SLOT_STATUS.clean && holds === 0)) {
    return 'I10: in the LRU list although it is not evictable, or evictable and not in it';
  }
  if (parts.empty.has(slot) !== (status === SLOT_STATUS.empty && holds === 0)) {
    return 'I10: empty and not to be had, or the reverse';
  }
  const high = wordOf(parts, slot, SLOT_ADDRESS_HIGH);
  const address = joinWords(wordOf(parts, slot, SLOT_ADDRESS_LOW), high) as BlockAddress;
  if (indexed && parts.index.find(address) !== slot) return 'I2: a probe does not find it';
  if (!indexed && parts.index.probeLength(slot) !== 0) return 'I2: a probe finds what is private';
  return undefined;
}

/** Pinned until it is adopted, whether it has been filled by now or not; nobody finds it. */
function lentFlaw(parts: CacheParts, slot: SlotIndex, status: number): string | undefined {
  if (status !== SLOT_STATUS.owned && status !== SLOT_STATUS.clean) {
    return 'I2: lent, and neither empty-handed nor filled';
  }
  if ((parts.holds[slot] as number) > 0) return 'I10: held although it is lent';
  if (parts.lru.has(slot) || parts.empty.has(slot)) return 'I10: lent, and to be had';
  return parts.isIndexed(slot) ? 'I2: lent, and in the index' : undefined;
}

function wordOf(parts: CacheParts, slot: number, word: number): number {
  return parts.control[parts.layout.slotsStart + slot * SLOT_WORDS + word] as number;
}
