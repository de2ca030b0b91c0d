/**
 * The one error type that leaves this library. `code` says what kind of thing happened and is what programs switch
 * on;
 * `message` says what to do about it and is what people read; coordinates say where. All of it survives the way
 * between threads (`client/transfer`).
 */

export const STORE_ERROR_CODES = [
  'LOCKED',
  'FULL',
  'QUOTA',
  'CORRUPT',
  'NOT_FOUND',
  'EXISTS',
  'UNSUPPORTED',
  'CLOSED',
  'READ_ONLY',
  'ABORTED',
  'POISONED',
  'EVICTED',
  'SESSION_LOST',
  'VERSION',
  'MISUSE',
  'IO',
] as const;

export type StoreErrorCode = (typeof STORE_ERROR_CODES)[number];

/** Where it happened. Only what is known is present; everything is a plain number or text, so it can be cloned. */
export interface ErrorCoordinates {
  readonly store?: string;
  readonly file?: string;
  readonly disk?: number;
  readonly arena?: number;
  readonly address?: number;
  readonly generation?: number;
  /** Byte offset in the file or image. */
  readonly offset?: number;
  /** What a decoder or a check wanted and what it got, as text. */
  readonly expected?: string;
  readonly actual?: string;
}

export interface StoreErrorOptions {
  readonly coordinates?: ErrorCoordinates;
  /** The operation may have taken effect all the same: its commit was under way when the session ended. */
  readonly maybeApplied?: boolean;
  /**
   * The pointer does not match what is stored, but it may simply be an old one: the store is not known to be
   * damaged.
   */
  readonly mayBeStale?: boolean;
  readonly cause?: unknown;
}

/**
 * @example
 * try {
 *   await store.read(pointer);
 * } catch (error) {
 *   if (error instanceof StoreError && error.code === 'CORRUPT') console.warn(error.coordinates.address);
 * }
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly coordinates: ErrorCoordinates;
  readonly maybeApplied: boolean;
  readonly mayBeStale: boolean;

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.coordinates = options.coordinates ?? {};
    this.maybeApplied = options.maybeApplied ?? false;
    this.mayBeStale = options.mayBeStale ?? false;
  }
}
