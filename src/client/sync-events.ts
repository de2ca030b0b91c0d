/**
 * From a synchronous session's events to its listeners: told when the verb that caused them is done, so that a listener
 * may use the store, and in a microtask at the latest.
 */
import type { Health } from '../store/report.ts';
import type { SyncSessionEvents } from '../store/sync-session.ts';
import type { CommitEvent, PressureEvent } from '../store/verbs.ts';
import { type HealthEvent, Listeners } from './listeners.ts';

export class SyncEvents implements SyncSessionEvents {
  readonly listeners = new Listeners();
  /** Told at once: nothing may be reused before the pins know of the new state. */
  onPublished: (publication: number) => void = () => {};
  onDurable: (generation: number) => void = () => {};
  readonly #waiting: (() => void)[] = [];
  #telling = false;

  published(publication: number): void {
    this.onPublished(publication);
  }

  durable(commit: CommitEvent): void {
    this.onDurable(commit.generation);
    this.#push(() => this.listeners.tell('commit', commit));
  }

  broken(health: Health, reason: string): void {
    this.health({ health, reason });
  }

  health(event: HealthEvent): void {
    this.#push(() => this.listeners.tell('health', event));
  }

  pressure(pressure: PressureEvent): void {
    this.#push(() => this.listeners.tell('pressure', pressure));
  }

  /** Called when a verb is done. What a listener's own verbs cause is told after it has returned. */
  tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next();
    this.#telling = false;
  }

  #push(tell: () => void): void {
    this.#waiting.push(tell);
    if (this.#waiting.length === 1) queueMicrotask(() => this.tell());
  }
}
