/**
 * Who listens to a store's events. A listener's failure is its owner's: it becomes an uncaught error, and ours go on.
 */
import { StoreError } from '../base/errors.ts';
import type { Health } from '../store/report.ts';
import type { CommitEvent, PressureEvent } from '../store/verbs.ts';

/** The store's health has changed. */
export interface HealthEvent {
  /** What it is from now on. */
  readonly health: Health;
  /** Why, when it is not `ok`. */
  readonly reason?: string;
}

/** What `on` can listen to, and what its listeners are given. */
export interface StoreEvents {
  /** Health has changed, for better or for worse. */
  readonly health: HealthEvent;
  /** A generation is durable: what it holds is there after a crash. */
  readonly commit: CommitEvent;
  /** Space is running short. */
  readonly pressure: PressureEvent;
}

type Sets = { [Name in keyof StoreEvents]: Set<(event: StoreEvents[Name]) => void> };

export class Listeners {
  readonly #sets: Sets = { health: new Set(), commit: new Set(), pressure: new Set() };

  /**
   * Returns how to stop listening.
   *
   * @throws StoreError MISUSE
   */
  on<Name extends keyof StoreEvents>(
    name: Name,
    listener: (event: StoreEvents[Name]) => void,
  ): () => void {
    const listeners: Set<(event: StoreEvents[Name]) => void> | undefined = this.#sets[name];
    if (listeners === undefined || typeof listener !== 'function') {
      throw new StoreError('MISUSE', 'Listen to health, commit or pressure, with a function.');
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  tell<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void {
    for (const listener of [...this.#sets[name]]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
