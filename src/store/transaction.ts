/**
 * A transaction, from the mutator's side. Blocks are written as they come; nothing of them is logged before the
 * transaction has ended, so rolling back is only forgetting.
 *
 * A failed `write`, `replace`, `free` or `setRoot` dooms the transaction: whoever ends it gets that first error back.
 * Nothing of it is ever applied in part.
 */

import type { BlockKind } from '../arena/arena.ts';
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { ROOTS_MAX } from '../format/geometry.ts';
import { type Pointer, samePointer } from '../format/pointer.ts';
import { rootNameFlaw } from '../format/root-name.ts';
import { notFoundError } from './store-errors.ts';

/** What a transaction asks of the engine. */
export interface TransactionSpace {
  readonly blockBytes: number;
  /** Room for `count` blocks without growth, or throws FULL or QUOTA with nothing taken. */
  ensureSpace(count: number): void;
  /** Takes up to `countMax` neighbours; room was ensured. */
  allocate(
    kind: BlockKind,
    countMax: number,
    hint: number,
  ): { address: BlockAddress; count: number };
  /** Born in the open generation unless told. */
  writeBlock(address: BlockAddress, bytes: Uint8Array, generation?: Generation): Pointer;
  /** Takes back the rest of a run: nothing was written to these blocks. */
  giveBack(address: BlockAddress, count: number): void;
  /** Throws NOT_FOUND unless the pointer's block is published, in use, and is the pointer's. */
  verifyLive(pointer: Pointer): void;
  /** Brings up to `loadsAtOnce` blocks into memory together, if they can be. */
  prefetch(pointers: readonly Pointer[]): void;
  readonly loadsAtOnce: number;
  /** Whether an ended transaction has left the block in use: neither free, nor freed, nor another one's so far. */
  isPublished(address: BlockAddress): boolean;
  discard(pointer: Pointer): void;
  readonly roots: ReadonlyMap<string, Pointer>;
  /** Whether a layer keeps the block beyond this free, for a snapshot; then it stays allocated. */
  keeps(pointer: Pointer): boolean;
}

/** What an ended transaction leaves for the engine to publish. */
export interface EndedTransaction {
  readonly born: readonly Pointer[];
  readonly freed: readonly BlockAddress[];
  readonly roots: ReadonlyMap<string, Pointer | undefined>;
}

/** Neighbours asked for at once, so that they leave as one write of 1 MiB. */
const RUN_BYTES_MAX = 2 ** 20;

/**
 * What a layer changes the store through: its blocks, frees and roots are durable with the commit that follows, all or
 * none. A failed `write`, `replace`, `free` or `setRoot` dooms it, even when its error is caught.
 *
 * @example
 * using laid = await openStore('laid', {
 *   layers: [
 *     {
 *       name: 'counter',
 *       beforeFreeze(transaction) {
 *         const old = transaction.root('counter');
 *         transaction.setRoot('counter', transaction.write([bytes])[0]);
 *         if (old !== undefined) transaction.free(old);
 *       },
 *     },
 *   ],
 * });
 * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
 */
export class Transaction {
  /** @internal */
  readonly id: number;
  /** The generation that was open when it began: its blocks' birth generation. */
  readonly generation: Generation;
  private state: 'open' | 'ended' | 'aborted' = 'open';
  /** What the world has done, or a bug of ours: in neither case may the rest of it be saved. */
  private doom: unknown;
  private readonly space: TransactionSpace;
  private readonly born = new Map<BlockAddress, Pointer>();
  private readonly freed = new Map<BlockAddress, Pointer>();
  private readonly roots = new Map<string, Pointer | undefined>();

  constructor(id: number, generation: Generation, space: TransactionSpace) {
    this.id = id;
    this.generation = generation;
    this.space = space;
  }

  /** @internal Blocks that it has written so far and not freed again. */
  get bornCount(): number {
    return this.born.size;
  }

  /** @internal What made it doomed, if anything did. */
  get doomed(): unknown {
    return this.doom;
  }

  /**
   * New blocks for `blocks`, neighbours where space allows; what a block leaves unused is zero.
   *
   * @throws StoreError MISUSE (longer than a block, or the transaction has ended), FULL, QUOTA, POISONED, EVICTED
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'counter',
   *       beforeFreeze(transaction) {
   *         const [pointer] = transaction.write([bytes], 'data');
   *         transaction.setRoot('counter', pointer);
   *       },
   *     },
   *   ],
   * });
   * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
   */
  write(blocks: readonly Uint8Array[], kind: BlockKind = 'data', hint = 0): Pointer[] {
    return this.mutate(() => {
      for (const block of blocks) this.assertFits(block);
      this.space.ensureSpace(blocks.length);
      const runMax = Math.max(1, Math.floor(RUN_BYTES_MAX / this.space.blockBytes));
      const pointers: Pointer[] = [];
      while (pointers.length < blocks.length) {
        const wanted = Math.min(runMax, blocks.length - pointers.length);
        const run = this.space.allocate(kind, wanted, hint);
        this.writeRun(run, blocks, pointers);
      }
      return pointers;
    });
  }

