/**
 * Keeps hold of the workers that the library starts, so that the page can end one: that is what a crash looks like from
 * here. The library has no such door, and should not.
 */

/** Workers of the demo itself have names that begin so; they are not the engine's. */
export const OWN_WORKER_PREFIX = 'demo ';

export class WorkerWatch {
  readonly #workers = new Map<Worker, string>();
  #kills = 0;

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

  /** Ends a worker at once, whatever it is doing: another one each time. Returns its name. */
  killOne(): string | undefined {
    const workers = [...this.#workers];
    const [worker, name] = workers[this.#kills % Math.max(1, workers.length)] ?? [];
    this.#kills += 1;
    worker?.terminate();
    return name;
  }
}
