/**
 * The block cache, owner's side. A fixed number of slots, each as large as a block; nothing is allocated per call.
 *
 * Owns I2 where memory is concerned: a slot is found only under the full pointer (address, generation, hash) and only
 * once its content is the pointer's, because a disk verified it or because the mutator finalized it. Owns I10: what
 * is dirty, loading, owned or held is never evicted, and `pluck` says so instead of waiting.
 *
 * Life of a slot (hold and drop pin it in any status that has a key):
 *
 *     empty ─ pluck ─▶ owned ─ beginLoad ─▶ loading ─ finishLoad ─▶ clean ─ (evicted) ─▶ empty
 *                      owned ─ insertDirty ─▶ dirty ─ written ─▶ clean
 *                      owned ─ release ─▶ empty      loading ─ failLoad ─▶ empty      dirty ─ discard ─▶ empty
 *
 * Scratch (a log batch, a superblock) is an owned slot: pinned and without a key until `release`. A lent one is owned,
 * too, until another thread has filled it: it comes back clean, by `adopt`.
 *
 * **One entry per address.** The index maps an address to at most one slot, the *current* one, so that `findAddress`
 * has an answer that `free` may rely on. A block just finalized is always current. A load is current unless the
 * address already has an entry that is dirty, held, loading or not older (by birth generation) than the pointer; then
 * it is *private*: the loader uses it by its slot number, nobody finds it, it never becomes current (its bytes may
 * have been read before a newer block's write landed), and it goes out first. So a stale pointer neither hides nor
 * pushes out what is current. A slot that is replaced while it is held or loading becomes private in the same way.
 *
 * **No deadlock.** Dirty and loading slots become evictable by a completion, without needing a further slot. When
 * `pluck` returns `NO_SLOT` and `settling` is not 0, wait for a completion and pluck again. When `settling` is 0, all
 * that is left is held or owned, and waiting would be for ever.
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, SlotIndex } from '../base/brand.ts';
import { trace } from '../base/trace.ts';
import type { Pointer } from '../format/pointer.ts';
import {
  type CacheLayout,
  cacheLayout,
  SLOT_STATUS,
  type SlotStatus,
} from '../shared/cache-layout.ts';
import { AddressIndex } from './address-index.ts';
import { cacheFlaw } from './cache-audit.ts';
import { SlotHeaders } from './slot-headers.ts';
import { NO_SLOT, type NoSlot, SlotList } from './slot-list.ts';

/** The slot is the current entry for its address. */
const FLAG_INDEXED = 1;
/** Its block was freed: it goes out before blocks that are still in use. */
const FLAG_FREED = 2;
/** Another thread has it, or has had it and it was not adopted yet. */
const FLAG_LENT = 4;

export interface CacheOptions {
  /** A power of two, 512 … 65,536. */
  readonly blockBytes: number;
  readonly slotCount: number;
  /** `BlockMemory`: slots at [0, slotCount × blockBytes). */
  readonly memory: { readonly bytes: Uint8Array };
  /** Zeroed words, at least `cacheLayout(…).wordCount`; over shared memory when other threads are to read. */
  readonly control?: Int32Array;
}

/** A superset of the report's `CacheStats`. */
export interface CacheCounts {
  readonly slots: number;
  /** Slots that are not empty, scratch included. */
  readonly used: number;
  readonly dirty: number;
  /** Slots with at least one hold. */
  readonly held: number;
  readonly hits: number;
  readonly misses: number;
  /** Clean blocks that had to leave to make room. Those replaced or forgotten are not counted. */
  readonly evictions: number;
}

export class Cache {
  readonly blockBytes: number;
  readonly slotCount: number;
  readonly layout: CacheLayout;
  /** What other threads need besides the contents. */
  readonly control: Int32Array;

  private readonly memory: { readonly bytes: Uint8Array };
  private readonly views: (Uint8Array | undefined)[];
  private readonly headers: SlotHeaders;
  private readonly index: AddressIndex;
  /** Clean and not held, most recently used first. Its tail is the next victim. */
  private readonly lru: SlotList;
  /** Empty and not held. A stack: the slot used last is the one that is warm. */
  private readonly empty: SlotList;
  private readonly holds: Int32Array;
  private readonly flags: Uint8Array;
  private heldCount = 0;
  private dirtyCount = 0;
  private loadingCount = 0;
  private hitCount = 0;
  private missCount = 0;
  private evictionCount = 0;

