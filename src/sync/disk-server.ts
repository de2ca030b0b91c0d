/**
 * A disk's own thread, but for the sleeping: takes requests from the store's ring and misses from the clients'
 * mailboxes, drives a `DiskLoop` over its file, and answers. One `step` looks at everything once and does one thing on
 * the disk, or reads a few blocks; tests call it in place of a thread.
 *
 * Order is the loop's: loads first, the store's and the clients' alike, then writes, frees and fences. Writes and frees
 * without a fence behind them are kept back as `InlineDisk` keeps them back. A completion ring that is full stops
 * nothing: completions wait in a list, and clients are answered past it, for they never wait for the store's thread.
 *
 * Owns I2 for what clients miss: a block is verified where it landed; only then is it copied into a lent slot, the
 * slot given its key, and last of all made readable. `filled` stands among the completions where the read stood among
 * the writes: the store hears of the block that was there before it hears that another has been written over it.
 */
import { assert, unreachable } from '../base/assert.ts';
import { type ByteCount, type DiskIndex, isCount, type SlotIndex } from '../base/brand.ts';
import { CacheReader } from '../cache/cache-reader.ts';
import { SlotHeaders } from '../cache/slot-headers.ts';
import { type Device, type DeviceFault, isFault } from '../device/device.ts';
import { HASH_DOMAIN_BYTES } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicLoad } from '../shared/atomics.ts';
import { cacheLayout, SLOT_STATUS } from '../shared/cache-layout.ts';
import { landingOffset } from '../shared/contents-layout.ts';
import { CLIENTS_MAX, MAILBOX_CELLS_MAX } from '../shared/control-layout.ts';
import { DiskPageWriter, FIRST_FAULT } from '../shared/disk-page.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { MailboxServer } from '../shared/mailbox.ts';
import { RingReader, RingWriter } from '../shared/ring.ts';
import { type SessionMemory, sessionGeometry } from '../shared/session-memory.ts';
import { COMPLETION, type CompletionKind, CompletionList } from './completion-list.ts';
import { DiskLoop, WRITE_RUN_BYTES_MAX } from './disk-loop.ts';
import type { Outcome, VerifyBlock } from './disk-port.ts';
import {
  cookieAt,
  detailAt,
  FAULT_TOLD,
  fileOffsetAt,
  memoryOffsetAt,
  operationAt,
  type PlainOperation,
  pointerAt,
  putCompletion,
  putFault,
  putMissOutcome,
  putValue,
  REQUEST,
} from './disk-protocol.ts';
import { WatchedDevice } from './watched-device.ts';

/** Completions that may wait for the store to take them. */
const COMPLETIONS_MAX = 2 ** 20;
/** Who reads is woken for so many answers at once, while more are on their way. */
const ANSWERS_TOGETHER = 16;
/** Blocks that are read before the next look at what else there is. */
const LOADS_TOGETHER = 8;
/** The store's loads, and every cell of every client. */
const LOADS_MAX = 256 + CLIENTS_MAX * MAILBOX_CELLS_MAX;

export interface DiskServerOptions {
  readonly disk: DiskIndex;
  /** Taken over: closed when the store says so, or the session ends. */
  readonly device: Device;
  readonly memory: SessionMemory;
  /** Makes the check of loads (I2) from the store's hash domain, of 16 bytes. */
  readonly verifier: (hashDomain: Uint8Array) => VerifyBlock;
  /** See `InlineDiskOptions`; tests make them small. */
  readonly queueEntries?: number;
  readonly loadsMax?: number;
  readonly drainBytes?: number;
}

/** What there is once the store's geometry is known. */
interface Parts {
  readonly loop: DiskLoop;
  readonly blockBytes: number;
  readonly diskCount: number;
  readonly cache: CacheReader;
  readonly headers: SlotHeaders;
  readonly mailboxes: readonly MailboxServer[];
  readonly drainEntries: number;
}

