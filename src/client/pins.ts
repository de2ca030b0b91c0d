/**
 * Which published states this client may still read. The engine frees nothing that the oldest of them reaches (I4), so
 * the oldest must be reported when it moves, and never too far.
 */
import { assert } from '../base/assert.ts';

export class Pins {
  readonly #counts = new Map<number, number>();
  readonly #report: (publication: number) => void;
  #newest: number;
  #reported: number;

  /** `report` is told whenever every state older than `publication` has become unused. */
  constructor(newest: number, report: (publication: number) => void) {
    this.#newest = newest;
    this.#reported = newest;
    this.#report = report;
  }

  get newest(): number {
    return this.#newest;
  }

  /** A newer state has been announced. */
  advance(publication: number): void {
    assert(publication >= this.#newest, 'I13: publications do not go back');
    this.#newest = publication;
    this.#settle();
  }

  /** Pins the newest state and returns its publication, for `unpin`. */
  pin(): number {
    this.#counts.set(this.#newest, (this.#counts.get(this.#newest) ?? 0) + 1);
    return this.#newest;
  }

  unpin(publication: number): void {
    const count = this.#counts.get(publication);
    assert(count !== undefined, 'a pin is dropped once');
    if (count > 1) {
      this.#counts.set(publication, count - 1);
      return;
    }
    this.#counts.delete(publication);
    this.#settle();
  }

  /** Pins are made in the order of publications, so the map's first key is the oldest. */
  #settle(): void {
    const first = this.#counts.keys().next();
    const oldest = first.done ? this.#newest : first.value;
    if (oldest === this.#reported) return;
    assert(oldest > this.#reported, 'I4: a state given up is not pinned again');
    this.#reported = oldest;
    this.#report(oldest);
  }
}