  /** Writes the next of `blocks` to a run just allocated, and adds their pointers. */
  private writeRun(
    run: { address: BlockAddress; count: number },
    blocks: readonly Uint8Array[],
    pointers: Pointer[],
  ): void {
    for (let n = 0; n < run.count; n += 1) {
      const address = (run.address + n * this.space.blockBytes) as BlockAddress;
      const bytes = blocks[pointers.length] as Uint8Array;
      try {
        const pointer = this.space.writeBlock(address, bytes);
        this.born.set(address, pointer);
        pointers.push(pointer);
      } catch (error) {
        this.space.giveBack(address, run.count - n);
        throw error;
      }
    }
  }

  /**
   * @internal Blocks that were granted before it began, with the pointers that its client has made of them. What cannot
   * be written goes back, and dooms it.
   */
  writeGranted(pointers: readonly Pointer[], blocks: readonly Uint8Array[]): void {
    let written = 0;
    try {
      this.mutate(() => {
        for (const pointer of pointers) {
          this.writeAs(pointer, blocks[written] as Uint8Array);
          written += 1;
        }
      });
    } finally {
      for (const { address } of pointers.slice(written)) this.space.giveBack(address, 1);
    }
  }

  private writeAs(granted: Pointer, bytes: Uint8Array): void {
    const { address, generation } = granted;
    const pointer = this.space.writeBlock(address, bytes, generation);
    this.born.set(address, pointer);
    assert(samePointer(pointer, granted), 'I2: a granted block is what its client has hashed');
  }

  /**
   * `write` and `free` of the old block in one.
   *
   * @throws StoreError as `write`; NOT_FOUND (freed already, or not this block)
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'counter',
   *       beforeFreeze(transaction) {
   *         const old = transaction.root('counter');
   *         const next = old ? transaction.replace(old, bytes) : transaction.write([bytes])[0];
   *         transaction.setRoot('counter', next);
   *       },
   *     },
   *   ],
   * });
   * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
   */
  replace(old: Pointer, block: Uint8Array): Pointer {
    return this.mutate(() => {
      this.verifyFreeable(old);
      const [pointer] = this.write([block]);
      assert(pointer !== undefined, 'writing one block gives one pointer');
      this.free(old);
      return pointer;
    });
  }

  /**
   * Frees a block; a pointer that does not match what is stored is NOT_FOUND and frees nothing.
   *
   * @throws StoreError NOT_FOUND, MISUSE (the transaction has ended)
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'counter',
   *       beforeFreeze(transaction) {
   *         for (const pointer of transaction.write([bytes])) transaction.free(pointer);
   *       },
   *     },
   *   ],
   * });
   * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
   */
  free(pointer: Pointer): void {
    this.mutate(() => {
      this.verifyFreeable(pointer);
      const own = this.born.get(pointer.address);
      if (own !== undefined) {
        this.born.delete(pointer.address);
        this.space.discard(own);
      } else {
        this.freed.set(pointer.address, pointer);
      }
    });
  }

  /** @internal As `free` of each: what is not in the cache is read together, to be verified. */
  freeMany(pointers: readonly Pointer[]): void {
    this.mutate(() => {
      const step = this.space.loadsAtOnce;
      for (let first = 0; first < pointers.length; first += step) {
        const some = pointers.slice(first, first + step);
        this.space.prefetch(some);
        for (const pointer of some) this.free(pointer);
      }
    });
  }

  /**
   * Names a block, or with `undefined` takes the name away. At most 64 names of at most 32 bytes.
   *
   * @throws StoreError MISUSE, NOT_FOUND (no such block in use)
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'counter',
   *       beforeFreeze(transaction) {
   *         transaction.setRoot('counter', transaction.write([bytes])[0]);
   *       },
   *     },
   *   ],
   * });
   * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
   */
  setRoot(name: string, pointer: Pointer | undefined): void {
    this.mutate(() => {
      const flaw = rootNameFlaw(name);
      if (flaw !== undefined)
        throw new StoreError('MISUSE', `A root’s name is not right: ${flaw}.`);
      if (pointer !== undefined) this.verifyFreeable(pointer);
      this.roots.set(name, pointer);
    });
  }

