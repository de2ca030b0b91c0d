/**
 * Blocks that the page writes without asking where: the engine has granted it their addresses, so it makes the pointers
 * itself, hashes included, and the blocks leave with the rest of their transaction. The engine's half is
 * `store/grants`.
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { BlockHasher } from '../format/hasher.ts';
import { type Pointer, samePointer } from '../format/pointer.ts';
import type { StageWriter } from '../shared/stage.ts';
import type { Grant } from '../store/grants.ts';
import type { ClientNote } from './protocol.ts';

/**
 * Blocks that were not used in so many transactions are given back: their birth generation must not be more than 2^24
 * commits before the one that logs them.
 */
const UNUSED_TRANSACTIONS_MAX = 2 ** 20;

interface Run {
  address: number;
  count: number;
  readonly generation: Generation;
}

export interface GrantedBlocksParts {
  readonly stage: StageWriter;
  readonly hasher: BlockHasher;
  readonly blockBytes: number;
  post(note: ClientNote): void;
}

export class GrantedBlocks {
  readonly #parts: GrantedBlocksParts;
  #runs: Run[] = [];
  #left = 0;
  #round = 0;
  #wanted = false;
  #unusedTransactions = 0;
  #transaction: number | undefined;
  readonly #written = new Map<number, Pointer>();

  constructor(parts: GrantedBlocksParts) {
    this.#parts = parts;
  }

  /** The round that the engine's next grants are for: to be told with the end of a transaction. */
  want(): number {
    this.#unusedTransactions += 1;
    if (this.#unusedTransactions > UNUSED_TRANSACTIONS_MAX) this.giveBack();
    this.#wanted = true;
    return this.#round;
  }

  /** Whether that transaction, the last one that wrote, has written the block so, and not freed it. */
  hasWritten(transaction: number, pointer: Pointer): boolean {
    const written = this.#transaction === transaction && this.#written.get(pointer.address);
    return written ? samePointer(written, pointer) : false;
  }

  forget(freed: readonly Pointer[]): void {
    for (const { address } of freed) this.#written.delete(address);
  }

  hear({ round, address, count, generation }: Grant): void {
    if (round !== this.#round) return;
    this.#runs.push({ address, count, generation });
    this.#left += count;
  }

  /**
   * Copies the blocks to the stage, from the one with the number `first` on, and makes their pointers. `undefined`: it
   * must be asked where to put them.
   */
  write(
    transaction: number,
    blocks: readonly Uint8Array[],
  ): { readonly first: number; readonly pointers: Pointer[] } | undefined {
    if (blocks.length === 0 || blocks.length > this.#left) return undefined;
    const first = this.#parts.stage.claim(blocks.length);
    if (first === undefined) return undefined;
    this.#unusedTransactions = 0;
    const pointers = blocks.map((bytes, n) => this.#make(first + n, bytes));
    if (transaction !== this.#transaction) this.#written.clear();
    this.#transaction = transaction;
    for (const pointer of pointers) this.#written.set(pointer.address, pointer);
    return { first, pointers };
  }

  #make(number: number, bytes: Uint8Array): Pointer {
    const { stage, hasher, blockBytes } = this.#parts;
    const cell = stage.cell(number);
    cell.set(bytes);
    if (bytes.length < cell.length) cell.fill(0, bytes.length);
    const run = this.#runs[0] as Run;
    const { generation } = run;
    const address = run.address as BlockAddress;
    run.address += blockBytes;
    run.count -= 1;
    this.#left -= 1;
    if (run.count === 0) this.#runs.shift();
    hasher.hashBlock(address, generation, cell);
    return { address, generation, hashHigh: hasher.high, hashLow: hasher.low };
  }

  /** Before anything that a grant would falsify: somebody else's turn at the free blocks, or a census of them. */
  giveBack(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#runs = [];
    this.#left = 0;
    this.#round += 1;
    this.#unusedTransactions = 0;
    this.#parts.post({ note: 'givenBack' });
  }
}
