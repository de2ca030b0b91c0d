/**
 * Whether the files are still found under their names, for a thread that may never return to its event loop and so
 * cannot wait for an answer. It goes on with the newest answer it has:
 *
 * - Every commit asks, unless a question is still open. The answer is heard when the thread next returns to its event
 *   loop; `gone` is final, and told at once.
 * - In doubt, when a file was closed by the browser, it looks for itself at once.
 * - An answer that is older than `ANSWER_AGE_MS_MAX` is not enough for a commit: then the thread looks for itself,
 *   where the directory can (`StoreDirectory.watch`). Without returning, that is the only way it learns anything.
 *
 * So a commit may be acknowledged up to that time after the files went away; where there is no such look, up to the
 * next return to the event loop.
 */
import type { LivenessProbe } from './commit.ts';
import type { StoreDirectory } from './directory.ts';
import { STORE_ID_EVERY_MS } from './liveness-watch.ts';

/** How old an answer may be when a commit relies on it, in milliseconds. A look costs a browser about 0.7 ms. */
export const ANSWER_AGE_MS_MAX = 100;

export interface SyncLivenessOptions {
  readonly directory: StoreDirectory;
  readonly files: readonly string[];
  readonly storeId: Uint8Array;
  /** A look from `StoreDirectory.watch`, where there is one. */
  readonly isGone: (() => boolean) | undefined;
  /** The files were found to be gone outside a commit. */
  readonly onGone: () => void;
}

export class SyncLiveness implements LivenessProbe {
  private readonly options: SyncLivenessOptions;
  isGone = false;
  private asking = false;
  /** When the newest answer was asked for: it holds for no later moment. Opening has just found the files. */
  private answerMs = performance.now();
  private storeIdAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SyncLivenessOptions) {
    this.options = options;
  }

  begin(why?: 'doubted'): void {
    // However young the newest answer is: it tells nothing of why a file was closed since.
    if (why === 'doubted') this.look();
    if (this.asking || this.isGone) return;
    this.asking = true;
    const { directory, files, storeId } = this.options;
    const askedMs = performance.now();
    const askStoreId = askedMs - this.storeIdAskedMs >= STORE_ID_EVERY_MS;
    if (askStoreId) this.storeIdAskedMs = askedMs;
    directory.probe(files, askStoreId ? storeId : undefined).then(
      (answer) => this.hear(answer, askedMs),
      // A store that cannot be looked for cannot be promised to be there.
      () => this.hear('gone', askedMs),
    );
  }

  get answer(): 'alive' | 'gone' {
    if (performance.now() - this.answerMs > ANSWER_AGE_MS_MAX) this.look();
    return this.isGone ? 'gone' : 'alive';
  }

  /** Looks now, if that is possible. Before files are closed, and when the newest answer is too old. */
  look(): void {
    const { isGone } = this.options;
    if (isGone === undefined || this.isGone) return;
    this.answerMs = performance.now();
    this.isGone = isGone();
  }

  private hear(answer: 'alive' | 'gone', askedMs: number): void {
    this.asking = false;
    this.answerMs = Math.max(this.answerMs, askedMs);
    if (answer === 'alive' || this.isGone) return;
    this.isGone = true;
    this.options.onGone();
  }
}
