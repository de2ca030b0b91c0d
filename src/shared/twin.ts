/**
 * A few words that one thread replaces as a whole and others read without ever waiting for it: two copies, and a
 * version that counts the writes. The lowest bit of the version says which copy is the newest; the writer prepares the
 * other one, and then counts. A reader that finds the version unchanged afterwards has read one write's words.
 *
 * Not a seqlock (`seqlock`): under that, readers wait while the writer is at it, and the system may put the writer's
 * thread to sleep in the middle for as long as it likes. To a reader it then looks dead. Here a writer that sleeps, or
 * has died, leaves the last copy readable; a reader tries again only when a whole write has gone by meanwhile.
 *
 * The copies are written by atomic stores: plain ones could be seen before the count that comes before them. The
 * reader's second look at the version is a read-modify-write for the reason told in `cache-layout`.
 */
import { atomicAdd, atomicLoad, atomicStore } from './atomics.ts';

export type Half = 0 | 1;

/** At most one in all threads. */
export class TwinWriter {
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(words: Int32Array, at: number) {
    this.words = words;
    this.at = at;
  }

  /** `prepare` writes the whole of the half that it is given. If it throws, nothing has changed for readers. */
  write(prepare: (half: Half) => void): void {
    const version = (atomicLoad(this.words, this.at) + 1) | 0;
    prepare((version & 1) as Half);
    atomicStore(this.words, this.at, version);
  }
}

/** `read` looks at the half it is given. What it saw may be torn, so it must be total and have no other effects. */
export function readTwin<T>(words: Int32Array, at: number, read: (half: Half) => T): T {
  for (;;) {
    const version = atomicLoad(words, at);
    const value = read((version & 1) as Half);
    if (atomicAdd(words, at, 0) === version) return value;
  }
}
