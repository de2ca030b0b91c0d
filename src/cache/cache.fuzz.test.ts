import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import type { SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { SLOT_STATUS, type SlotStatus } from '../shared/cache-layout.ts';
import { scaled } from '../sim/scale.ts';
import { fill, fillLent, fixture, isContentOf, pointerTo, some } from './cache-fixture.ts';
import { CacheReader } from './cache-reader.ts';
import { NO_SLOT } from './slot-list.ts';

const ADDRESSES = 5;
const { empty, owned, loading, clean, dirty } = SLOT_STATUS;

interface ModelSlot {
  status: SlotStatus;
  pointer: Pointer;
  holds: number;
  current: boolean;
  freed: boolean;
  lent: boolean;
}

/** The cache as one would write it without caring for speed: a slot is an object, a list is an array. */
class Model {
  readonly slots: ModelSlot[];
  /** Victims last. */
  lru: number[] = [];
  /** Next one first. */
  empty: number[];
  hits = 0;
  misses = 0;
  evictions = 0;

  constructor(slotCount: number) {
    const nothing = { status: empty, pointer: pointerTo(0), holds: 0 };
    const slot = { ...nothing, current: false, freed: false, lent: false };
    this.slots = Array.from({ length: slotCount }, () => ({ ...slot }));
    this.empty = this.slots.map((_, n) => n);
  }

  at(slot: number): ModelSlot {
    const found = this.slots[slot];
    assert(found !== undefined, 'the model has the slot');
    return found;
  }

  current(pointer: Pointer): number {
    return this.slots.findIndex((slot) => slot.current && slot.pointer.address === pointer.address);
  }

  visible(pointer: Pointer): number {
    const slot = this.current(pointer);
    if (slot === NO_SLOT || this.at(slot).status < clean) return NO_SLOT;
    return same(this.at(slot).pointer, pointer) ? slot : NO_SLOT;
  }

  find(pointer: Pointer): number {
    const slot = this.visible(pointer);
    if (slot === NO_SLOT) {
      this.misses += 1;
      return NO_SLOT;
    }
    this.hits += 1;
    this.at(slot).freed = false;
    if (this.lru.includes(slot)) this.lru = [slot, ...this.lru.filter((other) => other !== slot)];
    return slot;
  }

  pluck(): number {
    let slot = this.empty.shift();
    if (slot === undefined) {
      slot = this.lru.at(-1);
      if (slot === undefined) return NO_SLOT;
      this.evictions += 1;
      this.become(slot, empty);
      this.empty.shift();
    }
    this.at(slot).status = owned;
    return slot;
  }

  beginLoad(slot: number, pointer: Pointer): void {
    const there = this.current(pointer);
    let isCurrent = there === NO_SLOT;
    if (this.lru.includes(there) && this.at(there).pointer.generation < pointer.generation) {
      this.become(there, empty);
      isCurrent = true;
    }
    Object.assign(this.at(slot), { status: loading, pointer, current: isCurrent, freed: false });
  }

  insertDirty(slot: number, pointer: Pointer): void {
    this.forget(pointer);
    Object.assign(this.at(slot), { status: dirty, pointer, current: true, freed: false });
  }

  forget(pointer: Pointer): boolean {
    const slot = this.current(pointer);
    if (slot === NO_SLOT) return true;
    if (this.at(slot).status === dirty) return false;
    if (this.lru.includes(slot)) this.become(slot, empty);
    else this.at(slot).current = false;
    return true;
  }

  /** Changes the status and puts the slot where it then belongs. */
  become(slot: number, status: SlotStatus): void {
    const { at, lru } = { at: this.at(slot), lru: this.lru };
    this.lru = lru.filter((other) => other !== slot);
    at.status = status;
    if (status === empty) at.current = false;
    if (at.holds > 0) return;
    if (status === empty) this.empty.unshift(slot);
    if (status !== clean) return;
    if (at.current && !at.freed) this.lru.unshift(slot);
    else this.lru.push(slot);
  }

  hold(slot: number): void {
    this.at(slot).holds += 1;
    this.lru = this.lru.filter((other) => other !== slot);
  }

  drop(slot: number): void {
    this.at(slot).holds -= 1;
    if (this.at(slot).holds === 0) this.become(slot, this.at(slot).status);
  }
}

function same(a: Pointer, b: Pointer): boolean {
  return a.address === b.address && a.generation === b.generation && a.hashHigh === b.hashHigh;
}

const STEPS = [
  'ask',
  'askAndHold',
  'insert',
  'scratch',
  'finish',
  'fail',
  'land',
  'discard',
  'drop',
  'hold',
  'markFreed',
  'forget',
  'release',
  'lend',
  'adopt',
] as const;

interface Step {
  readonly what: (typeof STEPS)[number];
  readonly pointer: Pointer;
  /** Which of the slots that the step may be applied to. */
  readonly which: number;
}

/** Mostly the same few, or hardly anything would ever be found; now and then a stale or a wrong one. */
const anyPointer = fc
  .tuple(
    fc.nat(ADDRESSES - 1),
    fc.constantFrom(1, 1, 1, 1, 2, 2, 3),
    fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
  )
  .map(([block, generation, variant]) => pointerTo(block, generation, variant));
/** Loads and writes come and end more often than the rest, or the cache would stand still. */
const anyWhat = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...STEPS) },
  { weight: 2, arbitrary: fc.constantFrom<Step['what']>('ask', 'ask', 'insert') },
  { weight: 2, arbitrary: fc.constantFrom<Step['what']>('finish', 'land', 'drop', 'release') },
);
const anyStep: fc.Arbitrary<Step> = fc.record({
  what: anyWhat,
  pointer: anyPointer,
  which: fc.nat(7),
});

