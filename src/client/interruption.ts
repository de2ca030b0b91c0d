/**
 * What may break off an operation that holds a store's lock: the caller's signal, or the page going away. Either
 * becomes one signal whose reason is the `StoreError` to reject with.
 */
import { StoreError } from '../base/errors.ts';
import { sessionLostError } from './connection.ts';
import type { Lifeline } from './lifeline.ts';

export class Interruption {
  readonly #controller = new AbortController();
  readonly #stopListening: () => void;

  constructor(
    store: string,
    callerSignal: AbortSignal | undefined,
    onPageHide: (listener: () => void) => () => void,
  ) {
    const giveUp = (): void => {
      const cause: unknown = callerSignal?.reason;
      const message = `The signal gave up what was under way with the store '${store}'; nothing was changed.`;
      this.#controller.abort(new StoreError('ABORTED', message, { coordinates: { store }, cause }));
    };
    const stopPageHide = onPageHide(() => {
      this.#controller.abort(sessionLostError(store, 'the page went away'));
    });
    callerSignal?.addEventListener('abort', giveUp);
    this.#stopListening = () => {
      stopPageHide();
      callerSignal?.removeEventListener('abort', giveUp);
    };
    if (callerSignal?.aborted) giveUp();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** An interruption ends the session, and with it every call that is pending. */
  ends(lifeline: Lifeline): void {
    const { signal } = this.#controller;
    const end = (): void => lifeline.end(signal.reason as StoreError);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  }

  /** From now on nothing is interrupted. */
  dispose(): void {
    this.#stopListening();
  }
}
