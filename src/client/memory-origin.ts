/**
 * A browser's origin in memory: its files, locks, workers and catalogue, so that the whole client and the whole engine
 * run in Node, in one thread. For `opfs-blocks/testing` and for our own tests. Nothing in here is durable.
 */
import type { Endpoint } from 'comlink';
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryDirectory } from '../device/memory-handle.ts';
import type { Doorbell } from '../shared/doorbell.ts';
import { SessionMemory } from '../shared/session-memory.ts';
import type { StoreDirectory } from '../store/directory.ts';
import type { Profile } from '../store/report.ts';
import { SessionThreads } from '../store/session-threads.ts';
import type { DiskServer } from '../sync/disk-server.ts';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import type { WorkerLike } from './connection.ts';
import type { FolderEnvironment } from './folders.ts';
import type { Locks } from './locks.ts';
import { MemoryLocks } from './memory-locks.ts';
import type { WorkerEnvironment } from './open-sync-store.ts';
import type { DirectoryOptions } from './opfs-directory.ts';
import type { WorkerRole } from './options.ts';
import { type ServeDependencies, serve } from './serve.ts';
import { serveDisk } from './serve-disk.ts';

/** What runs in the workers. */
export type ServedEngine = Pick<ServeDependencies, 'openSession' | 'importImage'>;

export class MemoryOrigin {
  /** What the page of this origin sees. */
  readonly environment: FolderEnvironment;
  readonly locks = new MemoryLocks();
  readonly #engine: ServedEngine;
  readonly #folders = new Map<string, MemoryDirectory>();
  readonly #entries = new Map<string, CatalogueEntry>();
  readonly #workers = new Set<MemoryWorker>();
  readonly #pageHideListeners = new Set<() => void>();
  readonly #hiddenListeners = new Set<() => void>();
  /** Disks' threads that have not ended, all of them run by whoever waits. */
  readonly #disks = new Set<MemoryDisk>();
  #idsGiven = 0;
  /** While false, the catalogue rejects everything, as IndexedDB does in some private windows. */
  catalogueWorks = true;

