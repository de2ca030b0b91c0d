/**
 * A sorted list of ranges {start, count}, which may hold millions and is searched, changed in the middle and taken
 * from at both ends. It keeps what it is given in order and finds it again; what a range means, and that ranges neither
 * overlap nor touch (I3), is `free-ranges`' business.
 *
 * The list is cut into chunks of at most 64 ranges, chunks being slots of one `Uint32Array`. A directory over the
 * chunks (first start, size, a bound on the longest range) is searched by halves; it is short, so shifting it when a
 * chunk splits or merges costs little. Nothing is allocated per range or per call.
 *
 * A chunk is named by its position in the directory, a range by its index in the chunk.
 */

/** Ranges in a chunk at most. With 128 a pair among 1,000 ranges cost twice as much, with 32 the directory got long. */
const CHUNK_RANGES = 64;
/** A chunk that shrinks below this is merged with a neighbour … */
const MERGE_BELOW = 16;
/** … unless the two together would soon have to split again. */
const MERGED_MAX = 48;
/** A chunk's slot in the pool: its starts, then its counts. */
const SLOT_WORDS = 2 * CHUNK_RANGES;
/** Chunks that share a bound, so that a search for a run skips them at once: first fit among a million ranges. */
const GROUP_CHUNKS = 64;

export class RangeChunks {
  /** How many ranges there are. */
  rangeCount = 0;
  chunkCount = 0;
  /** Where `findFit` found it. */
  foundChunk = 0;
  foundIndex = 0;

  private pool = new Uint32Array(SLOT_WORDS);
  /** By chunk: its slot in the pool. A permutation: behind the chunks in use come the unused slots. */
  private slots = new Uint32Array(1);
  /** By chunk: the start of its first range. */
  private firsts = new Uint32Array(1);
  /** By chunk: how many ranges, 1 … `CHUNK_RANGES`. */
  private sizes = new Uint32Array(1);
  /** By chunk: no range is longer. Not exact: shrinking leaves it, a search that it misled tightens it. */
  private bounds = new Uint32Array(1);
  /** By group of chunks: no bound is higher. No more exact than that. */
  private groupBounds = new Uint32Array(1);

  size(chunk: number): number {
    return this.sizes[chunk] as number;
  }

  start(chunk: number, index: number): number {
    return this.pool[this.base(chunk) + index] as number;
  }

  count(chunk: number, index: number): number {
    return this.pool[this.base(chunk) + CHUNK_RANGES + index] as number;
  }

