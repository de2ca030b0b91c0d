/**
 * How fast bytes go by: a rate over the last second, and a history for the little chart. Pure, and told what time
 * it is, so it is tested in Node. Time is only for people here; nothing is ordered by it.
 */

/** A bar of the chart is this long. */
export const SAMPLE_MS = 100;
export const SAMPLE_COUNT = 120;
const RATE_MS = 1000;

export class Meter {
  /** Bytes in each of the last samples; the newest is at `#sample % SAMPLE_COUNT`. */
  readonly #bytes = new Float64Array(SAMPLE_COUNT);
  /** The number of the newest sample, counted from the clock's zero. */
  #sample = 0;

  add(bytes: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#bytes[this.#sample % SAMPLE_COUNT] =
      (this.#bytes[this.#sample % SAMPLE_COUNT] as number) + bytes;
  }

  /** Bytes per second over the last full second. */
  rate(nowMs: number): number {
    this.#advance(nowMs);
    let sum = 0;
    const samples = RATE_MS / SAMPLE_MS;
    for (let n = 1; n <= samples; n += 1) sum += this.#at(this.#sample - n);
    return (sum * 1000) / RATE_MS;
  }

  /** Bytes per second in each sample, oldest first. The newest one is still growing and not among them. */
  history(nowMs: number): number[] {
    this.#advance(nowMs);
    const first = this.#sample - SAMPLE_COUNT + 1;
    return Array.from(
      { length: SAMPLE_COUNT - 1 },
      (_, n) => (this.#at(first + n) * 1000) / SAMPLE_MS,
    );
  }

  #at(sample: number): number {
    return sample < 0 ? 0 : (this.#bytes[sample % SAMPLE_COUNT] as number);
  }

  #advance(nowMs: number): void {
    const sample = Math.floor(nowMs / SAMPLE_MS);
    const stale = Math.min(SAMPLE_COUNT, sample - this.#sample);
    for (let n = 0; n < stale; n += 1) this.#bytes[(sample - n) % SAMPLE_COUNT] = 0;
    this.#sample = Math.max(this.#sample, sample);
  }
}
