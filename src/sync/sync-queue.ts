/**
 * The order in which a disk does what was asked of it: (queue generation, write < free < fence, file offset, arrival).
 * Within a queue generation writes come out sorted by offset, so that neighbours can leave in one call; frees come
 * after every write of their generation; the fence comes last and closes it.
 *
 * Owns the queue's half of I8: a free leaves after the writes queued before it, and a fence after both. Two
 * queued writes that overlap within one queue generation are our own bug: without a fence in between, nothing
 * would say which of them the disk keeps.
 *
 * The queue is bounded and never grows: a push into a full one returns false, and the caller makes room. Nothing is
 * allocated per entry; an entry is an index into parallel arrays.
 *
 * Rejected: an array sorted when it is drained. Cancelling and a drain that stops at a fence both want the order
 * while entries still arrive.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import type { WriteRequest } from './disk-port.ts';

/** The values are the order within a queue generation. */
export const OPERATION = { write: 0, free: 1, fence: 2 } as const;
export type Operation = (typeof OPERATION)[keyof typeof OPERATION];

/** The entry that `peek` or `pop` looked at last. Overwritten by the next call. */
export interface QueueEntry {
  readonly operation: Operation;
  readonly fileOffset: number;
  readonly memoryOffset: number;
  /** 0 for frees and fences. */
  readonly byteCount: number;
  readonly cookie: number;
  /** A write that `cancelWrite` found: to be completed as skipped, never to be written. */
  readonly cancelled: boolean;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const NONE = -1;
const OPERATION_COUNT = 3;
/** 2^32 divided by the golden ratio: spreads neighbouring offsets over the buckets. */
const HASH_FACTOR = 0x9e3779b1;
/** No two writes start nearer to each other than the smallest sector. */
const HASH_GRAIN_BYTES = 512;

export class SyncQueue {
  readonly capacity: number;

  private readonly current: Mutable<QueueEntry>;
  private entryCount = 0;
  private fenceCount = 0;
  private liveBytes = 0;
  /** The queue generation still open: a counter of its own, never the commit's number. */
  private generation = 0;
  private arrivals = 0;

  /** A binary heap of entry indices; the head is at 0. Behind the heap lie the unused indices. */
  private readonly heap: Int32Array;
  /** `queue generation × 3 + operation`: the first two parts of the order in one number. */
  private readonly ranks: Float64Array;
  private readonly fileOffsets: Float64Array;
  private readonly arrivalNumbers: Float64Array;
  private readonly memoryOffsets: Float64Array;
  private readonly cookies: Float64Array;
  private readonly byteCounts: Int32Array;
  private readonly cancelledFlags: Uint8Array;

  /** Live writes by file offset, as chains: what makes `cancelWrite` cheap. */
  private readonly buckets: Int32Array;
  private readonly chained: Int32Array;
  private readonly bucketShift: number;

  /** The live write popped last, to see an overlap with the next one. */
  private lastRank = NONE;
  private lastStart = 0;
  private lastEnd = 0;

  constructor(capacity: number) {
    assert(
      isCount(capacity) && capacity > 0 && capacity <= 2 ** 20,
      'a queue has 1 … 2^20 entries',
    );
    this.capacity = capacity;
    this.current = {
      operation: OPERATION.write,
      fileOffset: 0,
      memoryOffset: 0,
      byteCount: 0,
      cookie: 0,
      cancelled: false,
    };
    this.heap = new Int32Array(capacity);
    for (let index = 0; index < capacity; index += 1) this.heap[index] = index;
    this.ranks = new Float64Array(capacity);
    this.fileOffsets = new Float64Array(capacity);
    this.arrivalNumbers = new Float64Array(capacity);
    this.memoryOffsets = new Float64Array(capacity);
    this.cookies = new Float64Array(capacity);
    this.byteCounts = new Int32Array(capacity);
    this.cancelledFlags = new Uint8Array(capacity);
    const bucketBits = Math.max(1, Math.ceil(Math.log2(capacity)));
    this.buckets = new Int32Array(2 ** bucketBits).fill(NONE);
    this.chained = new Int32Array(capacity);
    this.bucketShift = 32 - bucketBits;
  }