  constructor(options: CacheOptions) {
    const { blockBytes, slotCount, memory } = options;
    this.layout = cacheLayout({ slotCount, blockBytes });
    this.blockBytes = blockBytes;
    this.slotCount = slotCount;
    this.memory = memory;
    this.control = options.control ?? new Int32Array(this.layout.wordCount);
    assert(memory.bytes.length >= slotCount * blockBytes, 'the memory has room for all slots');
    assert(
      this.control.length >= this.layout.wordCount,
      'the control memory has room for all slots',
    );
    this.views = new Array(slotCount).fill(undefined);
    this.headers = new SlotHeaders(this.layout, this.control);
    this.headers.reset();
    this.index = new AddressIndex(this.layout, this.control);
    this.lru = new SlotList(slotCount);
    this.empty = new SlotList(slotCount);
    this.holds = new Int32Array(slotCount);
    this.flags = new Uint8Array(slotCount);
    // In order: a run of new blocks gets neighbouring slots, and a disk writes it without copying it together.
    for (let slot = 0; slot < slotCount; slot += 1) {
      this.empty.addTail(slot as SlotIndex);
    }
  }

  /** Where the slot's content starts in the memory, in bytes. */
  slotOffset(slot: SlotIndex): number {
    return slot * this.blockBytes;
  }

  /** The slot's content. Only who owns the slot, or loads into it, writes to it. */
  bytesOf(slot: SlotIndex): Uint8Array {
    const known = this.views[slot];
    if (known !== undefined) return known;
    const offset = this.slotOffset(slot);
    const view = this.memory.bytes.subarray(offset, offset + this.blockBytes);
    this.views[slot] = view;
    return view;
  }

  status(slot: SlotIndex): SlotStatus {
    return this.headers.status(slot);
  }

  /** The address in the slot's key. */
  addressOf(slot: SlotIndex): BlockAddress {
    return this.headers.addressOf(slot);
  }

  /** The pointer whose block the slot has or awaits. Allocates: not for hot paths. */
  pointerOf(slot: SlotIndex): Pointer {
    assert(this.status(slot) >= SLOT_STATUS.loading, 'I2: the slot has no key');
    return this.headers.pointerOf(slot);
  }

  /**
   * The pointer's block, if it is here: a hit or a miss, and a use as far as eviction is concerned. The slot keeps it
   * until the next `pluck`, `beginLoad`, `insertDirty` or `forget`, or for as long as it is held.
   */
  find(pointer: Pointer): SlotIndex | NoSlot {
    const slot = this.findAddress(pointer.address);
    if (slot === NO_SLOT || !this.matches(slot, pointer)) {
      this.missCount += 1;
      return NO_SLOT;
    }
    this.hitCount += 1;
    // Whoever finds a freed block shows that it can still be seen: by a pinned reader, or after a roll-back.
    this.flags[slot] = (this.flags[slot] as number) & ~FLAG_FREED;
    if (this.lru.head !== slot && this.lru.has(slot)) {
      this.lru.remove(slot);
      this.lru.addHead(slot);
    }
    return slot;
  }

  /** The slot in which the pointer's block is being loaded already: hold it and wait, do not load it again. */
  findLoading(pointer: Pointer): SlotIndex | NoSlot {
    const slot = this.findAddress(pointer.address);
    if (slot === NO_SLOT || this.status(slot) !== SLOT_STATUS.loading) return NO_SLOT;
    return this.headers.keyIs(slot, pointer) ? slot : NO_SLOT;
  }

  /**
   * What is current at an address, whatever its key and status (loading, clean, dirty). Counts nothing. Whoever asks
   * whether a pointer is *current* asks here first: until a dirty block has landed, a load still verifies the pointer
   * of the block that was there before.
   */
  findAddress(address: BlockAddress): SlotIndex | NoSlot {
    return this.index.find(address);
  }

  /** Whether the slot has the pointer's block, ready to be used. How a waiter learns what became of a load. */
  matches(slot: SlotIndex, pointer: Pointer): boolean {
    return this.headers.isReadable(slot) && this.headers.keyIs(slot, pointer);
  }

  /** Pins the slot: it keeps its content until as many drops. A load may be held before it has finished. */
  hold(slot: SlotIndex): void {
    const status = this.status(slot);
    assert(status >= SLOT_STATUS.loading, 'I10: only a slot with a key can be held');
    const holds = (this.holds[slot] as number) + 1;
    this.holds[slot] = holds;
    if (holds > 1) return;
    this.heldCount += 1;
    if (status === SLOT_STATUS.clean) this.lru.remove(slot);
  }

