/**
 * A reader pins one published state: what it reaches is neither reused nor overwritten until it is disposed (I4).
 * Readers never wait for transactions.
 */
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

  /** @throws StoreError MISUSE after its disposal */
  root(name: string): BlockPointer | undefined {
    this.#assertUsable();
    return this.#pin.state.roots.get(name);
  }

  /** As `Store.read`. */
  async read(pointer: BlockPointer, into?: Uint8Array): Promise<Uint8Array> {
    this.#assertUsable();
    return this.#blocks.read(pointer, into);
  }

  /** As `Store.readMany`. */
  async readMany(
    pointers: readonly BlockPointer[],
    intos?: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    this.#assertUsable();
    return this.#blocks.readMany(pointers, intos);
  }

  /** As `Store.readCached`. */
  readCached(pointer: BlockPointer, into: Uint8Array): Uint8Array | undefined {
    this.#assertUsable();
    return this.#blocks.readCached(pointer, into);
  }

  /** Idempotent. A reader that is never disposed keeps freed blocks from being reused until the store is closed. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pin.drop();
  }

  #assertUsable(): void {
    if (!this.#disposed) return;
    throw new StoreError('MISUSE', 'The reader is disposed: make another one with store.reader().');
  }
}
