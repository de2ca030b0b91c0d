/**
 * From address to slot, in control memory that other threads probe without a lock: open addressing, linear probing,
 * at most one slot per address. The owner's side; `cache-reader` is the other one.
 *
 * A deletion shifts the entries behind it back (no tombstones: the index never has to be rebuilt, and a probe's
 * length depends on what is in it, not on what once was). A reader that probes meanwhile may miss an entry, but never
 * takes a wrong one: it compares the slot's key itself. An entry that moves is written to its new place before it
 * leaves the old one, so that even misses are rare.
 *
 * The addresses are those in the slots' headers, so a header keeps its address until its entry is removed.
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, SlotIndex } from '../base/brand.ts';
import { atomicStore, plainLoad } from '../shared/atomics.ts';
import {
  type CacheLayout,
  highWord,
  homeBucket,
  lowWord,
  SLOT_ADDRESS_HIGH,
  SLOT_ADDRESS_LOW,
  SLOT_WORDS,
} from '../shared/cache-layout.ts';
import { NO_SLOT, type NoSlot } from './slot-list.ts';

export class AddressIndex {
  private readonly layout: CacheLayout;
  private readonly words: Int32Array;
  private readonly bucketMask: number;

  constructor(layout: CacheLayout, words: Int32Array) {
    this.layout = layout;
    this.words = words;
    this.bucketMask = layout.bucketCount - 1;
  }

  find(address: BlockAddress): SlotIndex | NoSlot {
    const low = lowWord(address);
    const high = highWord(address);
    const words = this.words;
    const slotsStart = this.layout.slotsStart;
    let bucket = homeBucket(this.layout, low, high);
    // Plain loads: this thread is the only one that writes these words.
    for (let entry = plainLoad(words, bucket); entry !== 0; entry = plainLoad(words, bucket)) {
      const header = slotsStart + (entry - 1) * SLOT_WORDS;
      if (
        plainLoad(words, header + SLOT_ADDRESS_LOW) === low &&
        plainLoad(words, header + SLOT_ADDRESS_HIGH) === high
      ) {
        return (entry - 1) as SlotIndex;
      }
      bucket = (bucket + 1) & this.bucketMask;
    }
    return NO_SLOT;
  }

  /** Enters `slot` under the address in its header, which must not be in the index. */
  insert(slot: SlotIndex): void {
    const { words } = this;
    const header = this.layout.slotsStart + slot * SLOT_WORDS;
    const low = plainLoad(words, header + SLOT_ADDRESS_LOW);
    const high = plainLoad(words, header + SLOT_ADDRESS_HIGH);
    let bucket = this.homeOf(slot + 1);
    for (let entry = plainLoad(words, bucket); entry !== 0; entry = plainLoad(words, bucket)) {
      const other = this.layout.slotsStart + (entry - 1) * SLOT_WORDS;
      const isSame =
        plainLoad(words, other + SLOT_ADDRESS_LOW) === low &&
        plainLoad(words, other + SLOT_ADDRESS_HIGH) === high;
      assert(!isSame, 'I2: an address is entered twice');
      bucket = (bucket + 1) & this.bucketMask;
    }
    atomicStore(words, bucket, slot + 1);
  }

  /** Takes `slot` out. Its header must still have the address it was entered under. */
  remove(slot: SlotIndex): void {
    const { words, bucketMask } = this;
    let hole = this.homeOf(slot + 1);
    while (plainLoad(words, hole) !== slot + 1) {
      assert(plainLoad(words, hole) !== 0, 'I2: a slot to be taken from the index is not in it');
      hole = (hole + 1) & bucketMask;
    }
    let bucket = (hole + 1) & bucketMask;
    for (let entry = plainLoad(words, bucket); entry !== 0; entry = plainLoad(words, bucket)) {
      // The entry may move into the hole unless its home lies behind the hole: a probe would start past it.
      const fromHome = (bucket - this.homeOf(entry)) & bucketMask;
      const fromHole = (bucket - hole) & bucketMask;
      if (fromHome >= fromHole) {
        atomicStore(words, hole, entry);
        hole = bucket;
      }
      bucket = (bucket + 1) & bucketMask;
    }
    atomicStore(words, hole, 0);
  }

  /** How many buckets a probe for `slot` looks at; 0 when it is not in the index. For tests and benches. */
  probeLength(slot: SlotIndex): number {
    const home = this.homeOf(slot + 1);
    for (let step = 0; step < this.layout.bucketCount; step += 1) {
      const entry = plainLoad(this.words, (home + step) & this.bucketMask);
      if (entry === slot + 1) return step + 1;
      if (entry === 0) return 0;
    }
    return 0;
  }

  /** Entries in the index. Takes time in proportion to it; for tests. */
  count(): number {
    let count = 0;
    for (let bucket = 0; bucket <= this.bucketMask; bucket += 1) {
      if (this.words[bucket] !== 0) count += 1;
    }
    return count;
  }

  private homeOf(entry: number): number {
    const header = this.layout.slotsStart + (entry - 1) * SLOT_WORDS;
    return homeBucket(
      this.layout,
      plainLoad(this.words, header + SLOT_ADDRESS_LOW),
      plainLoad(this.words, header + SLOT_ADDRESS_HIGH),
    );
  }
}