  drop(slot: SlotIndex): void {
    const holds = (this.holds[slot] as number) - 1;
    assert(holds >= 0, 'I10: a slot was dropped more often than held');
    this.holds[slot] = holds;
    if (holds > 0) return;
    this.heldCount -= 1;
    this.settle(slot);
  }

  isHeld(slot: SlotIndex): boolean {
    return (this.holds[slot] as number) > 0;
  }

  /** The block was freed: its slot goes out before all others. Until it does, readers with an older pin find it. */
  markFreed(slot: SlotIndex): void {
    assert(this.status(slot) >= SLOT_STATUS.loading, 'I10: only a slot with a key can be freed');
    this.flags[slot] = (this.flags[slot] as number) | FLAG_FREED;
    if (!this.lru.has(slot)) return;
    this.lru.remove(slot);
    this.lru.addTail(slot);
  }

  /**
   * A slot without a key, owned by the caller until it says `beginLoad`, `insertDirty` or `release`: an empty one, or
   * the one that has not been used for the longest time. `NO_SLOT`: nothing can be evicted now; see *No deadlock*.
   */
  pluck(): SlotIndex | NoSlot {
    let slot = this.empty.head;
    if (slot === NO_SLOT) {
      slot = this.lru.tail;
      if (slot === NO_SLOT) return NO_SLOT;
      this.evictionCount += 1;
      this.evict(slot);
    }
    this.empty.remove(slot);
    this.headers.become(slot, SLOT_STATUS.owned);
    return slot;
  }

  /** A slot for another thread to fill, as `pluck` finds one. It comes back by `adopt`, or never. */
  lend(): SlotIndex | NoSlot {
    const slot = this.pluck();
    if (slot !== NO_SLOT) this.flags[slot] = FLAG_LENT;
    return slot;
  }

