/** All codes, for exhaustive switches and for tables; see `StoreErrorCode`. */

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

/**
 * What kind of thing has happened, for programs to switch on:
 *
 * - `LOCKED`: the store is open elsewhere, or a dying worker still holds its files.
 * - `FULL`: the store has reached its `maxBytes`.
 * - `QUOTA`: the browser grants this origin no more space.
 * - `CORRUPT`: what is stored does not match its checksum, or cannot be what it should be.
 * - `NOT_FOUND`: there is no such store or block.
 * - `EXISTS`: there is such a store already.
 * - `UNSUPPORTED`: this browser, this page or this profile cannot do it.
 * - `CLOSED`: the store was closed.
 * - `READ_ONLY`: the store was opened with `readOnly`.
 * - `ABORTED`: given up by its `signal`.
 * - `POISONED`: a write or a flush has failed, so nothing more is acknowledged. Opening again recovers.
 * - `EVICTED`: the browser or the user has removed the store's files.
 * - `SESSION_LOST`: a worker has died or hangs, or the page went away. Opening again recovers.
 * - `VERSION`: written by a newer version of this library.
 * - `MISUSE`: the call is wrong; the message says what would be right.
 * - `IO`: the browser refused a file operation; `cause` has its own error.
 */
export type StoreErrorCode = (typeof STORE_ERROR_CODES)[number];

/** Where it happened. Only what is known is present; everything is a plain number or text, so it can be cloned. */
export interface ErrorCoordinates {
  /** The store's name. */
  readonly store?: string;
  /** A file of the store, such as `disk-0`. */
  readonly file?: string;
  /** Which of the store's files, from 0. */
  readonly disk?: number;
  /** Which arena, from 0. */
  readonly arena?: number;
  /** The block's address, in bytes, as in its pointer. */
  readonly address?: number;
  /** The commit's number. */
  readonly generation?: number;
  /** Byte offset in the file or image. */
  readonly offset?: number;
  /** What a decoder or a check wanted, as text. */
  readonly expected?: string;
  /** What it got, as text. */
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
 * The one error that leaves this library, on every thread.
 *
 * @example
 * try {
 *   await store.read(pointer);
 * } catch (error) {
 *   if (error instanceof StoreError && error.code === 'CORRUPT') console.warn(error.coordinates.address);
 * }
 */
export class StoreError extends Error {
  /** Always `'StoreError'`: for code that sees two copies of the library. */
  override readonly name = 'StoreError';
  /** What kind of thing has happened. */
  readonly code: StoreErrorCode;
  /** Where it has happened, as far as that is known. */
  readonly coordinates: ErrorCoordinates;
  /** The operation may have taken effect all the same: its commit was under way when the session ended. */
  readonly maybeApplied: boolean;
  /** The pointer does not match what is stored, but may simply be an old one: the store is not known to be damaged. */
  readonly mayBeStale: boolean;

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.coordinates = options.coordinates ?? {};
    this.maybeApplied = options.maybeApplied ?? false;
    this.mayBeStale = options.mayBeStale ?? false;
  }
}

/** For a `catch` that handles what the world has done: our own bugs, and everything else, go on up. */
export function rethrowBug(error: unknown): asserts error is StoreError {
  if (!(error instanceof StoreError)) throw error;
}
