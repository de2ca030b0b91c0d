/**
 * What the main thread knows of an open session without asking: the last published state, kept up to date by events.
 * Owns the client's pins (I4).
 */
import { type BlockPointer, toPublic } from '../format/pointer.ts';
import type { Health } from '../store/report.ts';
import type { OpenedStore, PublishedState, StoreEvent, StoreVerbs } from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import { type HealthEvent, Listeners, type StoreEvents } from './listeners.ts';
import { Pins } from './pins.ts';

/** A published state with its roots as callers see them. */
export interface VisibleState {
  readonly publication: number;
  readonly generation: number;
  readonly roots: ReadonlyMap<string, BlockPointer>;
}

export function visibleState(state: PublishedState): VisibleState {
  const roots = new Map<string, BlockPointer>();
  for (const [name, pointer] of state.roots) roots.set(name, toPublic(pointer));
  return { publication: state.publication, generation: state.generation, roots };
}

export class SessionView {
  readonly pins: Pins;
  readonly #lifeline: Lifeline;
  readonly #listeners = new Listeners();
  #state: PublishedState;
  #visible: VisibleState;
  #stalled = false;
  #evicted = false;
  #told: Health;

  constructor(verbs: StoreVerbs, opened: OpenedStore, lifeline: Lifeline) {
    this.#lifeline = lifeline;
    this.#state = opened.state;
    this.#visible = visibleState(opened.state);
    this.#told = opened.state.health;
    this.pins = new Pins(opened.state.publication, (publication) => verbs.seen(publication));
    verbs.subscribe((event) => this.#hear(event));
    lifeline.onEnd(() => this.#tellHealth());
  }

  get visible(): VisibleState {
    return this.#visible;
  }

  get health(): HealthEvent {
    const ended = this.#lifeline.ended;
    if (ended !== undefined) return { health: 'closed', reason: ended.message };
    const { health, reason } = this.#state;
    if (this.#stalled && health === 'ok') {
      return { health: 'stalled', reason: 'The store’s worker has not answered for 5 s.' };
    }
    return reason === undefined ? { health } : { health, reason };
  }

  /** Why the engine stopped acknowledging, once it has; it outlives the session. */
  get brokenReason(): string | undefined {
    return this.#state.reason;
  }

  /** The browser has removed the files; true beyond the session's end. */
  get isEvicted(): boolean {
    return this.#evicted;
  }

  markStalled(stalled: boolean): void {
    this.#stalled = stalled;
    this.#tellHealth();
  }

  /** Returns how to stop listening. */
  on<Name extends keyof StoreEvents>(
    name: Name,
    listener: (event: StoreEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  #hear(event: StoreEvent): void {
    if (this.#lifeline.ended !== undefined) return;
    if (event.type === 'commit') this.#listeners.tell('commit', event.commit);
    else if (event.type === 'pressure') this.#listeners.tell('pressure', event.pressure);
    else this.#publish(event.state);
  }

  #publish(state: PublishedState): void {
    this.#state = state;
    this.#evicted ||= state.health === 'evicted';
    this.#visible = visibleState(state);
    this.pins.advance(state.publication);
    this.#tellHealth();
  }

  #tellHealth(): void {
    const event = this.health;
    if (event.health === this.#told) return;
    this.#told = event.health;
    this.#listeners.tell('health', event);
  }
}
