/**
 * Blocks and pointers on their way between threads. The caller's buffers are copied, never detached; what is packed
 * here is one piece of memory a message, and is transferred.
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import type { MessageMemory } from './message-memory.ts';

/** Blocks one behind the other. */
export interface PackedBlocks {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

export function packBlocks(blocks: readonly Uint8Array[], memory: MessageMemory): PackedBlocks {
  let total = 0;
  for (const block of blocks) total += block.length;
  const bytes = memory.take(total);
  let offset = 0;
  for (const block of blocks) {
    bytes.set(block, offset);
    offset += block.length;
  }
  return { bytes, lengths: blocks.map((block) => block.length) };
}

/** Views on the message's memory; nothing is copied. */
export function unpackBlocks({ bytes, lengths }: PackedBlocks): Uint8Array[] {
  let offset = 0;
  return lengths.map((length) => {
    const block = bytes.subarray(offset, offset + length);
    assert(block.length === length, 'packed blocks lie inside their message');
    offset += length;
    return block;
  });
}

const POINTER_WORDS = 4;

/** Four doubles a pointer: address, generation, hash high, hash low. All of them are exact. */
export function packPointers(pointers: readonly Pointer[]): Float64Array<ArrayBuffer> {
  const words = new Float64Array(pointers.length * POINTER_WORDS);
  let at = 0;
  for (const pointer of pointers) {
    words[at] = pointer.address;
    words[at + 1] = pointer.generation;
    words[at + 2] = pointer.hashHigh;
    words[at + 3] = pointer.hashLow;
    at += POINTER_WORDS;
  }
  return words;
}

export function unpackPointers(words: Float64Array): Pointer[] {
  assert(words.length % POINTER_WORDS === 0, 'packed pointers are whole');
  const pointers: Pointer[] = [];
  for (let at = 0; at < words.length; at += POINTER_WORDS) {
    pointers.push({
      address: words[at] as BlockAddress,
      generation: words[at + 1] as Generation,
      hashHigh: words[at + 2] as number,
      hashLow: words[at + 3] as number,
    });
  }
  return pointers;
}
