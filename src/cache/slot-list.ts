/**
 * A doubly linked list of slots without an object per entry: the links are two words per slot. A slot is in a list at
 * most once, and knows whether it is. Every operation is a few stores.
 */
import { assert } from '../base/assert.ts';
import type { SlotIndex } from '../base/brand.ts';

/** Where a function that returns a slot has none to return. */
export const NO_SLOT = -1;
export type NoSlot = typeof NO_SLOT;

const NOT_LISTED = -2;

export class SlotList {
  /** Towards the tail; `NO_SLOT` at the tail. */
  private readonly next: Int32Array;
  /** Towards the head; `NO_SLOT` at the head, `NOT_LISTED` when the slot is not in the list. */
  private readonly previous: Int32Array;
  private first: number = NO_SLOT;
  private last: number = NO_SLOT;
  private length = 0;

  constructor(slotCount: number) {
    this.next = new Int32Array(slotCount).fill(NO_SLOT);
    this.previous = new Int32Array(slotCount).fill(NOT_LISTED);
  }

  get count(): number {
    return this.length;
  }

  get head(): SlotIndex | NoSlot {
    return this.first as SlotIndex | NoSlot;
  }

  get tail(): SlotIndex | NoSlot {
    return this.last as SlotIndex | NoSlot;
  }

  has(slot: SlotIndex): boolean {
    return this.previous[slot] !== NOT_LISTED;
  }

  addHead(slot: SlotIndex): void {
    assert(this.previous[slot] === NOT_LISTED, 'I10: a slot is listed twice');
    this.previous[slot] = NO_SLOT;
    this.next[slot] = this.first;
    if (this.first === NO_SLOT) this.last = slot;
    else this.previous[this.first] = slot;
    this.first = slot;
    this.length += 1;
  }

  addTail(slot: SlotIndex): void {
    assert(this.previous[slot] === NOT_LISTED, 'I10: a slot is listed twice');
    this.previous[slot] = this.last;
    this.next[slot] = NO_SLOT;
    if (this.last === NO_SLOT) this.first = slot;
    else this.next[this.last] = slot;
    this.last = slot;
    this.length += 1;
  }

  remove(slot: SlotIndex): void {
    const before = this.previous[slot] as number;
    const after = this.next[slot] as number;
    assert(before !== NOT_LISTED, 'I10: a slot to be taken from a list is not in it');
    if (before === NO_SLOT) this.first = after;
    else this.next[before] = after;
    if (after === NO_SLOT) this.last = before;
    else this.previous[after] = before;
    this.previous[slot] = NOT_LISTED;
    this.length -= 1;
  }

  /** Says what is wrong with the links, or `undefined`. Takes time in proportion to the list; for tests. */
  flaw(): string | undefined {
    let count = 0;
    let before: number = NO_SLOT;
    for (let slot = this.first; slot !== NO_SLOT; slot = this.next[slot] as number) {
      if (this.previous[slot] !== before) return `list: slot ${slot} has a wrong previous link`;
      before = slot;
      count += 1;
      if (count > this.length) return 'list: longer than its count, or a ring';
    }
    if (before !== this.last) return 'list: the tail is not the last slot';
    if (count !== this.length) return 'list: shorter than its count';
    return undefined;
  }
}
