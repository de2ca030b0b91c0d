/**
 * The model of `shared/atomics` for `schedules`: same functions, each access a point at which another thread may go on.
 * Outside of an exploration it just does what it says. A test puts it in place with
 *
 *     vi.mock('../shared/atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);
 *
 * A copy of bytes is done in two halves, so that one that is torn shows.
 */
import { currentRun, type Sleep } from './schedules.ts';

type Atomics = typeof import('../shared/atomics.ts');

/** Of a word, among all words of its buffer. */
function placeOf(words: Int32Array, at: number): number {
  return words.byteOffset / 4 + at;
}

function access(operation: string, words: Int32Array, at: number, perform: () => number): number {
  const run = currentRun();
  if (run === undefined) return perform();
  return run.access(operation, placeOf(words, at), true, perform) as number;
}

function plain(operation: string, words: Int32Array, at: number, perform: () => number): number {
  const run = currentRun();
  if (run === undefined) return perform();
  return run.access(operation, placeOf(words, at), run.plain, perform) as number;
}

/** Replaces a word, answers what was there. */
function swap(words: Int32Array, at: number, value: number): number {
  const before = words[at] as number;
  words[at] = value;
  return before;
}

function wordAt(words: Int32Array, at: number): number {
  return words[at] as number;
}

/** The half of an access that registers a sleeper, unless the word differs already. */
function beginSleep(words: Int32Array, at: number, expected: number): Sleep | undefined {
  const run = currentRun();
  if (run === undefined) throw new Error('nobody sleeps outside of an exploration');
  const place = placeOf(words, at);
  return run.access('wait', place, true, () => {
    if (words[at] !== expected) return undefined;
    const sleep: Sleep = { buffer: words.buffer, place, resolved: false };
    run.sleeps.push(sleep);
    return sleep;
  }) as Sleep | undefined;
}

/** For threads of an exploration: what `await` is elsewhere. */
export function sleepUntil(waiting: Promise<unknown> | undefined): void {
  const sleep = waiting as Sleep | undefined;
  if (sleep !== undefined) currentRun()?.block(() => sleep.resolved, sleep);
}

function notify(words: Int32Array, at: number): void {
  const place = placeOf(words, at);
  currentRun()?.access('notify', place, true, () => {
    for (const sleep of currentRun()?.sleeps ?? []) {
      if (sleep.buffer === words.buffer && sleep.place === place) sleep.resolved = true;
    }
  });
}

/** One half of a copy. What a thread has to itself is filled again when it is run again. */
function copyPart(from: Uint8Array, into: Uint8Array): void {
  const run = currentRun();
  const copy = () => from.slice();
  const bytes = run === undefined ? copy() : run.access('copy', from.byteOffset, true, copy);
  const paste = () => into.set(bytes as Uint8Array);
  if (into.buffer instanceof SharedArrayBuffer) run?.access('paste', into.byteOffset, true, paste);
  else paste();
}

/** For threads of an exploration: fills shared bytes, in two halves. */
export function fillBytes(bytes: Uint8Array, value: number): void {
  const half = bytes.length >>> 1;
  for (const part of [bytes.subarray(0, half), bytes.subarray(half)]) {
    currentRun()?.access('fill', part.byteOffset, true, () => part.fill(value));
  }
}

export const modelAtomics: Atomics = {
  canWaitAsync: () => true,
  atomicLoad: (words, at) => access('load', words, at, () => wordAt(words, at)),
  atomicStore: (words, at, value) => {
    access('store', words, at, () => swap(words, at, value));
  },
  atomicCompareExchange: (words, at, expected, replacement) =>
    access('compare-exchange', words, at, () => {
      const before = wordAt(words, at);
      if (before === expected) words[at] = replacement;
      return before;
    }),
  atomicAdd: (words, at, delta) =>
    access('add', words, at, () => swap(words, at, wordAt(words, at) + delta)),
  atomicOr: (words, at, bits) =>
    access('or', words, at, () => swap(words, at, wordAt(words, at) | bits)),
  atomicExchange: (words, at, value) => access('exchange', words, at, () => swap(words, at, value)),
  atomicWait: (words, at, expected) =>
    sleepUntil(beginSleep(words, at, expected) as Promise<unknown> | undefined),
  atomicNotify: notify,
  atomicWaitAsync: (words, at, expected) =>
    beginSleep(words, at, expected) as Promise<unknown> | undefined,
  plainLoad: (words, at) => plain('load', words, at, () => wordAt(words, at)),
  plainStore: (words, at, value) => {
    plain('store', words, at, () => swap(words, at, value));
  },
  copyBytes: (from, into) => {
    const half = from.length >>> 1;
    copyPart(from.subarray(0, half), into.subarray(0, half));
    copyPart(from.subarray(half), into.subarray(half, from.length));
  },
};
