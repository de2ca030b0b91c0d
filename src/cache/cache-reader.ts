/**
 * The block cache, seen from a thread that does not own it: copies a block out of shared memory without a lock,
 * without a message and without waiting. Owns the reader's half of I2: what it hands out was verified content under
 * exactly the pointer asked for, for the whole time of the copy. The five steps and why they suffice:
 * `shared/cache-layout`.
 *
 * It leaves no trace in the eviction order: that would be a second writer of the owner's lists.
 */
import { assert } from '../base/assert.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicAdd, atomicLoad, copyBytes } from '../shared/atomics.ts';
import {
  type CacheLayout,
  highWord,
  homeBucket,
  isReadable,
  lowWord,
  SLOT_ADDRESS_HIGH,
  SLOT_ADDRESS_LOW,
  SLOT_GENERATION_HIGH,
  SLOT_GENERATION_LOW,
  SLOT_HASH_HIGH,
  SLOT_HASH_LOW,
  SLOT_STATE,
  SLOT_WORDS,
  versionOf,
} from '../shared/cache-layout.ts';

export interface CacheReaderOptions {
  readonly layout: CacheLayout;
  readonly control: Int32Array;
  readonly memory: { readonly bytes: Uint8Array };
}

export class CacheReader {
  private readonly layout: CacheLayout;
  private readonly control: Int32Array;
  private readonly bytes: Uint8Array;

  constructor({ layout, control, memory }: CacheReaderOptions) {
    assert(control.length >= layout.wordCount, 'the control memory has room for all slots');
    assert(
      memory.bytes.length >= layout.slotCount * layout.blockBytes,
      'the memory has room for all slots',
    );
    this.layout = layout;
    this.control = control;
    this.bytes = memory.bytes;
  }

  /**
   * Copies the pointer's block to the beginning of `into` (at least a block long). False: it is not here, or was
   * about to leave; what is in `into` then is garbage, possibly another block's.
   */
  copy(pointer: Pointer, into: Uint8Array): boolean {
    const { layout, control } = this;
    assert(into.length >= layout.blockBytes, 'there is room for a block');
    const low = lowWord(pointer.address);
    const high = highWord(pointer.address);
    const mask = layout.bucketCount - 1;
    let bucket = homeBucket(layout, low, high);
    // Bounded: under the owner's hands a probe might otherwise chase entries around.
    for (let probes = 0; probes <= mask; probes += 1) {
      const entry = atomicLoad(control, bucket);
      if (entry === 0) return false;
      const header = layout.slotsStart + (entry - 1) * SLOT_WORDS;
      const state = atomicLoad(control, header + SLOT_STATE);
      if (
        atomicLoad(control, header + SLOT_ADDRESS_LOW) === low &&
        atomicLoad(control, header + SLOT_ADDRESS_HIGH) === high
      ) {
        if (!isReadable(state) || !this.keyIs(header, pointer)) return false;
        const offset = (entry - 1) * layout.blockBytes;
        copyBytes(this.bytes.subarray(offset, offset + layout.blockBytes), into);
        // A read-modify-write: a load would not keep the copy in front of it.
        return versionOf(atomicAdd(control, header + SLOT_STATE, 0)) === versionOf(state);
      }
      bucket = (bucket + 1) & mask;
    }
    return false;
  }

  /** The key but for its address. Only meaningful between the two looks at the version. */
  private keyIs(header: number, pointer: Pointer): boolean {
    const { control } = this;
    return (
      atomicLoad(control, header + SLOT_HASH_LOW) === (pointer.hashLow | 0) &&
      atomicLoad(control, header + SLOT_HASH_HIGH) === (pointer.hashHigh | 0) &&
      atomicLoad(control, header + SLOT_GENERATION_LOW) === lowWord(pointer.generation) &&
      atomicLoad(control, header + SLOT_GENERATION_HIGH) === highWord(pointer.generation)
    );
  }
}
