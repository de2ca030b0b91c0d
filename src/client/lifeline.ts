/**
 * One session's end, and every call's race against it. Owns the client's share of I14: when the worker is gone, no call
 * stays pending (Comlink alone would leave its callers waiting for ever).
 *
 * Not `Promise.race` with one long-lived promise: its reactions would pile up for as long as the store is open.
 */
import { StoreError } from '../base/errors.ts';
import { storeErrorFrom } from './transfer.ts';

interface PendingCall {
  readonly reject: (error: StoreError) => void;
  /** The call may have taken effect although its answer never came. */
  readonly maybeApplied: boolean;
}

export interface RaceOptions {
  readonly maybeApplied?: boolean;
}

export class Lifeline {
  readonly #pending = new Set<PendingCall>();
  readonly #endListeners = new Set<(error: StoreError) => void>();
  #ended: StoreError | undefined;
  /** Called when a call becomes pending and none was. */
  onBusy: () => void = () => {};

  /** Why the session has ended, or `undefined` while it lives. */
  get ended(): StoreError | undefined {
    return this.#ended;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Hears of the end once; at once when it has come already. Returns how to stop listening. */
  onEnd(listener: (error: StoreError) => void): () => void {
    if (this.#ended !== undefined) {
      listener(this.#ended);
      return () => {};
    }
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Ends the session: every pending call rejects with `error`, and so does every later one. The first end holds. */
  end(error: StoreError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    const pending = [...this.#pending];
    const listeners = [...this.#endListeners];
    this.#pending.clear();
    this.#endListeners.clear();
    for (const call of pending) call.reject(endOfCall(error, call.maybeApplied));
    for (const listener of listeners) listener(error);
  }

  /** The call's own result, or the session's end if that comes first. Rejects with `StoreError` only. */
  race<T>(call: () => Promise<T>, options: RaceOptions = {}): Promise<T> {
    const ended = this.#ended;
    if (ended !== undefined) return Promise.reject(endOfCall(ended, false));
    return new Promise<T>((resolve, reject) => {
      const pending = { reject, maybeApplied: options.maybeApplied ?? false };
      this.#pending.add(pending);
      if (this.#pending.size === 1) this.onBusy();
      call().then(
        (value) => {
          if (this.#pending.delete(pending)) resolve(value);
        },
        (error: unknown) => {
          if (this.#pending.delete(pending)) reject(storeErrorFrom(error));
        },
      );
    });
  }
}

/** Each call gets an error of its own: whether it may have been applied differs from call to call. */
function endOfCall(error: StoreError, maybeApplied: boolean): StoreError {
  return new StoreError(error.code, error.message, {
    coordinates: error.coordinates,
    maybeApplied,
    cause: error.cause,
  });
}
