/**
 * Blocks out of shared memory. A hit is copied from the cache's slot by this very thread; a miss is posted to the disk
 * worker that owns the file, without a hop over the store worker, and lands in a place of this client's own. Whatever
 * is not simply there (freed, stale, not written yet, damaged, unreadable) is asked of the store worker by message: it
 * alone knows which of them it is.
 *
 * Owns the client's half of I2: bytes come out of a slot under the cache's reading protocol, or out of a landing place
 * that the disk worker has verified and will not touch before its cell is free again.
 */
import { STATE, STATE_MASK } from '../arena/block-state.ts';
import { CacheReader } from '../cache/cache-reader.ts';
import type { EpochSlot } from '../epoch/epochs.ts';
import {
  arenaDisk,
  arenaOf,
  blockIndexOf,
  fileOffsetOf,
  type Geometry,
} from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import { cacheLayout } from '../shared/cache-layout.ts';
import { landingOffset, mailboxCells } from '../shared/contents-layout.ts';
import type { Doorbell } from '../shared/doorbell.ts';
import { MailboxClient } from '../shared/mailbox.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import type { SharedStates } from '../shared/shared-states.ts';
import type { StoreVerbs } from '../store/verbs.ts';
import { missOutcomeAt, putMiss } from '../sync/disk-protocol.ts';
import type { BlockSource } from './block-source.ts';
import type { Lifeline } from './lifeline.ts';

/** Reads asked for together. */
interface Batch {
  left: number;
  /** Places in the batch that the store worker has to answer. */
  readonly refused: number[];
  resolve(): void;
}

interface Ask {
  readonly batch: Batch;
  readonly place: number;
  readonly into: Uint8Array;
}

/** This client's mailbox at one disk. */
interface DiskAsks {
  readonly mailbox: MailboxClient;
  readonly bell: Doorbell;
  readonly landings: readonly Uint8Array[];
  /** By cell. */
  readonly asks: (Ask | undefined)[];
  asked: number;
  rung: boolean;
}

export interface SharedBlocksParts {
  readonly memory: SessionMemory;
  readonly geometry: Geometry;
  readonly slotCount: number;
  readonly states: SharedStates;
  readonly client: number;
  readonly epoch: EpochSlot;
  readonly verbs: Pick<StoreVerbs, 'read'>;
  readonly lifeline: Lifeline;
}

export class SharedBlocks implements BlockSource {
  readonly isShared = true;
  /** Blocks copied out of the cache, and blocks that had to be loaded. */
  hits = 0;
  misses = 0;
  readonly parts: SharedBlocksParts;
  readonly #cache: CacheReader;
  readonly #disks: readonly DiskAsks[];
  readonly #bell: Doorbell;
  #askedCount = 0;
  #listening = false;
  /** Those who wait for a cell to come free. */
  #waiting: (() => void)[] = [];