  /**
   * A named root, this transaction's own changes included. Never throws.
   *
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'counter',
   *       beforeFreeze(transaction) {
   *         console.log(transaction.root('counter')?.generation);
   *       },
   *     },
   *   ],
   * });
   * laid.transaction((tx) => tx.write(bytes)); // the layer's block is durable with this one
   */
  root(name: string): Pointer | undefined {
    return this.roots.has(name) ? this.roots.get(name) : this.space.roots.get(name);
  }

  /**
   * @internal Ends it. Throws, with everything still to be rolled back, when it is doomed or a root points to a freed
   * block.
   */
  end(): EndedTransaction {
    this.assertOpen();
    if (this.doom !== undefined) throw this.doom;
    this.assertRootsLive();
    this.assertFreedOnce();
    const freed = this.freedForGood();
    this.state = 'ended';
    return { born: [...this.born.values()], freed, roots: this.roots };
  }

  /** @internal Rolls everything back. Idempotent. */
  abort(): void {
    if (this.state !== 'open') return;
    this.state = 'aborted';
    for (const pointer of this.born.values()) this.space.discard(pointer);
    this.born.clear();
  }

  /** Without what a layer keeps. The layer notes it, so it is asked once nothing can be rolled back any more. */
  private freedForGood(): BlockAddress[] {
    const freed: BlockAddress[] = [];
    for (const [address, pointer] of this.freed)
      if (!this.space.keeps(pointer)) freed.push(address);
    return freed.sort((one, other) => one - other);
  }

  private verifyFreeable(pointer: Pointer): void {
    const own = this.born.get(pointer.address);
    if (own !== undefined && samePointer(own, pointer)) return;
    if (this.freed.has(pointer.address)) {
      throw notFoundError(pointer, 'this transaction has freed it already');
    }
    this.space.verifyLive(pointer);
  }

  /** A root whose block is gone could not be verified when the store opens, and would take its generation with it. */
  private assertRootsLive(): void {
    let count = this.space.roots.size;
    for (const [name, pointer] of this.roots) {
      const before = this.space.roots.has(name);
      if (pointer !== undefined && !before) count += 1;
      if (pointer === undefined && before) count -= 1;
      if (pointer !== undefined) this.assertRootLive(name, pointer);
    }
    for (const [name, pointer] of this.space.roots) {
      if (!this.roots.has(name)) this.assertRootLive(name, pointer);
    }
    if (count > ROOTS_MAX) {
      throw new StoreError('MISUSE', `A store has at most ${ROOTS_MAX} roots: remove one first.`);
    }
  }

  /** A layer may have freed the same block since, before a freeze; a log with two such records cannot be replayed. */
  private assertFreedOnce(): void {
    for (const address of this.freed.keys()) {
      if (this.space.isPublished(address)) continue;
      throw new StoreError('NOT_FOUND', `The block at ${address} was freed by a layer meanwhile.`, {
        coordinates: { address },
      });
    }
  }

  private assertRootLive(name: string, pointer: Pointer): void {
    const born = this.born.get(pointer.address);
    if (born !== undefined && samePointer(born, pointer)) return;
    // What an earlier transaction set was in use when it ended, and only this one has freed anything since.
    const old = pointer.generation < this.generation && !this.freed.has(pointer.address);
    if (old && !this.roots.has(name)) return;
    if (this.isLive(pointer)) return;
    throw new StoreError(
      'MISUSE',
      `The root '${name}' still points to a block that this transaction frees: ` +
        'set it to another block, or remove it.',
      { coordinates: { address: pointer.address } },
    );
  }

  private isLive(pointer: Pointer): boolean {
    if (this.freed.has(pointer.address)) return false;
    try {
      this.space.verifyLive(pointer);
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  private assertFits(block: Uint8Array): void {
    const { blockBytes } = this.space;
    if (block.length <= blockBytes) return;
    throw new StoreError(
      'MISUSE',
      `${block.length} bytes do not fit into a block of ${blockBytes}: cut them into several.`,
    );
  }

  private mutate<Result>(change: () => Result): Result {
    this.assertOpen();
    if (this.doom !== undefined) throw this.doom;
    try {
      return change();
    } catch (error) {
      this.doom = error;
      throw error;
    }
  }

  private assertOpen(): void {
    if (this.state === 'open') return;
    throw new StoreError('MISUSE', 'The transaction has ended: start another one.');
  }
}
