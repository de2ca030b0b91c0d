/** Nobody sees half of a write, and nobody waits for the writer, in any interleaving; it may die in the middle. */
import { test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { enumerate } from '../sim/enumerate.ts';
import { awaitEnd } from '../sim/schedules.ts';
import { atomicStore, plainLoad } from './atomics.ts';
import { type Half, readTwin, TwinWriter } from './twin.ts';

vi.mock('./atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);

const words = new Int32Array(new SharedArrayBuffer(64));
const at = (half: Half) => 2 + 2 * half;

function writer(writes: number) {
  return () => {
    const twin = new TwinWriter(words, 0);
    return () => {
      for (let n = 1; n <= writes; n += 1) {
        twin.write((half) => {
          atomicStore(words, at(half), n);
          atomicStore(words, at(half) + 1, n * 10);
        });
      }
    };
  };
}

function readOnce(): number {
  const read = (half: Half) => [plainLoad(words, at(half)), plainLoad(words, at(half) + 1)];
  const [first = 0, second] = readTwin(words, 0, read);
  assert(second === first * 10, 'both words are of one write');
  return first;
}

function reader(reads: number) {
  return () => () => {
    let last = 0;
    for (let n = 0; n < reads; n += 1) {
      const seen = readOnce();
      assert(seen >= last, 'no reader goes back');
      last = seen;
    }
  };
}

test.each([
  ['one reader', 4, [4], 3_000],
  ['two readers', 3, [2, 1], 10_000],
])('%s: what is read was written at once', (name, writes, readers, atLeast) => {
  enumerate(`twin, ${name}`, atLeast, {}, () => {
    words.fill(0);
    words[0] = -2;
    return { threads: [writer(writes), ...readers.map(reader)], judge: () => undefined };
  });
});

test('a writer that has died leaves the last state behind, and nobody waits for it', () => {
  enumerate('twin, the writer dies', 500, { deaths: 1 }, () => {
    words.fill(0);
    const late = () => () => {
      awaitEnd(0);
      return readOnce();
    };
    return { threads: [writer(3), reader(2), late], mortal: 0, judge: () => undefined };
  });
});