  constructor(parts: SharedBlocksParts) {
    this.parts = parts;
    const { memory, geometry, slotCount, client } = parts;
    const { blockBytes } = geometry;
    this.#cache = new CacheReader({
      layout: cacheLayout({ slotCount, blockBytes }),
      control: memory.cacheWords({ slotCount, blockBytes }),
      memory: { bytes: memory.bytes },
    });
    this.#bell = memory.clientBell(client);
    this.#disks = Array.from({ length: geometry.diskCount }, (_, disk) => this.#asksOf(disk));
  }

  #asksOf(disk: number): DiskAsks {
    const { memory, geometry, client } = this.parts;
    const cellCount = mailboxCells(geometry, client);
    const landings = Array.from({ length: cellCount }, (_, cell) => {
      const offset = landingOffset(memory.contents, geometry, { client, disk, cell });
      return memory.bytes.subarray(offset, offset + geometry.blockBytes);
    });
    const start = memory.control.mailbox(client, disk);
    return {
      mailbox: new MailboxClient(memory.words, { start, cellCount }),
      bell: memory.diskBell(disk),
      landings,
      asks: new Array<Ask | undefined>(cellCount).fill(undefined),
      asked: 0,
      // A former owner of the place may have died before it rang.
      rung: false,
    };
  }

  copyCached(pointer: Pointer, into: Uint8Array): boolean {
    const hit = this.#cache.copy(pointer, into);
    if (hit) this.hits += 1;
    return hit;
  }

  async read(
    pointers: readonly Pointer[],
    intos: readonly Uint8Array[] | undefined,
  ): Promise<Uint8Array[]> {
    const { blockBytes } = this.parts.geometry;
    const targets = intos ?? pointers.map(() => new Uint8Array(blockBytes));
    const missing: number[] = [];
    for (const [place, pointer] of pointers.entries()) {
      if (!this.copyCached(pointer, targets[place] as Uint8Array)) missing.push(place);
    }
    if (missing.length > 0) await this.#readMissing(pointers, targets, missing);
    return [...targets];
  }

  #wakeWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Every read is inside an epoch while it is under way: what it has asked for is not reused meanwhile (I4). */
  async #readMissing(
    pointers: readonly Pointer[],
    targets: readonly Uint8Array[],
    missing: readonly number[],
  ): Promise<void> {
    const { epoch, lifeline, verbs } = this.parts;
    this.misses += missing.length;
    const entered = epoch.enter();
    try {
      const refused = await lifeline.race(() => this.#ask(pointers, targets, missing));
      if (refused.length === 0) return;
      const blocks = await verbs.read(refused.map((place) => pointers[place] as Pointer));
      for (const [n, place] of refused.entries()) {
        (targets[place] as Uint8Array).set(blocks[n] as Uint8Array);
      }
    } finally {
      epoch.leave(entered);
    }
  }

  /** Resolves with the places that the store worker has to answer. */
  async #ask(
    pointers: readonly Pointer[],
    targets: readonly Uint8Array[],
    missing: readonly number[],
  ): Promise<number[]> {
    const refused: number[] = [];
    let resolve = (): void => {};
    const answered = new Promise<void>((settle) => {
      resolve = settle;
    });
    // One more than asked, so that the batch is not over before all of it is posted.
    const batch: Batch = { left: 1, refused, resolve: () => resolve() };
    for (const place of missing) {
      const pointer = pointers[place] as Pointer;
      if (this.#isUnusual(pointer)) {
        refused.push(place);
        continue;
      }
      const ask: Ask = { batch, place, into: targets[place] as Uint8Array };
      while (!this.#post(pointer, ask)) await this.#cellFreed();
    }
    this.#ringBells();
    this.#settle(batch);
    await answered;
    return refused;
  }

  /** Outside the store, or free: not for a disk to say. */
  #isUnusual(pointer: Pointer): boolean {
    const { geometry, states } = this.parts;
    const arena = arenaOf(pointer.address, geometry);
    const block = blockIndexOf(pointer.address, geometry);
    return (states.stateOf(arena, block) & STATE_MASK) === STATE.free;
  }

  /** False: all cells are on their way. */
  #post(pointer: Pointer, ask: Ask): boolean {
    const { geometry, memory } = this.parts;
    const disk = this.#disks[arenaDisk(arenaOf(pointer.address, geometry), geometry)] as DiskAsks;
    const cell = disk.mailbox.claim();
    if (cell < 0) return false;
    const fileOffset = fileOffsetOf(pointer.address, geometry);
    putMiss(memory.words, disk.mailbox.payloadOf(cell), { pointer, fileOffset });
    disk.asks[cell] = ask;
    disk.asked += 1;
    disk.rung = false;
    this.#askedCount += 1;
    ask.batch.left += 1;
    disk.mailbox.post(cell);
    return true;
  }

  #ringBells(): void {
    for (const disk of this.#disks) {
      if (disk.rung) continue;
      disk.rung = true;
      disk.bell.ring();
    }
    if (!this.#listening && this.#isExpecting) void this.#listen();
  }

  /** Answers, or cells that a dead client of the same place had on their way. */
  get #isExpecting(): boolean {
    return this.#askedCount > 0 || this.#waiting.length > 0;
  }

  #cellFreed(): Promise<void> {
    const freed = new Promise<void>((resolve) => this.#waiting.push(resolve));
    // Not before somebody waits: answers may be there already, and are collected in the same breath.
    this.#ringBells();
    return freed;
  }

  /** Runs while it expects something. Answers may come for no wake-up, and wake-ups for no answer: look, then sleep. */
  async #listen(): Promise<void> {
    this.#listening = true;
    while (this.#isExpecting && !this.parts.memory.ended) {
      const seen = this.#bell.value;
      if (this.#collect() > 0) continue;
      await this.#bell.waitAsync(seen);
    }
    this.#listening = false;
  }

  #collect(): number {
    let count = 0;
    for (const disk of this.#disks) {
      if (this.#waiting.length > 0) count += disk.mailbox.adopt();
      for (let cell = 0; disk.asked > 0 && cell < disk.asks.length; cell += 1) {
        const ask = disk.asks[cell];
        if (ask === undefined || !disk.mailbox.isAnswered(cell)) continue;
        this.#take(disk, cell, ask);
        count += 1;
      }
    }
    if (count > 0) this.#wakeWaiting();
    return count;
  }

  #take(disk: DiskAsks, cell: number, ask: Ask): void {
    const { words } = this.parts.memory;
    const outcome = missOutcomeAt(words, disk.mailbox.payloadOf(cell));
    if (outcome === 'ok') ask.into.set(disk.landings[cell] as Uint8Array);
    else ask.batch.refused.push(ask.place);
    disk.asks[cell] = undefined;
    disk.asked -= 1;
    this.#askedCount -= 1;
    disk.mailbox.release(cell);
    this.#settle(ask.batch);
  }

  #settle(batch: Batch): void {
    batch.left -= 1;
    if (batch.left === 0) batch.resolve();
  }
}
