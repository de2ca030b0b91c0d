/**
 * How a thread sleeps until there is work, without missing any. The bell is a counter: whoever has put work where the
 * other side will look rings it; whoever wants to sleep reads the counter *before* looking for work, and sleeps only
 * while the counter still says what it said then.
 *
 *     const seen = bell.value;           hang up work
 *     if (lookForWork()) continue;       bell.ring()
 *     bell.wait(seen, timeoutMs);
 *
 * The counter wraps around; a sleeper would have to oversleep exactly 2^32 rings between its two looks.
 */
import { atomicAdd, atomicLoad, atomicNotify, atomicWait, atomicWaitAsync } from './atomics.ts';

/**
 * Looks at the bell before a thread sleeps on it, which take about ten microseconds. Where threads ask each other in
 * turns, three times as many gained nothing more, and a third of them lost a third of the time.
 */
const LOOKS_AWAKE = 3000;

export class Doorbell {
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(words: Int32Array, at: number) {
    this.words = words;
    this.at = at;
  }

  get value(): number {
    return atomicLoad(this.words, this.at);
  }

  ring(): void {
    atomicAdd(this.words, this.at, 1);
    atomicNotify(this.words, this.at);
  }

  /** Sleeps unless somebody has rung since the counter was `seen`. May return early. */
  wait(seen: number, timeoutMs: number): void {
    atomicWait(this.words, this.at, seen, timeoutMs);
  }

  /**
   * As `wait`, but first looks for a ring for some microseconds: threads that ask each other in turns ring within that
   * time, and falling asleep and being woken takes longer.
   */
  waitAwake(seen: number, timeoutMs: number): void {
    for (let looks = 0; looks < LOOKS_AWAKE; looks += 1) if (this.value !== seen) return;
    this.wait(seen, timeoutMs);
  }

  /**
   * As `wait`, without blocking; `undefined` when somebody has rung already. A promise that is not awaited stays on the
   * list of sleepers until somebody rings, so a thread has one at a time.
   */
  waitAsync(seen: number): Promise<unknown> | undefined {
    return atomicWaitAsync(this.words, this.at, seen);
  }
}
