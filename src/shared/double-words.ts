/** A number as two words, bit for bit: for what is no safe integer, or need not be one. */
import { atomicLoad, atomicStore } from './atomics.ts';

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

export function storeDouble(words: Int32Array, at: number, value: number): void {
  double[0] = value;
  atomicStore(words, at, halves[0] as number);
  atomicStore(words, at + 1, halves[1] as number);
}

/** Torn if it is written meanwhile: whoever minds has a lock, or a cell of its own. */
export function loadDouble(words: Int32Array, at: number): number {
  halves[0] = atomicLoad(words, at);
  halves[1] = atomicLoad(words, at + 1);
  return double[0] as number;
}
