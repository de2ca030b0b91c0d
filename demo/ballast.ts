/**
 * Ballast for a store that is full to the last block. Freeing needs no space, but an index that is copied on write
 * does: it writes a new version of itself before the old one goes. So a few blocks are kept for nothing else, each
 * under a root of its own; thrown overboard, they make room for the change that frees the rest.
 */
import type { Store } from '../src/index.ts';
import { codeOf } from './text.ts';

/** Enough for the leaves and the top of a field, or for a list of some thousand files. */
const BLOCKS = 12;
const ROOTS = Array.from({ length: BLOCKS }, (_, n) => `ballast-${n}`);

export type BallastStore = Pick<Store, 'blockSize' | 'root' | 'transaction'>;

export class Ballast {
  readonly #store: BallastStore;

  constructor(store: BallastStore) {
    this.#store = store;
  }

  /** Takes ballast in if there is none. Without room there is none, and nothing else is lost. */
  async keep(): Promise<void> {
    if (ROOTS.every((root) => this.#store.root(root) !== undefined)) return;
    try {
      await this.#store.transaction(async (tx) => {
        const missing = ROOTS.filter((root) => tx.root(root) === undefined);
        const blocks = missing.map((_, n) => Uint8Array.of(n));
        const pointers = await tx.writeMany(blocks);
        missing.forEach((root, n) => {
          void tx.setRoot(root, pointers[n]);
        });
      });
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  /** Does work that frees space. If the store is too full even for that, ballast goes first. */
  async spend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isFull(error) || !(await this.#drop())) throw error;
    }
    return work();
  }

  /** Whether there was any. */
  #drop(): Promise<boolean> {
    return this.#store.transaction((tx) => {
      let dropped = false;
      for (const root of ROOTS) {
        const pointer = tx.root(root);
        if (pointer === undefined) continue;
        void tx.setRoot(root, undefined);
        void tx.free(pointer);
        dropped = true;
      }
      return dropped;
    });
  }
}

function isFull(error: unknown): boolean {
  return codeOf(error) === 'FULL' || codeOf(error) === 'QUOTA';
}