/** A cache and its model side by side: every step goes to both, and both must answer the same. */
class Pair {
  private readonly fixed;
  private readonly cache;
  private readonly model: Model;
  private readonly reader: CacheReader;
  private readonly copied = new Uint8Array(512);

  constructor(slotCount: number) {
    this.fixed = fixture(slotCount);
    this.cache = this.fixed.cache;
    this.model = new Model(slotCount);
    const { layout, control } = this.cache;
    this.reader = new CacheReader({ layout, control, memory: this.fixed.memory });
  }

  run({ what, pointer, which }: Step): void {
    const { cache, model } = this;
    switch (what) {
      case 'ask':
        this.ask(pointer, false);
        break;
      case 'askAndHold':
        this.ask(pointer, true);
        break;
      case 'insert':
        this.insert(pointer);
        break;
      case 'scratch':
        this.pluck();
        break;
      case 'lend':
        this.lend();
        break;
      case 'adopt':
        this.adopt(pointer, which);
        break;
      case 'forget':
        expect(cache.forget(pointer.address)).toBe(model.forget(pointer));
        break;
      default:
        this.apply(what, which);
    }
  }

  /** A step on one of the slots that are in the right state for it; nothing when there is none. */
  private apply(what: Step['what'], which: number): void {
    const { cache, model } = this;
    const fits = {
      finish: (slot: ModelSlot) => slot.status === loading,
      fail: (slot: ModelSlot) => slot.status === loading,
      land: (slot: ModelSlot) => slot.status === dirty,
      discard: (slot: ModelSlot) => slot.status === dirty,
      drop: (slot: ModelSlot) => slot.holds > 0,
      hold: (slot: ModelSlot) => slot.status >= loading,
      markFreed: (slot: ModelSlot) => slot.status >= loading,
      release: (slot: ModelSlot) => slot.status === owned && !slot.lent,
    }[what as 'finish'];
    const candidates = [...model.slots.keys()].filter((n) => fits(model.at(n)));
    const chosen = candidates[which % candidates.length];
    if (chosen === undefined) return;
    const slot = chosen as SlotIndex;
    const at = model.at(slot);
    if (what === 'finish') {
      fill(cache.bytesOf(slot), at.pointer);
      cache.finishLoad(slot);
      model.become(slot, clean);
    } else if (what === 'fail') {
      cache.failLoad(slot);
      model.become(slot, empty);
    } else if (what === 'land') {
      cache.written(slot);
      model.become(slot, clean);
    } else if (what === 'discard') {
      cache.discard(slot);
      at.current = false;
      model.become(slot, at.holds > 0 ? clean : empty);
    } else if (what === 'hold') {
      cache.hold(slot);
      model.hold(slot);
    } else if (what === 'drop') {
      cache.drop(slot);
      model.drop(slot);
    } else if (what === 'markFreed') {
      cache.markFreed(slot);
      at.freed = true;
      if (model.lru.includes(slot)) model.become(slot, clean);
    } else {
      cache.release(slot);
      model.become(slot, empty);
    }
  }

