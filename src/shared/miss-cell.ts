/**
 * What a mailbox cell says when a client asks a disk for a block: which bytes of the file, and what they must be. The
 * answer is one word in front; the block itself is in the cell's landing place (`contents-layout`).
 *
 *     payload word   what
 *     0              the answer
 *     1 … 2          offset in the file
 *     3 … 4          address
 *     5 … 6          generation
 *     7, 8           hash, low and high
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { plainLoad, plainStore } from './atomics.ts';
import { highWord, joinWords, lowWord } from './cache-layout.ts';

/** Anything but `ok` is not the last word: the store worker knows what is dirty, freed or stale. */
export const MISS_ANSWER = { ok: 0, corrupt: 1, fault: 2 } as const;
export type MissAnswer = (typeof MISS_ANSWER)[keyof typeof MISS_ANSWER];

/** @param at the cell's first payload word. */
export function writeMiss(
  words: Int32Array,
  at: number,
  pointer: Pointer,
  fileOffset: number,
): void {
  putNumber(words, at + 1, fileOffset);
  putNumber(words, at + 3, pointer.address);
  putNumber(words, at + 5, pointer.generation);
  plainStore(words, at + 7, pointer.hashLow | 0);
  plainStore(words, at + 8, pointer.hashHigh | 0);
}

export function readMissOffset(words: Int32Array, at: number): number {
  return number(words, at + 1);
}

/** Allocates. */
export function readMissPointer(words: Int32Array, at: number): Pointer {
  return {
    address: number(words, at + 3) as BlockAddress,
    generation: number(words, at + 5) as Generation,
    hashLow: plainLoad(words, at + 7) >>> 0,
    hashHigh: plainLoad(words, at + 8) >>> 0,
  };
}

export function writeMissAnswer(words: Int32Array, at: number, answer: MissAnswer): void {
  plainStore(words, at, answer);
}

export function readMissAnswer(words: Int32Array, at: number): MissAnswer {
  return plainLoad(words, at) as MissAnswer;
}

function putNumber(words: Int32Array, at: number, value: number): void {
  plainStore(words, at, lowWord(value));
  plainStore(words, at + 1, highWord(value));
}

function number(words: Int32Array, at: number): number {
  return joinWords(plainLoad(words, at), plainLoad(words, at + 1));
}