export class DiskServer {
  private readonly options: DiskServerOptions;
  private readonly disk: DiskIndex;
  private readonly device: Device;
  private readonly memory: SessionMemory;
  private readonly page: DiskPageWriter;
  private readonly requests: RingReader;
  private readonly answers: RingWriter;
  private readonly storeBell: Doorbell;
  private readonly clientBells: readonly Doorbell[];
  private readonly completions = new CompletionList(COMPLETIONS_MAX);
  private parts: Parts | undefined;
  /** Slots lent by the store, to be filled with what clients miss. */
  private readonly lent: SlotIndex[] = [];
  /** Entries at the head of the queue that are to go out without a fence behind them. */
  private drainLeft = 0;
  /** The first request in the ring found no room in the loop. */
  private cramped = false;
  /** A bit a client that was answered and not woken yet, and how many answers that were. */
  private answeredClients = 0;
  private answeredCount = 0;
  /** Published since the store's bell was last rung: what it acts on, writes that have landed, lent slots filled. */
  private answersUntold = false;
  private writesUntold = false;
  private fillsUntold = false;
  private loadsUntold = 0;
  /** Loads that the store has asked for and not been answered. */
  private storeLoads = 0;
  /** A full ring has room again since then. */
  private roomUntold = false;
  private ended = false;
  /** What the store has stopped this disk with stands for a fault that the store knows. */
  private readonly told: DeviceFault;
  private faultCount = 0;
  private firstDescribed = false;

  constructor(options: DiskServerOptions) {
    const { disk, memory } = options;
    const { words, control } = memory;
    this.options = options;
    this.disk = disk;
    this.memory = memory;
    this.page = new DiskPageWriter(words, control.diskPage(disk));
    this.device = new WatchedDevice(options.device, this.page);
    this.requests = new RingReader(words, control.requestRing(disk));
    this.answers = new RingWriter(words, control.completionRing(disk));
    this.storeBell = new Doorbell(words, control.storeBell);
    this.clientBells = Array.from(
      { length: CLIENTS_MAX },
      (_, client) => new Doorbell(words, control.clientBell(client)),
    );
    const numbers = { offset: 0, expected: 0, actual: 0 };
    const { file } = options.device;
    this.told = { kind: 'gone', operation: 'write', file, ...numbers, detail: 'stopped' };
  }

  /** The file is closed, and the store knows. */
  get closed(): boolean {
    return this.ended && this.completions.length === 0;
  }

  /** Looks at everything once and does little on the disk. Returns whether there was anything to do. */
  step(): boolean {
    if (this.page.stopAsked) this.parts?.loop.stop(this.told);
    const taken = this.takeRequests();
    const missed = this.takeMisses();
    const worked = this.work();
    const published = this.publish();
    const active = taken + missed > 0 || worked || published > 0;
    if (active) this.report();
    return active;
  }

  /** There was nothing to do for a while, and there may be nothing to do now. */
  showLife(): void {
    this.page.progress();
  }

  runUntilIdle(): void {
    while (this.step());
  }

  /** The session has ended: nobody waits for anything, the file is given back. */
  end(): void {
    if (!this.ended) this.device.close();
    this.ended = true;
  }

  // ---- taking

  private takeRequests(): number {
    let count = 0;
    this.cramped = false;
    for (let at = this.requests.peek(); at >= 0; at = this.requests.peek()) {
      if (!this.accept(at)) {
        this.cramped = true;
        break;
      }
      this.roomUntold = this.requests.release() || this.roomUntold;
      count += 1;
    }
    return count;
  }

  /** Returns false, having done nothing, when the loop has no room for the request. */
  private accept(at: number): boolean {
    const { words } = this.memory;
    const operation = operationAt(words, at);
    switch (operation) {
      case REQUEST.write:
      case REQUEST.free:
        return this.acceptKeptBack(at, operation === REQUEST.write);
      case REQUEST.fence:
        return this.queue().pushFence(cookieAt(words, at));
      case REQUEST.load:
        return this.acceptLoad(at);
      case REQUEST.lend:
        this.lent.push(detailAt(words, at) as SlotIndex);
        return true;
      case REQUEST.drain:
        this.drainLeft = this.queue().queuedInOrder;
        return true;
      default:
        this.answer(this.plain(at, operation));
        return true;
    }
  }

