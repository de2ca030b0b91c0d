/**
 * The only module that names `Atomics`, and the only way to words that several threads share. A test puts a model in
 * its place that yields at every access and enumerates interleavings, so plain accesses go through here as well.
 *
 * Atomic ones are sequentially consistent; a function is added when something needs it, not before.
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

/** Returns what was there before. */
export function atomicOr(words: Int32Array, at: number, bits: number): number {
  return Atomics.or(words, at, bits);
}

/** Returns what was there before. */
export function atomicExchange(words: Int32Array, at: number, value: number): number {
  return Atomics.exchange(words, at, value);
}

/**
 * Sleeps while the word is `expected`, until notified or `timeoutMs` have passed. Throws on a page's main thread. May
 * return for no reason: look again.
 */
export function atomicWait(
  words: Int32Array,
  at: number,
  expected: number,
  timeoutMs: number,
): void {
  Atomics.wait(words, at, expected, timeoutMs);
}

/** Wakes all that wait on the word. */
export function atomicNotify(words: Int32Array, at: number): void {
  Atomics.notify(words, at);
}

/**
 * As `atomicWait`, without blocking: `undefined` when the word differs already. May resolve for no reason, and for a
 * notification that was meant for an earlier wait: look again.
 */
export function atomicWaitAsync(
  words: Int32Array,
  at: number,
  expected: number,
): Promise<unknown> | undefined {
  const waiting = Atomics.waitAsync(words, at, expected);
  return waiting.async ? waiting.value : undefined;
}

/** A plain access, for words that an atomic one has handed over to this thread, or will hand over from it. */
export function plainLoad(words: Int32Array, at: number): number {
  return words[at] as number;
}

export function plainStore(words: Int32Array, at: number, value: number): void {
  words[at] = value;
}

/** Whether this browser has `atomicWaitAsync`, without which a page cannot wait on shared memory. */
export function canWaitAsync(): boolean {
  return typeof Atomics.waitAsync === 'function';
}

/** Copies bytes that another thread may be writing: who reads them so finds out afterwards whether it did. */
export function copyBytes(from: Uint8Array, into: Uint8Array): void {
  into.set(from);
}
