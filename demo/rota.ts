/**
 * Things to do one after the other, one a frame. A round that is still under way when the next one is due goes on with
 * what is new, so that on a slow machine the last things have their turn as well. Pure, and tested in Node.
 */
export class Rota<Subject> {
  readonly #tasks: readonly ((subject: Subject) => void)[];
  #subject: Subject | undefined;
  #next = 0;
  /** Tasks that this round has yet to do. */
  #left = 0;

  constructor(tasks: readonly ((subject: Subject) => void)[]) {
    this.#tasks = tasks;
  }

  /** Begins a round: every task has its turn, from the one that comes next. */
  begin(subject: Subject): void {
    this.#subject = subject;
    this.#left = this.#tasks.length;
  }

  /** Drops what is left of the round. */
  stop(): void {
    this.#subject = undefined;
    this.#left = 0;
  }

  /** Does the next thing. False: there is nothing left to do. */
  step(): boolean {
    if (this.#left === 0) return false;
    const task = this.#tasks[this.#next];
    this.#next = (this.#next + 1) % this.#tasks.length;
    this.#left -= 1;
    task?.(this.#subject as Subject);
    return true;
  }
}