  private acceptLoad(at: number): boolean {
    const { words } = this.memory;
    const pushed = this.queue().pushLoad({
      pointer: pointerAt(words, at),
      fileOffset: fileOffsetAt(words, at) as ByteCount,
      memoryOffset: memoryOffsetAt(words, at),
      cookie: cookieAt(words, at),
    });
    if (pushed) this.storeLoads += 1;
    return pushed;
  }

  /** A write or a free: done when a fence follows, or when there are many. */
  private acceptKeptBack(at: number, isWrite: boolean): boolean {
    const { words } = this.memory;
    const { loop, drainEntries } = this.configured();
    const fileOffset = fileOffsetAt(words, at) as ByteCount;
    const cookie = cookieAt(words, at);
    const detail = detailAt(words, at);
    const memoryOffset = memoryOffsetAt(words, at);
    const pushed = isWrite
      ? loop.pushWrite({ fileOffset, memoryOffset, byteCount: detail, cookie })
      : loop.pushFree({ fileOffset, cookie, mayCancel: detail !== 0 });
    const drainBytes = this.options.drainBytes ?? WRITE_RUN_BYTES_MAX;
    const long = loop.queuedBytes >= drainBytes || loop.queuedInOrder >= drainEntries;
    if (pushed && long) this.drainLeft = loop.queuedInOrder;
    return pushed;
  }

  private configured(): Parts {
    assert(this.parts !== undefined, 'a disk is configured before it is given blocks');
    return this.parts;
  }

  private queue(): DiskLoop {
    return this.configured().loop;
  }

  // ---- plain requests

  /** Done here and now, behind everything that stood before it in the ring. */
  private plain(at: number, operation: PlainOperation): number | DeviceFault | undefined {
    const { words } = this.memory;
    const loop = this.parts?.loop;
    switch (operation) {
      case REQUEST.configure:
        return this.configure(detailAt(words, at));
      case REQUEST.rawRead:
        return this.rawRead(fileOffsetAt(words, at), detailAt(words, at));
      case REQUEST.rawWrite:
        assert(loop === undefined, 'I5: plain writes come before the engine');
        return this.device.write(this.rawPiece(detailAt(words, at)), fileOffsetAt(words, at));
      case REQUEST.rawFlush:
        assert(loop === undefined, 'I12: plain flushes come before the engine');
        return this.device.flush();
      case REQUEST.resize: {
        const byteCount = fileOffsetAt(words, at);
        return loop === undefined ? this.device.resize(byteCount) : loop.resize(byteCount);
      }
      case REQUEST.size:
        return loop === undefined ? this.device.size() : loop.size();
      case REQUEST.close:
        return this.close();
      default:
        return unreachable(operation);
    }
  }

  private rawPiece(byteCount: number): Uint8Array {
    return this.memory.rawPiece(this.disk).subarray(0, byteCount);
  }

  private rawRead(fileOffset: number, byteCount: number): DeviceFault | undefined {
    const loop = this.parts?.loop;
    if (loop?.overlapsWrite(fileOffset, byteCount)) {
      while (loop.queuedInOrder > 0 && loop.step());
      this.drainLeft = 0;
    }
    return this.device.read(this.rawPiece(byteCount), fileOffset);
  }

  private close(): DeviceFault | undefined {
    const fault = this.device.close();
    this.ended = true;
    // Who has missed something until now is told to ask the store.
    this.takeMisses();
    return fault;
  }

