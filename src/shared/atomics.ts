/**
 * The only module that names `Atomics`. Plain functions over words that may or may not be shared, so that a test can
 * put a model in their place which yields at every access and enumerates interleavings.
 *
 * All of them are sequentially consistent; a function is added when something needs it, not before.
 */

export function atomicLoad(words: Int32Array, at: number): number {
  return Atomics.load(words, at);
}

export function atomicStore(words: Int32Array, at: number, value: number): void {
  Atomics.store(words, at, value);
}

/** Returns what was there; the exchange took place if and only if that is `expected`. */
export function atomicCompareExchange(
  words: Int32Array,
  at: number,
  expected: number,
  replacement: number,
): number {
  return Atomics.compareExchange(words, at, expected, replacement);
}

/** Returns what was there before. Wraps around at 32 bits. */
export function atomicAdd(words: Int32Array, at: number, delta: number): number {
  return Atomics.add(words, at, delta);
}
