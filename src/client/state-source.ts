/**
 * What a client sees of the store's state, and how it keeps a state alive. Without shared memory states are announced
 * by message, and the engine is told which of them nobody needs any more; with it they are read where the engine
 * publishes them, and an epoch keeps them alive.
 */
import type { EpochSlot } from '../epoch/epochs.ts';
import { type BlockPointer, type Pointer, toPublic } from '../format/pointer.ts';
import type { PublishedStateReader } from '../shared/published-state.ts';
import type { PublishedState } from '../store/verbs.ts';
import { Pins } from './pins.ts';

/** A published state with its roots as callers see them. */
export interface VisibleState {
  readonly publication: number;
  readonly generation: number;
  readonly roots: ReadonlyMap<string, BlockPointer>;
}

/** A state that stays readable until it is dropped. */
export interface StatePin {
  readonly state: VisibleState;
  drop(): void;
}

export interface StateSource {
  /** The last published state. */
  readonly visible: VisibleState;
  /** Pins the last published state (I4). */
  pin(): StatePin;
  /** A state has been announced by message. */
  hear(state: PublishedState): void;
}

export function visibleState(state: {
  readonly publication: number;
  readonly generation: number;
  readonly roots: readonly (readonly [name: string, pointer: Pointer])[];
}): VisibleState {
  const roots = new Map<string, BlockPointer>();
  for (const [name, pointer] of state.roots) roots.set(name, toPublic(pointer));
  return { publication: state.publication, generation: state.generation, roots };
}

export class AnnouncedStates implements StateSource {
  readonly #pins: Pins;
  #visible: VisibleState;

  /** `seen` is told whenever every state older than `publication` has become unused. */
  constructor(first: PublishedState, seen: (publication: number) => void) {
    this.#visible = visibleState(first);
    this.#pins = new Pins(first.publication, seen);
  }

  get visible(): VisibleState {
    return this.#visible;
  }

  hear(state: PublishedState): void {
    this.#visible = visibleState(state);
    this.#pins.advance(state.publication);
  }

  pin(): StatePin {
    const publication = this.#pins.pin();
    return { state: this.#visible, drop: () => this.#pins.unpin(publication) };
  }
}

/** States in shared memory: always the newest, and nothing is pinned by merely looking. */
export class SharedStatesSource implements StateSource {
  readonly #reader: PublishedStateReader;
  readonly #epoch: EpochSlot;
  #version = -1;
  #visible: VisibleState | undefined;

  constructor(reader: PublishedStateReader, epoch: EpochSlot) {
    this.#reader = reader;
    this.#epoch = epoch;
  }

  get visible(): VisibleState {
    // Read before the state is: a state that is newer than its version is only read once more.
    const { version } = this.#reader;
    if (this.#visible !== undefined && this.#version === version) return this.#visible;
    const state = this.#reader.read();
    this.#version = version;
    this.#visible = visibleState(state);
    return this.#visible;
  }

  hear(): void {}

  /** The epoch first, then the state: what is published then is not reused before the epoch is left. */
  pin(): StatePin {
    const entered = this.#epoch.enter();
    try {
      return { state: this.visible, drop: () => this.#epoch.leave(entered) };
    } catch (error) {
      this.#epoch.leave(entered);
      throw error;
    }
  }
}
