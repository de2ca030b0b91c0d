/**
 * Assertions for our own bugs. Always on, in production too: a storage engine that has noticed that its own state
 * is wrong must not write another byte. Faults of the world (a full disk, a damaged block) are never asserted; they
 * are values (`DeviceFault`, `FormatError`) or a `StoreError`.
 */

/** Thrown by `assert`: a bug in this library, not a fault of the disk and not a mistake of the caller. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

let onFailure: ((message: string) => string) | undefined;

/**
 * Lets the trace ring add its last entries to a failing assertion's message. One hook per thread.
 * The message names the invariant (`'I3: ranges overlap'`).
 */
export function describeFailuresWith(describe: (message: string) => string): void {
  onFailure = describe;
}

/** Throws `AssertionError` unless `condition`; `message` names the invariant it guards, e.g. `'I3: ranges overlap'`. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** Throws `AssertionError`. Kept out of `assert`, so that the check itself inlines. */
export function fail(message: string): never {
  throw new AssertionError(onFailure === undefined ? message : onFailure(message));
}

/** Marks a branch that the types rule out: `default: return unreachable(request)`. */
export function unreachable(value: never): never {
  fail(`unreachable: ${String(value)}`);
}