  private ask(pointer: Pointer, hold: boolean): void {
    const { cache, model } = this;
    let slot = cache.find(pointer);
    expect(slot).toBe(model.find(pointer));
    if (slot === NO_SLOT) slot = cache.findLoading(pointer);
    if (slot === NO_SLOT) {
      const plucked = this.pluck();
      if (plucked === NO_SLOT) return;
      slot = some(plucked);
      // The pluck may have pushed out what was current at the address, so both look after it.
      cache.beginLoad(slot, pointer);
      model.beginLoad(slot, pointer);
    }
    if (!hold) return;
    cache.hold(slot);
    model.hold(slot);
  }

  private insert(pointer: Pointer): void {
    const { cache, model } = this;
    const there = model.current(pointer);
    if (there !== NO_SLOT && model.at(there).status === dirty) return;
    const plucked = this.pluck();
    if (plucked === NO_SLOT) return;
    const slot = some(plucked);
    fill(cache.bytesOf(slot), pointer);
    cache.insertDirty(slot, pointer);
    model.insertDirty(slot, pointer);
  }

  private lend(): void {
    const slot = this.cache.lend();
    expect(slot).toBe(this.model.pluck());
    if (slot !== NO_SLOT) this.model.at(slot).lent = true;
  }

  private adopt(pointer: Pointer, which: number): void {
    const { cache, model } = this;
    const candidates = [...model.slots.keys()].filter((n) => model.at(n).lent);
    const chosen = candidates[which % candidates.length];
    if (chosen === undefined) return;
    fillLent(cache, chosen as SlotIndex, pointer);
    expect(cache.checkInvariants()).toBeUndefined();
    const isNew = model.current(pointer) === NO_SLOT;
    expect(cache.adopt(chosen as SlotIndex)).toBe(isNew);
    Object.assign(model.at(chosen), { pointer, current: isNew, freed: false, lent: false });
    model.become(chosen, isNew ? clean : empty);
  }

  private pluck(): SlotIndex | -1 {
    const slot = this.cache.pluck();
    expect(slot).toBe(this.model.pluck());
    // Whoever plucks may scribble at once: nobody may rely on the bytes any more.
    if (slot !== NO_SLOT) this.cache.bytesOf(slot).fill(0xee);
    return slot;
  }

  compare(): void {
    const { cache, model } = this;
    expect(cache.checkInvariants()).toBeUndefined();
    for (const [n, slot] of model.slots.entries()) {
      expect(cache.status(n as SlotIndex)).toBe(slot.status);
      expect(cache.isHeld(n as SlotIndex)).toBe(slot.holds > 0);
      if (slot.status < clean) continue;
      expect(cache.matches(n as SlotIndex, slot.pointer)).toBe(true);
      expect(isContentOf(cache.bytesOf(n as SlotIndex), slot.pointer)).toBe(true);
      // What another thread would get: the block if and only if it is visible.
      const isVisible = model.visible(slot.pointer) !== NO_SLOT;
      expect(this.reader.copy(slot.pointer, this.copied)).toBe(isVisible);
      if (isVisible) expect(isContentOf(this.copied, slot.pointer)).toBe(true);
    }
    expect(cache.available).toBe(model.empty.length + model.lru.length);
    expect(cache.stats()).toEqual({
      slots: model.slots.length,
      used: model.slots.length - model.empty.length,
      dirty: model.slots.filter((slot) => slot.status === dirty).length,
      held: model.slots.filter((slot) => slot.holds > 0).length,
      hits: model.hits,
      misses: model.misses,
      evictions: model.evictions,
    });
  }
}

test('I2, I10: any steps answer as the model does (replay: the seed and path printed)', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(anyStep, { minLength: 1, maxLength: 120, size: 'max' }),
      (slotCount, steps) => {
        const pair = new Pair(slotCount);
        for (const step of steps) {
          pair.run(step);
          pair.compare();
        }
      },
    ),
    { numRuns: scaled(200) },
  );
});
