/**
 * Changes may overlap; a check may not overlap with changes, because the list of live pointers that it is given
 * must be that of the state it checks. So changes share, a check has its turn alone, and nobody overtakes: whoever
 * came first goes first. Inside one page, because a store is open in one page only.
 */

interface Waiting {
  readonly alone: boolean;
  readonly go: () => void;
}

export class Turns {
  readonly #queue: Waiting[] = [];
  #running = 0;
  #alone = false;

  /** Something runs or waits. */
  get busy(): boolean {
    return this.#running > 0;
  }

  change<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work);
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work);
  }

  async #run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || !this.#mayRun(alone)) {
      // Whoever lets it go has counted it already.
      await new Promise<void>((go) => this.#queue.push({ alone, go }));
    } else {
      this.#enter(alone);
    }
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#alone = false;
      this.#letGo();
    }
  }

  #mayRun(alone: boolean): boolean {
    return alone ? this.#running === 0 : !this.#alone;
  }

  #enter(alone: boolean): void {
    this.#running += 1;
    this.#alone = alone;
  }

  #letGo(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (!this.#mayRun(next.alone)) return;
      this.#queue.shift();
      this.#enter(next.alone);
      next.go();
    }
  }
}
