/**
 * What a client knows of an open session without asking: its state, its health, and what its events told.
 */
import { StoreError } from '../base/errors.ts';
import type { Health } from '../store/report.ts';
import type {
  CommitEvent,
  OpenedStore,
  PressureEvent,
  PublishedState,
  StoreEvent,
  StoreVerbs,
} from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import {
  AnnouncedStates,
  type StatePin,
  type StateSource,
  type VisibleState,
} from './state-source.ts';

export interface HealthEvent {
  readonly health: Health;
  /** Why, when it is not `ok`. */
  readonly reason?: string;
}

export interface StoreEvents {
  readonly health: HealthEvent;
  readonly commit: CommitEvent;
  readonly pressure: PressureEvent;
}

type Listeners = { [Name in keyof StoreEvents]: Set<(event: StoreEvents[Name]) => void> };

export class SessionView {
  readonly #states: StateSource;
  readonly #lifeline: Lifeline;
  readonly #listeners: Listeners = {
    health: new Set(),
    commit: new Set(),
    pressure: new Set(),
  };
  #state: PublishedState;
  #stalled = false;
  #evicted = false;
  #told: Health;

  constructor(
    verbs: StoreVerbs,
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
    const listeners: Set<(event: StoreEvents[Name]) => void> | undefined = this.#listeners[name];
    if (listeners === undefined || typeof listener !== 'function') {
      throw new StoreError('MISUSE', 'Listen to health, commit or pressure, with a function.');
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #hear(event: StoreEvent): void {
    if (this.#lifeline.ended !== undefined) return;
    if (event.type === 'commit') this.#tell('commit', event.commit);
    else if (event.type === 'pressure') this.#tell('pressure', event.pressure);
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
    this.#tell('health', event);
  }

  #tell<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void {
    for (const listener of [...this.#listeners[name]]) {
      try {
        listener(event);
      } catch (error) {
        // A listener's failure is its owner's: it becomes an uncaught error, and ours go on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
