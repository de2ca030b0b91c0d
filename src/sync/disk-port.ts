/**
 * The seam between the engine and the disks: submit a request, see its completion. The engine never waits for a
 * fence; it may wait for a miss or for room in a full queue, one disk request long. What is behind a port (a queue in
 * this thread, a ring and another thread) is the driver's business, not the engine's.
 *
 * All bytes move between a file and one `BlockMemory`, so a request is a handful of numbers and fits into a ring
 * cell.
 */
import type { ByteCount, DiskIndex, SlotIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';
import type { DiskCounters } from './disk-counters.ts';

/** What a completed request says. A `corrupt` load has read its bytes, but they are not the pointer's (I2). */
export type Outcome = 'ok' | 'skipped' | 'corrupt' | DeviceFault;

/** The engine's side: called from inside `poll` and `wait` only, never from inside a submission. */
export interface CompletionSink {
  /** The block's write has landed in the file (not yet durable), was skipped, or failed. */
  written(cookie: number, outcome: Outcome): void;
  /**
   * Everything queued for the address before has landed or was skipped; the address may go free at the next fence.
   */
  freed(cookie: number, outcome: Outcome): void;
  /** All writes queued before the fence are durable, or the disk has failed for good. */
  fenced(cookie: number, outcome: Outcome): void;
  /** The block is in memory and verified, or it is not. */
  loaded(cookie: number, outcome: Outcome): void;
  /** The lent slot holds a block that somebody else has missed: key, verified bytes, status clean. Its key is new. */
  filled(slot: number): void;
}

export interface WriteRequest {
  /** Orders the write within its queue generation, so that neighbours on disk become one call. */
  readonly fileOffset: ByteCount;
  readonly memoryOffset: number;
  readonly byteCount: number;
  readonly cookie: number;
}

export interface LoadRequest {
  readonly pointer: Pointer;
  readonly fileOffset: ByteCount;
  readonly memoryOffset: number;
  readonly cookie: number;
}

/**
 * One disk. Submissions never fail and never call the sink. A driver may do work inside them (the inline one drains a
 * queue that is full), but completions are only ever delivered by `poll` and `wait`.
 *
 * Order: (queue generation, write < free < fence, file offset). `fence` closes a queue generation. Loads are served
 * first, out of that order.
 *
 * After a failed write or flush the disk does no further write or flush: every request of those kinds completes with
 * the first fault (I12). Loads go on.
 */
export interface DiskPort {
  readonly disk: DiskIndex;
  write(request: WriteRequest): void;
  /**
   * `mayCancel`: the block was born and freed in the generation still open, so a write still queued is skipped
   * (I8).
   */
  free(request: { fileOffset: ByteCount; cookie: number; mayCancel: boolean }): void;
  fence(cookie: number): void;
  load(request: LoadRequest): void;
  /** Delivers the completions that are there. Returns how many. Does not wait. */
  poll(sink: CompletionSink): number;
  /**
   * Waits for at least one completion and delivers what is there. Asserts that something is outstanding. Returns 0
   * when another disk of the store has something meanwhile: look there, and wait again.
   */
  wait(sink: CompletionSink): number;
  /** Writes, frees, fences and loads submitted and not yet delivered. */
  readonly outstanding: number;
  /** How many of these are on their way; what is not is kept back until `wait` is called with nothing else to come. */
  readonly imminent: number;
  /**
   * Lends an owned cache slot to the disk, for a block that somebody else misses; `filled` gives it back, some day or
   * never. Missing where nobody else reads.
   */
  lend?(slot: SlotIndex): void;

  /** Plain reads and growth, done at once, in order with nothing: for open, check and growth. */
  readRaw(fileOffset: number, into: Uint8Array): DeviceFault | undefined;
  /** Makes the file `byteCount` long. A failure poisons nothing: it is how a lack of space shows. */
  resize(byteCount: number): DeviceFault | undefined;
  /** Another disk of the store has failed: from now on this one answers as if it had failed itself (I12). */
  stop(fault: DeviceFault): void;
  /** The file's length in bytes. */
  size(): ByteCount | DeviceFault;
  /** Gives the file back. What is still queued stays undone: no fence has passed it. */
  close(): void;
  counters(): DiskCounters;
}

/** The memory that requests speak of: cache slots first, then the superblock's staging area. */
export interface BlockMemory {
  readonly bytes: Uint8Array;
}

/** Whether `bytes` are the pointer's block: xxhash64 over {hash domain, address, generation} and the bytes (I2). */
export type VerifyBlock = (bytes: Uint8Array, pointer: Pointer) => boolean;
