/**
 * Web Locks. One lock holds the store against other pages and tabs, from before the first file handle is opened until
 * after the last is closed or its worker is certainly gone (I11). Another is each worker's sign of life: whoever is
 * granted it knows that the worker is no more (I14).
 */
import { StoreError } from '../base/errors.ts';

/** The longest that a timer can wait; more is for ever. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export type Locks = Pick<LockManager, 'request'>;

export interface HeldLock {
  /** Resolves when others can have it. Idempotent. */
  release(): Promise<void>;
}

/** Waits for the lock. Rejects with the signal's reason. */
export function holdLock(locks: Locks, lockName: string, signal?: AbortSignal): Promise<HeldLock> {
  return new Promise((resolve, reject) => {
    const options = signal === undefined ? {} : { signal };
    const released: Promise<void> = locks.request(lockName, options, () =>
      held(() => released, resolve),
    );
    released.catch(reject);
  });
}

/** Takes the lock if nobody has it. */
function holdLockNow(locks: Locks, lockName: string): Promise<HeldLock | undefined> {
  return new Promise((resolve, reject) => {
    const grant = async (lock: Lock | null): Promise<void> => {
      if (lock !== null) return held(() => released, resolve);
      resolve(undefined);
    };
    const released: Promise<void> = locks.request(lockName, { ifAvailable: true }, grant);
    released.catch(reject);
  });
}

/** A lock lasts as long as the promise that its callback returns. */
function held(released: () => Promise<void>, grant: (lock: HeldLock) => void): Promise<void> {
  return new Promise((end) => {
    grant({
      release: () => {
        end();
        return released();
      },
    });
  });
}

/** Whether the page's lock on the store is seen from here. */
export async function seesStoreLock(locks: Locks, store: string): Promise<boolean> {
  const lock = await holdLockNow(locks, storeLockName(store));
  await lock?.release();
  return lock === undefined;
}

function storeLockName(store: string): string {
  return `opfs-blocks:${store}`;
}

/** Stores whose lock this page holds, to say in an error where the other user is. */
const heldHere = new Set<string>();

/**
 * @param waitMs how long, in milliseconds; 0 does not wait, `Infinity` waits for ever.
 * @throws StoreError LOCKED, ABORTED (the caller's signal), SESSION_LOST (the page goes away)
 */
export async function holdStore(
  locks: Locks,
  store: string,
  options: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<HeldLock> {
  const lockName = storeLockName(store);
  const lock =
    options.waitMs === 0
      ? await holdLockNow(locks, lockName)
      : await holdLockFor(locks, lockName, options);
  if (lock === undefined) throw lockedError(store, options.waitMs);
  heldHere.add(store);
  return {
    async release() {
      heldHere.delete(store);
      await lock.release();
    },
  };
}

async function holdLockFor(
  locks: Locks,
  lockName: string,
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<HeldLock | undefined> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = waitMs > TIMER_MS_MAX ? undefined : setTimeout(abort, waitMs);
  signal.addEventListener('abort', abort);
  try {
    return await holdLock(locks, lockName, controller.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (controller.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

export function lockedError(store: string, waitMs: number): StoreError {
  const where = heldHere.has(store) ? 'in this page' : 'in another tab or worker';
  return new StoreError(
    'LOCKED',
    `The store '${store}' is open ${where}, and stayed so for ${waitMs} ms: ` +
      'close it there, or allow more time with waitMs.',
    { coordinates: { store } },
  );
}
