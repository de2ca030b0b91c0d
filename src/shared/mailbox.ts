/**
 * One client's requests to one disk: a few cells, each with a state, and a bit per cell that says *look here*. Any
 * number of cells can be on their way; they are answered in any order, in the cell itself.
 *
 *     word                       what
 *     start + w                  bits of cells 32 w … 32 w + 31: the client sets them, the disk takes all at once
 *     cellsStart + c × 16        state of cell c, and 15 words for the request and its answer
 *
 *     free ─ client fills, posts ─▶ posted ─ disk takes ─▶ taken ─ disk answers ─▶ answered ─ client reads ─▶ free
 *
 * Each state has one side that may change it: the disk what is posted or taken, the client the others. The state is the
 * truth and the bit a hint: a cell is taken when its state says so, at most once for each time it is posted.
 *
 * A client may die at any point without stopping anybody. Who gets the mailbox next leaves cells on their way alone,
 * and takes them back when they are answered (`adopt`). It sets the bits of all that are posted once more, because the
 * dead client may not have come to that, or to ringing the disk's bell; so whoever takes a mailbox over rings it.
 */
import { assert } from '../base/assert.ts';
import { atomicExchange, atomicLoad, atomicOr, atomicStore } from './atomics.ts';

export const MAILBOX_CELL_WORDS = 16;
/** Payload words of a cell start behind its state. */
export const CELL_PAYLOAD = 1;

export const CELL_STATE = { free: 0, posted: 1, taken: 2, answered: 3 } as const;

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

  protected state(cell: number): number {
    return atomicLoad(this.words, this.stateAt(cell));
  }
}

/** The client's side. At most one at a time: the next begins when the one before is dead. */
export class MailboxClient extends MailboxSide {
  private readonly unused: number[] = [];
  /** On their way for a former owner. Nobody waits for their answers. */
  private orphans: number[] = [];

  constructor(words: Int32Array, layout: MailboxLayout) {
    super(words, layout);
    for (let cell = layout.cellCount - 1; cell >= 0; cell -= 1) {
      const state = this.state(cell);
      if (state === CELL_STATE.posted) this.hint(cell);
      if (state === CELL_STATE.posted || state === CELL_STATE.taken) this.orphans.push(cell);
      else this.release(cell);
    }
  }

  /** A cell to fill and `post`, or −1 when all are on their way. */
  claim(): number {
    if (this.unused.length === 0) this.adopt();
    return this.unused.pop() ?? -1;
  }

  /** Hands the filled cell to the disk. Rings no bell. */
  post(cell: number): void {
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.posted);
    this.hint(cell);
  }

  isAnswered(cell: number): boolean {
    return this.state(cell) === CELL_STATE.answered;
  }

  /** The answer has been read, or the claim was not needed. */
  release(cell: number): void {
    const state = this.state(cell);
    assert(
      state === CELL_STATE.free || state === CELL_STATE.answered,
      'a cell on its way is the disk’s',
    );
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.free);
    this.unused.push(cell);
  }

  /** Takes back what was on its way for a former owner and has been answered by now. */
  adopt(): number {
    if (this.orphans.length === 0) return 0;
    const waiting = this.orphans.filter((cell) => !this.isAnswered(cell));
    const answered = this.orphans.filter((cell) => !waiting.includes(cell));
    this.orphans = waiting;
    for (const cell of answered) this.release(cell);
    return answered.length;
  }

  private hint(cell: number): void {
    atomicOr(this.words, this.bitsStart + (cell >>> 5), 1 << (cell & 31));
  }
}

/** The disk's side. */
export class MailboxServer extends MailboxSide {
  /** Takes every cell posted since the last call, and calls `visit` for it. Returns how many. */
  takePosted(visit: (cell: number) => void): number {
    let count = 0;
    for (let word = 0; word * 32 < this.cellCount; word += 1) {
      const at = this.bitsStart + word;
      if (atomicLoad(this.words, at) === 0) continue;
      let bits = atomicExchange(this.words, at, 0);
      while (bits !== 0) {
        const cell = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        // A bit set for the second time, after its cell was taken for the first.
        if (this.state(cell) !== CELL_STATE.posted) continue;
        atomicStore(this.words, this.stateAt(cell), CELL_STATE.taken);
        visit(cell);
        count += 1;
      }
    }
    return count;
  }

  /** The answer is in the cell. Rings no bell. */
  answer(cell: number): void {
    assert(this.state(cell) === CELL_STATE.taken, 'a cell is taken, then answered, once');
    atomicStore(this.words, this.stateAt(cell), CELL_STATE.answered);
  }
}
