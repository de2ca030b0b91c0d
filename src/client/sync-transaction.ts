/** What a synchronous store's `transaction` hands to its callback. */
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, toPublic } from '../format/pointer.ts';
import { rootNameFlaw } from '../format/root-name.ts';
import type { SyncSession } from '../store/sync-session.ts';
import type { Transaction } from '../store/transaction.ts';
import {
  checkBlock,
  checkInto,
  checkIntos,
  checkPointer,
  checkPointers,
} from './check-arguments.ts';

/**
 * What a transaction's callback works with. Every method returns when it is done. A failed `write`, `writeMany`,
 * `replace`, `free` or `setRoot` dooms the transaction, even when its error is caught: it rolls back and `transaction`
 * throws that error.
 *
 * @example
 * store.transaction((tx) => {
 *   const old = tx.root('main');
 *   const pointer = tx.write(bytes);
 *   if (old !== undefined) tx.free(old);
 *   tx.setRoot('main', pointer);
 * });
 */
export class SyncTransaction {
  readonly #session: SyncSession;
  readonly #transaction: Transaction;
  readonly #blockBytes: number;
  #ended = false;

  /** @internal */
  constructor(session: SyncSession, transaction: Transaction) {
    this.#session = session;
    this.#transaction = transaction;
    this.#blockBytes = session.opened.blockBytes;
  }

  /**
   * A named root. Sees every earlier transaction that has ended, and this one's own `setRoot`.
   *
   * @throws StoreError MISUSE after the callback has ended
   * @example
   * store.transaction((tx) => {
   *   const old = tx.root('main');
   *   if (old !== undefined) tx.setRoot('before', old);
   * });
   */
  root(name: string): BlockPointer | undefined {
    this.#assertOpen();
    const pointer = this.#transaction.root(name);
    return pointer === undefined ? undefined : toPublic(pointer);
  }

  /**
   * One block, verified; of earlier transactions or of this one.
   *
   * @param into Where to put it, at least `blockSize` long; a new array when left out.
   * @throws StoreError CORRUPT, NOT_FOUND, IO, MISUSE
   * @example
   * store.transaction((tx) => {
   *   const block = tx.read(pointer);
   *   block[0] += 1;
   *   tx.setRoot('main', tx.replace(pointer, block));
   * });
   */
  read(pointer: BlockPointer, into: Uint8Array = new Uint8Array(this.#blockBytes)): Uint8Array {
    this.#assertOpen();
    return readBlock(this.#session, pointer, into);
  }

  /**
   * Several blocks; neighbours on the disk are read together.
   *
   * @param intos Where to put them, one array a block; new arrays when left out.
   * @throws StoreError as `read`; one bad block fails them all
   * @example
   * store.transaction((tx) => {
   *   const [left, right] = tx.readMany(pointers);
   *   tx.writeMany([right, left]);
   * });
   */
  readMany(pointers: readonly BlockPointer[], intos?: readonly Uint8Array[]): Uint8Array[] {
    this.#assertOpen();
    return readBlocks(this.#session, pointers, intos);
  }

  /**
   * A new block. `bytes` are copied; what they leave of the block is zero.
   *
   * @throws StoreError MISUSE (longer than a block), FULL, QUOTA, READ_ONLY, POISONED, EVICTED
   * @example
   * store.transaction((tx) => {
   *   tx.setRoot('main', tx.write(new TextEncoder().encode('hello')));
   * });
   */
  write(bytes: Uint8Array): BlockPointer {
    return this.writeMany([bytes])[0] as BlockPointer;
  }

  /**
   * New blocks, neighbours on the disk where space allows.
   *
   * @throws StoreError as `write`; none is written then
   * @example
   * store.transaction((tx) => {
   *   const [left, right] = tx.writeMany([bytes, bytes]);
   * });
   */
  writeMany(blocks: readonly Uint8Array[]): BlockPointer[] {
    this.#assertOpen();
    for (const bytes of blocks) checkBlock(bytes, this.#blockBytes);
    this.#session.makeRoom(this.#transaction, blocks.length);
    return this.#transaction.write(blocks).map(toPublic);
  }

  /**
   * `write` and `free` of the old block in one.
   *
   * @throws StoreError as `write`; NOT_FOUND (freed already, or not this block)
   * @example
   * store.transaction((tx) => {
   *   tx.setRoot('main', tx.replace(pointer, bytes));
   * });
   */
  replace(old: BlockPointer, bytes: Uint8Array): BlockPointer {
    this.#assertOpen();
    const engine = checkPointer(old, this.#blockBytes);
    checkBlock(bytes, this.#blockBytes);
    this.#session.makeRoom(this.#transaction, 1);
    return toPublic(this.#transaction.replace(engine, bytes));
  }

  /**
   * Gives a block back; its space is used again once that is durable and no reader can see it.
   *
   * @throws StoreError NOT_FOUND (freed already, or not this block), MISUSE
   * @example
   * store.transaction((tx) => {
   *   for (const old of pointers) tx.free(old);
   * });
   */
  free(pointer: BlockPointer): void {
    this.#assertOpen();
    this.#transaction.free(checkPointer(pointer, this.#blockBytes));
  }

  /**
   * Names a block, or with `undefined` takes the name away. At most 64 names of at most 32 bytes. A root must name a
   * block that is in use when the transaction ends.
   *
   * @throws StoreError MISUSE, NOT_FOUND
   * @example
   * store.transaction((tx) => {
   *   tx.setRoot('draft', tx.write(bytes));
   *   tx.setRoot('old draft', undefined);
   * });
   */
  setRoot(name: string, pointer: BlockPointer | undefined): void {
    this.#assertOpen();
    const flaw = rootNameFlaw(name);
    if (flaw !== undefined) {
      throw new StoreError('MISUSE', `The name of a root ${flaw}: give it 1 to 32 bytes of text.`);
    }
    const engine = pointer === undefined ? undefined : checkPointer(pointer, this.#blockBytes);
    this.#transaction.setRoot(name, engine);
  }

  /** @internal Nothing more is accepted. */
  finish(): void {
    this.#ended = true;
  }

  #assertOpen(): void {
    if (!this.#ended) return;
    throw new StoreError(
      'MISUSE',
      'The transaction has ended with its callback: do everything inside it, or start another one.',
    );
  }
}

/** One block for a caller who brought a pointer of any kind. */
export function readBlock(
  session: SyncSession,
  pointer: BlockPointer,
  into: Uint8Array,
): Uint8Array {
  const { blockBytes } = session.opened;
  const engine = checkPointer(pointer, blockBytes);
  checkInto(into, blockBytes);
  session.read(engine, into);
  return into;
}

export function readBlocks(
  session: SyncSession,
  pointers: readonly BlockPointer[],
  intos: readonly Uint8Array[] | undefined,
): Uint8Array[] {
  const { blockBytes } = session.opened;
  const engine = checkPointers(pointers, blockBytes);
  checkIntos(intos, pointers.length, blockBytes);
  const blocks = intos === undefined ? engine.map(() => new Uint8Array(blockBytes)) : [...intos];
  session.readMany(engine, blocks);
  return blocks;
}