  /** With the profile `threaded` there are disk workers and shared memory, all in this one thread. */
  constructor(engine: ServedEngine, profile: Profile = 'inline') {
    this.#engine = engine;
    this.environment = {
      cores: 1,
      sharesMemory: profile === 'threaded',
      locks: this.locks.owner(),
      catalogue: this.#catalogue(),
      startWorker: (role) => this.#startWorker(role),
      onPageHide: (listener) => listen(this.#pageHideListeners, listener),
      onHidden: (listener) => listen(this.#hiddenListeners, listener),
      inForeground: () => true,
      uniqueId: () => {
        this.#idsGiven += 1;
        return `${this.#idsGiven}`;
      },
      listFolders: async () => [...this.#folders.keys()],
      removeFolder: async (store) => this.#removeFolder(store),
    };
  }

  /** A store's files, to look at, to damage or to copy. */
  folder(store: string): MemoryDirectory | undefined {
    return this.#folders.get(store);
  }

  /** Puts files under a store's name, such as a copy made before. */
  putFolder(store: string, files: MemoryDirectory): void {
    this.#folders.set(store, files);
  }

  /** What "clear site data" does to the files; `forgetting` the catalogue too. */
  evict(store: string, forgetting: 'nothing' | 'everything' = 'nothing'): void {
    this.#folders.get(store)?.evict();
    this.#folders.delete(store);
    if (forgetting === 'everything') this.#entries.clear();
  }

  /** What a dedicated worker of this origin sees that runs an engine itself. `killWorkers` ends it too. */
  workerEnvironment(): WorkerEnvironment {
    const worker = new MemoryWorker(this.locks, () => this.#workers.delete(worker));
    this.#workers.add(worker);
    return {
      cores: 1,
      sharesMemory: false,
      locks: worker.locks,
      catalogue: this.#catalogue(),
      uniqueId: () => this.environment.uniqueId(),
      startWorker: (role) => this.#startWorker(role),
      openDirectory: (store, options) => this.#openDirectory(store, worker, options),
    };
  }

  /** Lets the disks' threads work until none of them has anything to do. */
  runDisks(): void {
    for (const disk of this.#disks) if (disk.isAlive()) disk.server.runUntilIdle();
  }

  /** Ends all workers as `terminate` and crashes do: in the middle of whatever they do. */
  killWorkers(): void {
    for (const worker of [...this.#workers]) worker.terminate();
  }

  get workerCount(): number {
    return this.#workers.size;
  }

  /** The page goes away. */
  hidePage(): void {
    for (const listener of [...this.#pageHideListeners]) listener();
  }

  /** The page is in the background. */
  coverPage(): void {
    for (const listener of [...this.#hiddenListeners]) listener();
  }

  /** Listeners for the page's life that are still there. */
  get listenerCount(): number {
    return this.#pageHideListeners.size + this.#hiddenListeners.size;
  }

  #startWorker(role: WorkerRole): WorkerLike {
    const worker = new MemoryWorker(this.locks, () => this.#workers.delete(worker));
    this.#workers.add(worker);
    if (role === 'disk') this.#serveDisk(worker);
    else this.#serveStore(worker);
    return worker;
  }

  #serveStore(worker: MemoryWorker): void {
    serve(worker.inside, {
      ...this.#engine,
      locks: worker.locks,
      openDirectory: async (store, options) => this.#openDirectory(store, worker, options),
      shareMemory: (buffers, startDisk) => {
        const memory = new SessionMemory(buffers);
        const waiting = { wait: (bell: Doorbell, seen: number) => this.#wait(memory, bell, seen) };
        return new SessionThreads({ memory, waiting, startDisk });
      },
      probe: async () => ({ opfs: true, syncAccessHandles: true }),
      exit: () => worker.terminate(),
    });
  }

  #serveDisk(worker: MemoryWorker): void {
    serveDisk(worker.inside, {
      locks: worker.locks,
      openFile: async (store, file, { create }) => {
        const folder = this.#folders.get(store) ?? new MemoryDirectory();
        if (create) this.#folders.set(store, folder);
        return worker.open(folder, file, { create });
      },
      run: async (server, memory, number) => {
        const disk = { server, isAlive: () => !worker.ended && !server.closed };
        this.#disks.add(disk);
        const living = showLife(disk);
        await runInTurns(disk, memory, number);
        clearInterval(living);
        this.#disks.delete(disk);
      },
      exit: () => worker.terminate(),
    });
  }

  /**
   * A thread that sleeps lets the others run. When nobody can wake it any more, because the disks' workers were ended,
   * the session is over: in a browser the page would find out, but here it waits for this very thread.
   */
  #wait(memory: SessionMemory, bell: Doorbell, seen: number): void {
    while (bell.value === seen) {
      let worked = false;
      for (const disk of this.#disks) worked = (disk.isAlive() && disk.server.step()) || worked;
      if (!worked && bell.value === seen) memory.end();
    }
  }

  #openDirectory(
    store: string,
    worker: MemoryWorker,
    { openElsewhere, disks }: DirectoryOptions,
  ): StoreDirectory {
    const present = (): MemoryDirectory => this.#folders.get(store) ?? new MemoryDirectory();
    return {
      list: async () => present().list(),
      open:
        openElsewhere ??
        (async (file, options) => {
          const folder = present();
          if (options.create) this.#folders.set(store, folder);
          return worker.open(folder, file, options);
        }),
      ...(disks === undefined ? {} : { disks }),
      removeFile: async (file) => present().remove(file),
      probe: async (files) => {
        const names = present().list();
        return files.every((file) => names.includes(file)) ? 'alive' : 'gone';
      },
      watch: async (file) => () => !present().list().includes(file),
    };
  }

  #removeFolder(store: string): void {
    const folder = this.#folders.get(store);
    for (const file of folder?.list() ?? []) folder?.remove(file);
    this.#folders.delete(store);
  }

  #catalogue(): Catalogue {
    const working = (): Map<string, CatalogueEntry> => {
      if (this.catalogueWorks) return this.#entries;
      throw new Error('there is no IndexedDB');
    };
    return {
      recall: async (store) => working().get(store),
      remember: async (store, entry) => void working().set(store, entry),
      forget: async (store) => void working().delete(store),
      list: async () => [...working()],
    };
  }
}

const LIFE_MS = 400;

interface MemoryDisk {
  readonly server: DiskServer;
  isAlive(): boolean;
}

/** A disk's thread without a thread: works whenever its bell has rung and nobody else is working. */
async function runInTurns(disk: MemoryDisk, memory: SessionMemory, number: number): Promise<void> {
  const bell = memory.diskBell(number);
  while (disk.isAlive()) {
    const seen = bell.value;
    if (memory.ended) disk.server.end();
    disk.server.runUntilIdle();
    if (disk.isAlive()) await bell.waitAsync(seen);
  }
}

/** As a thread that wakes up now and then, see `runDisk`. */
function showLife(disk: MemoryDisk): ReturnType<typeof setInterval> {
  const living = setInterval(() => {
    if (disk.isAlive()) disk.server.showLife();
    else clearInterval(living);
  }, LIFE_MS);
  return living;
}

function listen(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A worker in this very thread: a channel, a share of the locks, and files that are taken away when it ends. */
class MemoryWorker implements WorkerLike {
  readonly locks: Locks;
  /** The channel's end that the worker's own code uses. */
  readonly inside: Endpoint;
  readonly #outside: MessagePort;
  readonly #insidePort: MessagePort;
  readonly #onEnd: () => void;
  readonly #owner: ReturnType<MemoryLocks['owner']>;
  readonly #handles: { close(): void }[] = [];
  ended = false;

  constructor(locks: MemoryLocks, onEnd: () => void) {
    const { port1, port2 } = new MessageChannel();
    this.#outside = port1;
    this.#insidePort = port2;
    this.inside = port2 as unknown as Endpoint;
    this.#owner = locks.owner();
    this.locks = this.#owner;
    this.#onEnd = onEnd;
  }

  postMessage(message: unknown, transferables: Transferable[] = []): void {
    this.#outside.postMessage(message, transferables);
  }

  addEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#outside.addEventListener(type, listener);
    this.#outside.start();
  }

  removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#outside.removeEventListener(type, listener);
  }

  open(folder: MemoryDirectory, file: string, options: { readonly create: boolean }): Device {
    if (this.ended) throw new StoreError('SESSION_LOST', 'The worker has ended.');
    try {
      const handle = folder.open(file, options);
      this.#handles.push(handle);
      return openDevice(file, handle);
    } catch (cause) {
      const isMissing = cause instanceof DOMException && cause.name === 'NotFoundError';
      const code = isMissing ? 'NOT_FOUND' : 'LOCKED';
      throw new StoreError(code, `${file} cannot be opened.`, { coordinates: { file }, cause });
    }
  }

  terminate(): void {
    if (this.ended) return;
    this.ended = true;
    this.#outside.close();
    this.#insidePort.close();
    for (const handle of this.#handles) handle.close();
    this.#owner.end();
    this.#onEnd();
  }
}
