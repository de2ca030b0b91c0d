/**
 * The four superblock slots: which of them a commit may write to. Owns the ring's half of I1: none of the recoverable
 * superblocks (the three newest acknowledged ones) is overwritten.
 *
 * The slot is chosen by what is in the slots, not by arithmetic on the generation: a crash in the middle of a commit
 * burns a generation number, and after four such crashes `generation mod 4` would have overwritten the only good one.
 */
import { assert } from '../base/assert.ts';
import { SLOT_COUNT } from '../format/geometry.ts';

/** Nothing that recovery may choose is in the slot. */
const UNUSABLE = -1;

export class SuperblockRing {
  /** By slot: the generation in it. */
  private readonly generations: number[];

  constructor(generations: readonly (number | undefined)[]) {
    assert(generations.length === SLOT_COUNT, 'there are four superblock slots');
    this.generations = generations.map((generation) => generation ?? UNUSABLE);
  }

  /** An unusable slot first, else the oldest. */
  next(): number {
    let slot = 0;
    for (let n = 1; n < SLOT_COUNT; n += 1) {
      if ((this.generations[n] as number) < (this.generations[slot] as number)) slot = n;
    }
    return slot;
  }

  /** The slot is about to be written: until that is durable nothing can be expected of it. */
  begin(slot: number): void {
    this.generations[slot] = UNUSABLE;
  }

  /** The superblock in `slot` is durable. */
  complete(slot: number, generation: number): void {
    assert(
      this.generations.every((known) => known < generation),
      'I1: generations only grow',
    );
    this.generations[slot] = generation;
  }
}
