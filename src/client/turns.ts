/**
 * The transactions of one client, one after the other, in the order asked for. The engine keeps that order for all
 * clients; this one is about when the next callback may begin without asking: as soon as the end of the one before is
 * on its way, if nothing that the next one sees depends on it.
 */

export interface Turn {
  /** Resolves when it is this one's turn; `undefined` when it is at once. */
  readonly begins: Promise<void> | undefined;
  /** Whether another one waits for this to end. */
  readonly isAwaited: boolean;
  /** The next one may begin. Idempotent. */
  end(): void;
}

export class Turns {
  /** Ends of those that have a turn or wait for one, the last one last. */
  #last: Promise<void> | undefined;
  #count = 0;

  enter(): Turn {
    const begins = this.#last;
    let finish = (): void => {};
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const mine = begins === undefined ? ended : begins.then(() => ended);
    this.#last = mine;
    this.#count += 1;
    const number = this.#count;
    const isLast = (): boolean => this.#count === number;
    return {
      begins,
      get isAwaited() {
        return !isLast();
      },
      end: () => {
        finish();
        if (isLast()) this.#last = undefined;
      },
    };
  }
}
