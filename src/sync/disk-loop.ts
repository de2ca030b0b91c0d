/**
 * What a disk does, one step at a time: loads first and out of order, then writes, frees and fences in queue order.
 * Neighbouring writes leave as one call of up to 1 MiB, neighbouring loads arrive as one read of up to 256 KiB: a
 * 16 KiB `write` costs a browser almost as much as one of 1 MiB.
 *
 * Owns I12 for one disk: the first failed write or flush is latched; from then on the file is neither written nor
 * flushed nor resized, and every write, free and fence completes with that first fault. No flush is retried, because
 * a browser forgets which pages a failed flush left behind. Loads go on.
 *
 * Owns the disk's half of I2 (a load is `ok` only if its bytes are its pointer's, checked where they will stay) and
 * of I6 (a fence completes `ok` only after a flush that followed everything queued before it).
 *
 * No promises, no timers, no waiting: the inline driver calls it in place, a disk worker from behind its ring.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { ByteCount, DiskIndex } from '../base/brand.ts';
import { type Device, type DeviceFault, isFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';
import { COMPLETION, CompletionList } from './completion-list.ts';
import { type DiskCounters, freshCounters, type MutableDiskCounters } from './disk-counters.ts';
import type { BlockMemory, LoadRequest, Outcome, VerifyBlock, WriteRequest } from './disk-port.ts';
import { LoadQueue } from './load-queue.ts';
import { OPERATION, SyncQueue } from './sync-queue.ts';

export const WRITE_RUN_BYTES_MAX = 2 ** 20;
export const READ_RUN_BYTES_MAX = 256 * 1024;

export interface DiskLoopOptions {
  readonly disk: DiskIndex;
  readonly device: Device;
  readonly memory: BlockMemory;
  readonly verify: VerifyBlock;
  /** What a load reads. Writes bring their own length. */
  readonly blockBytes: number;
  /** Writes, frees and fences that may be queued; 1,024 unless told. */
  readonly queueEntries?: number;
  /** Loads that may be queued; 256 unless told. */
  readonly loadsMax?: number;
  /** Completions that may wait to be taken; 2^20 unless told. The list starts small. */
  readonly completionsMax?: number;
  /** Where completions go, when its owner puts others between them. */
  readonly completions?: CompletionList;
  /** Hears at once of loads whose cookie is below 0; they take no part in `completions`. */
  readonly othersLoaded?: (cookie: number, pointer: Pointer, outcome: Outcome) => void;
}

export class DiskLoop {
  readonly disk: DiskIndex;
  readonly completions: CompletionList;

  private readonly device: Device;
  private readonly memory: BlockMemory;
  private readonly verify: VerifyBlock;
  private readonly blockBytes: number;
  private readonly queue: SyncQueue;
  private readonly loads: LoadQueue;
  private readonly othersLoaded: DiskLoopOptions['othersLoaded'];
  private readonly counts: MutableDiskCounters;
  private firstFault: DeviceFault | undefined;
  /** At first true: a session that crashed may have left writes to the system that no flush has followed. */
  private unflushed = true;

  /** The run of writes being gathered, and the bytes it travels in when its blocks are scattered in memory. */
  private readonly runCookies: Float64Array;
  private readonly runMemoryOffsets: Float64Array;
  private readonly runByteCounts: Int32Array;
  private staging = new Uint8Array(0);

