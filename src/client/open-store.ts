/**
 * Opening a store: its Web Lock first, then the worker, then the files (I11). Whatever fails, and wherever, all that
 * was taken is given back before the error comes out.
 */
import { proxy } from 'comlink';
import { StoreError } from '../base/errors.ts';
import { BlockHasher, createHasher, type Hasher } from '../format/hasher.ts';
import { PAGE_CLIENT } from '../shared/control-layout.ts';
import { StageWriter } from '../shared/stage.ts';
import type { OpenedStore } from '../store/verbs.ts';
import { remoteBlocks } from './block-source.ts';
import { CatalogueKeeper, entryOf } from './catalogue.ts';
import { Connection, sessionLostError } from './connection.ts';
import { allocateMemory, DiskWorkers } from './disk-workers.ts';
import { browserEnvironment, type Environment } from './environment.ts';
import { GrantedBlocks } from './granted-blocks.ts';
import { Interruption } from './interruption.ts';
import { type HeldLock, holdStore } from './locks.ts';
import {
  type GeometryLimits,
  type OpenOptions,
  PUBLIC_LIMITS,
  type ResolvedOptions,
  resolveOptions,
  type WorkerRole,
  type WorkerSource,
} from './options.ts';
import type { DiskRequest } from './protocol.ts';
import {
  assertSameStore,
  errorOfOpening,
  type Memory,
  recall,
  settingsFor,
  withExpectation,
} from './recollection.ts';
import type { RemoteStore } from './remote-verbs.ts';
import { SessionView } from './session-view.ts';
import { type SharedReader, sharedReader } from './shared-reading.ts';
import { Sharing } from './sharing.ts';
import { fetchedFigures } from './snapshots.ts';
import { Store } from './store.ts';
import { checkStoreName } from './store-name.ts';

/**
 * Opens a store of this origin, and creates it when there is none.
 *
 * @param name 1 to 64 bytes of text, without slashes.
 * @throws StoreError MISUSE, UNSUPPORTED, LOCKED (open elsewhere), NOT_FOUND, EXISTS, EVICTED (it was there once, and
 * the browser has removed it), CORRUPT, VERSION, QUOTA, ABORTED, SESSION_LOST, IO
 * @example
 * await using notes = await openStore('notes', { maxBytes: 2 ** 30 });
 * console.log(notes.recovery.created, notes.profile);
 */
export async function openStore(name: string, options: OpenOptions = {}): Promise<Store> {
  checkStoreName(name);
  return openStoreIn(browserEnvironment(), name, options, PUBLIC_LIMITS);
}

/** `openStore` with the browser and the limits given: for tests. */
export async function openStoreIn(
  environment: Environment,
  name: string,
  options: OpenOptions,
  limits: GeometryLimits,
): Promise<Store> {
  const resolved = resolveOptions(options, environment.cores, limits);
  const { waitMs, signal } = resolved;
  const startedMs = performance.now();
  const interruption = new Interruption(name, signal, environment.onPageHide);
  try {
    const lock = await holdStore(environment.locks, name, { waitMs, signal: interruption.signal });
    const left = { ...resolved, waitMs: Math.max(0, waitMs - (performance.now() - startedMs)) };
    return await openLocked({ environment, name, interruption, lock }, left);
  } finally {
    interruption.dispose();
  }
}

interface Opening {
  readonly environment: Environment;
  readonly name: string;
  readonly interruption: Interruption;
  readonly lock: HeldLock;
}

async function openLocked(opening: Opening, options: ResolvedOptions): Promise<Store> {
  const { environment, name, interruption, lock } = opening;
  let connection: Connection | undefined;
  let disks: DiskWorkers | undefined;
  try {
    const memory = await recall(environment.catalogue, name);
    interruption.signal.throwIfAborted();
    const role = environment.sharesMemory ? 'store' : 'inline';
    connection = startConnection(environment, name, options.worker, role);
    interruption.ends(connection.lifeline);
    if (environment.sharesMemory) disks = startDisks(opening, options, connection);
    return await openSession(opening, options, { connection, disks }, memory);
  } catch (error) {
    const why = error instanceof StoreError ? error : sessionLostError(name, 'opening it failed');
    await endWorkers({ connection, disks }, why);
    await lock.release();
    throw error;
  }
}

/** The store's worker, and with shared memory those of its disks. */
interface Workers {
  readonly connection: Connection;
  readonly disks: DiskWorkers | undefined;
}

function startDisks(
  { environment, name }: Opening,
  { settings, blockBytesMin, waitMs, worker }: ResolvedOptions,
  connection: Connection,
): DiskWorkers {
  const buffers = allocateMemory(settings.cacheBytes, blockBytesMin);
  const { lifeline } = connection;
  const parts = { environment, store: name, source: worker, waitMs, buffers, lifeline };
  const disks = new DiskWorkers(parts);
  connection.watch(disks.watch);
  return disks;
}

/**
 * The engine's worker first: it may still have been told to commit, and to close the files. If not, whoever waits for
 * somebody who is no more is woken before: a thread that sleeps takes the browser two seconds to end.
 */
async function endWorkers(
  { connection, disks }: { connection: Connection | undefined; disks: DiskWorkers | undefined },
  why: StoreError,
): Promise<void> {
  disks?.expectEnd();
  if (connection?.isRetiring !== true) disks?.memory.end();
  await connection?.destroy(why);
  await disks?.destroy();
}

