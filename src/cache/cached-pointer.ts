/**
 * Which block of an address is in the cache, asked by a thread that does not own it: the key in the header of its slot,
 * whole or not at all. For tools; those who read blocks have the pointer already and use `CacheReader`.
 *
 * The protocol is the reader's (`shared/cache-layout`) with the key in place of the copy: the version is noted, the key
 * taken word by word, and the version looked at again.
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicAdd, atomicLoad } from '../shared/atomics.ts';
import {
  type CacheLayout,
  highWord,
  homeBucket,
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
  SLOT_WORDS,
  versionOf,
} from '../shared/cache-layout.ts';

/** `undefined`: none is in the cache, or it is about to leave, or its entry was moved while we looked. */
export function cachedPointerAt(
  { layout, control }: { readonly layout: CacheLayout; readonly control: Int32Array },
  address: number,
): Pointer | undefined {
  const mask = layout.bucketCount - 1;
  let bucket = homeBucket(layout, lowWord(address), highWord(address));
  // Bounded, as every probe under the owner's hands.
  for (let probes = 0; probes <= mask; probes += 1) {
    const entry = atomicLoad(control, bucket);
    if (entry === 0) return undefined;
    const header = layout.slotsStart + (entry - 1) * SLOT_WORDS;
    const state = atomicLoad(control, header + SLOT_STATE);
    const pointer = keyAt(control, header);
    if (pointer.address === address) {
      if (!isReadable(state)) return undefined;
      const after = atomicAdd(control, header + SLOT_STATE, 0);
      return versionOf(after) === versionOf(state) ? pointer : undefined;
    }
    bucket = (bucket + 1) & mask;
  }
  return undefined;
}

/** Only meaningful between two looks at the version. */
function keyAt(control: Int32Array, header: number): Pointer {
  const word = (offset: number): number => atomicLoad(control, header + offset);
  return {
    address: joinWords(word(SLOT_ADDRESS_LOW), word(SLOT_ADDRESS_HIGH)) as BlockAddress,
    generation: joinWords(word(SLOT_GENERATION_LOW), word(SLOT_GENERATION_HIGH)) as Generation,
    hashHigh: word(SLOT_HASH_HIGH) >>> 0,
    hashLow: word(SLOT_HASH_LOW) >>> 0,
  };
}