  /** Entries queued, cancelled ones included. */
  get length(): number {
    return this.entryCount;
  }

  /** Fences queued. */
  get fences(): number {
    return this.fenceCount;
  }

  /** Bytes of the queued writes that are not cancelled. */
  get writeBytes(): number {
    return this.liveBytes;
  }

  get entry(): QueueEntry {
    return this.current;
  }

  /** Returns false, and queues nothing, when the queue is full. */
  pushWrite(request: WriteRequest): boolean {
    const { fileOffset, byteCount } = request;
    assert(isCount(fileOffset) && isCount(request.memoryOffset), 'offsets are safe integers');
    assert(byteCount > 0 && byteCount < 2 ** 31, 'a write has bytes, fewer than 2^31');
    if (this.entryCount === this.capacity) return false;
    const index = this.append(OPERATION.write, fileOffset, request.cookie);
    this.memoryOffsets[index] = request.memoryOffset;
    this.byteCounts[index] = byteCount;
    this.liveBytes += byteCount;
    this.link(index, fileOffset);
    this.rise(this.entryCount - 1);
    return true;
  }

  /** Returns false, and queues nothing, when the queue is full. */
  pushFree(fileOffset: number, cookie: number): boolean {
    assert(isCount(fileOffset), 'offsets are safe integers');
    if (this.entryCount === this.capacity) return false;
    this.append(OPERATION.free, fileOffset, cookie);
    this.rise(this.entryCount - 1);
    return true;
  }

  /** Closes the queue generation. Returns false, and closes nothing, when the queue is full. */
  pushFence(cookie: number): boolean {
    if (this.entryCount === this.capacity) return false;
    this.append(OPERATION.fence, 0, cookie);
    this.fenceCount += 1;
    this.rise(this.entryCount - 1);
    this.generation += 1;
    return true;
  }

  /**
   * Marks the write that is queued at `fileOffset` under `cookie` as one to skip, in whichever queue generation it is.
   * Returns whether there was one. Only for blocks born and freed in the commit still open (I8): the caller knows.
   */
  cancelWrite(fileOffset: number, cookie: number): boolean {
    let index = this.buckets[this.bucketOf(fileOffset)] as number;
    while (index !== NONE) {
      if (this.fileOffsets[index] === fileOffset && this.cookies[index] === cookie) break;
      index = this.chained[index] as number;
    }
    if (index === NONE) return false;
    this.unlink(index, fileOffset);
    this.cancelledFlags[index] = 1;
    this.liveBytes -= this.byteCounts[index] as number;
    return true;
  }

  /** Whether a queued write, not cancelled, touches the range. Looks at every entry: not for hot paths. */
  overlapsWrite(fileOffset: number, byteCount: number): boolean {
    for (let place = 0; place < this.entryCount; place += 1) {
      const index = this.heap[place] as number;
      if ((this.ranks[index] as number) % OPERATION_COUNT !== OPERATION.write) continue;
      if (this.cancelledFlags[index] === 1) continue;
      const start = this.fileOffsets[index] as number;
      const end = start + (this.byteCounts[index] as number);
      if (start < fileOffset + byteCount && fileOffset < end) return true;
    }
    return false;
  }

  /** Looks at the first entry: `entry` describes it. Returns false when the queue is empty. */
  peek(): boolean {
    if (this.entryCount === 0) return false;
    const index = this.heap[0] as number;
    const { current } = this;
    current.operation = ((this.ranks[index] as number) % OPERATION_COUNT) as Operation;
    current.fileOffset = this.fileOffsets[index] as number;
    current.memoryOffset = this.memoryOffsets[index] as number;
    current.byteCount = this.byteCounts[index] as number;
    current.cookie = this.cookies[index] as number;
    current.cancelled = this.cancelledFlags[index] === 1;
    return true;
  }

