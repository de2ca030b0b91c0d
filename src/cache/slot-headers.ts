/**
 * The owner's hand on the slots' headers in control memory: status, version and key. Owns the writer's half of the
 * reader protocol (`shared/cache-layout`): a key changes only while the version is odd, and the version moves exactly
 * when a slot becomes readable or stops being so.
 *
 * Reads are plain loads, since this thread is the only one that changes these words; writes are atomic, since others
 * look on. A slot may be lent: an owned one, handed over through a ring, is its borrower's until it comes back the same
 * way, and the borrower has headers of its own over the same words.
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation, SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicCompareExchange, atomicStore, plainLoad } from '../shared/atomics.ts';
import {
  type CacheLayout,
  highWord,
  isReadable,
  joinWords,
  lowWord,
  SLOT_ADDRESS_HIGH,
  SLOT_ADDRESS_LOW,
  SLOT_GENERATION_HIGH,
  SLOT_GENERATION_LOW,
  SLOT_HASH_HIGH,
  SLOT_HASH_LOW,
  SLOT_STATE,
  SLOT_STATUS,
  SLOT_WORDS,
  type SlotStatus,
  STATE_INITIAL,
  stateAfter,
  statusOf,
} from '../shared/cache-layout.ts';

export class SlotHeaders {
  private readonly words: Int32Array;
  private readonly slotsStart: number;
  private readonly slotCount: number;

  constructor(layout: CacheLayout, words: Int32Array) {
    this.words = words;
    this.slotsStart = layout.slotsStart;
    this.slotCount = layout.slotCount;
  }

  /** Makes all slots empty: once, by the cache's owner, before anybody else has a hand on them. */
  reset(): void {
    for (let slot = 0; slot < this.slotCount; slot += 1) {
      atomicStore(this.words, this.slotsStart + slot * SLOT_WORDS + SLOT_STATE, STATE_INITIAL);
    }
  }

  status(slot: SlotIndex): SlotStatus {
    return statusOf(this.word(slot, SLOT_STATE));
  }

  isReadable(slot: SlotIndex): boolean {
    return isReadable(this.word(slot, SLOT_STATE));
  }

  addressOf(slot: SlotIndex): BlockAddress {
    const high = this.word(slot, SLOT_ADDRESS_HIGH);
    return joinWords(this.word(slot, SLOT_ADDRESS_LOW), high) as BlockAddress;
  }

  generationOf(slot: SlotIndex): Generation {
    const high = this.word(slot, SLOT_GENERATION_HIGH);
    return joinWords(this.word(slot, SLOT_GENERATION_LOW), high) as Generation;
  }

  /** Allocates. */
  pointerOf(slot: SlotIndex): Pointer {
    return {
      address: this.addressOf(slot),
      generation: this.generationOf(slot),
      hashHigh: this.word(slot, SLOT_HASH_HIGH) >>> 0,
      hashLow: this.word(slot, SLOT_HASH_LOW) >>> 0,
    };
  }

  keyIs(slot: SlotIndex, pointer: Pointer): boolean {
    return (
      this.word(slot, SLOT_ADDRESS_LOW) === lowWord(pointer.address) &&
      this.word(slot, SLOT_HASH_LOW) === (pointer.hashLow | 0) &&
      this.word(slot, SLOT_HASH_HIGH) === (pointer.hashHigh | 0) &&
      this.word(slot, SLOT_GENERATION_LOW) === lowWord(pointer.generation) &&
      this.word(slot, SLOT_GENERATION_HIGH) === highWord(pointer.generation) &&
      this.word(slot, SLOT_ADDRESS_HIGH) === highWord(pointer.address)
    );
  }

  setKey(slot: SlotIndex, pointer: Pointer): void {
    assert(this.status(slot) === SLOT_STATUS.owned, 'I2: only an owned slot takes a key');
    const { words } = this;
    const header = this.slotsStart + slot * SLOT_WORDS;
    atomicStore(words, header + SLOT_ADDRESS_LOW, lowWord(pointer.address));
    atomicStore(words, header + SLOT_ADDRESS_HIGH, highWord(pointer.address));
    atomicStore(words, header + SLOT_GENERATION_LOW, lowWord(pointer.generation));
    atomicStore(words, header + SLOT_GENERATION_HIGH, highWord(pointer.generation));
    atomicStore(words, header + SLOT_HASH_LOW, pointer.hashLow | 0);
    atomicStore(words, header + SLOT_HASH_HIGH, pointer.hashHigh | 0);
  }

  /**
   * Changes the status. A compare-and-swap although nobody else changes the value: readers' read-modify-writes and
   * this one have to be in one order (step 5 of the protocol), and after a mere store they would not be.
   */
  become(slot: SlotIndex, status: SlotStatus): void {
    const at = this.slotsStart + slot * SLOT_WORDS + SLOT_STATE;
    const before = plainLoad(this.words, at);
    const found = atomicCompareExchange(this.words, at, before, stateAfter(before, status));
    assert(found === before, 'I2: a slot changed behind its owner');
  }

  private word(slot: SlotIndex, offset: number): number {
    return plainLoad(this.words, this.slotsStart + slot * SLOT_WORDS + offset);
  }
}
