/**
 * A disk in another thread, as the engine sees it: the port of the threaded profile.
 *
 * Submissions go into the ring and wake the disk only when there is something for it to do: a fence does, loads do at
 * the next `poll` or `wait` (so that neighbours asked for together are read together), writes and frees once 1 MiB of
 * them or half a queue waits. The disk keeps them back just as `InlineDisk` does; `drain` asks it not to.
 *
 * It remembers what is on its way, so that everything completes, with a fault of kind `gone`, when the disk is no more.
 */
import { assert } from '../base/assert.ts';
import type { ByteCount, DiskIndex, SlotIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import { REQUEST_CELLS } from '../shared/control-layout.ts';
import { COMPLETION, type CompletionKind } from './completion-list.ts';
import { type DiskCounters, freshCounters } from './disk-counters.ts';
import type { DiskLink } from './disk-link.ts';
import { WRITE_RUN_BYTES_MAX } from './disk-loop.ts';
import type { CompletionSink, DiskPort, LoadRequest, Outcome, WriteRequest } from './disk-port.ts';
import {
  putCookie,
  putFileOffset,
  putMemoryOffset,
  putPointer,
  REQUEST,
  type RequestOperation,
} from './disk-protocol.ts';
import { callClose, callRead, callResize, callSize } from './remote-device.ts';

/** Kinds of completions that answer a submission: `written`, `freed`, `fenced` and `loaded`, the first of them all. */
const KINDS = 4;

export class RingPort implements DiskPort, CompletionSink {
  readonly disk: DiskIndex;
  private readonly link: DiskLink;
  /** How many requests of a kind and a cookie are on their way, by `cookie × 4 + kind`. */
  private readonly pending = new Map<number, number>();
  private count = 0;
  /** Loads and fences among them. */
  private promised = 0;
  /** Something was pushed that the disk should hear of at the next `poll`. */
  private unrung = false;
  /** Writes and frees since the disk was last told of some. */
  private keptBytes = 0;
  private keptEntries = 0;
  private drainAsked = true;
  private sink: CompletionSink | undefined;
  private lastCounters: DiskCounters;

  constructor(link: DiskLink) {
    this.link = link;
    this.disk = link.disk;
    this.lastCounters = freshCounters(link.disk, link.file);
  }

  /**
   * From now on the disk knows what a block is, and its thread has a queue.
   *
   * @param hashDomain 16 bytes.
   */
  configure(options: { blockBytes: number; hashDomain: Uint8Array }): DeviceFault | undefined {
    this.link.memory.rawPiece(this.disk).set(options.hashDomain);
    const answer = this.link.call(REQUEST.configure, options.blockBytes);
    return typeof answer === 'object' ? answer : undefined;
  }

  get outstanding(): number {
    return this.count;
  }

  get imminent(): number {
    return this.promised + this.link.completions.length;
  }

  write(request: WriteRequest): void {
    const at = this.claim(COMPLETION.written, request.cookie, REQUEST.write, request.byteCount);
    if (at < 0) return;
    const { words } = this.link.memory;
    putFileOffset(words, at, request.fileOffset);
    putMemoryOffset(words, at, request.memoryOffset);
    this.link.publish();
    this.keptBack(request.byteCount);
  }

  free(request: { fileOffset: ByteCount; cookie: number; mayCancel: boolean }): void {
    const detail = request.mayCancel ? 1 : 0;
    const at = this.claim(COMPLETION.freed, request.cookie, REQUEST.free, detail);
    if (at < 0) return;
    putFileOffset(this.link.memory.words, at, request.fileOffset);
    this.link.publish();
    this.keptBack(0);
  }

  fence(cookie: number): void {
    if (this.claim(COMPLETION.fenced, cookie, REQUEST.fence, 0) < 0) return;
    this.link.publish();
    this.keptBytes = 0;
    this.keptEntries = 0;
    this.ring();
  }

  load(request: LoadRequest): void {
    const at = this.claim(COMPLETION.loaded, request.cookie, REQUEST.load, 0);
    if (at < 0) return;
    const { words } = this.link.memory;
    putFileOffset(words, at, request.fileOffset);
    putMemoryOffset(words, at, request.memoryOffset);
    putPointer(words, at, request.pointer);
    this.link.publish();
    this.unrung = true;
  }

  lend(slot: SlotIndex): void {
    if (this.link.claim(REQUEST.lend, slot) < 0) return;
    this.link.publish();
  }

  /** Tells the disk of loads that were pushed. `poll` and `wait` do. */
  wake(): void {
    if (this.unrung) this.ring();
  }

  poll(sink: CompletionSink): number {
    this.wake();
    this.link.take();
    return this.deliver(sink);
  }

  wait(sink: CompletionSink): number {
    assert(this.count > 0, 'waiting needs something outstanding');
    if (this.imminent === 0) this.askDrain();
    this.wake();
    this.link.beginWaiting();
    try {
      return this.sleepUntilSome(sink);
    } finally {
      this.link.endWaiting();
    }
  }

  private sleepUntilSome(sink: CompletionSink): number {
    const { bell } = this.link;
    const before = bell.value;
    for (;;) {
      const seen = bell.value;
      this.link.take();
      const delivered = this.deliver(sink);
      if (delivered > 0 || seen !== before) return delivered;
      this.link.sleep(seen);
    }
  }

  /** Sees everything submitted before: what is queued for the range is written first. */
  readRaw(fileOffset: number, into: Uint8Array): DeviceFault | undefined {
    return callRead(this.link, into, fileOffset);
  }

  resize(byteCount: number): DeviceFault | undefined {
    return callResize(this.link, byteCount);
  }

  stop(fault: DeviceFault): void {
    if (this.link.told !== undefined) return;
    this.link.told = fault;
    this.link.page.askStop();
    this.ring();
  }

  size(): ByteCount | DeviceFault {
    return callSize(this.link);
  }

  /** A fault of closing says nothing about what is durable, so it is not reported: fences have told. */
  close(): void {
    callClose(this.link);
  }

  counters(): DiskCounters {
    const published = this.link.page.counters();
    if (published !== undefined) {
      this.lastCounters = { ...this.lastCounters, ...published };
    }
    return this.lastCounters;
  }

  // ---- what is on its way

  written(cookie: number, outcome: Outcome): void {
    this.settle(COMPLETION.written, cookie);
    this.sink?.written(cookie, outcome);
  }

  freed(cookie: number, outcome: Outcome): void {
    this.settle(COMPLETION.freed, cookie);
    this.sink?.freed(cookie, outcome);
  }

  fenced(cookie: number, outcome: Outcome): void {
    this.settle(COMPLETION.fenced, cookie);
    this.sink?.fenced(cookie, outcome);
  }

  loaded(cookie: number, outcome: Outcome): void {
    this.settle(COMPLETION.loaded, cookie);
    this.sink?.loaded(cookie, outcome);
  }

  filled(slot: number): void {
    this.sink?.filled(slot);
  }

  private deliver(sink: CompletionSink): number {
    const { completions } = this.link;
    if (completions.length === 0 && this.count > 0) this.endAll();
    this.sink = sink;
    return completions.deliver(this);
  }

  /** What is still on its way when the disk is gone never comes. */
  private endAll(): void {
    const { gone, completions } = this.link;
    if (gone === undefined) return;
    for (const [key, times] of this.pending) {
      const kind = (key % KINDS) as CompletionKind;
      for (let n = 0; n < times; n += 1) {
        completions.push(kind, (key - kind) / KINDS, gone);
      }
    }
  }

  /** The request's cell with its cookie in it, or −1 when the disk is gone: then it completes at the next `poll`. */
  private claim(
    kind: CompletionKind,
    cookie: number,
    operation: RequestOperation,
    detail: number,
  ): number {
    const key = cookie * KINDS + kind;
    this.pending.set(key, (this.pending.get(key) ?? 0) + 1);
    this.count += 1;
    if (kind === COMPLETION.fenced || kind === COMPLETION.loaded) this.promised += 1;
    const at = this.link.claim(operation, detail);
    if (at >= 0) putCookie(this.link.memory.words, at, cookie);
    return at;
  }

  private settle(kind: CompletionKind, cookie: number): void {
    const key = cookie * KINDS + kind;
    const times = this.pending.get(key);
    assert(times !== undefined, 'a completion answers a request, once');
    if (times === 1) this.pending.delete(key);
    else this.pending.set(key, times - 1);
    this.count -= 1;
    if (kind === COMPLETION.fenced || kind === COMPLETION.loaded) this.promised -= 1;
  }

  // ---- waking the disk

  private ring(): void {
    this.unrung = false;
    this.link.ring();
  }

  /** Wakes the disk when it would write what it keeps back, by its own rule. It may be asleep until then. */
  private keptBack(bytes: number): void {
    this.drainAsked = false;
    this.keptBytes += bytes;
    this.keptEntries += 1;
    if (this.keptBytes < WRITE_RUN_BYTES_MAX && this.keptEntries < REQUEST_CELLS / 2) return;
    this.keptBytes = 0;
    this.keptEntries = 0;
    this.ring();
  }

  private askDrain(): void {
    if (this.drainAsked) return;
    if (this.link.claim(REQUEST.drain, 0) < 0) return;
    this.link.publish();
    this.drainAsked = true;
    this.unrung = true;
  }
}