  constructor(options: DiskLoopOptions) {
    const { blockBytes } = options;
    assert(blockBytes >= 512 && blockBytes <= 65_536, 'a block has 512 … 65,536 bytes');
    this.disk = options.disk;
    this.device = options.device;
    this.memory = options.memory;
    this.verify = options.verify;
    this.blockBytes = blockBytes;
    this.counts = freshCounters(options.disk, options.device.file);
    this.queue = new SyncQueue(options.queueEntries ?? 1024);
    this.loads = new LoadQueue({
      capacity: options.loadsMax ?? 256,
      blockBytes,
      runBlocksMax: READ_RUN_BYTES_MAX / blockBytes,
    });
    this.completions = options.completions ?? new CompletionList(options.completionsMax ?? 2 ** 20);
    this.othersLoaded = options.othersLoaded;
    const runMax = Math.min(this.queue.capacity, WRITE_RUN_BYTES_MAX / blockBytes);
    this.runCookies = new Float64Array(runMax);
    this.runMemoryOffsets = new Float64Array(runMax);
    this.runByteCounts = new Int32Array(runMax);
  }

  /** The fault that ended writing on this disk. */
  get fault(): DeviceFault | undefined {
    return this.firstFault;
  }

  /** Writes, frees and fences that may be queued. */
  get queueCapacity(): number {
    return this.queue.capacity;
  }

  /** Requests pushed and not yet completed. */
  get queued(): number {
    return this.queue.length + this.loads.length;
  }

  /** Writes, frees and fences pushed and not yet completed. */
  get queuedInOrder(): number {
    return this.queue.length;
  }

  get queuedLoads(): number {
    return this.loads.length;
  }

  get queuedFences(): number {
    return this.queue.fences;
  }

  /** Bytes of the queued writes, without the cancelled ones. */
  get queuedBytes(): number {
    return this.queue.writeBytes;
  }

  /** Each push returns false, and takes nothing, when its queue is full: `step`, then push again. */
  pushWrite(request: WriteRequest): boolean {
    const end = request.memoryOffset + request.byteCount;
    assert(end <= this.memory.bytes.length, 'a request stays inside the memory');
    return this.queue.pushWrite(request);
  }

  /**
   * With `mayCancel`, a write still queued for the same offset *and* under the same cookie is skipped: it completes as
   * `skipped` when its turn comes, before this free does.
   */
  pushFree(request: { fileOffset: ByteCount; cookie: number; mayCancel: boolean }): boolean {
    const { fileOffset, cookie } = request;
    if (!this.queue.pushFree(fileOffset, cookie)) return false;
    if (request.mayCancel) this.queue.cancelWrite(fileOffset, cookie);
    return true;
  }

  pushFence(cookie: number): boolean {
    return this.queue.pushFence(cookie);
  }

  pushLoad(request: LoadRequest): boolean {
    const end = request.memoryOffset + this.blockBytes;
    assert(end <= this.memory.bytes.length, 'a request stays inside the memory');
    return this.loads.push(request);
  }

  /**
   * Does one thing: one run of loads, or one run of writes, or a free, or a fence. Returns false when there was nothing
   * to do, or no room for a completion.
   */
  step(): boolean {
    if (this.completions.room === 0) return false;
    if (this.loads.length > 0) {
      this.loadRun();
      return true;
    }
    if (!this.queue.peek()) return false;
    const { operation } = this.queue.entry;
    switch (operation) {
      case OPERATION.write:
        this.writeRun();
        return true;
      case OPERATION.free:
        this.queue.pop();
        this.completions.push(COMPLETION.freed, this.queue.entry.cookie, this.firstFault ?? 'ok');
        return true;
      case OPERATION.fence:
        this.queue.pop();
        this.completions.push(COMPLETION.fenced, this.queue.entry.cookie, this.flush() ?? 'ok');
        return true;
      default:
        return unreachable(operation);
    }
  }

  /** A plain read, in no order with the queue: the caller knows that nothing queued touches the range. */
  readRaw(fileOffset: number, into: Uint8Array): DeviceFault | undefined {
    return this.device.read(into, fileOffset);
  }

  /** Whether a queued write touches the range. Looks at the whole queue. */
  overlapsWrite(fileOffset: number, bytes: number): boolean {
    return this.queue.overlapsWrite(fileOffset, bytes);
  }

