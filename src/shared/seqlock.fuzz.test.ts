/** Nobody sees half of what is written under a seqlock, in any interleaving. */
import { test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { enumerate } from '../sim/enumerate.ts';
import { atomicStore, plainLoad } from './atomics.ts';
import { readSeqlock, SeqlockWriter } from './seqlock.ts';

vi.mock('./atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);

const words = new Int32Array(new SharedArrayBuffer(64));

function writer(writes: number) {
  return () => {
    const lock = new SeqlockWriter(words, 0);
    return () => {
      for (let n = 1; n <= writes; n += 1) {
        lock.write(() => {
          atomicStore(words, 1, n);
          atomicStore(words, 2, n * 10);
        });
      }
    };
  };
}

function reader(reads: number) {
  return () => () => {
    const pairs: unknown[] = [];
    for (let n = 0; n < reads; n += 1) {
      pairs.push(readSeqlock(words, 0, () => [plainLoad(words, 1), plainLoad(words, 2)]));
    }
    return pairs;
  };
}

function judgePairs(pairs: readonly (readonly [number, number])[]): void {
  let last = 0;
  for (const [first, second] of pairs) {
    assert(second === first * 10, 'both words are of one write');
    assert(first >= last, 'no reader goes back');
    last = first;
  }
}

test.each([
  ['one reader', 4, [4], 3_000],
  ['two readers', 2, [2, 1], 10_000],
])('%s: what is read was written at once', (name, writes, readers, atLeast) => {
  enumerate(`seqlock, ${name}`, atLeast, {}, () => {
    words.fill(0);
    words[0] = -2;
    return {
      threads: [writer(writes), ...readers.map(reader)],
      judge: ([, ...reads]) => {
        for (const pairs of reads) judgePairs(pairs as [number, number][]);
      },
    };
  });
});
