/**
 * Opening a store in the worker that will run its engine: the Web Lock first, then the files (I11). That lock is the
 * worker's own, so it is its sign of life too: the browser gives it back when the worker ends, however it ends.
 * Whatever fails, and wherever, all that was taken is given back before the error comes out.
 */
import { StoreError } from '../base/errors.ts';
import type { StoreDirectory } from '../store/directory.ts';
import { checkLayers, type Layer } from '../store/layer.ts';
import type { Profile } from '../store/report.ts';
import {
  openSyncSession,
  type SyncSession,
  type SyncSessionOptions,
} from '../store/sync-session.ts';
import { type Catalogue, CatalogueKeeper, entryOf } from './catalogue.ts';
import { Interruption } from './interruption.ts';
import { type HeldLock, holdStore, type Locks } from './locks.ts';
import {
  type GeometryLimits,
  type OpenOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import {
  assertSameStore,
  evictedError,
  type Memory,
  recall,
  settingsFor,
  withExpectation,
} from './recollection.ts';
import { SyncEvents } from './sync-events.ts';
import { SyncStore } from './sync-store.ts';

/** As a page's, without `worker`: the engine runs in the worker that calls. */
export interface SyncOpenOptions extends Omit<OpenOptions, 'worker'> {
  /** What stands on the blocks and runs with the engine: see `Layer`. */
  readonly layers?: readonly Layer[] | undefined;
}

/** All that a synchronous store needs of the browser. */
export interface WorkerEnvironment {
  readonly cores: number;
  readonly locks: Locks;
  readonly catalogue: Catalogue;
  /** Who does the disks' work: this worker, or workers of their own behind `openFiles`. */
  readonly profile: Profile;
  openDirectory(store: string, options: { readonly waitMs: number }): StoreDirectory;
  readonly openFiles?: SyncSessionOptions['openFiles'];
}

/** `openStore` of `opfs-blocks/worker`, with the browser and the limits given. */
export async function openSyncStoreIn(
  environment: WorkerEnvironment,
  name: string,
  options: SyncOpenOptions,
  limits: GeometryLimits,
): Promise<SyncStore> {
  const { layers, ...rest } = checkOptions(options);
  const resolved = resolveOptions(rest, environment.cores, limits);
  const { waitMs, signal } = resolved;
  const startedMs = performance.now();
  // A worker does not hear of its page going away: it ends, and its lock with it.
  const interruption = new Interruption(name, signal, () => () => {});
  try {
    const lock = await holdStore(environment.locks, name, { waitMs, signal: interruption.signal });
    const left = { ...resolved, waitMs: Math.max(0, waitMs - (performance.now() - startedMs)) };
    return await openLocked({ environment, name, lock, interruption, layers }, left);
  } finally {
    interruption.dispose();
  }
}

function checkOptions(options: SyncOpenOptions): SyncOpenOptions & { layers: readonly Layer[] } {
  if (typeof options === 'object' && options !== null && 'worker' in options) {
    throw new StoreError(
      'MISUSE',
      'The engine runs in this very worker, so there is no option worker here: leave it out.',
    );
  }
  return { ...options, layers: checkLayers(options?.layers) };
}

interface Opening {
  readonly environment: WorkerEnvironment;
  readonly name: string;
  readonly lock: HeldLock;
  readonly interruption: Interruption;
  readonly layers: readonly Layer[];
}

async function openLocked(opening: Opening, options: ResolvedOptions): Promise<SyncStore> {
  const { environment, name, lock, interruption, layers } = opening;
  let session: SyncSession | undefined;
  try {
    const memory = await recall(environment.catalogue, name);
    interruption.signal.throwIfAborted();
    const events = new SyncEvents();
    session = await openSyncSession({
      directory: environment.openDirectory(name, { waitMs: options.waitMs }),
      settings: settingsFor(options.settings, memory.entry),
      layers,
      events,
      ...(environment.openFiles === undefined ? {} : { openFiles: environment.openFiles }),
    }).catch((error: StoreError) => {
      throw memory.entry !== undefined && error.code === 'NOT_FOUND' ? evictedError(name) : error;
    });
    return await finish(opening, options, { session, events, memory });
  } catch (error) {
    session?.close();
    await lock.release();
    throw error;
  }
}

/** What is left to do once the engine runs. The lock is let go last, when no file is open any more. */
async function finish(
  { environment, name, lock, interruption }: Opening,
  { durability }: ResolvedOptions,
  parts: { session: SyncSession; events: SyncEvents; memory: Memory },
): Promise<SyncStore> {
  const { session, events, memory } = parts;
  const { opened } = session;
  assertSameStore(name, opened, memory.entry);
  const entry = entryOf(opened);
  const keeper = new CatalogueKeeper(environment.catalogue, name, { entry, status: memory.status });
  if (memory.status === 'ok') await keeper.write();
  interruption.signal.throwIfAborted();
  events.onDurable = (generation) => keeper.note(generation);
  return new SyncStore({
    name,
    session,
    events,
    recovery: withExpectation(opened.recovery, memory.entry),
    profile: environment.profile,
    durability,
    catalogueStatus: () => keeper.status,
    shutDown: async (isEvicted) => {
      // Site data that was cleared under an open store is not to be remembered again.
      if (isEvicted) keeper.stop();
      else await keeper.write();
      await lock.release();
    },
  });
}
