/**
 * The engine: one piece of synchronous code, used by every profile. It is given disks (ports), a memory and what
 * recovery found; it offers transactions, verified reads and commits. It never waits for a fence: whoever drives it
 * calls `pump` when completions may have arrived.
 *
 * One thread changes a store, as one mutator does in gefs, so there are no locks in here.
 */

import type { BlockKind } from '../arena/arena.ts';
import { ArenaSet } from '../arena/arena-set.ts';
import type { StatesRoom } from '../arena/block-state.ts';
import { assert } from '../base/assert.ts';
import {
  type BlockAddress,
  type BlockIndex,
  type Generation,
  generation,
  type SlotIndex,
} from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { trace } from '../base/trace.ts';
import { NO_SLOT } from '../cache/slot-list.ts';
import type { DeviceFault } from '../device/device.ts';
import { DeferredFrees, type FreedRange } from '../epoch/deferred-frees.ts';
import { PublicationHorizon, type ReaderHorizon } from '../epoch/reader-horizon.ts';
import { addressOf, arenaOf, blockIndexOf, type Geometry } from '../format/geometry.ts';
import type { BlockHasher, Hasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import type { BlockMemory, DiskPort } from '../sync/disk-port.ts';
import { BlockIo } from './block-io.ts';
import { Committer, type DurableCommit, JOINT_BYTES_MAX, type LivenessProbe } from './commit.ts';
import { Growth } from './growth.ts';
import type { Layer } from './layer.ts';
import type { RecoveredStore } from './recover.ts';
import type { Health } from './report.ts';
import { describeFault, notFoundError } from './store-errors.ts';
import { SuperblockRing } from './superblock-ring.ts';
import { type EndedTransaction, Transaction, type TransactionSpace } from './transaction.ts';

export interface EngineEvents {
  durable(commit: DurableCommit): void;
  /** A transaction has ended: its state is what readers see from now on. */
  published(publication: number): void;
  /** Health has left `ok`, for good. */
  broken(health: Health, reason: string): void;
}

export interface EngineOptions {
  readonly recovered: RecoveredStore;
  readonly ports: readonly DiskPort[];
  readonly memory: BlockMemory;
  /** The cache's control memory, when other threads are to read. */
  readonly control?: Int32Array | undefined;
  readonly slotCount: number;
  readonly hasher: Hasher;
  readonly blockHasher: BlockHasher;
  readonly maxBytes: number;
  readonly readOnly: boolean;
  readonly liveness: LivenessProbe;
  readonly events: EngineEvents;
  readonly layers?: readonly Layer[];
  /** With shared memory, the epochs; else the publications that `setOldestPublication` hears of. */
  readonly horizon?: ReaderHorizon;
  /** With shared memory, where the arenas' block states live. */
  readonly statesRoom?: StatesRoom;
  /** New bytes up to which a commit is joint; `JOINT_BYTES_MAX` unless told. */
  readonly jointBytesMax?: number;
}

const EVICTED_REASON = 'The browser has removed the store’s files.';

export class Engine implements TransactionSpace {
  readonly geometry: Geometry;
  readonly arenas: ArenaSet;
  readonly io: BlockIo;
  readonly ports: readonly DiskPort[];
  readonly growth: Growth;
  readonly deferred = new DeferredFrees();
  readonly storeId: Uint8Array;
  /** Named roots as of the last ended transaction. */
  readonly roots: Map<string, Pointer>;
  /** Counts ended transactions; readers pin one. */
  publication = 0;
  durableGeneration: Generation;
  health: Health = 'ok';
  reason = '';
  /** Addresses whose block did not match a pointer that is known to be live. */
  readonly damaged: Set<BlockAddress>;
  /** What the next commit will be: the birth generation of blocks written now. */
  openGeneration: Generation;
  readonly horizon: ReaderHorizon;
  private readonly publications = new PublicationHorizon();
  private transactionsEnded = 0;
  /** Born in the transactions that have ended since the last freeze. */
  private bornBlocks = 0;
  private nextTransactionId = 1;
  private openTransaction: Transaction | undefined;
  /** Rolled-back blocks whose write has landed: free again after the next commit's fence (I8). */
  private landed: BlockAddress[] = [];
  private landedFrozen: BlockAddress[] = [];
  private readonly committer: Committer;
  private readonly liveness: LivenessProbe;
  /** The browser has closed a file, and it is not known yet whether because the files are gone: the fault in words. */
  private doubt: string | undefined;
  private readonly events: EngineEvents;
  private readonly layers: readonly Layer[];
  private readonly readOnly: boolean;

  constructor(options: EngineOptions) {
    const { recovered, ports, memory, slotCount, blockHasher } = options;
    const { geometry, storeId } = recovered.label;
    this.geometry = geometry;
    this.storeId = storeId;
    this.ports = ports;
    this.liveness = options.liveness;
    this.events = options.events;
    this.layers = options.layers ?? [];
    this.readOnly = options.readOnly;
    this.horizon = options.horizon ?? this.publications;
    this.damaged = new Set(recovered.damaged);
    this.roots = new Map(recovered.superblock.roots);
    this.durableGeneration = generation(recovered.superblock.generation);
    this.openGeneration = generation(recovered.highestGeneration + 1);
    this.arenas = this.resumeArenas(recovered, blockHasher, options.statesRoom);
    this.growth = new Growth({
      geometry,
      arenas: this.arenas,
      ports,
      maxBytes: options.maxBytes,
    });
    this.io = new BlockIo({
      geometry,
      slotCount,
      memory,
      control: options.control,
      ports,
      hasher: blockHasher,
      events: {
        failed: (fault) => this.poison(fault),
        fencePassed: (ticket, ok) => this.committer.fencePassed(ticket, ok),
        discarded: (address, landed) => this.discarded(address, landed),
      },
    });
    this.committer = new Committer({
      geometry,
      storeId,
      hasher: options.hasher,
      arenas: this.arenas,
      deferred: this.deferred,
      io: this.io,
      ring: new SuperblockRing(recovered.slotGenerations),
      liveness: options.liveness,
      events: {
        durable: (commit) => this.committed(commit),
        evicted: () => this.declareEvicted(),
      },
      jointBytesMax: options.jointBytesMax ?? JOINT_BYTES_MAX,
      recovered: {
        generation: recovered.superblock.generation,
        previous: recovered.superblock.previous,
        beforePrevious: recovered.superblock.beforePrevious,
      },
    });
  }

  private resumeArenas(
    recovered: RecoveredStore,
    hasher: BlockHasher,
    statesRoom: StatesRoom | undefined,
  ): ArenaSet {
    const arenas = new ArenaSet(this.geometry, hasher, statesRoom);
    const pending: { commit: number; range: FreedRange }[] = [];
    for (const replayed of recovered.logs) {
      arenas.open(replayed.arena).resume(replayed);
      for (const { commit, start, count, log } of replayed.pending) {
        pending.push({ commit, range: { arena: replayed.arena, start, count, log } });
      }
    }
    for (const commit of [-1, 0]) {
      const ranges = pending.filter((each) => each.commit === commit).map((each) => each.range);
      this.deferred.defer(0, ranges, commit);
    }
    return arenas;
  }

  // ---- state

  get blockBytes(): number {
    return this.geometry.blockBytes;
  }

  get committing(): boolean {
    return !this.committer.idle;
  }

  get commitCount(): number {
    return this.committer.commitCount;
  }

  /** Whether something has changed since the last freeze. */
  get changed(): boolean {
    return (
      this.transactionsEnded > 0 ||
      this.landed.length > 0 ||
      this.arenas.arenas.some((arena) => arena.touched)
    );
  }

  get heldByReadersBlocks(): number {
    return this.deferred.heldByReaders(this.committer.commitCount);
  }

  /** Whether empty commits would bring space back, or show that it is readers who hold it. */
  get reclaimable(): boolean {
    const { commitCount } = this.committer;
    return this.landed.length > 0 || this.deferred.waitsForCommits(commitCount);
  }

  /** Every reader is at this publication or later. Of no consequence where epochs tell. */
  setOldestPublication(publication: number): void {
    this.publications.setOldest(publication);
    this.releaseDeferred();
  }

  assertUsable(): void {
    const flaw = this.unusable();
    if (flaw !== undefined) throw flaw;
  }

  /** Why nothing more can be written, if so. */
  unusable(): StoreError | undefined {
    if (this.health === 'ok') return undefined;
    if (this.health === 'evicted') {
      return new StoreError(
        'EVICTED',
        `${this.reason} Nothing more is saved. Close the store, and delete it to accept the loss.`,
      );
    }
    return poisonedError(this.reason);
  }

  // ---- reading

  /** Copies a verified block. Throws NOT_FOUND, CORRUPT or IO. */
  read(pointer: Pointer, into: Uint8Array): void {
    this.assertPresent(pointer);
    this.io.read(pointer, into);
  }

  readMany(pointers: readonly Pointer[], intos: readonly Uint8Array[]): void {
    for (const pointer of pointers) this.assertPresent(pointer);
    this.io.readMany(pointers, intos);
  }

  /** A verified block in the cache, for layers: held until `drop`. */
  hold(pointer: Pointer): SlotIndex {
    this.assertPresent(pointer);
    return this.io.holdBlock(pointer);
  }

  drop(slot: SlotIndex): void {
    this.io.cache.drop(slot);
  }

  bytesOf(slot: SlotIndex): Uint8Array {
    return this.io.cache.bytesOf(slot);
  }

  private assertPresent(pointer: Pointer): void {
    const arena = this.arenaFor(pointer);
    const block = blockIndexOf(pointer.address, this.geometry);
    if (arena.isFreeBlock(block)) throw notFoundError(pointer, 'its block has been freed');
  }

  private arenaFor(pointer: Pointer) {
    const arena = this.arenaWith(pointer);
    if (arena !== undefined) return arena;
    throw notFoundError(pointer, 'this store has no block at that address');
  }

  private arenaWith({ address }: Pointer) {
    const arena = this.arenas.arenas[arenaOf(address, this.geometry)];
    const block = blockIndexOf(address, this.geometry);
    return Number.isInteger(block) && arena && block < arena.grownBlocks ? arena : undefined;
  }

  verifyLive(pointer: Pointer): void {
    this.arenaFor(pointer);
    if (!this.isPublished(pointer.address)) {
      throw notFoundError(pointer, 'its block has been freed');
    }
    // Its bytes may still be on the disk, and verify, until the new block's write has landed.
    if (this.io.isSuperseded(pointer)) throw notFoundError(pointer, 'its address has been reused');
    try {
      this.io.cache.drop(this.io.holdBlock(pointer));
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'CORRUPT') throw error;
      this.assertNothingFailed();
      throw notFoundError(pointer, 'another block is stored there, or a damaged one');
    }
  }

  /** What `verifyLive` is going to look at. */
  prefetch(pointers: readonly Pointer[]): void {
    const known = pointers.filter((pointer) => this.arenaWith(pointer) !== undefined);
    if (known.length > 1) this.io.prefetch(known);
  }

  get loadsAtOnce(): number {
    return this.io.loadsAtOnce;
  }

  /** Where a write has failed, what is found at its address says nothing about the pointer. */
  private assertNothingFailed(): void {
    this.io.poll();
    this.assertUsable();
    if (this.doubt !== undefined) throw poisonedError(this.doubt);
  }

  isPublished(address: BlockAddress): boolean {
    const arena = this.arenas.at(arenaOf(address, this.geometry));
    return arena.isPublished(blockIndexOf(address, this.geometry));
  }

  keeps(pointer: Pointer): boolean {
    return this.layers.some((layer) => layer.keeps?.(pointer) ?? false);
  }

  // ---- transactions

  begin(): Transaction {
    this.assertUsable();
    if (this.readOnly) {
      throw new StoreError('READ_ONLY', 'The store was opened with readOnly: open it without.');
    }
    assert(this.openTransaction === undefined, 'one transaction runs at a time');
    this.openTransaction = this.newTransaction();
    return this.openTransaction;
  }

  private newTransaction(): Transaction {
    const id = this.nextTransactionId;
    this.nextTransactionId += 1;
    return new Transaction(id, this.openGeneration, this);
  }

  /** Publishes the transaction's blocks, frees and roots. Throws, with all of it rolled back, when it cannot. */
  end(transaction: Transaction): void {
    assert(this.openTransaction === transaction, 'only the open transaction ends');
    this.publish(transaction);
  }

  private publish(transaction: Transaction): void {
    let ended: EndedTransaction;
    try {
      this.assertUsable();
      ended = transaction.end();
      // Ending reads, and while it waits a failed write may come in.
      this.assertUsable();
    } catch (error) {
      this.abort(transaction);
      throw error;
    }
    if (this.openTransaction === transaction) this.openTransaction = undefined;
    if (ended.born.length + ended.freed.length + ended.roots.size === 0) return;
    this.publication += 1;
    this.publications.publish(this.publication);
    this.transactionsEnded += 1;
    this.bornBlocks += ended.born.length;
    for (const pointer of ended.born) this.recordBirth(pointer);
    const freed = this.recordFrees(ended.freed);
    for (const [name, pointer] of ended.roots) {
      if (pointer === undefined) this.roots.delete(name);
      else this.roots.set(name, pointer);
    }
    this.events.published(this.publication);
    // The stamp comes after the publication: whoever enters later does not see the blocks any more (I4).
    this.deferred.defer(this.horizon.stamp, freed);
  }

  abort(transaction: Transaction): void {
    transaction.abort();
    if (this.openTransaction === transaction) this.openTransaction = undefined;
    this.io.poll();
  }

  private recordBirth(pointer: Pointer): void {
    const arena = this.arenas.at(arenaOf(pointer.address, this.geometry));
    const birthDelta = this.openGeneration - pointer.generation;
    const block = blockIndexOf(pointer.address, this.geometry);
    arena.recordAlloc(block, birthDelta, pointer.hashHigh, pointer.hashLow);
  }

  /** Neighbours are freed with one record. `addresses` ascend. */
  private recordFrees(addresses: readonly BlockAddress[]): FreedRange[] {
    const ranges: FreedRange[] = [];
    let arena = -1;
    let start = 0;
    let count = 0;
    const close = () => {
      if (count === 0) return;
      this.arenas.at(arena).recordFree(start, count);
      ranges.push({ arena, start, count, log: false });
    };
    for (const address of addresses) {
      this.noteFreed(address);
      const index = arenaOf(address, this.geometry);
      const block = blockIndexOf(address, this.geometry);
      if (index === arena && block === start + count) {
        count += 1;
        continue;
      }
      close();
      arena = index;
      start = block;
      count = 1;
    }
    close();
    return ranges;
  }

  private noteFreed(address: BlockAddress): void {
    const slot = this.io.cache.findAddress(address);
    if (slot !== NO_SLOT) this.io.cache.markFreed(slot);
  }

  // ---- space, for transactions

  ensureSpace(count: number): void {
    const failure = this.tryEnsureSpace(count);
    if (failure !== undefined) throw failure;
  }

  /** Grows until `count` blocks are available, or says why that cannot be. */
  tryEnsureSpace(count: number): StoreError | undefined {
    const flaw = this.unusable();
    if (flaw !== undefined) return flaw;
    // Readers leave without a word: those who stood in the way may be gone.
    if (count > this.arenas.availableBlocks) this.releaseDeferred();
    for (;;) {
      const missing = count - this.arenas.availableBlocks;
      if (missing <= 0) return undefined;
      const outcome = this.growth.step(missing);
      if (outcome === 'grown') continue;
      return this.spaceError(count, outcome);
    }
  }

  private spaceError(count: number, outcome: 'full' | DeviceFault): StoreError {
    const held = this.heldByReadersBlocks;
    const readers =
      held === 0
        ? ''
        : ` ${held} freed blocks are held by open readers (${this.readerNames()}): end them to get them back.`;
    if (outcome === 'full') {
      return new StoreError(
        'FULL',
        `The store has no room for ${count} more blocks: free some, or open it with a larger maxBytes.${readers}`,
      );
    }
    if (outcome.kind === 'quota') {
      return new StoreError(
        'QUOTA',
        `The browser grants no more space (${describeFault(outcome)}): free some, or ask the user ` +
          `for persistence.${readers}`,
        { coordinates: { file: outcome.file } },
      );
    }
    return new StoreError('IO', `The file could not be made longer: ${describeFault(outcome)}.`, {
      coordinates: { file: outcome.file },
    });
  }

  /** The clients that are inside an epoch, oldest first. */
  private readerNames(): string {
    const inside = this.horizon.pins().filter(({ pinned }) => pinned !== 0);
    inside.sort((left, right) => left.pinned - right.pinned);
    return inside.map(({ client, pinned }) => `${client} since ${pinned}`).join(', ');
  }

  allocate(
    kind: BlockKind,
    countMax: number,
    hint: number,
  ): { address: BlockAddress; count: number } {
    const start = this.arenas.allocate(kind, countMax, hint);
    assert(start >= 0, 'I9: room was ensured before');
    const { lastArena, lastCount } = this.arenas;
    const arena = this.arenas.at(lastArena).index;
    const address = addressOf(arena, start as BlockIndex, this.geometry);
    trace('alloc', address, lastCount);
    return { address, count: lastCount };
  }

  writeBlock(
    address: BlockAddress,
    bytes: Uint8Array,
    birth: Generation = this.openGeneration,
  ): Pointer {
    return this.io.writeBlock(address, birth, bytes);
  }

  get grantableBlocks(): number {
    return this.health === 'ok' && !this.readOnly ? this.arenas.availableBlocks : 0;
  }

  giveBack(address: BlockAddress, count: number): void {
    const arena = this.arenas.at(arenaOf(address, this.geometry));
    const first = blockIndexOf(address, this.geometry);
    for (let block = first as number; block < first + count; block += 1) {
      arena.forgetUnlogged(block);
      arena.reuseUnlogged(block);
    }
  }

  discard(pointer: Pointer): void {
    const block = blockIndexOf(pointer.address, this.geometry);
    this.arenas.at(arenaOf(pointer.address, this.geometry)).forgetUnlogged(block);
    this.io.discard(pointer);
  }

  private discarded(address: BlockAddress, landed: boolean): void {
    if (landed) this.landed.push(address);
    else this.reuse(address);
  }

  private reuse(address: BlockAddress): void {
    const block = blockIndexOf(address, this.geometry);
    this.arenas.at(arenaOf(address, this.geometry)).reuseUnlogged(block);
  }

  // ---- commits

  /**
   * Begins a commit of everything that has ended; an empty one is allowed, it lets freed blocks come of age. Returns
   * its generation. Layers write their dirty nodes first; when one cannot, its error is thrown, nothing has begun,
   * and a later call tries again.
   */
  beginCommit(): Generation {
    this.assertUsable();
    assert(!this.readOnly, 'a store opened to be read is not written');
    assert(!this.committing, 'I6: one commit is under way at a time');
    this.runFreezeHooks();
    try {
      return this.freeze();
    } catch (error) {
      // No room in the cache for a log batch: some of the logs are ahead of what will ever be written.
      if (error instanceof StoreError) this.breakOff('poisoned', error.message);
      throw error;
    }
  }

  private freeze(): Generation {
    const frozen = this.openGeneration;
    this.openGeneration = generation(frozen + 1);
    this.landedFrozen = this.landed;
    this.landed = [];
    const transactions = this.transactionsEnded;
    this.transactionsEnded = 0;
    const { bornBlocks } = this;
    this.bornBlocks = 0;
    this.committer.begin({
      generation: frozen,
      roots: new Map(this.roots),
      transactions,
      bornBlocks,
    });
    return frozen;
  }

  private runFreezeHooks(): void {
    for (const layer of this.layers) {
      if (layer.beforeFreeze === undefined) continue;
      const transaction = this.newTransaction();
      try {
        layer.beforeFreeze(transaction);
      } catch (error) {
        this.abort(transaction);
        throw error;
      }
      this.publish(transaction);
    }
  }

  /** Takes completions and moves the commit on. Returns whether anything happened. */
  pump(): boolean {
    let moved = false;
    for (;;) {
      const completions = this.io.poll();
      const advanced = this.committer.advance();
      this.settleDoubt();
      if (completions === 0 && !advanced) return moved;
      moved = true;
    }
  }

  private committed(commit: DurableCommit): void {
    this.durableGeneration = commit.generation;
    for (const address of this.landedFrozen) this.reuse(address);
    this.landedFrozen = [];
    this.releaseDeferred();
    this.events.durable(commit);
  }

  /** Gives back what has come of age. To be called when readers may have left, as well. */
  releaseDeferred(): void {
    const { deferred, horizon } = this;
    const settled = deferred.blockCount > 0 ? horizon.settle() : horizon.settled;
    deferred.release(this.committer.commitCount, settled, (range) => {
      const arena = this.arenas.at(range.arena);
      for (let n = 0; n < range.count; n += 1) {
        const address = addressOf(arena.index, (range.start + n) as BlockIndex, this.geometry);
        this.io.cache.forget(address);
        this.damaged.delete(address);
      }
      arena.release(range.start, range.count);
      if (range.log) arena.releaseOldLog(range.count);
    });
  }

  get compactionAsked(): boolean {
    return this.arenas.arenas.some((arena) => arena.compactionAsked);
  }

  /** The next commit compacts every log, those excepted that were compacted in one of the last three. */
  askCompaction(): void {
    for (const arena of this.arenas.arenas) arena.askCompaction();
  }

  // ---- the end

  /**
   * Nothing more is acknowledged from here on (I12). Firefox closes the files of a site whose data is cleared, and
   * Safari closes files that are still there: which of the two it is decides what those who wait are told.
   */
  private poison(fault: DeviceFault): void {
    trace('poison', 0, fault.offset);
    for (const port of this.ports) port.stop(fault);
    if (this.health !== 'ok' || this.doubt !== undefined) return;
    const reason = `${describeFault(fault)}.`;
    if (fault.kind === 'gone') this.beginDoubt(reason);
    else this.breakOff('poisoned', reason);
  }

  private beginDoubt(reason: string): void {
    this.doubt = reason;
    this.committer.fail();
    this.liveness.begin('doubted');
    this.settleDoubt();
  }

  private settleDoubt(): void {
    const { answer } = this.liveness;
    if (this.doubt === undefined || this.health !== 'ok' || answer === 'pending') return;
    if (answer === 'gone') this.breakOff('evicted', EVICTED_REASON);
    else this.breakOff('poisoned', this.doubt);
  }

  /** The files are not found any more: nothing more is acknowledged. Commits find out by themselves too. */
  declareEvicted(): void {
    this.breakOff('evicted', EVICTED_REASON);
  }

  private breakOff(health: Health, reason: string): void {
    if (this.health !== 'ok') return;
    this.health = health;
    this.reason = reason;
    this.committer.fail();
    this.events.broken(health, reason);
  }
}

function poisonedError(reason: string): StoreError {
  return new StoreError(
    'POISONED',
    `${reason} Nothing more is acknowledged; reading goes on. Close the store, open it again to recover.`,
  );
}
