/**
 * The free ranges of one arena, in block indices. Guarantees I3 as far as one arena can: ranges are disjoint, coalesced
 * (no two of them touch) and inside 0 … `ARENA_BLOCKS_MAX`. Who may see a block, and when it may come back, is decided
 * above (I4); how far the arena has grown is known to the arena, which is why nothing here is bounded by it.
 *
 * Not an AVL tree of objects (the seed): 100 bytes and a pointer chase per range, and a garbage collector to feed.
 * Not a bitmap: 2 MiB per arena however little is free, and no ranges to write into a compacted log.
 */
import { assert } from '../base/assert.ts';
import { ARENA_BLOCKS_MAX } from '../format/geometry.ts';
import { RangeChunks } from './range-chunks.ts';

export class FreeRanges {
  /** How many blocks the last `allocateLow` or `allocateHigh` took: 0 when it returned −1. */
  lastCount = 0;

  private blocks = 0;
  private list = new RangeChunks();

  /** Free blocks in total. */
  get blockCount(): number {
    return this.blocks;
  }

  get rangeCount(): number {
    return this.list.rangeCount;
  }

  /** Blocks of the longest range, 0 when nothing is free. Costs a look at each chunk of 64 ranges. */
  largest(): number {
    return this.list.longest();
  }

  /** Makes the range free. Asserts I3: it is in bounds, not empty, and none of it is free yet. */
  freeRange(start: number, count: number): void {
    const freed = this.tryFreeRange(start, count);
    assert(freed, 'I3: a freed range is in bounds and none of it is free already');
  }

  /** As `freeRange`, for logs that may lie: false, and nothing changed, where that asserts. Takes any numbers. */
  tryFreeRange(start: number, count: number): boolean {
    if (!isRange(start, count)) return false;
    const { list } = this;
    const end = start + count;
    const chunk = list.chunkOf(start);
    const index = list.indexOf(chunk, start);
    const endBefore = index < 0 ? -1 : list.start(chunk, index) + list.count(chunk, index);
    if (endBefore > start) return false;

    const isNextBehind = index + 1 === list.size(chunk);
    const chunkNext = isNextBehind ? chunk + 1 : chunk;
    const indexNext = isNextBehind ? 0 : index + 1;
    const hasNext = chunkNext < list.chunkCount;
    const startNext = hasNext ? list.start(chunkNext, indexNext) : ARENA_BLOCKS_MAX + 1;
    if (startNext < end) return false;

    this.blocks += count;
    const countNext = startNext === end ? list.count(chunkNext, indexNext) : 0;
    if (endBefore === start) {
      list.setCount(chunk, index, list.count(chunk, index) + count + countNext);
      if (startNext === end) list.remove(chunkNext, indexNext);
    } else if (startNext === end) {
      list.setStart(chunkNext, indexNext, start);
      list.setCount(chunkNext, indexNext, count + countNext);
    } else {
      list.insert(chunk, index + 1, start, count);
    }
    return true;
  }

  /**
   * Takes exactly these blocks. False, and nothing changed, unless the range is in bounds, not empty and wholly free.
   * Takes any numbers: replay hands over what a log says.
   */
  grabRange(start: number, count: number): boolean {
    if (!isRange(start, count)) return false;
    const chunk = this.list.chunkOf(start);
    const index = this.list.indexOf(chunk, start);
    if (index < 0) return false;
    const before = start - this.list.start(chunk, index);
    if (before + count > this.list.count(chunk, index)) return false;
    this.take(chunk, index, before, count);
    return true;
  }

  /** Takes up to `countMax` blocks from the lowest range. Returns the first, or −1; `lastCount` says how many. */
  allocateLow(countMax: number): number {
    assert(countMax >= 1, 'an allocation is of one block or more');
    this.lastCount = 0;
    if (this.blocks === 0) return -1;
    const start = this.list.start(0, 0);
    this.lastCount = Math.min(Math.floor(countMax), this.list.count(0, 0));
    this.take(0, 0, 0, this.lastCount);
    return start;
  }

  /** Takes `count` blocks from the lowest range that holds them all. Returns the first, or −1. */
  allocateRunLow(count: number): number {
    assert(count >= 1 && Number.isInteger(count), 'an allocation is of one block or more');
    if (!this.list.findFit(count)) return -1;
    const { foundChunk, foundIndex } = this.list;
    const start = this.list.start(foundChunk, foundIndex);
    this.take(foundChunk, foundIndex, 0, count);
    return start;
  }

