/**
 * A reader of a synchronous store pins one published state: what it reaches is neither reused nor overwritten until it
 * is disposed (I4).
 */
import { DISPOSE } from '../base/dispose.ts';
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, type Pointer, toPublic } from '../format/pointer.ts';
import type { Pins } from './pins.ts';

/** How a synchronous reader reads: the store's own ways. */
export interface SyncBlockReader {
  read(pointer: BlockPointer, into?: Uint8Array): Uint8Array;
  readMany(pointers: readonly BlockPointer[], intos?: readonly Uint8Array[]): Uint8Array[];
  readCached(pointer: BlockPointer, into?: Uint8Array): Uint8Array | undefined;
}

/**
 * One published state of a synchronous store, pinned. Use `store.reader()` to get one.
 *
 * @example
 * using reader = store.reader();
 * const root = reader.root('main');
 * if (root !== undefined) reader.read(root);
 */
export class SyncReader {
  /** The last generation that was durable when the state was pinned. */
  readonly generation: number;
  readonly #blocks: SyncBlockReader;
  readonly #pins: Pins;
  readonly #publication: number;
  readonly #roots: ReadonlyMap<string, Pointer>;
  #disposed = false;

  /** @internal */
  constructor(
    blocks: SyncBlockReader,
    pins: Pins,
    state: { readonly durableGeneration: number; readonly roots: ReadonlyMap<string, Pointer> },
  ) {
    this.#blocks = blocks;
    this.#pins = pins;
    this.#publication = pins.pin();
    this.#roots = new Map(state.roots);
    this.generation = state.durableGeneration;
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
    const pointer = this.#roots.get(name);
    return pointer === undefined ? undefined : toPublic(pointer);
  }

  /**
   * As `SyncStore.read`.
   *
   * @throws StoreError as `SyncStore.read`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const root = reader.root('main');
   * if (root !== undefined) console.log(reader.read(root));
   */
  read(pointer: BlockPointer, into?: Uint8Array): Uint8Array {
    this.#assertUsable();
    return this.#blocks.read(pointer, into);
  }

  /**
   * As `SyncStore.readMany`.
   *
   * @throws StoreError as `SyncStore.read`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const blocks = reader.readMany(pointers);
   */
  readMany(pointers: readonly BlockPointer[], intos?: readonly Uint8Array[]): Uint8Array[] {
    this.#assertUsable();
    return this.#blocks.readMany(pointers, intos);
  }

  /**
   * As `SyncStore.readCached`.
   *
   * @throws StoreError as `SyncStore.readCached`, and MISUSE after its disposal
   * @example
   * using reader = store.reader();
   * const block = reader.readCached(pointer) ?? reader.read(pointer);
   */
  readCached(pointer: BlockPointer, into?: Uint8Array): Uint8Array | undefined {
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
    this.#pins.unpin(this.#publication);
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
