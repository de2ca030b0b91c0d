/**
 * Whether the store's files are still found under their names. A browser that clears site data lets writes and
 * flushes on an open handle go on succeeding, on a file that nobody will find again; so every commit asks before its
 * superblock.
 */
import type { LivenessProbe } from './commit.ts';
import type { StoreDirectory } from './directory.ts';

/** Between two looks at the store id in the label: a name may have been given to another store's file. */
export const STORE_ID_EVERY_MS = 10_000;
/**
 * Firefox closes the files of a site first and removes them some time later, longer on a busy machine. So in doubt,
 * files that are found are looked for again after these pauses, and only then said to be alive.
 */
const DOUBT_PAUSES_MS = [10, 50, 200, 700];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Liveness implements LivenessProbe {
  answer: 'pending' | 'alive' | 'gone' = 'alive';
  private storeIdAskedMs = Number.NEGATIVE_INFINITY;
  private asked = 0;
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

  begin(why?: 'doubted'): void {
    this.answer = 'pending';
    this.asked += 1;
    const { asked } = this;
    const looking = why === 'doubted' ? this.lookRepeatedly(asked) : this.look(this.storeIdIfDue());
    void looking.then((answer) => this.hear(asked, answer));
  }

  private async lookRepeatedly(asked: number): Promise<'alive' | 'gone'> {
    for (const pauseMs of DOUBT_PAUSES_MS) {
      const answer = await this.look(this.storeId);
      if (answer === 'gone' || asked !== this.asked) return answer;
      await pause(pauseMs);
    }
    return this.look(this.storeId);
  }

  private storeIdIfDue(): Uint8Array | undefined {
    const nowMs = performance.now();
    if (nowMs - this.storeIdAskedMs < STORE_ID_EVERY_MS) return undefined;
    this.storeIdAskedMs = nowMs;
    return this.storeId;
  }

  /** A store that cannot be looked for cannot be promised to be there. */
  private look(storeId: Uint8Array | undefined): Promise<'alive' | 'gone'> {
    return this.directory.probe(this.files, storeId).catch(() => 'gone');
  }

  /** Answers from before the last question are of the past. */
  private hear(asked: number, answer: 'alive' | 'gone'): void {
    if (asked !== this.asked) return;
    this.answer = answer;
    this.answered();
  }
}
