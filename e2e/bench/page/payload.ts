/** What is written: bytes that no side can compress, and orders that no side can guess. The same ones in every run. */

/** xorshift32. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Every number below `count` once, in a random order. */
export function shuffled(count: number, seed: number): number[] {
  const random = randomFrom(seed);
  const order = Array.from({ length: count }, (_, n) => n);
  for (let n = count - 1; n > 0; n -= 1) {
    const other = random(n + 1);
    [order[n], order[other]] = [order[other] as number, order[n] as number];
  }
  return order;
}

/** Goes through a list for ever. */
export function cycling<T>(list: readonly T[]): () => T {
  let next = 0;
  return () => {
    const item = list[next] as T;
    next = (next + 1) % list.length;
    return item;
  };
}

export function payloads(count: number, byteCount: number): Uint8Array<ArrayBuffer>[] {
  const random = randomFrom(byteCount + 7);
  return Array.from({ length: count }, () => {
    const words = new Uint32Array(byteCount / 4);
    for (let n = 0; n < words.length; n += 1) words[n] = random(2 ** 32);
    return new Uint8Array(words.buffer);
  });
}
