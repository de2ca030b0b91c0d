/**
 * Keeps hold of the workers that the library starts, so that the page can end one: that is what a crash looks like from
 * here. The library has no such door, and should not.
 */

/** Workers of the demo itself have names that begin so; they are not the engine's. */
export const OWN_WORKER_PREFIX = 'demo ';

export class WorkerWatch {
  readonly #workers = new Map<Worker, string>();

  /** From now on every worker of the engine is known here. */
  constructor() {
    const workers = this.#workers;
    globalThis.Worker = class extends Worker {
      constructor(script: string | URL, options: WorkerOptions = {}) {
        super(script, options);
        const name = options.name ?? '';
        if (!name.startsWith(OWN_WORKER_PREFIX)) workers.set(this, name);
      }

      override terminate(): void {
        workers.delete(this);
        super.terminate();
      }
    };
  }

  get count(): number {
    return this.#workers.size;
  }

  /** Ends the newest worker at once, whatever it is doing. False: there was none. */
  killOne(): boolean {
    const [worker] = [...this.#workers.keys()].slice(-1);
    worker?.terminate();
    return worker !== undefined;
  }
}
