/** What the browser offers here and now, before anything is opened. */
import type { Connection } from './connection.ts';
import { sessionLostError } from './connection.ts';
import { browserEnvironment } from './environment.ts';
import { environmentFlaw } from './environment-flaw.ts';
import { startConnection } from './open-store.ts';
import type { WorkerSource } from './options.ts';
import type { WorkerSupport } from './protocol.ts';

/** What the browser offers here and now. */
export interface Support {
  /** A store can be opened here. Quota and damage may still say otherwise when it comes to it. */
  readonly supported: boolean;
  /** Why not, as a sentence that says what to do. */
  readonly reason?: string;
  /** There is an origin private file system, and workers may use it. */
  readonly opfs: boolean;
  /** Files can be opened as a store needs them. */
  readonly syncAccessHandles: boolean;
  /** There are Web Locks. */
  readonly webLocks: boolean;
  /** The page is cross-origin isolated: SharedArrayBuffer is there, and the `threaded` profile is possible. */
  readonly sharedMemory: boolean;
  /** The catalogue of stores works: an evicted store is noticed. */
  readonly catalogue: boolean;
  /** The origin's files are not removed when space runs short; `undefined` when the browser does not say. */
  readonly persisted: boolean | undefined;
  /** Bytes that this origin may use, as the browser estimates; `undefined` when it does not say. */
  readonly quota: number | undefined;
  /** Bytes that this origin uses, as the browser estimates; `undefined` when it does not say. */
  readonly usage: number | undefined;
  /** The signs are those of a private window. */
  readonly privateMode: 'likely' | 'unknown';
}

/**
 * Finds out what the browser offers, by trying it in a worker. Never rejects: what goes wrong is the answer.
 *
 * @example
 * const support = await probeSupport();
 * if (!support.supported) console.warn(support.reason);
 */
export async function probeSupport(
  options: { readonly worker?: WorkerSource | undefined } = {},
): Promise<Support> {
  const flaw = environmentFlaw();
  const worker = flaw === undefined ? await probeWorker(options.worker) : undefined;
  const reason = flaw ?? worker?.reason;
  const opfs = worker?.opfs ?? false;
  return {
    supported: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    opfs,
    syncAccessHandles: worker?.syncAccessHandles ?? false,
    webLocks: globalThis.navigator?.locks !== undefined,
    sharedMemory:
      globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer !== 'undefined',
    catalogue: flaw === undefined && (await probeCatalogue()),
    ...(await probeStorage()),
    privateMode: flaw === undefined && !opfs ? 'likely' : 'unknown',
  };
}

async function probeWorker(source: WorkerSource | undefined): Promise<WorkerSupport> {
  let connection: Connection | undefined;
  try {
    connection = startConnection(browserEnvironment(), 'probe', source);
    return await connection.remote.call((api) => api.probe());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { opfs: false, syncAccessHandles: false, reason };
  } finally {
    await connection?.destroy(sessionLostError('probe', 'the probe is over'));
  }
}

async function probeCatalogue(): Promise<boolean> {
  const listing = browserEnvironment().catalogue.list();
  return listing.then(
    () => true,
    () => false,
  );
}

async function probeStorage(): Promise<Pick<Support, 'persisted' | 'quota' | 'usage'>> {
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  const persisted = await unlessRefused(storage?.persisted?.());
  const estimate = await unlessRefused(storage?.estimate?.());
  return { persisted, quota: estimate?.quota, usage: estimate?.usage };
}

/** Browsers refuse these questions in sandboxed frames and in some private windows: then the answer is unknown. */
async function unlessRefused<T>(question: Promise<T> | undefined): Promise<T | undefined> {
  return question?.catch(() => undefined);
}
