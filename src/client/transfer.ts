/**
 * Carries errors across threads. Comlink copies an error's name, message and stack only; a `StoreError` would lose its
 * code, its coordinates and what it says about the operation. Errors that are not ours travel as Comlink sends them, so
 * that an application which uses Comlink too sees no difference.
 */
import { type TransferHandler, transferHandlers } from 'comlink';
import { AssertionError } from '../base/assert.ts';
import {
  type ErrorCoordinates,
  STORE_ERROR_CODES,
  StoreError,
  type StoreErrorCode,
} from '../base/errors.ts';

interface ThrownValue {
  readonly value: unknown;
}

/** A `StoreError` as plain data. */
export interface StoreErrorRecord {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly coordinates: ErrorCoordinates;
  readonly maybeApplied: boolean;
  readonly mayBeStale: boolean;
  /** The cause in words: what was thrown need not be cloneable. */
  readonly cause?: string;
  readonly stack?: string;
}

type SerializedThrow =
  | { readonly storeError: StoreErrorRecord }
  | { readonly other: unknown; readonly storeError?: undefined };

export function packStoreError(error: StoreError): StoreErrorRecord {
  return {
    code: error.code,
    message: error.message,
    coordinates: { ...error.coordinates },
    maybeApplied: error.maybeApplied,
    mayBeStale: error.mayBeStale,
    ...(error.cause === undefined ? {} : { cause: describeCause(error.cause) }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}

export function unpackStoreError(record: StoreErrorRecord): StoreError {
  const { coordinates, maybeApplied, mayBeStale } = record;
  const error = new StoreError(record.code, record.message, {
    coordinates,
    maybeApplied,
    mayBeStale,
    ...(record.cause === undefined ? {} : { cause: record.cause }),
  });
  if (record.stack !== undefined) error.stack = record.stack;
  return error;
}

/**
 * What leaves this library, made of whatever was thrown. A failed assertion is our own bug; it reaches the caller as
 * IO, naming the invariant, because there is nothing to switch on and the store must not be trusted further. What
 * happened last before it (`withTrace`) is in the cause.
 */
export function storeErrorFrom(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const words = describeCause(error);
  const [invariant] = error instanceof AssertionError ? error.message.split('\n', 1) : [];
  const message =
    invariant !== undefined
      ? `An invariant of the store does not hold: ${invariant}. This is a bug; open the store again to recover.`
      : `The store’s worker failed: ${words}. Open the store again to recover.`;
  return new StoreError('IO', message, { cause: words });
}

function describeCause(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}

function isStoreErrorRecord(value: unknown): value is StoreErrorRecord {
  if (typeof value !== 'object' || value === null || !('code' in value)) return false;
  return (STORE_ERROR_CODES as readonly unknown[]).includes(value.code);
}

let installed = false;

/** Replaces Comlink's handler for thrown values, once in each thread. */
export function installErrorTransfer(): void {
  if (installed) return;
  installed = true;
  const original = transferHandlers.get('throw') as TransferHandler<ThrownValue, unknown>;
  const handler: TransferHandler<ThrownValue, SerializedThrow> = {
    canHandle: (value): value is ThrownValue => original.canHandle(value),
    serialize(thrown) {
      if (thrown.value instanceof StoreError || thrown.value instanceof AssertionError) {
        return [{ storeError: packStoreError(storeErrorFrom(thrown.value)) }, []];
      }
      const [other, transferables] = original.serialize(thrown);
      return [{ other }, transferables];
    },
    deserialize(serialized) {
      if (isStoreErrorRecord(serialized.storeError)) throw unpackStoreError(serialized.storeError);
      return original.deserialize((serialized as { other: unknown }).other);
    },
  };
  transferHandlers.set('throw', handler);
}
