/**
 * What the main thread knows of an open session without asking: the last published state, kept up to date by events.
 * Owns the client's pins (I4).
 */
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, toPublic } from '../format/pointer.ts';
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
import { Pins } from './pins.ts';

/** Health has changed. */
export interface HealthEvent {
  /** What it is now. */
  readonly health: Health;
  /** Why, when it is not `ok`. */
  readonly reason?: string;
}

/** What `Store.on` can listen to, and what a listener is given. */
export interface StoreEvents {
  /** Health has changed: to `poisoned` or `evicted` for good, to `stalled` and back, to `closed`. */
  readonly health: HealthEvent;
  /** A commit is durable. */
  readonly commit: CommitEvent;
  /** Space runs short. */
  readonly pressure: PressureEvent;
}

type Listeners = { [Name in keyof StoreEvents]: Set<(event: StoreEvents[Name]) => void> };

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
  readonly #listeners: Listeners = {
    health: new Set(),
    commit: new Set(),
    pressure: new Set(),
  };
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
    this.#visible = visibleState(state);
    this.pins.advance(state.publication);
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