  /** The last chunk that starts at or below `block`; 0 when none does. */
  chunkOf(block: number): number {
    let low = 0;
    let high = this.chunkCount - 1;
    if (high < 0 || (this.firsts[high] as number) <= block) return Math.max(high, 0);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.firsts[middle] as number) <= block) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The last range of the chunk that starts at or below `block`; −1 when none does. */
  indexOf(chunk: number, block: number): number {
    if (this.chunkCount === 0) return -1;
    const { pool } = this;
    const base = this.base(chunk);
    let low = -1;
    let high = (this.sizes[chunk] as number) - 1;
    if ((pool[base + high] as number) <= block) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((pool[base + middle] as number) <= block) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Finds the first range of at least `count` blocks; the answer is in `foundChunk` and `foundIndex`. */
  findFit(count: number): boolean {
    for (let group = 0; group * GROUP_CHUNKS < this.chunkCount; group += 1) {
      if ((this.groupBounds[group] as number) < count) continue;
      const first = group * GROUP_CHUNKS;
      const end = Math.min(first + GROUP_CHUNKS, this.chunkCount);
      let bound = 0;
      for (let chunk = first; chunk < end; chunk += 1) {
        if ((this.bounds[chunk] as number) >= count) {
          if (this.findFitIn(chunk, count)) return true;
          this.tighten(chunk);
        }
        bound = Math.max(bound, this.bounds[chunk] as number);
      }
      this.groupBounds[group] = bound;
    }
    return false;
  }

  /** Blocks of the longest range, 0 when there is none. Reads the directory and the chunks that may hold it. */
  longest(): number {
    let longest = 0;
    for (let chunk = 0; chunk < this.chunkCount; chunk += 1) {
      if ((this.bounds[chunk] as number) <= longest) continue;
      this.tighten(chunk);
      longest = Math.max(longest, this.bounds[chunk] as number);
    }
    return longest;
  }

  setStart(chunk: number, index: number, start: number): void {
    this.pool[this.base(chunk) + index] = start;
    if (index === 0) this.firsts[chunk] = start;
  }

  setCount(chunk: number, index: number, count: number): void {
    this.pool[this.base(chunk) + CHUNK_RANGES + index] = count;
    if (count > (this.bounds[chunk] as number)) this.setBound(chunk, count);
  }

  /** Puts a range in front of the one at `index`, or behind the chunk's last. The caller keeps the order. */
  insert(chunk: number, index: number, start: number, count: number): void {
    if (this.chunkCount === 0 || (this.sizes[chunk] as number) === CHUNK_RANGES) {
      this.insertWhereFull(chunk, index, start, count);
      return;
    }
    const { pool } = this;
    const base = this.base(chunk);
    const size = this.sizes[chunk] as number;
    for (let at = base + size; at > base + index; at -= 1) {
      pool[at] = pool[at - 1] as number;
      pool[at + CHUNK_RANGES] = pool[at + CHUNK_RANGES - 1] as number;
    }
    this.sizes[chunk] = size + 1;
    this.rangeCount += 1;
    this.setStart(chunk, index, start);
    this.setCount(chunk, index, count);
  }

  /** Removes a range. Chunks may merge: no chunk or index from before is good after this. */
  remove(chunk: number, index: number): void {
    const size = (this.sizes[chunk] as number) - 1;
    this.rangeCount -= 1;
    if (size === 0) {
      this.removeChunk(chunk);
      return;
    }
    const { pool } = this;
    const base = this.base(chunk);
    for (let at = base + index; at < base + size; at += 1) {
      pool[at] = pool[at + 1] as number;
      pool[at + CHUNK_RANGES] = pool[at + CHUNK_RANGES + 1] as number;
    }
    this.sizes[chunk] = size;
    if (index === 0) this.firsts[chunk] = pool[base] as number;
    if (size >= MERGE_BELOW) return;
    if (chunk + 1 < this.chunkCount) this.mergeWithNext(chunk);
    if (chunk > 0) this.mergeWithNext(chunk - 1);
  }

  clone(): RangeChunks {
    const copy = new RangeChunks();
    copy.rangeCount = this.rangeCount;
    copy.chunkCount = this.chunkCount;
    copy.pool = this.pool.slice();
    copy.slots = this.slots.slice();
    copy.firsts = this.firsts.slice();
    copy.sizes = this.sizes.slice();
    copy.bounds = this.bounds.slice();
    copy.groupBounds = this.groupBounds.slice();
    return copy;
  }

  /** Says which promise the structure breaks, or `undefined`. Reads everything. */
  flaw(): string | undefined {
    let ranges = 0;
    for (let chunk = 0; chunk < this.chunkCount; chunk += 1) {
      const size = this.size(chunk);
      const bound = this.bounds[chunk] as number;
      if (size < 1 || size > CHUNK_RANGES) return 'a chunk holds no ranges or too many';
      if (this.firsts[chunk] !== this.start(chunk, 0)) return 'the directory is not the chunks';
      for (let index = 0; index < size; index += 1) {
        if (this.count(chunk, index) > bound) return 'a range is above its bound';
      }
      if (bound > (this.groupBounds[groupOf(chunk)] as number)) return 'a bound is above its group';
      ranges += size;
    }
    if (ranges !== this.rangeCount) return 'the ranges were miscounted';
    if (new Set(this.slots).size !== this.slots.length) return 'two chunks share a slot';
    return undefined;
  }

  private base(chunk: number): number {
    return (this.slots[chunk] as number) * SLOT_WORDS;
  }

  private findFitIn(chunk: number, count: number): boolean {
    const base = this.base(chunk) + CHUNK_RANGES;
    const size = this.sizes[chunk] as number;
    for (let index = 0; index < size; index += 1) {
      if ((this.pool[base + index] as number) < count) continue;
      this.foundChunk = chunk;
      this.foundIndex = index;
      return true;
    }
    return false;
  }

  private tighten(chunk: number): void {
    const base = this.base(chunk) + CHUNK_RANGES;
    const end = base + (this.sizes[chunk] as number);
    let longest = 0;
    for (let at = base; at < end; at += 1) longest = Math.max(longest, this.pool[at] as number);
    this.setBound(chunk, longest);
  }

  private setBound(chunk: number, bound: number): void {
    this.bounds[chunk] = bound;
    const group = groupOf(chunk);
    if (bound > (this.groupBounds[group] as number)) this.groupBounds[group] = bound;
  }

  /** Behind everything a fresh chunk begins, so that ascending replay leaves full ones; elsewhere half moves. */
  private insertWhereFull(chunk: number, index: number, start: number, count: number): void {
    const half = CHUNK_RANGES / 2;
    if (this.chunkCount === 0 || (chunk === this.chunkCount - 1 && index === CHUNK_RANGES)) {
      this.insertChunk(this.chunkCount);
      this.insert(this.chunkCount - 1, 0, start, count);
      return;
    }
    this.insertChunk(chunk + 1);
    this.copyRanges(this.base(chunk) + half, this.base(chunk + 1), half);
    this.sizes[chunk] = half;
    this.sizes[chunk + 1] = half;
    this.firsts[chunk + 1] = this.start(chunk + 1, 0);
    this.tighten(chunk);
    this.tighten(chunk + 1);
    if (index <= half) this.insert(chunk, index, start, count);
    else this.insert(chunk + 1, index - half, start, count);
  }

  private mergeWithNext(chunk: number): void {
    const size = this.sizes[chunk] as number;
    const sizeNext = this.sizes[chunk + 1] as number;
    if (size + sizeNext > MERGED_MAX) return;
    this.copyRanges(this.base(chunk + 1), this.base(chunk) + size, sizeNext);
    this.sizes[chunk] = size + sizeNext;
    const boundNext = this.bounds[chunk + 1] as number;
    if (boundNext > (this.bounds[chunk] as number)) this.setBound(chunk, boundNext);
    this.removeChunk(chunk + 1);
  }

  /** From word to word of the pool: `count` starts, and the counts that belong to them. */
  private copyRanges(source: number, target: number, count: number): void {
    const sourceCounts = source + CHUNK_RANGES;
    this.pool.copyWithin(target, source, source + count);
    this.pool.copyWithin(target + CHUNK_RANGES, sourceCounts, sourceCounts + count);
  }

  /** Makes room in the directory for an empty chunk at this position. */
  private insertChunk(chunk: number): void {
    if (this.chunkCount === this.slots.length) this.growPool();
    const slot = this.slots[this.chunkCount] as number;
    this.shiftDirectory(chunk, chunk + 1);
    this.slots[chunk] = slot;
    this.sizes[chunk] = 0;
    this.bounds[chunk] = 0;
    this.chunkCount += 1;
    // Each group behind has got the last chunk of the one before it.
    for (let first = firstOfNext(chunk); first < this.chunkCount; first += GROUP_CHUNKS) {
      this.setBound(first, this.bounds[first] as number);
    }
  }

  private removeChunk(chunk: number): void {
    const slot = this.slots[chunk] as number;
    this.shiftDirectory(chunk + 1, chunk);
    this.chunkCount -= 1;
    this.slots[this.chunkCount] = slot;
    // Each group from here on has got the first chunk of the one behind it.
    for (let last = firstOfNext(chunk) - 1; last < this.chunkCount; last += GROUP_CHUNKS) {
      this.setBound(last, this.bounds[last] as number);
    }
  }

  private shiftDirectory(source: number, target: number): void {
    this.slots.copyWithin(target, source, this.chunkCount);
    this.firsts.copyWithin(target, source, this.chunkCount);
    this.sizes.copyWithin(target, source, this.chunkCount);
    this.bounds.copyWithin(target, source, this.chunkCount);
  }

  private growPool(): void {
    const length = this.slots.length;
    this.pool = lengthened(this.pool, this.pool.length * 2);
    this.slots = lengthened(this.slots, length * 2);
    this.firsts = lengthened(this.firsts, length * 2);
    this.sizes = lengthened(this.sizes, length * 2);
    this.bounds = lengthened(this.bounds, length * 2);
    this.groupBounds = lengthened(this.groupBounds, groupOf(length * 2 - 1) + 1);
    for (let slot = length; slot < length * 2; slot += 1) this.slots[slot] = slot;
  }
}

function groupOf(chunk: number): number {
  return Math.floor(chunk / GROUP_CHUNKS);
}

/** The first chunk of the group behind the one that `chunk` is in. */
function firstOfNext(chunk: number): number {
  return (groupOf(chunk) + 1) * GROUP_CHUNKS;
}

function lengthened(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const copy = new Uint32Array(length);
  copy.set(array);
  return copy;
}
