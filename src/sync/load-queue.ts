/**
 * Blocks to be read, sorted by file offset, so that neighbours asked for together become one read. They are served
 * upwards from where the last run ended and then from the lowest again: everything asked for is reached within one
 * sweep of the file, however many newcomers there are.
 *
 * Bounded like the sync queue: a push into a full one returns false.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import type { LoadRequest } from './disk-port.ts';

export class LoadQueue {
  readonly capacity: number;
  /** The run that `takeRun` took last: `runOffset` in the file, and per block where to and for whom. */
  readonly runCookies: Float64Array;
  readonly runMemoryOffsets: Float64Array;
  readonly runPointers: (Pointer | undefined)[];
  runOffset = 0;

  private readonly blockBytes: number;
  private readonly runBlocksMax: number;
  private count = 0;
  /** Where the last run ended: the sweep goes on there. */
  private sweepOffset = 0;
  /** Entry indices by ascending file offset. Behind the first `count` lie the unused indices. */
  private readonly sorted: Int32Array;
  private readonly fileOffsets: Float64Array;
  private readonly memoryOffsets: Float64Array;
  private readonly cookies: Float64Array;
  private readonly pointers: (Pointer | undefined)[];

  constructor(options: { capacity: number; blockBytes: number; runBlocksMax: number }) {
    const { capacity, runBlocksMax } = options;
    assert(isCount(capacity) && capacity > 0 && capacity <= 2 ** 16, 'there are 1 … 2^16 loads');
    assert(isCount(runBlocksMax) && runBlocksMax > 0, 'a run has blocks');
    this.capacity = capacity;
    this.blockBytes = options.blockBytes;
    this.runBlocksMax = runBlocksMax;
    this.runCookies = new Float64Array(runBlocksMax);
    this.runMemoryOffsets = new Float64Array(runBlocksMax);
    this.runPointers = new Array<Pointer | undefined>(runBlocksMax).fill(undefined);
    this.sorted = new Int32Array(capacity);
    for (let index = 0; index < capacity; index += 1) this.sorted[index] = index;
    this.fileOffsets = new Float64Array(capacity);
    this.memoryOffsets = new Float64Array(capacity);
    this.cookies = new Float64Array(capacity);
    this.pointers = new Array<Pointer | undefined>(capacity).fill(undefined);
  }

  get length(): number {
    return this.count;
  }

  /** Returns false, and queues nothing, when the queue is full. */
  push(request: LoadRequest): boolean {
    assert(isCount(request.fileOffset), 'offsets are safe integers');
    assert(isCount(request.memoryOffset), 'offsets are safe integers');
    if (this.count === this.capacity) return false;
    const index = this.sorted[this.count] as number;
    this.fileOffsets[index] = request.fileOffset;
    this.memoryOffsets[index] = request.memoryOffset;
    this.cookies[index] = request.cookie;
    this.pointers[index] = request.pointer;
    // Behind those of the same offset: two loads of one address (an old pointer and a new one) keep their order.
    const place = this.firstAtOrAfter(request.fileOffset + 1);
    this.sorted.copyWithin(place + 1, place, this.count);
    this.sorted[place] = index;
    this.count += 1;
    return true;
  }

  /** Takes the next neighbours, at most `blocksMax`, into the run's fields. Returns how many: one at least. */
  takeRun(blocksMax: number): number {
    assert(this.count > 0 && blocksMax > 0, 'a run is taken where there is one, and room for it');
    let place = this.firstAtOrAfter(this.sweepOffset);
    if (place === this.count) place = 0;
    const limit = Math.min(this.runBlocksMax, blocksMax, this.count - place);
    this.runOffset = this.fileOffsets[this.sorted[place] as number] as number;
    let taken = 0;
    while (taken < limit) {
      const index = this.sorted[place + taken] as number;
      if (this.fileOffsets[index] !== this.runOffset + taken * this.blockBytes) break;
      this.runCookies[taken] = this.cookies[index] as number;
      this.runMemoryOffsets[taken] = this.memoryOffsets[index] as number;
      this.runPointers[taken] = this.pointers[index];
      this.pointers[index] = undefined;
      taken += 1;
    }
    this.remove(place, taken);
    this.sweepOffset = this.runOffset + taken * this.blockBytes;
    return taken;
  }

  /** Turns the indices at `place` … into unused ones by rotating them behind the others. */
  private remove(place: number, taken: number): void {
    const { sorted } = this;
    const last = this.count - taken;
    for (let n = place; n < last; n += 1) {
      const freed = sorted[n] as number;
      sorted[n] = sorted[n + taken] as number;
      sorted[n + taken] = freed;
    }
    this.count = last;
  }

  private firstAtOrAfter(fileOffset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const offset = this.fileOffsets[this.sorted[middle] as number] as number;
      if (offset < fileOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
