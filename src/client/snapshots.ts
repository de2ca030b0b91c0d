/**
 * The newest figures that the worker sent, for `telemetry` and `blockStates`, which answer at once. Asking starts a
 * refresh; at most one is under way. For the profile without shared memory.
 */
import type { BlockStates, StoreStats } from '../store/report.ts';
import type { StoreVerbs } from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import type { Figures } from './shared-figures.ts';

export async function fetchedFigures(
  first: StoreStats,
  verbs: Pick<StoreVerbs, 'stats' | 'blockStates'>,
  lifeline: Lifeline,
): Promise<Figures> {
  const firstStates = await verbs.blockStates();
  const stats = new Snapshot(first, () => verbs.stats(), lifeline);
  const states = new Snapshot<BlockStates>(firstStates, () => verbs.blockStates(), lifeline);
  return {
    stats: () => stats.look(),
    blockStates: () => states.look(),
    learn: (newest) => states.take(newest),
  };
}

class Snapshot<T> {
  readonly #fetch: () => Promise<T>;
  readonly #lifeline: Lifeline;
  #newest: T;
  #fetching = false;

  constructor(first: T, fetch: () => Promise<T>, lifeline: Lifeline) {
    this.#newest = first;
    this.#fetch = fetch;
    this.#lifeline = lifeline;
  }

  /** The newest there is; a newer one is on its way. */
  look(): T {
    if (!this.#fetching && this.#lifeline.ended === undefined) this.#refresh();
    return this.#newest;
  }

  take(newest: T): void {
    this.#newest = newest;
  }

  #refresh(): void {
    this.#fetching = true;
    this.#fetch().then(
      (newest) => {
        this.#newest = newest;
        this.#fetching = false;
      },
      // A store that cannot answer shows that in its health; its last figures stay.
      () => {
        this.#fetching = false;
      },
    );
  }
}
