/**
 * Where the page puts the blocks that it writes: cells in a circle, filled by the page and emptied by the store worker,
 * both in order. Which cells are filled is said by the page's messages; which are empty again by one word, so that no
 * message has to go back. A cell is as large as a block, and what the block leaves of it is zero.
 */
import { assert } from '../base/assert.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { STAGE_BYTES } from './contents-layout.ts';
import { SESSION } from './control-layout.ts';
import type { SessionMemory } from './session-memory.ts';

class Stage {
  protected readonly words: Int32Array;
  /** The word that counts cells which are empty again, ever since; it wraps around at 32 bits. */
  protected readonly takenAt: number;
  protected readonly cellCount: number;
  private readonly cells: readonly Uint8Array[];

  constructor(memory: SessionMemory, blockBytes: number) {
    const { words, control, bytes, contents } = memory;
    this.words = words;
    this.takenAt = control.session + SESSION.stagedTaken;
    this.cellCount = STAGE_BYTES / blockBytes;
    assert(Number.isInteger(this.cellCount), 'a stage holds whole blocks');
    this.cells = Array.from({ length: this.cellCount }, (_, cell) => {
      const start = contents.stageStart + cell * blockBytes;
      return bytes.subarray(start, start + blockBytes);
    });
  }

  /** The cell of the block with that number, ever since; both are powers of two, so wrapping around does no harm. */
  cell(number: number): Uint8Array {
    return this.cells[(number >>> 0) % this.cellCount] as Uint8Array;
  }
}

/** The page's side. */
export class StageWriter extends Stage {
  private filled = 0;

  /** `count` cells in a row for the next blocks: the first one's number, or `undefined` when so many are not empty. */
  claim(count: number): number | undefined {
    const full = (this.filled - atomicLoad(this.words, this.takenAt)) | 0;
    if (full + count > this.cellCount) return undefined;
    const first = this.filled;
    this.filled = (first + count) | 0;
    return first;
  }
}

/** The store worker's side. */
export class StageReader extends Stage {
  blocks(first: number, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, n) => this.cell(first + n));
  }

  /** The blocks have been copied, these after all before them. */
  taken(first: number, count: number): void {
    assert(atomicLoad(this.words, this.takenAt) === first, 'staged blocks are taken in order');
    atomicStore(this.words, this.takenAt, (first + count) | 0);
  }
}
