/**
 * A disk whose requests are done in place, by the thread that asks: the port of the `inline` profile, and of tests.
 *
 * Loads and fences are done at the next `poll`. Writes and frees without a fence behind them are kept back, so that
 * neighbours still to come leave with them and blocks freed again are never written. They go out once 1 MiB of them
 * or half a queue waits (then inside `write`, silently), and when the engine calls `wait` with nothing else to
 * be had.
 */
import { assert } from '../base/assert.ts';
import type { ByteCount, DiskIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import type { DiskCounters } from './disk-counters.ts';
import { DiskLoop, type DiskLoopOptions, WRITE_RUN_BYTES_MAX } from './disk-loop.ts';
import type { CompletionSink, DiskPort, LoadRequest, WriteRequest } from './disk-port.ts';

export interface InlineDiskOptions extends DiskLoopOptions {
  /** Queued bytes that are written out without waiting for a fence; 1 MiB unless told. */
  readonly drainBytes?: number;
}

export class InlineDisk implements DiskPort {
  readonly disk: DiskIndex;
  /** For its counters and its fault; requests go through the port. */
  readonly loop: DiskLoop;
  private readonly drainBytes: number;
  private readonly drainEntries: number;

  constructor(options: InlineDiskOptions) {
    this.disk = options.disk;
    this.loop = new DiskLoop(options);
    this.drainBytes = options.drainBytes ?? WRITE_RUN_BYTES_MAX;
    this.drainEntries = Math.max(1, this.loop.queueCapacity / 2);
  }

  get outstanding(): number {
    return this.loop.queued + this.loop.completions.length;
  }

  get imminent(): number {
    const { queuedLoads, queuedFences, completions } = this.loop;
    return queuedLoads + queuedFences + completions.length;
  }

  write(request: WriteRequest): void {
    while (!this.loop.pushWrite(request)) this.makeRoom();
    this.drainIfLong();
  }

  free(request: { fileOffset: ByteCount; cookie: number; mayCancel: boolean }): void {
    while (!this.loop.pushFree(request)) this.makeRoom();
    this.drainIfLong();
  }

  fence(cookie: number): void {
    while (!this.loop.pushFence(cookie)) this.makeRoom();
  }

  load(request: LoadRequest): void {
    while (!this.loop.pushLoad(request)) this.makeRoom();
  }

  poll(sink: CompletionSink): number {
    this.serve();
    return this.loop.completions.deliver(sink);
  }

  wait(sink: CompletionSink): number {
    assert(this.outstanding > 0, 'waiting needs something outstanding');
    this.serve();
    if (this.loop.completions.length === 0) this.drain();
    return this.loop.completions.deliver(sink);
  }

  /** Sees everything submitted before: what is queued for the range is written first. */
  readRaw(fileOffset: number, into: Uint8Array): DeviceFault | undefined {
    if (this.loop.overlapsWrite(fileOffset, into.length)) this.drain();
    return this.loop.readRaw(fileOffset, into);
  }

  resize(byteCount: number): DeviceFault | undefined {
    return this.loop.resize(byteCount);
  }

  stop(fault: DeviceFault): void {
    this.loop.stop(fault);
  }

  size(): ByteCount | DeviceFault {
    return this.loop.size();
  }

  /** A fault of closing says nothing about what is durable, so it is not reported: fences have told. */
  close(): void {
    this.loop.close();
  }

  counters(): DiskCounters {
    return this.loop.counters();
  }

  /** Loads, and everything up to the last fence. */
  private serve(): void {
    while (this.loop.queuedLoads > 0 || this.loop.queuedFences > 0) {
      if (!this.loop.step()) return;
    }
  }

  private drainIfLong(): void {
    const long =
      this.loop.queuedBytes >= this.drainBytes || this.loop.queuedInOrder >= this.drainEntries;
    if (long) this.drain();
  }

  private drain(): void {
    while (this.loop.queuedInOrder > 0) {
      if (!this.loop.step()) return;
    }
  }

  private makeRoom(): void {
    assert(this.loop.step(), 'the engine takes completions before the list of them is full');
  }
}
