/**
 * Notices what is called inside a transaction although it waits for the one that runs, another transaction for one:
 * awaited there, neither would ever end.
 *
 * Browsers have no AsyncLocalStorage, so the call stack must do. A call made before the callback's first `await` is
 * seen in every browser. A later one is seen where stacks name the asynchronous callers (Chromium, Node, Deno): the
 * callback runs under a function with a name of its own, and that name is looked for. Code that merely runs at the same
 * time does not have it on its stack. Starting one without awaiting it is refused as well: that it will not be awaited
 * cannot be seen. Where nothing is noticed, the nested transaction waits until its `signal` aborts.
 *
 * Rejected: a deadline. A callback that waits long for the network looks the same as one that waits for itself.
 */

/** Deep enough for a callback that goes through many helpers. */
const STACK_FRAMES = 200;

/** Numbers the guards, so that one is not taken for another. */
let guards = 0;

export class NestingGuard {
  readonly #marker: string;
  #open = 0;
  #synchronous = 0;

  constructor() {
    guards += 1;
    this.#marker = `opfsBlocksTransaction_${guards}_`;
  }

  /** Whether the code that calls this now runs inside a callback given to `run`. */
  isInside(): boolean {
    if (this.#open === 0) return false;
    return this.#synchronous > 0 || stackNames(this.#marker);
  }

  async run<T>(callback: () => T | Promise<T>): Promise<T> {
    const startSynchronously = (): T | Promise<T> => {
      this.#synchronous += 1;
      try {
        return callback();
      } finally {
        this.#synchronous -= 1;
      }
    };
    const marked = {
      async [this.#marker](): Promise<T> {
        return await startSynchronously();
      },
    };
    this.#open += 1;
    try {
      return await (marked[this.#marker] as () => Promise<T>)();
    } finally {
      this.#open -= 1;
    }
  }
}

function stackNames(marker: string): boolean {
  const limit: unknown = Error.stackTraceLimit;
  if (typeof limit === 'number') Error.stackTraceLimit = STACK_FRAMES;
  const stack = new Error().stack;
  if (typeof limit === 'number') Error.stackTraceLimit = limit;
  return typeof stack === 'string' && stack.includes(marker);
}
