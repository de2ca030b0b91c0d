/**
 * What a client knows of an open session without asking: its state, its health, and what its events told.
 */
import type { Health } from '../store/report.ts';
import type { OpenedStore, PublishedState, StoreEvent, StoreVerbs } from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import { type HealthEvent, Listeners, type StoreEvents } from './listeners.ts';
import {
  AnnouncedStates,
  type StatePin,
  type StateSource,
  type VisibleState,
} from './state-source.ts';

export class SessionView {
  readonly #states: StateSource;
  readonly #lifeline: Lifeline;
  readonly #listeners = new Listeners();
  #state: PublishedState;
  #stalled = false;
  #evicted = false;
  #told: Health;

  constructor(
    verbs: Pick<StoreVerbs, 'subscribe' | 'seen'>,
    opened: OpenedStore,
    lifeline: Lifeline,
    states: StateSource = new AnnouncedStates(opened.state, (seen) => verbs.seen(seen)),
  ) {
    this.#lifeline = lifeline;
    this.#state = opened.state;
    this.#states = states;
    this.#told = opened.state.health;
    verbs.subscribe((event) => this.#hear(event));
    lifeline.onEnd(() => this.#tellHealth());
  }

  get visible(): VisibleState {
    return this.#states.visible;
  }

  /** Pins the last published state (I4). */
  pin(): StatePin {
    return this.#states.pin();
  }

  get health(): HealthEvent {
    const ended = this.#lifeline.ended;
    if (ended !== undefined) return { health: 'closed', reason: ended.message };
    const { health, reason } = this.#state;
    if (this.#stalled && health === 'ok') {
      return { health: 'stalled', reason: 'A worker of the store has not answered for 5 s.' };
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
    this.#states.hear(state);
    this.#tellHealth();
  }

  #tellHealth(): void {
    const event = this.health;
    if (event.health === this.#told) return;
    this.#told = event.health;
    this.#listeners.tell('health', event);
  }
}
