/**
 * What a crash does to each write that no flush has followed: keeps it, loses it, or something in between. A list of
 * fates is a line of text, a character each, so that a crash state can be printed and had again.
 */
import { assert } from '../base/assert.ts';
import { Random } from './random.ts';

/**
 * - `lost`: the sector is as it was before. What a stale sector is, too.
 * - `kept`: the sector is as it was written.
 * - `front`, `back`: the sector is torn; its first or second part was written, up to a byte that depends on the
 * sector.
 * - `garbage`: the sector is noise.
 * - `astray`: the sector's bytes went to the place of another pending write, and its own place is as it was before.
 */
export const FATE = { lost: 0, kept: 1, front: 2, back: 3, garbage: 4, astray: 5 } as const;

const LETTERS = '01fbga';
const FATE_COUNT = LETTERS.length;

export type Fates = Uint8Array;

/** `0110f`: the fates of the pending units in order. */
export function fatesText(fates: Fates): string {
  return [...fates].map((fate) => LETTERS[fate]).join('');
}

export function parseFates(text: string): Fates {
  return Uint8Array.from(text, (letter) => {
    const fate = LETTERS.indexOf(letter);
    assert(fate >= 0, 'fates are letters of 01fbga');
    return fate;
  });
}

export interface FateBudget {
  /** Up to this many pending units, all subsets of them are lost. */
  readonly exhaustiveUnits: number;
  /** Beyond: this many random subsets, besides none, all, each alone, all but each, and every prefix. */
  readonly randomSubsets: number;
  /** Random fates of all kinds, besides every single unit torn, garbled and astray. 0: sectors are whole or lost. */
  readonly randomFates: number;
}

/** What the fates of a crash point depend on. */
export interface UndecidedUnits {
  /** Operations done before the crash; seeds the random ones. */
  readonly operation: number;
  readonly pending: readonly unknown[];
}

/**
 * The fates to try at a crash point. The same array is given again and again: copy it to keep it.
 */
export function* fatesOf(point: UndecidedUnits, budget: FateBudget): Generator<Fates> {
  const count = point.pending.length;
  const fates = new Uint8Array(count);
  const random = new Random(point.operation + 1);
  if (count <= budget.exhaustiveUnits) yield* allSubsets(fates);
  else {
    yield* tellingSubsets(fates);
    yield* randomFates(fates, random, budget.randomSubsets, 2);
  }
  if (budget.randomFates === 0) return;
  for (let n = 0; n < count; n += 1) {
    for (let fate: number = FATE.front; fate < FATE_COUNT; fate += 1) {
      for (const others of [FATE.kept, FATE.lost]) {
        fates.fill(others);
        fates[n] = fate;
        yield fates;
      }
    }
  }
  yield* randomFates(fates, random, budget.randomFates, FATE_COUNT);
}

function* allSubsets(fates: Fates): Generator<Fates> {
  assert(fates.length < 31, 'subsets are counted in 31 bits');
  for (let bits = 0; bits < 2 ** fates.length; bits += 1) {
    for (let n = 0; n < fates.length; n += 1) fates[n] = (bits >>> n) & 1;
    yield fates;
  }
}

function* tellingSubsets(fates: Fates): Generator<Fates> {
  yield fates.fill(FATE.lost);
  yield fates.fill(FATE.kept);
  for (let n = 0; n < fates.length; n += 1) {
    yield only(fates, n, FATE.kept, FATE.lost);
    yield only(fates, n, FATE.lost, FATE.kept);
    yield fates.fill(FATE.lost).fill(FATE.kept, 0, n);
  }
}

/** One fate of its own for unit `n`, another for all others. */
function only(fates: Fates, n: number, own: number, others: number): Fates {
  fates.fill(others);
  fates[n] = own;
  return fates;
}

function* randomFates(
  fates: Fates,
  random: Random,
  count: number,
  kinds: number,
): Generator<Fates> {
  for (let n = 0; n < count; n += 1) {
    for (let unit = 0; unit < fates.length; unit += 1) fates[unit] = random.below(kinds);
    yield fates;
  }
}