  private configure(blockBytes: number): DeviceFault | undefined {
    assert(this.parts === undefined, 'a disk is configured once');
    const { words, control, bytes } = this.memory;
    const { disk, options } = this;
    const { slotCount, diskCount, mailboxCells } = sessionGeometry(this.memory);
    const layout = cacheLayout({ slotCount, blockBytes });
    const cacheWords = words.subarray(control.cache);
    const loop = new DiskLoop({
      disk,
      device: this.device,
      memory: { bytes },
      verify: options.verifier(this.rawPiece(HASH_DOMAIN_BYTES).slice()),
      blockBytes,
      loadsMax: options.loadsMax ?? LOADS_MAX,
      completions: this.completions,
      othersLoaded: (cookie, pointer, outcome) => this.landed(cookie, pointer, outcome),
      ...(options.queueEntries === undefined ? {} : { queueEntries: options.queueEntries }),
    });
    // Its length is among the counters from the start.
    const size = loop.size();
    if (isFault(size)) return size;
    this.parts = {
      loop,
      blockBytes,
      diskCount,
      cache: new CacheReader({ layout, control: cacheWords, memory: { bytes } }),
      headers: new SlotHeaders(layout, cacheWords),
      mailboxes: Array.from({ length: CLIENTS_MAX }, (_, client) => {
        const start = control.mailbox(client, disk);
        return new MailboxServer(words, { start, cellCount: mailboxCells });
      }),
      drainEntries: Math.max(1, loop.queueCapacity / 2),
    };
    return undefined;
  }

  private answer(result: number | DeviceFault | undefined): void {
    if (typeof result === 'object') this.completions.push(COMPLETION.answered, 0, result);
    else this.completions.push(COMPLETION.answered, result ?? 0, 'ok');
  }

  // ---- what clients miss

  private takeMisses(): number {
    if (this.parts === undefined) return 0;
    let count = 0;
    for (let client = 0; client < CLIENTS_MAX; client += 1) {
      const mailbox = this.parts.mailboxes[client] as MailboxServer;
      count += mailbox.takePosted((cell) => this.takeMiss(client, cell));
    }
    return count;
  }

  private takeMiss(client: number, cell: number): void {
    const { words, bytes } = this.memory;
    const { loop, blockBytes, cache, mailboxes } = this.configured();
    const at = (mailboxes[client] as MailboxServer).payloadOf(cell);
    const fileOffset = fileOffsetAt(words, at);
    const pointer = pointerAt(words, at);
    const memoryOffset = this.landing(client, cell);
    const place = bytes.subarray(memoryOffset, memoryOffset + blockBytes);
    if (this.ended || !isCount(fileOffset)) this.answerMiss(client, cell, 'corrupt');
    else if (cache.copy(pointer, place)) this.answerMiss(client, cell, 'ok');
    else {
      const cookie = -(1 + client * MAILBOX_CELLS_MAX + cell);
      const load = { pointer, fileOffset: fileOffset as ByteCount, memoryOffset, cookie };
      while (!loop.pushLoad(load)) assert(loop.step(), 'a full queue of loads has one to serve');
    }
  }

  private landing(client: number, cell: number): number {
    const { blockBytes, diskCount } = this.configured();
    const place = { client, disk: this.disk, cell };
    return landingOffset(this.memory.contents, { blockBytes, diskCount }, place);
  }

  /** A client's load has ended. */
  private landed(cookie: number, pointer: Pointer, outcome: Outcome): void {
    const cell = (-cookie - 1) % MAILBOX_CELLS_MAX;
    const client = (-cookie - 1 - cell) / MAILBOX_CELLS_MAX;
    if (outcome === 'ok') this.fill(pointer, this.landing(client, cell));
    this.answerMiss(client, cell, outcome);
  }

  /** Into a lent slot, if there is one: verified bytes, then the key, and only then a status that can be read. */
  private fill(pointer: Pointer, landing: number): void {
    const slot = this.lent.pop();
    if (slot === undefined) return;
    const { blockBytes, headers } = this.configured();
    this.memory.bytes.copyWithin(slot * blockBytes, landing, landing + blockBytes);
    headers.setKey(slot, pointer);
    headers.become(slot, SLOT_STATUS.clean);
    this.completions.push(COMPLETION.filled, slot, 'ok');
  }

  private answerMiss(client: number, cell: number, outcome: Outcome): void {
    const mailbox = this.configured().mailboxes[client] as MailboxServer;
    putMissOutcome(this.memory.words, mailbox.payloadOf(cell), outcome);
    mailbox.answer(cell);
    this.answeredClients |= 1 << client;
    this.answeredCount += 1;
  }