  /** Takes the first entry out: `entry` describes it. Returns false when the queue is empty. */
  pop(): boolean {
    if (!this.peek()) return false;
    const index = this.heap[0] as number;
    const { current } = this;
    if (current.operation === OPERATION.fence) {
      this.fenceCount -= 1;
    } else if (current.operation === OPERATION.write && !current.cancelled) {
      this.unlink(index, current.fileOffset);
      this.liveBytes -= current.byteCount;
      this.checkOverlap(this.ranks[index] as number);
    }
    this.entryCount -= 1;
    this.heap[0] = this.heap[this.entryCount] as number;
    this.heap[this.entryCount] = index;
    this.sink();
    return true;
  }

  /**
   * Writes of one generation leave sorted, so two queued together that overlap leave one behind the other. A write that
   * follows the one just landed at its place is caught as well; what left before that is the mutator's to know.
   */
  private checkOverlap(rank: number): void {
    const start = this.current.fileOffset;
    const end = start + this.current.byteCount;
    const overlaps = rank === this.lastRank && start < this.lastEnd && this.lastStart < end;
    assert(!overlaps, 'I8: two writes of one queue generation overlap');
    this.lastRank = rank;
    this.lastStart = start;
    this.lastEnd = end;
  }

  private append(operation: Operation, fileOffset: number, cookie: number): number {
    const index = this.heap[this.entryCount] as number;
    this.entryCount += 1;
    this.ranks[index] = this.generation * OPERATION_COUNT + operation;
    this.fileOffsets[index] = fileOffset;
    this.arrivalNumbers[index] = this.arrivals;
    this.arrivals += 1;
    this.memoryOffsets[index] = 0;
    this.byteCounts[index] = 0;
    this.cookies[index] = cookie;
    this.cancelledFlags[index] = 0;
    return index;
  }

  /** A 32-bit operator on an offset, for once: a hash may lose the upper bits. */
  private bucketOf(fileOffset: number): number {
    return Math.imul(fileOffset / HASH_GRAIN_BYTES, HASH_FACTOR) >>> this.bucketShift;
  }

  private link(index: number, fileOffset: number): void {
    const bucket = this.bucketOf(fileOffset);
    const first = this.buckets[bucket] as number;
    for (let other = first; other !== NONE; other = this.chained[other] as number) {
      const same =
        this.fileOffsets[other] === fileOffset && this.ranks[other] === this.ranks[index];
      assert(!same, 'I8: a block is queued twice in one queue generation');
    }
    this.chained[index] = first;
    this.buckets[bucket] = index;
  }

  private unlink(index: number, fileOffset: number): void {
    const bucket = this.bucketOf(fileOffset);
    const next = this.chained[index] as number;
    let other = this.buckets[bucket] as number;
    if (other === index) {
      this.buckets[bucket] = next;
      return;
    }
    while (this.chained[other] !== index) other = this.chained[other] as number;
    this.chained[other] = next;
  }

  private before(left: number, right: number): boolean {
    const rank = (this.ranks[left] as number) - (this.ranks[right] as number);
    if (rank !== 0) return rank < 0;
    const offset = (this.fileOffsets[left] as number) - (this.fileOffsets[right] as number);
    if (offset !== 0) return offset < 0;
    return (this.arrivalNumbers[left] as number) < (this.arrivalNumbers[right] as number);
  }

  private rise(from: number): void {
    const { heap } = this;
    const index = heap[from] as number;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as number;
      if (!this.before(index, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = index;
  }

  private sink(): void {
    const { heap, entryCount } = this;
    if (entryCount === 0) return;
    const index = heap[0] as number;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= entryCount) break;
      const right = child + 1;
      if (right < entryCount && this.before(heap[right] as number, heap[child] as number)) {
        child = right;
      }
      const below = heap[child] as number;
      if (!this.before(below, index)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = index;
  }
}