  /** At once, in no order with the queue. A failed resize poisons nothing: it is how a lack of space shows. */
  resize(bytes: number): DeviceFault | undefined {
    if (this.firstFault !== undefined) return this.firstFault;
    // The new length is as volatile as a write: the next fence has to flush even if nothing is written before it.
    this.unflushed = true;
    const fault = this.device.resize(bytes);
    if (fault === undefined) this.counts.fileBytes = bytes;
    return fault;
  }

  /** No further write, flush or resize: another disk of the store has failed with `fault` (I12). */
  stop(fault: DeviceFault): void {
    this.firstFault ??= fault;
  }

  size(): ByteCount | DeviceFault {
    const size = this.device.size();
    if (!isFault(size)) this.counts.fileBytes = size;
    return size;
  }

  /** What is still queued stays undone; nothing acknowledged depends on it, because no fence has passed it. */
  close(): DeviceFault | undefined {
    return this.device.close();
  }

  counters(): DiskCounters {
    this.size();
    return { ...this.counts, queued: this.queued };
  }

  /** The same without asking the file for its length, and not a copy: good until the next step. */
  get counted(): DiskCounters {
    this.counts.queued = this.queued;
    return this.counts;
  }

  /** Gathers neighbours from the head of the queue, writes them with one call and completes them. */
  private writeRun(): void {
    const { queue, completions } = this;
    const { entry } = queue;
    let start = 0;
    let room = completions.room;
    let count = 0;
    let bytes = 0;
    while (room > 0 && queue.peek() && entry.operation === OPERATION.write) {
      if (entry.cancelled) {
        queue.pop();
        completions.push(COMPLETION.written, entry.cookie, 'skipped');
        this.counts.skipped += 1;
        room -= 1;
        continue;
      }
      const fits = count < this.runCookies.length && bytes + entry.byteCount <= WRITE_RUN_BYTES_MAX;
      if (count === 0) start = entry.fileOffset;
      else if (entry.fileOffset !== start + bytes || !fits) break;
      queue.pop();
      this.runCookies[count] = entry.cookie;
      this.runMemoryOffsets[count] = entry.memoryOffset;
      this.runByteCounts[count] = entry.byteCount;
      count += 1;
      bytes += entry.byteCount;
      room -= 1;
    }
    if (count === 0) return;
    const outcome = this.writeBytes(start, count, bytes) ?? 'ok';
    for (let n = 0; n < count; n += 1) {
      completions.push(COMPLETION.written, this.runCookies[n] as number, outcome);
    }
  }

  private writeBytes(fileOffset: number, count: number, bytes: number): DeviceFault | undefined {
    if (this.firstFault !== undefined) return this.firstFault;
    const from = this.runBytes(count, bytes);
    // Before the call: a write that fails may have reached the file in part.
    this.unflushed = true;
    this.counts.writes += 1;
    const fault = this.device.write(from, fileOffset);
    if (fault !== undefined) {
      this.firstFault = fault;
      return fault;
    }
    this.counts.blocksWritten += count;
    this.counts.bytesWritten += bytes;
    return undefined;
  }

  /** The run as one piece of memory: in place when the blocks are neighbours there too, else copied together. */
  private runBytes(count: number, bytes: number): Uint8Array {
    const memory = this.memory.bytes;
    const first = this.runMemoryOffsets[0] as number;
    let end = first;
    let together = true;
    for (let n = 0; n < count; n += 1) {
      together &&= this.runMemoryOffsets[n] === end;
      end += this.runByteCounts[n] as number;
    }
    if (together) return memory.subarray(first, first + bytes);
    const staging = this.stagingFor(bytes);
    let at = 0;
    for (let n = 0; n < count; n += 1) {
      const source = this.runMemoryOffsets[n] as number;
      const length = this.runByteCounts[n] as number;
      staging.set(memory.subarray(source, source + length), at);
      at += length;
    }
    return staging.subarray(0, bytes);
  }

