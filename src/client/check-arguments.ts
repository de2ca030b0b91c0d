/**
 * What callers hand in, checked before any message is sent. Whether a pointer is this store's, still in use and right
 * about its block is the engine's answer; whether it can be a pointer at all is known here.
 */
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, fromPublic, type Pointer } from '../format/pointer.ts';

/** @throws StoreError MISUSE */
export function checkPointer(pointer: BlockPointer, blockBytes: number): Pointer {
  const result = fromPublic(pointer);
  if (!result.ok) {
    throw new StoreError(
      'MISUSE',
      `This is not a block pointer: ${result.error.detail}. Pass what write or decodePointer returned.`,
    );
  }
  if (result.value.address % blockBytes !== 0) {
    throw new StoreError(
      'MISUSE',
      `This is not a pointer of this store: its address ${result.value.address} is not a multiple of ` +
        `${blockBytes}, the size of a block.`,
      { coordinates: { address: result.value.address } },
    );
  }
  return result.value;
}

export function checkPointers(pointers: readonly BlockPointer[], blockBytes: number): Pointer[] {
  return pointers.map((pointer) => checkPointer(pointer, blockBytes));
}

/** @throws StoreError MISUSE */
export function checkBlock(bytes: Uint8Array, blockBytes: number): void {
  checkBytes(bytes);
  if (bytes.length <= blockBytes) return;
  throw new StoreError(
    'MISUSE',
    `${bytes.length} bytes do not fit into a block of ${blockBytes}: cut them into several blocks.`,
  );
}

/** @throws StoreError MISUSE */
export function checkInto(into: Uint8Array, blockBytes: number): void {
  checkBytes(into);
  if (into.length >= blockBytes) return;
  throw new StoreError(
    'MISUSE',
    `There is no room for a block of ${blockBytes} bytes in an array of ${into.length}.`,
  );
}

/** Compared by name too, so that a Uint8Array of another realm passes. */
function checkBytes(bytes: Uint8Array): void {
  if (bytes instanceof Uint8Array) return;
  if (Object.prototype.toString.call(bytes) === '[object Uint8Array]') return;
  throw new StoreError('MISUSE', 'A block is given and taken as a Uint8Array.');
}

/** Puts blocks where the caller wants them. */
export function deliver(
  blocks: readonly Uint8Array[],
  intos: readonly Uint8Array[] | undefined,
): Uint8Array[] {
  if (intos === undefined) return [...blocks];
  return intos.map((into, index) => {
    into.set(blocks[index] as Uint8Array);
    return into;
  });
}

/** @throws StoreError MISUSE */
export function checkIntos(
  intos: readonly Uint8Array[] | undefined,
  count: number,
  blockBytes: number,
): void {
  if (intos === undefined) return;
  if (intos.length !== count) {
    throw new StoreError('MISUSE', `${count} blocks need ${count} arrays, not ${intos.length}.`);
  }
  for (const into of intos) checkInto(into, blockBytes);
}
