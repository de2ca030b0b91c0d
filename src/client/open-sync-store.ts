/**
 * Opening a store in the worker that will run its engine: the Web Lock first, then the files (I11). That lock is the
 * worker's own, so it is its sign of life too: the browser gives it back when the worker ends, however it ends.
 * Whatever fails, and wherever, all that was taken is given back before the error comes out.
 */
import { describeFailuresWith } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';
import { withTrace } from '../base/trace.ts';
import type { StoreDirectory } from '../store/directory.ts';
import { DiskThreads } from '../store/disk-threads.ts';
import { checkLayers, type Layer } from '../store/layer.ts';
import type { Profile } from '../store/report.ts';
import { openSyncSession, type SyncSession } from '../store/sync-session.ts';
import { WatchfulWaiting } from '../sync/watchful-waiting.ts';
import { type Catalogue, CatalogueKeeper, entryOf } from './catalogue.ts';
import { allocateMemory, DiskWorkers } from './disk-workers.ts';
import type { Environment } from './environment.ts';
import { Interruption } from './interruption.ts';
import { Lifeline } from './lifeline.ts';
import { type HeldLock, holdStore, type Locks } from './locks.ts';
import type { DirectoryOptions } from './opfs-directory.ts';
import {
  type GeometryLimits,
  type OpenOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import {
  assertSameStore,
  errorOfOpening,
  type Memory,
  recall,
  settingsFor,
  withExpectation,
} from './recollection.ts';
import { SyncEvents } from './sync-events.ts';
import { SyncStore } from './sync-store.ts';

/** As a page's. The engine runs in the worker that calls, so `worker` is asked for disks' workers only. */
export interface SyncOpenOptions extends OpenOptions {
  /** What stands on the blocks and runs with the engine: see `Layer`. */
  readonly layers?: readonly Layer[] | undefined;
  /**
   * `'threaded'`: each file has a worker of its own, so that several are written and flushed at once; the default where
   * the page is cross-origin isolated. `'inline'`: this worker does it all, and a read that misses the cache has no
   * other thread to wait for; the default elsewhere.
   */
  readonly profile?: Profile | undefined;
}

/** All that a synchronous store needs of the browser. */
export interface WorkerEnvironment {
  readonly cores: number;
  readonly locks: Locks;
  readonly catalogue: Catalogue;
  /** Disks may have workers of their own: the `threaded` profile is possible. */
  readonly sharesMemory: boolean;
  readonly startWorker: Environment['startWorker'];
  uniqueId(): string;
  openDirectory(store: string, options: DirectoryOptions): StoreDirectory;
}

/** `openStore` of `opfs-blocks/worker`, with the browser and the limits given. */
export async function openSyncStoreIn(
  environment: WorkerEnvironment,
  name: string,
  options: SyncOpenOptions,
  limits: GeometryLimits,
): Promise<SyncStore> {
  describeFailuresWith(withTrace);
  const { layers: givenLayers, profile: givenProfile, ...rest } = options ?? {};
  const resolved = resolveOptions(options === null ? options : rest, environment.cores, limits);
  const layers = checkLayers(givenLayers);
  const profile = checkProfile(givenProfile, environment);
  const { waitMs, signal } = resolved;
  const startedMs = performance.now();
  // A worker does not hear of its page going away: it ends, and its lock with it.
  const interruption = new Interruption(name, signal, () => () => {});
  try {
    const lock = await holdStore(environment.locks, name, { waitMs, signal: interruption.signal });
    const left = { ...resolved, waitMs: Math.max(0, waitMs - (performance.now() - startedMs)) };
    return await openLocked({ environment, name, lock, interruption, layers, profile }, left);
  } finally {
    interruption.dispose();
  }
}

function checkProfile(profile: unknown, { sharesMemory }: WorkerEnvironment): Profile {
  if (profile === undefined) return sharesMemory ? 'threaded' : 'inline';
  if (profile !== 'threaded' && profile !== 'inline') {
    throw new StoreError('MISUSE', "profile must be 'threaded' or 'inline'.");
  }
  if (profile === 'inline' || sharesMemory) return profile;
  throw new StoreError(
    'UNSUPPORTED',
    "The 'threaded' profile needs shared memory: serve the page with COOP same-origin and COEP require-corp.",
  );
}

interface Opening {
  readonly environment: WorkerEnvironment;
  readonly name: string;
  readonly lock: HeldLock;
  readonly interruption: Interruption;
  readonly layers: readonly Layer[];
  readonly profile: Profile;
}

async function openLocked(opening: Opening, options: ResolvedOptions): Promise<SyncStore> {
  const { environment, name, lock, interruption } = opening;
  const lifeline = new Lifeline();
  let session: SyncSession | undefined;
  let disks: DiskWorkers | undefined;
  try {
    const memory = await recall(environment.catalogue, name);
    interruption.signal.throwIfAborted();
    if (opening.profile === 'threaded') disks = disksOf(opening, options, lifeline);
    const events = new SyncEvents();
    session = await openSyncSession({
      directory: directoryOf(opening, options, disks),
      settings: settingsFor(options.settings, memory.entry),
      layers: opening.layers,
      events,
    }).catch((error: StoreError) => {
      throw errorOfOpening(error, name, memory);
    });
    return await finish(opening, options, { session, events, memory, disks, lifeline });
  } catch (error) {
    disks?.expectEnd();
    session?.close();
    await disks?.destroy();
    await lock.release();
    throw error;
  }
}

function disksOf(
  { environment, name }: Opening,
  { settings, blockBytesMin, waitMs, worker }: ResolvedOptions,
  lifeline: Lifeline,
): DiskWorkers {
  const buffers = allocateMemory(settings.cacheBytes, blockBytesMin);
  return new DiskWorkers({ environment, store: name, source: worker, waitMs, buffers, lifeline });
}

/** The files in this worker, or each in one of its own. */
function directoryOf(
  { environment, name }: Opening,
  { waitMs }: ResolvedOptions,
  disks: DiskWorkers | undefined,
): StoreDirectory {
  if (disks === undefined) return environment.openDirectory(name, { waitMs });
  const { memory } = disks;
  const threads: DiskThreads = new DiskThreads({
    memory,
    waiting: new WatchfulWaiting(memory, () => threads.pages),
    startDisk: (request) => disks.start(request),
  });
  return environment.openDirectory(name, {
    waitMs,
    openElsewhere: threads.openDevice,
    disks: threads.disks,
    onGone: (gone) => memory.setFilesGone(gone),
  });
}

interface Parts {
  readonly session: SyncSession;
  readonly events: SyncEvents;
  readonly memory: Memory;
  readonly disks: DiskWorkers | undefined;
  readonly lifeline: Lifeline;
}

/** What is left to do once the engine runs. The lock is let go last, when no file is open any more. */
async function finish(
  { environment, name, lock, interruption, profile }: Opening,
  { durability }: ResolvedOptions,
  { session, events, memory, disks, lifeline }: Parts,
): Promise<SyncStore> {
  const { opened } = session;
  assertSameStore(name, opened, memory.entry);
  const entry = entryOf(opened);
  const keeper = new CatalogueKeeper(environment.catalogue, name, { entry, status: memory.status });
  if (memory.status === 'ok') await keeper.write();
  interruption.signal.throwIfAborted();
  if (lifeline.ended !== undefined) throw lifeline.ended;
  events.onDurable = (generation) => keeper.note(generation);
  const store = new SyncStore({
    name,
    session,
    events,
    recovery: withExpectation(opened.recovery, memory.entry),
    profile,
    durability,
    catalogueStatus: () => keeper.status,
    beforeClose: () => disks?.expectEnd(),
    shutDown: async (isEvicted) => {
      // Site data that was cleared under an open store is not to be remembered again.
      if (isEvicted) keeper.stop();
      else await keeper.write();
      await disks?.destroy();
      await lock.release();
    },
  });
  lifeline.onEnd((why) => store.lose(why));
  return store;
}