  /** Returns the first fault ever, or `undefined` when everything written before is durable. */
  private flush(): DeviceFault | undefined {
    if (this.firstFault !== undefined) return this.firstFault;
    if (!this.unflushed) {
      this.counts.flushesSpared += 1;
      return undefined;
    }
    // Telemetry only: nothing is decided by these times (I13).
    const started = performance.now();
    const fault = this.device.flush();
    const ms = performance.now() - started;
    this.counts.flushMsLast = ms;
    this.counts.flushMsMax = Math.max(this.counts.flushMsMax, ms);
    this.counts.flushes += 1;
    if (fault === undefined) this.unflushed = false;
    else this.firstFault = fault;
    return fault;
  }

  /** Reads neighbours with one call, and verifies each where it will stay. */
  private loadRun(): void {
    const { loads, blockBytes } = this;
    const count = loads.takeRun(this.completions.room);
    const bytes = count * blockBytes;
    const together = this.runIsTogether(count);
    const first = loads.runMemoryOffsets[0] as number;
    const into = together
      ? this.memory.bytes.subarray(first, first + bytes)
      : this.stagingFor(bytes).subarray(0, bytes);
    const fault = this.read(into, loads.runOffset, count);
    if (fault !== undefined && count > 1) {
      this.loadSingly(count);
      return;
    }
    for (let n = 0; n < count; n += 1) {
      if (!together) this.copyOut(into, n);
      // What one block was read into is what is verified: no second view of it.
      this.completeLoad(n, fault, count === 1 ? into : this.targetOf(n));
    }
  }

  private copyOut(staging: Uint8Array, n: number): void {
    const from = n * this.blockBytes;
    const target = this.loads.runMemoryOffsets[n] as number;
    this.memory.bytes.set(staging.subarray(from, from + this.blockBytes), target);
  }

  /** A joined read's fault is not that of all its blocks (one may lie behind the file's end): each is asked alone. */
  private loadSingly(count: number): void {
    const { loads, blockBytes } = this;
    for (let n = 0; n < count; n += 1) {
      const into = this.targetOf(n);
      this.completeLoad(n, this.read(into, loads.runOffset + n * blockBytes, 1), into);
    }
  }

  /** Where the run's n-th block stays. */
  private targetOf(n: number): Uint8Array {
    const target = this.loads.runMemoryOffsets[n] as number;
    return this.memory.bytes.subarray(target, target + this.blockBytes);
  }

  private completeLoad(n: number, fault: DeviceFault | undefined, bytes: Uint8Array): void {
    const { loads } = this;
    const outcome = fault ?? this.verified(n, bytes);
    const cookie = loads.runCookies[n] as number;
    if (cookie >= 0) this.completions.push(COMPLETION.loaded, cookie, outcome);
    else this.othersLoaded?.(cookie, loads.runPointers[n] as Pointer, outcome);
    loads.runPointers[n] = undefined;
  }

  private verified(n: number, bytes: Uint8Array): Outcome {
    return this.verify(bytes, this.loads.runPointers[n] as Pointer) ? 'ok' : 'corrupt';
  }

  private read(into: Uint8Array, fileOffset: number, blocks: number): DeviceFault | undefined {
    this.counts.reads += 1;
    const fault = this.device.read(into, fileOffset);
    if (fault === undefined) this.counts.blocksRead += blocks;
    return fault;
  }

  private runIsTogether(count: number): boolean {
    const { loads, blockBytes } = this;
    const first = loads.runMemoryOffsets[0] as number;
    for (let n = 1; n < count; n += 1) {
      if (loads.runMemoryOffsets[n] !== first + n * blockBytes) return false;
    }
    return true;
  }

  /** Grows by doubling up to 1 MiB, so that a store that never writes a long run does not pay for one. */
  private stagingFor(bytes: number): Uint8Array {
    if (this.staging.length < bytes)
      this.staging = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)));
    return this.staging;
  }
}
