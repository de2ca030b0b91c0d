/**
 * One open store for several workers of a page (`share` and `attachStore`). The page hands out places among the
 * clients of its session, and takes one back when whoever had it lets go, or dies: the client holds a Web Lock as its
 * sign of life, like every other thread.
 */
import { transfer } from 'comlink';
import { StoreError } from '../base/errors.ts';
import { CLIENTS_MAX } from '../shared/control-layout.ts';
import { SessionMemory } from '../shared/session-memory.ts';
import type { Durability } from '../store/report.ts';
import type { OpenedStore } from '../store/verbs.ts';
import { type Connection, sessionLostError } from './connection.ts';
import type { DiskWorkers } from './disk-workers.ts';
import { browserEnvironment, type Environment } from './environment.ts';
import { Lifeline } from './lifeline.ts';
import { type HeldLock, holdLock } from './locks.ts';
import type { Admission, AttachedApi, StoreHandle } from './protocol.ts';
import { connectRemote, type RemoteStore } from './remote-verbs.ts';
import { SessionView } from './session-view.ts';
import { sharedReader } from './shared-reading.ts';
import { Store } from './store.ts';

/**
 * The page's side: who has which place. Places are given to those who attach, not with the handles: one that nobody
 * uses, or that is lost with its worker, takes none.
 */
export class Sharing {
  readonly #taken = new Set<number>();
  readonly #parts: SharingParts;

  constructor(parts: SharingParts) {
    this.#parts = parts;
  }

  /** Nobody has attached, or they have all let go. */
  get isUnused(): boolean {
    return this.#taken.size === 0;
  }

  share(): StoreHandle {
    const { connection, name, disks, durability, environment } = this.#parts;
    const { buffers } = disks.memory;
    const clientLock = `opfs-blocks client ${environment.uniqueId()}`;
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => this.#admit(clientLock, port2);
    return {
      kind: 'opfs-blocks store',
      ...{ name, buffers, durability, clientLock, port: port1 },
      sessionLock: connection.signOfLife,
    };
  }

  /** Somebody attaches, and holds the lock by now. With a place, the other end of its port goes to the engine. */
  #admit(clientLock: string, port: MessagePort): void {
    const { connection } = this.#parts;
    const client = this.#freePlace();
    port.postMessage(client);
    if (client === null) return;
    this.#taken.add(client);
    connection.setShared(true);
    const connected = connection.remote.call((api) => api.connect(client, transfer(port, [port])));
    // Fails only with the session itself, and whoever attaches then hears of that.
    connected.catch(() => undefined);
    void this.#watch(client, clientLock);
  }

  /** The page itself is client number 0. */
  #freePlace(): Admission {
    for (let client = 1; client < CLIENTS_MAX; client += 1) {
      if (!this.#taken.has(client)) return client;
    }
    return null;
  }

  /** When we get its lock, it is gone. */
  async #watch(client: number, clientLock: string): Promise<void> {
    const { connection, environment } = this.#parts;
    const lock = await holdLock(environment.locks, clientLock);
    await lock.release();
    connection.remote.post({ note: 'forget', client });
    this.#taken.delete(client);
    connection.setShared(this.#taken.size > 0);
  }
}

interface SharingParts {
  readonly name: string;
  readonly connection: Connection;
  readonly environment: Pick<Environment, 'locks' | 'uniqueId'>;
  readonly disks: Pick<DiskWorkers, 'memory'>;
  readonly durability: Durability;
}

/**
 * The store behind a handle, for the worker that the handle was posted to: the same verbs, over the same engine and the
 * same cache. Closing it ends this worker's part only; when the page closes the store, or its session is lost, every
 * call rejects with SESSION_LOST.
 *
 * @param handle As it came by message; its port must have been transferred. A handle can be used once.
 * @throws StoreError MISUSE (no handle, or 7 workers have the store already), UNSUPPORTED, SESSION_LOST
 * @example
 * addEventListener('message', async ({ data }) => {
 *   await using shared = await attachStore(data.handle);
 *   const root = shared.root('main');
 *   if (root !== undefined) console.log(await shared.read(root));
 * });
 */
export async function attachStore(handle: StoreHandle): Promise<Store> {
  return attachStoreIn(browserEnvironment(), handle);
}

/** `attachStore` with the browser given: for tests. */
export async function attachStoreIn(
  environment: Pick<Environment, 'locks'>,
  handle: StoreHandle,
): Promise<Store> {
  if (handle?.kind !== 'opfs-blocks store' || typeof handle.port?.postMessage !== 'function') {
    throw new StoreError(
      'MISUSE',
      'This is not what store.share() gave, with its port transferred.',
    );
  }
  const { locks } = environment;
  const lifeline = new Lifeline();
  const signOfLife = await holdLock(locks, handle.clientLock);
  const ending = new AbortController();
  watchSession(locks, handle, lifeline, ending.signal);
  const letGo = async (): Promise<void> => {
    ending.abort();
    handle.port.close();
    await signOfLife.release();
  };
  try {
    const client = await askForPlace(handle.port, lifeline);
    const remote = connectRemote<AttachedApi>(handle.port, lifeline);
    const opened = await remote.call((api) => api.attach());
    return await attachedStore(handle, { client, opened, lifeline, remote, letGo });
  } catch (error) {
    await letGo();
    throw error;
  }
}

/** Of the page, which then has the engine at the port's other end. */
async function askForPlace(port: MessagePort, lifeline: Lifeline): Promise<number> {
  const answer = new Promise<Admission>((resolve) => {
    port.addEventListener('message', ({ data }) => resolve(data as Admission), { once: true });
  });
  port.start();
  port.postMessage(null);
  const client = await lifeline.race(() => answer);
  if (client !== null) return client;
  throw new StoreError(
    'MISUSE',
    `A store can be shared with ${CLIENTS_MAX - 1} workers at a time: close one first.`,
  );
}

/** The store worker's sign of life: when it is ours, the session is over. */
function watchSession(
  locks: Environment['locks'],
  { name, sessionLock }: StoreHandle,
  lifeline: Lifeline,
  signal: AbortSignal,
): void {
  const end = async (lock: HeldLock): Promise<void> => {
    await lock.release();
    lifeline.end(sessionLostError(name, 'whoever had opened it has closed it, or has died'));
  };
  holdLock(locks, sessionLock, signal).then(end, () => undefined);
}

async function attachedStore(
  { name, buffers, durability }: StoreHandle,
  { client, opened, lifeline, remote, letGo }: AttachedParts,
): Promise<Store> {
  const { reading, recovery } = opened;
  if (reading === undefined) throw sessionLostError(name, 'it shares no memory');
  const { verbs } = remote;
  const memory = new SessionMemory(buffers);
  const shared = sharedReader({ memory, reading, client, verbs, lifeline });
  const figures = shared.figures(await verbs.stats());
  lifeline.onEnd(() => void letGo());
  const parts = {
    ...{ name, verbs, opened, recovery, durability, lifeline, figures },
    profile: 'threaded',
    blocks: shared.blocks,
    catalogueStatus: () => 'ok' as const,
    isAlone: () => false,
    share: () => {
      throw new StoreError('MISUSE', 'Only the page that has opened a store can share it.');
    },
    beforeClose: () => {},
    shutDown: letGo,
  } as const;
  return new Store(parts, new SessionView(verbs, opened, lifeline, shared.states));
}

interface AttachedParts {
  readonly client: number;
  readonly opened: OpenedStore;
  readonly lifeline: Lifeline;
  readonly remote: RemoteStore<AttachedApi>;
  readonly letGo: () => Promise<void>;
}
