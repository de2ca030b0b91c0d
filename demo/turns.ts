/**
 * Changes may overlap; a check may not overlap with changes, because the list of live pointers that it is given
 * must be that of the state it checks. A Web Lock does exactly this, in the order asked for.
 */
export class Turns {
  readonly #lockName: string;
  readonly #onBusy: (busy: boolean) => void;
  #running = 0;

  /** `onBusy` hears when the first of several begins to wait, and when the last has ended. */
  constructor(store: string, onBusy: (busy: boolean) => void) {
    this.#lockName = `opfs-blocks demo: ${store}`;
    this.#onBusy = onBusy;
  }

  get busy(): boolean {
    return this.#running > 0;
  }

  change<T>(work: () => Promise<T>): Promise<T> {
    return this.#run('shared', work);
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#run('exclusive', work);
  }

  async #run<T>(mode: LockMode, work: () => Promise<T>): Promise<T> {
    this.#running += 1;
    if (this.#running === 1) this.#onBusy(true);
    try {
      return await navigator.locks.request(this.#lockName, { mode }, work);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#onBusy(false);
    }
  }
}
