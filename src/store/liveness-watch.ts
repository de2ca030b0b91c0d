/**
 * Whether the store's files are still found under their names. A browser that clears site data lets writes and
 * flushes on an open handle go on succeeding, on a file that nobody will find again; so every commit asks before its
 * superblock.
 */
import type { LivenessProbe } from './commit.ts';
import type { StoreDirectory } from './directory.ts';

/** Between two looks at the store id in the label: a name may have been given to another store's file. */
export const STORE_ID_EVERY_MS = 10_000;

export class Liveness implements LivenessProbe {
  answer: 'pending' | 'alive' | 'gone' = 'alive';
  private storeIdAskedMs = Number.NEGATIVE_INFINITY;
  private readonly directory: StoreDirectory;
  private readonly files: readonly string[];
  private readonly storeId: Uint8Array;
  private readonly answered: () => void;

  constructor(
    directory: StoreDirectory,
    files: readonly string[],
    storeId: Uint8Array,
    answered: () => void,
  ) {
    this.directory = directory;
    this.files = files;
    this.storeId = storeId;
    this.answered = answered;
  }

  begin(): void {
    this.answer = 'pending';
    const nowMs = performance.now();
    const askStoreId = nowMs - this.storeIdAskedMs >= STORE_ID_EVERY_MS;
    if (askStoreId) this.storeIdAskedMs = nowMs;
    this.directory.probe(this.files, askStoreId ? this.storeId : undefined).then(
      (answer) => this.hear(answer),
      // A store that cannot be looked for cannot be promised to be there.
      () => this.hear('gone'),
    );
  }

  private hear(answer: 'alive' | 'gone'): void {
    this.answer = answer;
    this.answered();
  }
}
