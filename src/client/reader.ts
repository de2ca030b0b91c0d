/**
 * A reader pins one published state: what it reaches is neither reused nor overwritten until it is disposed (I4).
 * Readers never wait for transactions.
 */
import { DISPOSE } from '../base/dispose.ts';
import { StoreError } from '../base/errors.ts';
import type { BlockPointer } from '../format/pointer.ts';
import type { StatePin } from './state-source.ts';

/** How a reader reads: the store's own ways. */
export interface BlockReader {
  read(pointer: BlockPointer, into?: Uint8Array): Promise<Uint8Array>;
  readMany(pointers: readonly BlockPointer[], intos?: readonly Uint8Array[]): Promise<Uint8Array[]>;
  readCached(pointer: BlockPointer, into: Uint8Array): Uint8Array | undefined;
}

/**
 * One published state, pinned: what it reaches is not reused before the reader is disposed. Use `store.reader()` to
 * get one.
 *
 * @example
 * using reader = store.reader();
 * const root = reader.root('main');
 * if (root !== undefined) await reader.read(root);
 */
export class Reader {
  readonly #blocks: BlockReader;
  readonly #pin: StatePin;
  #disposed = false;

  constructor(blocks: BlockReader, pin: StatePin) {
    this.#blocks = blocks;
    this.#pin = pin;
  }

  /** The last generation that was durable when the state was pinned. */
  get generation(): number {
    return this.#pin.state.generation;
  }

  /**
   * A named root, as it was when the state was pinned.
   *
   * @throws StoreError MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * console.log(reader.generation, reader.root('main'));
   */
  root(name: string): BlockPointer | undefined {
    this.#assertUsable();
    return this.#pin.state.roots.get(name);
  }

  /**
   * As `Store.read`.
   *
   * @throws StoreError as `Store.read`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const root = reader.root('main');
   * if (root !== undefined) console.log(await reader.read(root));
   */
  async read(pointer: BlockPointer, into?: Uint8Array): Promise<Uint8Array> {
    this.#assertUsable();
    return this.#blocks.read(pointer, into);
  }

  /**
   * As `Store.readMany`.
   *
   * @throws StoreError as `Store.read`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const blocks = await reader.readMany(pointers);
   */
  async readMany(
    pointers: readonly BlockPointer[],
    intos?: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    this.#assertUsable();
    return this.#blocks.readMany(pointers, intos);
  }

  /**
   * As `Store.readCached`.
   *
   * @throws StoreError as `Store.readCached`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const into = new Uint8Array(store.blockSize);
   * const bytes = reader.readCached(pointer, into) ?? (await reader.read(pointer, into));
   */
  readCached(pointer: BlockPointer, into: Uint8Array): Uint8Array | undefined {
    this.#assertUsable();
    return this.#blocks.readCached(pointer, into);
  }

  /**
   * Lets go of the state. Idempotent; never throws. A reader that is never closed keeps freed blocks from being reused
   * until the store is closed.
   *
   * @example
   * const reader = store.reader();
   * console.log(reader.root('main'));
   * reader.close();
   */
  close(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pin.drop();
  }

  /** As `close`, for `using`. */
  [DISPOSE](): void {
    this.close();
  }

  #assertUsable(): void {
    if (!this.#disposed) return;
    throw new StoreError('MISUSE', 'The reader is disposed: make another one with store.reader().');
  }
}