  // ---- doing and telling

  private work(): boolean {
    if (this.parts === undefined || this.ended) return false;
    const { loop } = this.parts;
    const due = loop.queuedLoads > 0 || loop.queuedFences > 0 || this.drainLeft > 0;
    if (!due && !this.cramped) return false;
    const before = loop.queuedInOrder;
    const loadsLeft = Math.max(0, loop.queuedLoads - LOADS_TOGETHER);
    const worked = loop.step();
    while (loop.queuedLoads > loadsLeft && loop.step());
    this.drainLeft = Math.max(0, this.drainLeft - (before - loop.queuedInOrder));
    return worked;
  }

  private publish(): number {
    const { words } = this.memory;
    const { completions, answers } = this;
    let count = 0;
    while (completions.length > 0) {
      const at = answers.claim();
      if (at < 0) {
        // Full of what it has not been told of.
        this.answersUntold = true;
        break;
      }
      completions.shift();
      const { kind, cookie, outcome } = completions;
      putCompletion(words, at, kind, outcome);
      putValue(words, at, cookie);
      if (typeof outcome === 'object') putFault(words, at, this.numberOf(outcome), outcome);
      answers.publish();
      this.remember(kind, outcome);
      count += 1;
    }
    return count;
  }

  /** What has been published, and is to be told. */
  private remember(kind: CompletionKind, outcome: Outcome): void {
    if (kind === COMPLETION.loaded) this.storeLoads -= 1;
    if (typeof outcome === 'object') this.answersUntold = true;
    else if (kind === COMPLETION.filled) this.fillsUntold = true;
    else if (kind === COMPLETION.written) this.writesUntold = true;
    else if (kind === COMPLETION.loaded) this.loadsUntold += 1;
    else this.answersUntold = true;
  }

  /** The number of the fault's text in the disk page, which has it from now on. */
  private numberOf(fault: DeviceFault): number {
    if (fault === this.told) return FAULT_TOLD;
    if (fault === this.parts?.loop.fault) {
      if (!this.firstDescribed) this.page.describe(FIRST_FAULT, fault.detail);
      this.firstDescribed = true;
      return FIRST_FAULT;
    }
    this.faultCount += 1;
    this.page.describe(this.faultCount, fault.detail);
    return this.faultCount;
  }

  /**
   * Counters, progress, and the bells of all who have got something. Clients that wait for more than one block are
   * woken for several together: a wake-up costs as much as reading three blocks.
   */
  private report(): void {
    const { parts } = this;
    this.page.progress();
    if (parts !== undefined) this.page.publish(parts.loop.counted);
    const more = !this.ended && parts !== undefined && parts.loop.queuedLoads > 0;
    if (this.storeIsConcerned(more)) {
      this.storeBell.ring();
      this.answersUntold = false;
      this.writesUntold = false;
      this.fillsUntold = false;
      this.loadsUntold = 0;
      this.roomUntold = false;
    }
    if (!more || this.answeredCount >= ANSWERS_TOGETHER) this.ringClients();
  }

  /**
   * It is woken for several of its loads together. It is not woken for writes that have landed, unless it is blocked
   * until something comes, nor for slots that clients have filled while there are more to fill: it has nothing to do
   * then, and sees them when it looks next.
   */
  private storeIsConcerned(more: boolean): boolean {
    const { words, control } = this.memory;
    if (this.answersUntold || this.roomUntold) return true;
    if (this.loadsUntold >= ANSWERS_TOGETHER) return true;
    if (this.loadsUntold > 0 && this.storeLoads === 0) return true;
    if (this.fillsUntold && (!more || this.lent.length === 0)) return true;
    const untold = this.writesUntold || this.fillsUntold;
    return untold && atomicLoad(words, control.storeWaits) !== 0;
  }

  private ringClients(): void {
    for (let clients = this.answeredClients; clients !== 0; clients &= clients - 1) {
      this.clientBells[31 - Math.clz32(clients & -clients)]?.ring();
    }
    this.answeredClients = 0;
    this.answeredCount = 0;
  }
}
