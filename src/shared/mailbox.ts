/**
 * One client's requests to one disk: a few cells, each with a state, and a bit per cell that says *posted*. Any number
 * of cells can be on their way; they are answered in any order, in the cell itself.
 *
 *     word                       what
 *     start + w                  posted bits of cells 32 w … 32 w + 31: the client sets, the disk takes all at once
 *     cellsStart + c × 16        state of cell c, and 15 words for the request and its answer
 *
 *     free ─ client claims, fills ─▶ posted ─ disk answers ─▶ answered ─ client reads ─▶ free
 *
 * A client may die at any point without stopping anybody: a cell is either posted, and will be answered to nobody, or
 * it is not. Who gets the mailbox next takes answered cells back and leaves those on their way alone (`adopt`).
 */
import { assert } from '../base/assert.ts';
import { atomicExchange, atomicLoad, atomicOr, atomicStore } from './atomics.ts';

export const MAILBOX_CELL_WORDS = 16;
/** Payload words of a cell start behind its state. */
export const CELL_PAYLOAD = 1;

export const CELL_STATE = { free: 0, posted: 1, answered: 2 } as const;

export interface MailboxLayout {
  readonly start: number;
  readonly cellCount: number;
}

function bitWords(cellCount: number): number {
  return Math.ceil(cellCount / 32);
}

/** Posted bits first, rounded up to a cell. */
function cellsOffset(cellCount: number): number {
  return Math.ceil(bitWords(cellCount) / MAILBOX_CELL_WORDS) * MAILBOX_CELL_WORDS;
}

export function mailboxWords(cellCount: number): number {
  return cellsOffset(cellCount) + cellCount * MAILBOX_CELL_WORDS;
}

class MailboxSide {
  readonly cellCount: number;
  protected readonly words: Int32Array;
  protected readonly bitsStart: number;
  private readonly cellsStart: number;

  constructor(words: Int32Array, { start, cellCount }: MailboxLayout) {
    assert(cellCount > 0 && cellCount <= 1024, 'a mailbox has 1 … 1,024 cells');
    assert(words.length >= start + mailboxWords(cellCount), 'the mailbox lies inside the memory');
    this.words = words;
    this.cellCount = cellCount;
    this.bitsStart = start;
    this.cellsStart = start + cellsOffset(cellCount);
  }

  /** The cell's first payload word. */
  payloadOf(cell: number): number {
    return this.cellsStart + cell * MAILBOX_CELL_WORDS + CELL_PAYLOAD;
  }

  protected stateAt(cell: number): number {
    return this.cellsStart + cell * MAILBOX_CELL_WORDS;
  }
}

/** The client's side. */
export class MailboxClient extends MailboxSide {
  private readonly unused: number[] = [];

  constructor(words: Int32Array, layout: MailboxLayout) {
    super(words, layout);
    for (let cell = layout.cellCount - 1; cell >= 0; cell -= 1) {
      if (atomicLoad(words, this.stateAt(cell)) !== CELL_STATE.posted) this.release(cell);
    }
  }

  /** A cell to fill and `post`, or −1 when all are on their way. */
  claim(): number {
    return this.unused.pop() ?? -1;
  }

  /** Hands the filled cell to the disk. Rings no bell. */
  post(cell: number): void {
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.posted);
    atomicOr(this.words, this.bitsStart + (cell >>> 5), 1 << (cell & 31));
  }

  isAnswered(cell: number): boolean {
    return atomicLoad(this.words, this.stateAt(cell)) === CELL_STATE.answered;
  }

  /** The answer has been read, or the claim was not needed. */
  release(cell: number): void {
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.free);
    this.unused.push(cell);
  }

  /** Takes back what the mailbox's former owner left answered by now. */
  adopt(): void {
    for (let cell = 0; cell < this.cellCount; cell += 1) {
      if (this.isAnswered(cell) && !this.unused.includes(cell)) this.release(cell);
    }
  }
}

/** The disk's side. */
export class MailboxServer extends MailboxSide {
  /** Calls `visit` for every cell posted since the last call. Returns how many. */
  takePosted(visit: (cell: number) => void): number {
    let count = 0;
    for (let word = 0; word * 32 < this.cellCount; word += 1) {
      const at = this.bitsStart + word;
      if (atomicLoad(this.words, at) === 0) continue;
      let bits = atomicExchange(this.words, at, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        visit(word * 32 + bit);
        count += 1;
      }
    }
    return count;
  }

  /** The answer is in the cell. Rings no bell. */
  answer(cell: number): void {
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.answered);
  }
}
