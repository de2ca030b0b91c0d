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
 * Lets something be added to the message of an assertion that fails, which names the invariant
 * (`'I3: ranges overlap'`): threads that run an engine add their trace (`withTrace`). One hook per thread.
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