  /** As `allocateLow`, but from the top of the highest range, where metadata goes. */
  allocateHigh(countMax: number): number {
    assert(countMax >= 1, 'an allocation is of one block or more');
    this.lastCount = 0;
    if (this.blocks === 0) return -1;
    const chunk = this.list.chunkCount - 1;
    const index = this.list.size(chunk) - 1;
    const countFree = this.list.count(chunk, index);
    this.lastCount = Math.min(Math.floor(countMax), countFree);
    const before = countFree - this.lastCount;
    const start = this.list.start(chunk, index) + before;
    this.take(chunk, index, before, this.lastCount);
    return start;
  }

  /** Whether all of these blocks are free. Takes any numbers; false for an empty range. */
  isFree(start: number, count: number): boolean {
    if (!isRange(start, count)) return false;
    const chunk = this.list.chunkOf(start);
    const index = this.list.indexOf(chunk, start);
    if (index < 0) return false;
    return start + count <= this.list.start(chunk, index) + this.list.count(chunk, index);
  }

  /** Calls `visit` for each range in ascending order. `visit` must not change the ranges. */
  forEach(visit: (start: number, count: number) => void): void {
    const { blocks, list } = this;
    for (let chunk = 0; chunk < list.chunkCount; chunk += 1) {
      for (let index = 0; index < list.size(chunk); index += 1) {
        visit(list.start(chunk, index), list.count(chunk, index));
        assert(this.blocks === blocks, 'I3: ranges changed in forEach');
      }
    }
  }

  clone(): FreeRanges {
    const copy = new FreeRanges();
    copy.blocks = this.blocks;
    copy.list = this.list.clone();
    return copy;
  }

  /** Whether the same blocks are free. How they are cut into chunks does not matter. */
  equals(other: FreeRanges): boolean {
    if (this.blocks !== other.blocks || this.rangeCount !== other.rangeCount) return false;
    let chunk = 0;
    let index = 0;
    let isEqual = true;
    this.forEach((start, count) => {
      if (index === other.list.size(chunk)) {
        chunk += 1;
        index = 0;
      }
      isEqual &&= other.list.start(chunk, index) === start;
      isEqual &&= other.list.count(chunk, index) === count;
      index += 1;
    });
    return isEqual;
  }

  /** Nothing is free any more; the memory goes back too. */
  clear(): void {
    this.blocks = 0;
    this.lastCount = 0;
    this.list = new RangeChunks();
  }

  /** Says what is wrong (I3, and what the structure below promises), or `undefined`. Reads everything. */
  checkInvariants(): string | undefined {
    const flaw = this.list.flaw();
    if (flaw !== undefined) return `I3: ${flaw}`;
    let blocks = 0;
    let endBefore = -1;
    let wrong: string | undefined;
    this.forEach((start, count) => {
      if (count < 1) wrong ??= 'I3: a range is empty';
      if (start < endBefore) wrong ??= 'I3: ranges overlap or are out of order';
      if (start === endBefore) wrong ??= 'I3: ranges touch and are not coalesced';
      endBefore = start + count;
      if (endBefore > ARENA_BLOCKS_MAX) wrong ??= 'I3: a range is out of bounds';
      blocks += count;
    });
    if (blocks !== this.blocks) wrong ??= 'I3: the free blocks were miscounted';
    return wrong;
  }

  /** Takes `count` blocks out of a range, the first of them `before` blocks into it. */
  private take(chunk: number, index: number, before: number, count: number): void {
    const { list } = this;
    const start = list.start(chunk, index);
    const behind = list.count(chunk, index) - before - count;
    this.blocks -= count;
    if (before > 0) {
      list.setCount(chunk, index, before);
      if (behind > 0) list.insert(chunk, index + 1, start + before + count, behind);
    } else if (behind > 0) {
      list.setStart(chunk, index, start + count);
      list.setCount(chunk, index, behind);
    } else {
      list.remove(chunk, index);
    }
  }
}

/** Whether these are a range at all: whole numbers, not empty, in bounds. */
function isRange(start: number, count: number): boolean {
  return (
    Number.isInteger(start) &&
    Number.isInteger(count) &&
    start >= 0 &&
    count >= 1 &&
    start + count <= ARENA_BLOCKS_MAX
  );
}