  /** Gives an owned slot back: scratch after its last use, or a pluck that was not needed. */
  release(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.owned, 'I10: only an owned slot is released');
    assert(this.flags[slot] !== FLAG_LENT, 'I10: a lent slot is not released');
    this.headers.become(slot, SLOT_STATUS.empty);
    this.settle(slot);
  }

  /**
   * From now on the slot awaits the pointer's block, and whoever asks for it finds the load. Ends with `finishLoad`
   * or `failLoad`. The loader holds the slot if it wants to find the block in it later than right after `finishLoad`.
   */
  beginLoad(slot: SlotIndex, pointer: Pointer): void {
    const current = this.findAddress(pointer.address);
    this.takeKey(slot, pointer, SLOT_STATUS.loading);
    this.loadingCount += 1;
    trace('load', pointer.address, pointer.generation);
    if (current !== NO_SLOT) {
      assert(
        !this.headers.keyIs(current, pointer),
        'I2: a block that is here, or on its way, is loaded again',
      );
      // Held or not settled: somebody relies on it. Not older: the pointer is stale, or damaged.
      if (!this.lru.has(current) || this.headers.generationOf(current) >= pointer.generation)
        return;
      this.evict(current);
    }
    this.enter(slot);
  }

  /** The bytes are there **and verified** to be the pointer's (I2). */
  finishLoad(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.loading, 'I2: only a load can finish');
    this.loadingCount -= 1;
    this.headers.become(slot, SLOT_STATUS.clean);
    this.settle(slot);
  }

  /**
   * A lent slot comes back: another thread has put a block into it, verified, given it its key and made it clean. It
   * becomes current, unless the address has an entry already: that one is as good, or newer, or about to be. Returns
   * whether it stays.
   */
  adopt(slot: SlotIndex): boolean {
    assert(this.status(slot) === SLOT_STATUS.clean, 'I2: a lent slot comes back clean');
    assert(this.flags[slot] === FLAG_LENT, 'I10: only a lent slot is adopted');
    const address = this.addressOf(slot);
    this.flags[slot] = 0;
    trace('load', address, this.headers.generationOf(slot));
    const isNew = this.findAddress(address) === NO_SLOT;
    if (isNew) this.enter(slot);
    else this.headers.become(slot, SLOT_STATUS.empty);
    this.settle(slot);
    return isNew;
  }

  /** The bytes could not be read, or are not the pointer's. Waiters still hold the slot, without a key. */
  failLoad(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.loading, 'I2: only a load can fail');
    this.loadingCount -= 1;
    this.leave(slot);
    this.headers.become(slot, SLOT_STATUS.empty);
    this.settle(slot);
  }

  /**
   * A block that the mutator has finalized in an owned slot: found from now on, never evicted before `written` or
   * `discard`. Whatever was current at the address no longer is.
   */
  insertDirty(slot: SlotIndex, pointer: Pointer): void {
    const current = this.findAddress(pointer.address);
    if (current !== NO_SLOT) {
      assert(this.status(current) !== SLOT_STATUS.dirty, 'I8: dup block');
      this.forget(pointer.address);
    }
    this.takeKey(slot, pointer, SLOT_STATUS.dirty);
    this.dirtyCount += 1;
    this.enter(slot);
  }

  /** The block has landed in its file. */
  written(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.dirty, 'I10: only a dirty block lands');
    this.dirtyCount -= 1;
    this.headers.become(slot, SLOT_STATUS.clean);
    this.settle(slot);
  }

  /**
   * The block of a transaction that was rolled back; its write has landed or was skipped. Nobody finds it again; who
   * holds it keeps its content.
   */
  discard(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.dirty, 'I10: only a dirty block is discarded');
    this.dirtyCount -= 1;
    this.leave(slot);
    this.headers.become(slot, this.isHeld(slot) ? SLOT_STATUS.clean : SLOT_STATUS.empty);
    this.settle(slot);
  }

  /**
   * The address is nobody's any more, or somebody else's. Its block leaves the cache; one that is held or loading
   * lives on as private. False: a dirty block is there, and stays.
   */
  forget(address: BlockAddress): boolean {
    const slot = this.findAddress(address);
    if (slot === NO_SLOT) return true;
    if (this.status(slot) === SLOT_STATUS.dirty) return false;
    if (this.lru.has(slot)) this.evict(slot);
    else this.leave(slot);
    return true;
  }

  /** Slots that a completion will let go of: dirty and loading. While it is not 0, waiting makes sense. */
  get settling(): number {
    return this.dirtyCount + this.loadingCount;
  }

  /** How many times `pluck` would succeed now. */
  get available(): number {
    return this.empty.count + this.lru.count;
  }

  stats(): CacheCounts {
    return {
      slots: this.slotCount,
      used: this.slotCount - this.empty.count,
      dirty: this.dirtyCount,
      held: this.heldCount,
      hits: this.hitCount,
      misses: this.missCount,
      evictions: this.evictionCount,
    };
  }

  /** Says which invariant is broken, or `undefined`. Looks at everything: for tests. */
  checkInvariants(): string | undefined {
    return cacheFlaw({
      isLent: (slot) => this.flags[slot] === FLAG_LENT,
      layout: this.layout,
      control: this.control,
      index: this.index,
      lru: this.lru,
      empty: this.empty,
      holds: this.holds,
      isIndexed: (slot) => ((this.flags[slot] as number) & FLAG_INDEXED) !== 0,
      counts: this.stats(),
      settling: this.settling,
    });
  }

  private takeKey(slot: SlotIndex, pointer: Pointer, status: SlotStatus): void {
    // The key is complete before a reader can see a status that makes it look at the key.
    this.headers.setKey(slot, pointer);
    this.flags[slot] = 0;
    this.headers.become(slot, status);
  }

  private enter(slot: SlotIndex): void {
    this.index.insert(slot);
    this.flags[slot] = (this.flags[slot] as number) | FLAG_INDEXED;
  }

  /** Makes the slot private, if it is not. */
  private leave(slot: SlotIndex): void {
    const flags = this.flags[slot] as number;
    if ((flags & FLAG_INDEXED) === 0) return;
    this.index.remove(slot);
    this.flags[slot] = flags & ~FLAG_INDEXED;
  }

  /** From clean and not held to empty. */
  private evict(slot: SlotIndex): void {
    assert(this.status(slot) === SLOT_STATUS.clean, 'I10: only a clean block is evicted');
    assert(!this.isHeld(slot), 'I10: a held block is not evicted');
    trace('evict', this.addressOf(slot), slot);
    this.lru.remove(slot);
    // Unreadable before its next owner can write to it; whether it leaves the index before or after is all the same.
    this.headers.become(slot, SLOT_STATUS.empty);
    this.leave(slot);
    this.settle(slot);
  }

  /** Puts a slot that has just become empty, clean or unheld into the list it belongs in, if any. */
  private settle(slot: SlotIndex): void {
    if (this.isHeld(slot)) return;
    const status = this.status(slot);
    if (status === SLOT_STATUS.empty) {
      this.empty.addHead(slot);
    } else if (status === SLOT_STATUS.clean) {
      // Freed, or private: nobody will come back for it.
      if (this.flags[slot] === FLAG_INDEXED) this.lru.addHead(slot);
      else this.lru.addTail(slot);
    }
  }
}