async function openSession(
  { environment, name, interruption, lock }: Opening,
  options: ResolvedOptions,
  workers: Workers,
  memory: Memory,
): Promise<Store> {
  const { connection, disks } = workers;
  const { remote, lifeline } = connection;
  const { waitMs, durability } = options;
  const settings = settingsFor(options.settings, memory.entry);
  const request = { store: name, settings, waitMs };
  const hasher = disks === undefined ? undefined : pageHasher();
  await connection.start();
  const opened = await remote
    .call((api) => {
      if (disks === undefined) return api.open(request);
      const { buffers } = disks.memory;
      const startDisk = proxy((disk: DiskRequest) => disks.start(disk));
      return api.open({ ...request, buffers }, startDisk);
    })
    .catch((error: StoreError) => {
      throw errorOfOpening(error, name, memory);
    });
  assertSameStore(name, opened, memory.entry);
  const shared = sharedReading(opened, disks, connection);
  remote.granted = grantedBlocks(opened, disks, remote, await hasher);
  const view = new SessionView(remote.verbs, opened, lifeline, shared?.states);
  const stats = await remote.verbs.stats();
  const figures = shared?.figures(stats) ?? (await fetchedFigures(stats, remote.verbs, lifeline));
  const entry = entryOf(opened);
  const keeper = new CatalogueKeeper(environment.catalogue, name, { entry, status: memory.status });
  if (memory.status === 'ok') await keeper.write();
  if (lifeline.ended !== undefined) throw lifeline.ended;
  interruption.dispose();
  const shutDown = supervise({ environment, name, lock, workers, view, keeper });
  const sharing = disks && new Sharing({ name, connection, environment, durability, disks });
  const parts = {
    name,
    verbs: remote.verbs,
    opened,
    recovery: withExpectation(opened.recovery, memory.entry),
    profile: shared === undefined ? 'inline' : 'threaded',
    durability,
    lifeline,
    blocks: shared?.blocks ?? remoteBlocks(remote.verbs),
    figures,
    catalogueStatus: () => keeper.status,
    // Who may not write is told so before its callback runs.
    isAlone: () => !settings.readOnly && (sharing?.isUnused ?? true),
    share: () => {
      if (sharing === undefined) throw notSharedError();
      // From now on others take their turns at the free blocks.
      remote.granted?.giveBack();
      remote.granted = undefined;
      return sharing.share();
    },
    beforeClose: () => {
      disks?.expectEnd();
      connection.beImpatient();
    },
    shutDown,
  } as const;
  return new Store(parts, view);
}

function notSharedError(): StoreError {
  return new StoreError(
    'UNSUPPORTED',
    'Sharing a store needs the threaded profile: the page must be cross-origin isolated.',
  );
}

function sharedReading(
  { reading }: OpenedStore,
  disks: DiskWorkers | undefined,
  { remote, lifeline }: Connection,
): SharedReader | undefined {
  if (disks === undefined || reading === undefined) return undefined;
  const { memory } = disks;
  return sharedReader({
    ...{ memory, reading, lifeline },
    ...{ client: PAGE_CLIENT, verbs: remote.verbs },
  });
}

/** `undefined` where the content policy of the page forbids it WebAssembly: then it asks before it writes. */
function pageHasher(): Promise<Hasher | undefined> {
  return createHasher().catch(() => undefined);
}

function grantedBlocks(
  { reading, blockBytes }: OpenedStore,
  disks: DiskWorkers | undefined,
  remote: RemoteStore,
  hasher: Hasher | undefined,
): GrantedBlocks | undefined {
  if (disks === undefined || reading === undefined || hasher === undefined) return undefined;
  const { memory } = disks;
  return new GrantedBlocks({
    stage: new StageWriter(memory, blockBytes),
    hasher: new BlockHasher(hasher, reading.hashDomain),
    blockBytes,
    post: remote.post,
  });
}

export function startConnection(
  environment: Environment,
  store: string,
  source: WorkerSource | undefined,
  role: WorkerRole = 'inline',
): Connection {
  return new Connection({
    worker: environment.startWorker(role, store, source),
    locks: environment.locks,
    store,
    signOfLife: `opfs-blocks worker ${environment.uniqueId()}`,
    inForeground: environment.inForeground,
  });
}

interface Supervised {
  readonly environment: Environment;
  readonly name: string;
  readonly lock: HeldLock;
  readonly workers: Workers;
  readonly view: SessionView;
  readonly keeper: CatalogueKeeper;
}

/**
 * Watches the open store until its end, then lets go of everything: the lock last, when the worker is certainly gone.
 */
function supervise(supervised: Supervised): () => Promise<void> {
  const { environment, name, lock, workers, view, keeper } = supervised;
  const { connection, disks } = workers;
  const { lifeline, remote } = connection;
  connection.onStalled = (stalled) => view.markStalled(stalled);
  const stopListening = [
    view.on('commit', (commit) => keeper.note(commit.generation)),
    environment.onPageHide(() => {
      disks?.expectEnd();
      connection.retire(sessionLostError(name, 'the page went away'));
    }),
    // Its failure shows in the store's health; nobody waits for it here.
    environment.onHidden(() => void remote.verbs.sync().catch(() => undefined)),
  ];
  let shutDown: Promise<void> | undefined;
  const once = (): Promise<void> => {
    shutDown ??= letGo();
    return shutDown;
  };
  const letGo = async (): Promise<void> => {
    for (const stop of stopListening) stop();
    const ended = lifeline.ended ?? sessionLostError(name, 'it was shut down');
    // Site data that was cleared under an open store is not to be remembered again.
    if (view.isEvicted) keeper.stop();
    else await keeper.write();
    await endWorkers(workers, ended);
    await lock.release();
  };
  lifeline.onEnd(() => void once());
  return once;
}
