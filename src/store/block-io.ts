/**
 * Blocks in memory and on their way: the cache and the disks behind one door.
 *
 * Owns I2 for the engine (what `find` returns was verified at its load or finalized here), I7 (a block is hashed and
 * frozen in the same call that queues it) and I10 (a slot is waited for only while something is on its way to free
 * one). Waiting means one disk request long, never a fence.
 */

import type { LogWriter } from '../arena/alloc-log.ts';
import { assert } from '../base/assert.ts';
import type {
  ArenaIndex,
  BlockAddress,
  BlockIndex,
  DiskIndex,
  Generation,
  SlotIndex,
} from '../base/brand.ts';
import { rethrowBug, StoreError } from '../base/errors.ts';
import { trace } from '../base/trace.ts';
import { Cache } from '../cache/cache.ts';
import { NO_SLOT } from '../cache/slot-list.ts';
import type { DeviceFault } from '../device/device.ts';
import { addressOf, arenaDisk, arenaOf, fileOffsetOf, type Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import { SLOT_STATUS } from '../shared/cache-layout.ts';
import type { BlockMemory, CompletionSink, DiskPort, Outcome } from '../sync/disk-port.ts';
import { corruptError, faultError } from './store-errors.ts';

/** What the engine hears from below. */
export interface BlockIoEvents {
  /** The first failed write or flush of the session (I12). */
  failed(fault: DeviceFault): void;
  /** A fence that `fence` asked for has passed on one disk, or has failed there. */
  fencePassed(ticket: number, ok: boolean): void;
  /** A rolled-back block's write was skipped, or has landed (then its address waits for the next fence). */
  discarded(address: BlockAddress, landed: boolean): void;
}

/** The most loads asked for at once: a share of the cache, so that a large request cannot pin all of it. */
const LOADS_AT_ONCE_MAX = 64;
/** Slots lent to a disk at a time, for what clients miss; and at most this part of the cache to all disks. */
const LENT_SLOTS_MAX = 128;
const LENT_SHARE = 8;
/** A smaller cache lends none: the engine needs its few slots itself. */
const LENT_CACHE_SLOTS_MIN = 64;
/** Nothing is lent while less than this part of the cache could be plucked. */
const LENT_SPARING = 4;
/** No slot has this number. */
const SUPERBLOCK_COOKIE = 2 ** 32;

export class BlockIo implements CompletionSink, LogWriter {
  readonly cache: Cache;
  private readonly geometry: Geometry;
  private readonly ports: readonly DiskPort[];
  private readonly memory: BlockMemory;
  private readonly hasher: BlockHasher;
  private readonly events: BlockIoEvents;
  /** Slots that hold a log batch on its way. */
  private readonly scratches = new Set<number>();
  /** Slots of rolled-back blocks, by whether their write has landed so far. */
  private readonly discards = new Map<number, boolean>();
  /** Why loads failed whose askers have not looked yet. */
  private readonly failedLoads = new Map<number, Outcome>();
  /** Disks written to since their last fence. */
  private readonly unfenced: boolean[];
  private readonly superblockOffset: number;
  /** Slots lent to each disk, and how many that should be. */
  private readonly lentCounts: number[];
  private readonly lentMax: number;

  constructor(options: {
    readonly geometry: Geometry;
    readonly slotCount: number;
    readonly memory: BlockMemory;
    /** The cache's control memory, when other threads are to read. */
    readonly control?: Int32Array | undefined;
    readonly ports: readonly DiskPort[];
    readonly hasher: BlockHasher;
    readonly events: BlockIoEvents;
  }) {
    const { geometry, slotCount, memory, ports } = options;
    this.geometry = geometry;
    this.memory = memory;
    this.ports = ports;
    this.hasher = options.hasher;
    this.events = options.events;
    const { control } = options;
    const { blockBytes } = geometry;
    this.cache = new Cache({ blockBytes, slotCount, memory, ...(control && { control }) });
    this.superblockOffset = BlockIo.superblockOffset(geometry, slotCount);
    this.unfenced = ports.map(() => false);
    const share = slotCount < LENT_CACHE_SLOTS_MIN ? 0 : slotCount / (LENT_SHARE * ports.length);
    this.lentMax = Math.min(LENT_SLOTS_MAX, Math.floor(share));
    this.lentCounts = ports.map(() => 0);
    this.lendSlots();
  }

  /** Where the superblock is put together: behind the cache's slots. */
  static superblockOffset(geometry: Geometry, slotCount: number): number {
    return slotCount * geometry.blockBytes;
  }

  /** Bytes of memory that a store of this geometry needs for its slots and the superblock's staging. */
  static memoryBytes(geometry: Geometry, slotCount: number): number {
    return BlockIo.superblockOffset(geometry, slotCount) + geometry.slotBytes;
  }

  private port(disk: DiskIndex): DiskPort {
    const port = this.ports[disk];
    assert(port !== undefined, 'every disk has a port');
    return port;
  }

  private portOf(address: BlockAddress): DiskPort {
    return this.port(arenaDisk(arenaOf(address, this.geometry), this.geometry));
  }

  // ---- reading

  /** Copies the pointer's block into `into`, from the cache or the disk. Throws CORRUPT or IO. */
  read(pointer: Pointer, into: Uint8Array): void {
    const slot = this.holdBlock(pointer);
    into.set(this.cache.bytesOf(slot));
    this.cache.drop(slot);
  }

  /** Copies the pointer's block into `into` if it is in the cache; whether it was. Asks no disk. */
  readCached(pointer: Pointer, into: Uint8Array): boolean {
    const slot = this.cache.find(pointer);
    if (slot === NO_SLOT) return false;
    into.set(this.cache.bytesOf(slot));
    return true;
  }

  /** The slot with the pointer's block, held; the caller drops it. Throws CORRUPT or IO. */
  holdBlock(pointer: Pointer): SlotIndex {
    const hit = this.cache.find(pointer);
    if (hit !== NO_SLOT) {
      this.cache.hold(hit);
      return hit;
    }
    return this.loadOne(pointer);
  }

  /** `load` for a single miss, which is what most reads are: without the lists. */
  private loadOne(pointer: Pointer): SlotIndex {
    const slot = this.beginLoad(pointer);
    if (typeof slot !== 'number') throw slot;
    while (this.cache.status(slot) === SLOT_STATUS.loading) this.waitForCompletion();
    const outcome = this.takeLoadOutcome(slot);
    if (this.cache.matches(slot, pointer)) return slot;
    this.cache.drop(slot);
    throw loadFailure(outcome, pointer);
  }

  /** Whether another block waits to be written to the pointer's address. */
  isSuperseded(pointer: Pointer): boolean {
    const slot = this.cache.findAddress(pointer.address);
    if (slot === NO_SLOT || this.cache.status(slot) !== SLOT_STATUS.dirty) return false;
    return !this.cache.matches(slot, pointer);
  }

  /** Blocks that `readMany` asks for together, and that `prefetch` can be sure to find a moment later. */
  get loadsAtOnce(): number {
    return Math.max(1, Math.min(LOADS_AT_ONCE_MAX, Math.floor(this.cache.slotCount / 4)));
  }

  /** Brings them into the cache together, `loadsAtOnce` at most. What cannot be read fails whoever asks for it. */
  prefetch(pointers: readonly Pointer[]): void {
    try {
      this.load(pointers, () => undefined);
    } catch (error) {
      rethrowBug(error);
    }
  }

  /** As `read`, for many: misses are asked for together, so that neighbours come with one read. */
  readMany(pointers: readonly Pointer[], intos: readonly Uint8Array[]): void {
    const step = this.loadsAtOnce;
    for (let first = 0; first < pointers.length; first += step) {
      const some = pointers.slice(first, first + step);
      this.load(some, (slot, n) => {
        (intos[first + n] as Uint8Array).set(this.cache.bytesOf(slot));
      });
    }
  }

  /**
   * Brings all blocks of a small batch into the cache, one load for many askers, and shows each to `visit` when it is
   * there, while the disks read on. When one cannot be read, that is thrown in the end.
   */
  private load(pointers: readonly Pointer[], visit: (slot: SlotIndex, n: number) => void): void {
    const slots: SlotIndex[] = [];
    let failure = this.beginLoads(pointers, slots);
    const left = new Set(slots.keys());
    while (left.size > 0) {
      for (const n of left) {
        const slot = slots[n] as SlotIndex;
        if (this.cache.status(slot) === SLOT_STATUS.loading) continue;
        left.delete(n);
        const pointer = pointers[n] as Pointer;
        const outcome = this.takeLoadOutcome(slot);
        if (this.cache.matches(slot, pointer)) visit(slot, n);
        else failure ??= loadFailure(outcome, pointer);
        this.cache.drop(slot);
      }
      const [next] = left;
      // The block's own disk: another one may be deep in a flush.
      if (next !== undefined) this.waitFor(this.portOf((pointers[next] as Pointer).address));
    }
    if (failure !== undefined) throw failure;
  }

  /** Up to the first that cannot be begun: returns why. */
  private beginLoads(pointers: readonly Pointer[], slots: SlotIndex[]): StoreError | undefined {
    for (const pointer of pointers) {
      const slot = this.beginLoad(pointer);
      if (typeof slot !== 'number') return slot;
      slots.push(slot);
    }
    return undefined;
  }

  /** Finds the block, joins its load or begins one; the slot is held in every case. */
  private beginLoad(pointer: Pointer): SlotIndex | StoreError {
    const known = this.findHereOrComing(pointer);
    if (known !== NO_SLOT) {
      this.cache.hold(known);
      return known;
    }
    if (this.isSuperseded(pointer)) return corruptError(pointer);
    const slot = this.tryAcquireSlot();
    if (slot === NO_SLOT) {
      return new StoreError(
        'IO',
        'No cache slot is free: everything is held or cannot be written.',
      );
    }
    // Waiting for the slot may have brought the block: a client has missed it too, and its disk has filled a lent slot.
    const meanwhile = this.findHereOrComing(pointer);
    if (meanwhile !== NO_SLOT) {
      this.cache.release(slot);
      this.cache.hold(meanwhile);
      return meanwhile;
    }
    this.cache.beginLoad(slot, pointer);
    this.cache.hold(slot);
    this.portOf(pointer.address).load({
      pointer,
      fileOffset: fileOffsetOf(pointer.address, this.geometry),
      memoryOffset: this.cache.slotOffset(slot),
      cookie: slot,
    });
    return slot;
  }

  private findHereOrComing(pointer: Pointer): SlotIndex | typeof NO_SLOT {
    const present = this.cache.find(pointer);
    return present === NO_SLOT ? this.cache.findLoading(pointer) : present;
  }

  /** What became of the load into the slot, if it failed; told once. */
  private takeLoadOutcome(slot: SlotIndex): Outcome | undefined {
    if (this.failedLoads.size === 0) return undefined;
    const outcome = this.failedLoads.get(slot);
    this.failedLoads.delete(slot);
    return outcome;
  }

  // ---- writing

  /**
   * Finalizes a new block and queues it (I7): `bytes`, the rest zero, hashed under its address and generation. Found
   * in the cache from now on.
   */
  writeBlock(address: BlockAddress, generation: Generation, bytes: Uint8Array): Pointer {
    const slot = this.acquireSlot();
    const target = this.cache.bytesOf(slot);
    target.set(bytes);
    if (bytes.length < target.length) target.fill(0, bytes.length);
    return this.finalize(slot, address, generation);
  }

  /** Finalizes what the owner of `slot` has put into it, and queues it. */
  finalize(slot: SlotIndex, address: BlockAddress, generation: Generation): Pointer {
    this.hasher.hashBlock(address, generation, this.cache.bytesOf(slot));
    const pointer: Pointer = {
      address,
      generation,
      hashHigh: this.hasher.high,
      hashLow: this.hasher.low,
    };
    this.cache.insertDirty(slot, pointer);
    trace('enqueue', address, generation);
    const disk = arenaDisk(arenaOf(address, this.geometry), this.geometry);
    this.unfenced[disk] = true;
    this.port(disk).write({
      fileOffset: fileOffsetOf(address, this.geometry),
      memoryOffset: this.cache.slotOffset(slot),
      byteCount: this.geometry.blockBytes,
      cookie: slot,
    });
    return pointer;
  }

  /**
   * A block of the open generation that nobody has seen is given up. Its write is skipped if it is still queued.
   * `discarded` tells when the address is done with.
   */
  discard(pointer: Pointer): void {
    const slot = this.cache.findAddress(pointer.address);
    if (slot === NO_SLOT || this.cache.status(slot) !== SLOT_STATUS.dirty) {
      this.cache.forget(pointer.address);
      this.events.discarded(pointer.address, true);
      return;
    }
    this.discards.set(slot, false);
    this.portOf(pointer.address).free({
      fileOffset: fileOffsetOf(pointer.address, this.geometry),
      cookie: slot,
      mayCancel: true,
    });
  }

  /** Some are given up whose address is not done with yet: a fence settles them. */
  get discarding(): boolean {
    return this.discards.size > 0;
  }

  openScratch(): number {
    const slot = this.acquireSlot();
    this.scratches.add(slot);
    return slot;
  }

  scratchBytes(scratch: number): Uint8Array {
    return this.cache.bytesOf(scratch as SlotIndex);
  }

  writeBatch(batch: {
    scratch: number;
    arena: ArenaIndex;
    block: BlockIndex;
    sector: number;
    sectorCount: number;
  }): void {
    const { scratch, arena, block, sector, sectorCount } = batch;
    const { sectorBytes } = this.geometry;
    const disk = arenaDisk(arena, this.geometry);
    const start = fileOffsetOf(addressOf(arena, block, this.geometry), this.geometry);
    this.unfenced[disk] = true;
    this.port(disk).write({
      fileOffset: (start + sector * sectorBytes) as typeof start,
      memoryOffset: this.cache.slotOffset(scratch as SlotIndex) + sector * sectorBytes,
      byteCount: sectorCount * sectorBytes,
      cookie: scratch,
    });
  }

  /** Where the superblock of the commit under way is put together. */
  get superblockBytes(): Uint8Array {
    const { slotBytes } = this.geometry;
    return this.memory.bytes.subarray(this.superblockOffset, this.superblockOffset + slotBytes);
  }

  writeSuperblock(disk: DiskIndex, fileOffset: number, byteCount: number): void {
    this.unfenced[disk] = true;
    this.port(disk).write({
      fileOffset: fileOffset as never,
      memoryOffset: this.superblockOffset,
      byteCount,
      cookie: SUPERBLOCK_COOKIE,
    });
  }

  /** Asks every disk written to since its last fence for one. Returns how many will answer with `ticket`. */
  fence(ticket: number): number {
    let count = 0;
    for (const port of this.ports) {
      if (!this.unfenced[port.disk]) continue;
      this.unfenced[port.disk] = false;
      port.fence(ticket);
      count += 1;
    }
    return count;
  }

  // ---- completions

  /**
   * After a failed write nothing will be written any more, so its slot is let go like any other: a cache full of
   * blocks that wait for ever would be the end of reading too (I10, I12).
   */
  written(cookie: number, outcome: Outcome): void {
    if (typeof outcome === 'object') this.events.failed(outcome);
    if (cookie === SUPERBLOCK_COOKIE) return;
    if (this.scratches.delete(cookie)) this.cache.release(cookie as SlotIndex);
    else if (this.discards.has(cookie)) this.discards.set(cookie, outcome === 'ok');
    else this.cache.written(cookie as SlotIndex);
  }

  freed(cookie: number, outcome: Outcome): void {
    const landed = this.discards.get(cookie);
    assert(landed !== undefined, 'I8: only a discarded block is freed');
    this.discards.delete(cookie);
    const slot = cookie as SlotIndex;
    const address = this.cache.addressOf(slot);
    this.cache.discard(slot);
    // What has become of the write is not known then, so the address is never used again.
    if (outcome === 'ok') this.events.discarded(address, landed);
  }

  fenced(cookie: number, outcome: Outcome): void {
    if (typeof outcome === 'object') this.events.failed(outcome);
    this.events.fencePassed(cookie, outcome === 'ok');
  }

  loaded(cookie: number, outcome: Outcome): void {
    const slot = cookie as SlotIndex;
    if (outcome === 'ok') {
      this.cache.finishLoad(slot);
      return;
    }
    this.failedLoads.set(slot, outcome);
    this.cache.failLoad(slot);
  }

  filled(slot: number): void {
    const { disk } = this.portOf(this.cache.addressOf(slot as SlotIndex));
    this.cache.adopt(slot as SlotIndex);
    this.lentCounts[disk] = (this.lentCounts[disk] as number) - 1;
  }

  /**
   * Lends the disks slots for what clients miss, unless the cache has few left to give: the engine comes first (I10).
   */
  private lendSlots(): void {
    for (const port of this.ports) {
      if (port.lend === undefined) continue;
      let lent = this.lentCounts[port.disk] as number;
      while (lent < this.lentMax && this.cache.available > this.cache.slotCount / LENT_SPARING) {
        const slot = this.cache.lend();
        if (slot === NO_SLOT) return;
        port.lend(slot);
        lent += 1;
        this.lentCounts[port.disk] = lent;
      }
    }
  }

  /** Delivers the completions that are there. Returns how many. */
  poll(): number {
    let count = 0;
    for (const port of this.ports) count += port.poll(this);
    this.lendSlots();
    return count;
  }

  /** Waits for one completion of any disk. False: nothing is on its way. */
  waitForCompletion(): boolean {
    // What is there already comes first: waiting makes an inline disk write out what it keeps back for coalescing.
    if (this.poll() > 0) return true;
    const port = this.ports.find((each) => each.imminent > 0) ?? this.ports.find(isBusy);
    if (port === undefined) return false;
    port.wait(this);
    return true;
  }

  /** Waits for the disk, or for another one that has something meanwhile. */
  private waitFor(port: DiskPort): void {
    if (this.poll() === 0) port.wait(this);
  }

  /** Waits for a write to land, rather than for a fence: it is what gives a slot. */
  private waitForSlot(): boolean {
    if (this.poll() > 0) return true;
    const kept = this.ports.find((port) => isBusy(port) && port.imminent === 0);
    const port = kept ?? this.ports.find(isBusy);
    if (port === undefined) return false;
    port.wait(this);
    return true;
  }

  /** Waits until nothing is on its way: for check and close. */
  drain(): void {
    while (this.waitForCompletion());
  }

  private acquireSlot(): SlotIndex {
    const slot = this.tryAcquireSlot();
    if (slot === NO_SLOT) {
      throw new StoreError('IO', 'No cache slot is free: everything is held or cannot be written.');
    }
    return slot;
  }

  private tryAcquireSlot(): SlotIndex | typeof NO_SLOT {
    for (;;) {
      const slot = this.cache.pluck();
      if (slot !== NO_SLOT) return slot;
      if (this.cache.settling === 0 && this.scratches.size === 0) return NO_SLOT;
      if (!this.waitForSlot()) return NO_SLOT;
    }
  }
}

function loadFailure(outcome: Outcome | undefined, pointer: Pointer): StoreError {
  if (typeof outcome === 'object') return faultError(outcome, { address: pointer.address });
  return corruptError(pointer);
}

function isBusy(port: DiskPort): boolean {
  return port.outstanding > 0;
}
