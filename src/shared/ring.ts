/**
 * A bounded queue of cells in shared words, from one thread to one other. A cell is written before the tail passes it,
 * and read before the head does; nothing else orders the two sides. A full ring pushes back, it does not grow.
 *
 *     words              what
 *     start              head: cells taken, ever (mod 2^32); only the reader writes it
 *     start + 16         tail: cells published, ever (mod 2^32); only the writer writes it
 *     start + 32 …       the cells
 *
 * One producer each, although several threads have work for a disk: a thread that dies between claiming a cell of a
 * ring with several producers and filling it stops everybody else (robust locks do not exist here). Clients post to
 * mailboxes (`mailbox.ts`) instead.
 */
import { assert } from '../base/assert.ts';
import { atomicLoad, atomicStore } from './atomics.ts';

/** A cache line: words that different threads write, such as head and tail, keep to lines of their own. */
export const LINE_WORDS = 16;

export interface RingLayout {
  /** The first word. */
  readonly start: number;
  /** A power of two. */
  readonly cellCount: number;
  readonly cellWords: number;
}

export function ringWords({ cellCount, cellWords }: Omit<RingLayout, 'start'>): number {
  return 2 * LINE_WORDS + cellCount * cellWords;
}

/**
 * What anybody can see of a ring: cells published and cells taken, ever (mod 2^32). They say that its sides move, not
 * what is in it.
 */
export function ringMoves(
  words: Int32Array,
  { start }: RingLayout,
): { readonly written: number; readonly read: number } {
  return { written: atomicLoad(words, start + LINE_WORDS), read: atomicLoad(words, start) };
}

class RingSide {
  protected readonly words: Int32Array;
  protected readonly headAt: number;
  protected readonly tailAt: number;
  private readonly cellsStart: number;
  private readonly cellWords: number;
  protected readonly cellCount: number;
  private readonly mask: number;

  constructor(words: Int32Array, layout: RingLayout) {
    const { start, cellCount, cellWords } = layout;
    const log = Math.log2(cellCount);
    assert(Number.isInteger(log) && log >= 0 && log <= 20, 'a ring has 1 … 2^20 cells');
    assert(words.length >= start + ringWords(layout), 'the ring lies inside the memory');
    this.words = words;
    this.headAt = start;
    this.tailAt = start + LINE_WORDS;
    this.cellsStart = start + 2 * LINE_WORDS;
    this.cellWords = cellWords;
    this.cellCount = cellCount;
    this.mask = cellCount - 1;
  }

  protected cellAt(count: number): number {
    return this.cellsStart + (count & this.mask) * this.cellWords;
  }
}

/** The producer's side. At most one in all threads. */
export class RingWriter extends RingSide {
  private tail: number;
  /** The head as last seen: read anew only when the ring looks full. */
  private headSeen: number;

  constructor(words: Int32Array, layout: RingLayout) {
    super(words, layout);
    this.tail = atomicLoad(words, this.tailAt);
    this.headSeen = atomicLoad(words, this.headAt);
  }

  /** The first word of the next cell, for the caller to fill by plain stores and `publish`; −1 when full. */
  claim(): number {
    if (((this.tail - this.headSeen) | 0) === this.cellCount) {
      this.headSeen = atomicLoad(this.words, this.headAt);
      if (((this.tail - this.headSeen) | 0) === this.cellCount) return -1;
    }
    return this.cellAt(this.tail);
  }

  /** Hands the claimed cell over. Rings no bell. */
  publish(): void {
    assert(((this.tail - this.headSeen) | 0) < this.cellCount, 'a cell is claimed, then published');
    this.tail = (this.tail + 1) | 0;
    atomicStore(this.words, this.tailAt, this.tail);
  }
}

/** The consumer's side. At most one in all threads. */
export class RingReader extends RingSide {
  private head: number;
  private tailSeen: number;

  constructor(words: Int32Array, layout: RingLayout) {
    super(words, layout);
    this.head = atomicLoad(words, this.headAt);
    this.tailSeen = atomicLoad(words, this.tailAt);
  }

  /** The first word of the oldest published cell, to be read by plain loads and `release`d; −1 when there is none. */
  peek(): number {
    if (this.head === this.tailSeen) {
      this.tailSeen = atomicLoad(this.words, this.tailAt);
      if (this.head === this.tailSeen) return -1;
    }
    return this.cellAt(this.head);
  }

  /**
   * Gives the cell back to the writer. Returns whether there was no other room: a writer that has found the ring full
   * is never missed, for it had published all it could before it looked.
   */
  release(): boolean {
    assert(this.head !== this.tailSeen, 'a cell is read, then released');
    const taken = this.head;
    this.head = (taken + 1) | 0;
    atomicStore(this.words, this.headAt, this.head);
    return ((atomicLoad(this.words, this.tailAt) - taken) | 0) === this.cellCount;
  }
}
