/**
 * A few words that one thread replaces as a whole and others read without waiting for it. The version is odd while the
 * writer is at it; a reader that finds it odd, or changed afterwards, has read nothing and tries again.
 *
 * What lies under the lock is written by atomic stores: plain ones could be seen before the version turns odd. The
 * reader's second look at the version is a read-modify-write: a load would let the reads before it drift
 * behind it on ARM (see `cache-layout`).
 */
import { assert } from '../base/assert.ts';
import { atomicAdd, atomicLoad } from './atomics.ts';

/**
 * A fifth of a millisecond: a writer that runs is done in microseconds, and one that sleeps may sleep for long. A page
 * that reads figures in every frame must not stand still for that.
 */
const TRIES_MAX = 10_000;

export class SeqlockWriter {
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(words: Int32Array, at: number) {
    assert((atomicLoad(words, at) & 1) === 0, 'one thread writes under a seqlock');
    this.words = words;
    this.at = at;
  }

  /** A change that throws leaves the lock held, and rightly so: what lies under it is half one thing, half another. */
  write(change: () => void): void {
    atomicAdd(this.words, this.at, 1);
    change();
    atomicAdd(this.words, this.at, 1);
  }
}

/**
 * Runs `read` until nothing was written meanwhile. What it saw before may be torn, so it must be total and without
 * effects beyond its result. Returns `undefined` when the writer does not come to an end: it has died at it, or the
 * system has put its thread to sleep for so long. Nobody can tell which: go on with what was read last, or ask.
 */
export function readSeqlock<T>(words: Int32Array, at: number, read: () => T): T | undefined {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const before = atomicLoad(words, at);
    if ((before & 1) !== 0) continue;
    const value = read();
    if (atomicAdd(words, at, 0) === before) return value;
  }
  return undefined;
}
