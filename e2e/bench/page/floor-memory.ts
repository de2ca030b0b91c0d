/** What the two bare threads of the floor share: see `floor.worker.ts`. */

/** Blocks that go over at once. */
export const FLOOR_BATCH = 64;
export const FLOOR_BLOCK_BYTES = 16_384;
export const FLOOR_FILE = 'bench-floor';
/** What the disk's thread says when it has the file; anything else is why it does not. */
export const FLOOR_OPEN = 'open';

/** Words: requests so far, answers so far, what is asked, of how many blocks; whether the disk’s thread has failed. */
export const ASKED = 0;
export const ANSWERED = 1;
export const OPERATION = 2;
export const COUNT = 3;
export const FAILED = 4;
const WORDS_BYTES = 64;

export const FLOOR_OPERATION = { commit: 1, read: 2, close: 3 } as const;

export interface FloorMemory {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Where in the file, a number a block. */
  readonly offsets: Float64Array<SharedArrayBuffer>;
  readonly blocks: Uint8Array<SharedArrayBuffer>;
}

export function allocateFloorMemory(): FloorMemory {
  const offsetsEnd = WORDS_BYTES + FLOOR_BATCH * Float64Array.BYTES_PER_ELEMENT;
  const buffer = new SharedArrayBuffer(offsetsEnd + FLOOR_BATCH * FLOOR_BLOCK_BYTES);
  return {
    words: new Int32Array(buffer, 0, WORDS_BYTES / Int32Array.BYTES_PER_ELEMENT),
    offsets: new Float64Array(buffer, WORDS_BYTES, FLOOR_BATCH),
    blocks: new Uint8Array(buffer, offsetsEnd),
  };
}
