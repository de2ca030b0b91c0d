/**
 * The worker's side: offers an engine's verbs to the page through Comlink, sends its events as notes, and takes the
 * sign of life before the first file is opened (I11, I14). Where the engine and the files come from is the composition
 * root's business (`workers/`), so all of this runs in Node too.
 */
import { type Endpoint, expose, transfer } from 'comlink';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { SessionBuffers } from '../shared/session-memory.ts';
import type { StoreDirectory } from '../store/directory.ts';
import type { SessionThreads, StartDisk } from '../store/session-threads.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { OpenedStore, StoreVerbs } from '../store/verbs.ts';
import { type HeldLock, holdLock, type Locks, seesStoreLock } from './locks.ts';
import type { DirectoryOptions } from './opfs-directory.ts';
import { packPointers, unpackBlocks, unpackPointers } from './packing.ts';
import {
  asNote,
  type ClientNote,
  type ImportRequest,
  type OpenRequest,
  type StartAnswer,
  type StartRequest,
  type WorkerApi,
  type WorkerNote,
  type WorkerSupport,
} from './protocol.ts';
import { installErrorTransfer, packStoreError, storeErrorFrom } from './transfer.ts';

/** An open store: its verbs, and what opening it found. */
export interface ServedSession extends StoreVerbs {
  readonly opened: OpenedStore;
}

export interface ServeDependencies {
  readonly locks: Locks;
  openDirectory(store: string, options: DirectoryOptions): Promise<StoreDirectory>;
  openSession(options: {
    readonly directory: StoreDirectory;
    readonly settings: StoreSettings;
    readonly threads?: SessionThreads;
  }): Promise<ServedSession>;
  /** Takes part in shared memory, where the page offers it. */
  shareMemory?(buffers: SessionBuffers, startDisk: StartDisk): SessionThreads;
  importImage(
    directory: StoreDirectory,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<void>;
  probe(): Promise<WorkerSupport>;
  /** Settings that open what is there, whatever it is, without writing. */
  readonly inspectionSettings: StoreSettings;
  /** Ends this thread. */
  exit(): void;
}

/** Progress notes are sent at most this many times a check. */
const PROGRESS_NOTES = 200;

export function serve(endpoint: Endpoint, dependencies: ServeDependencies): void {
  installErrorTransfer();
  const server = new StoreServer(endpoint, dependencies);
  expose(server.api(), endpoint);
  endpoint.addEventListener('message', (event) => {
    const note = asNote<ClientNote>((event as MessageEvent).data);
    if (note !== undefined) server.hear(note);
  });
  endpoint.addEventListener('unhandledrejection', (event) => {
    const { reason } = event as PromiseRejectionEvent;
    server.post({ note: 'failed', error: packStoreError(storeErrorFrom(reason)) });
  });
}

class StoreServer {
  readonly #endpoint: Endpoint;
  readonly #dependencies: ServeDependencies;
  #session: ServedSession | undefined;
  #directory: StoreDirectory | undefined;
  #signOfLife: HeldLock | undefined;

  constructor(endpoint: Endpoint, dependencies: ServeDependencies) {
    this.#endpoint = endpoint;
    this.#dependencies = dependencies;
  }

  post(note: WorkerNote): void {
    this.#endpoint.postMessage(note);
  }

  hear(note: ClientNote): void {
    if (note.note === 'ping') this.post({ note: 'pong' });
    else if (note.note === 'release') this.#release();
    else if (note.note === 'seen') this.#session?.seen(note.publication);
    else this.#session?.cancelBegin(note.ticket);
  }

  api(): WorkerApi {
    return {
      start: (request) => this.#start(request),
      open: (request, startDisk) => this.#open(request, startDisk),
      importImage: (request, next) => this.#importImage(request, next),
      probe: () => this.#dependencies.probe(),
      ...this.#transactionVerbs(),
      ...this.#storeVerbs(),
    };
  }

  async #start({ store, signOfLife }: StartRequest): Promise<StartAnswer> {
    const { locks } = this.#dependencies;
    this.#signOfLife = await holdLock(locks, signOfLife);
    return { locksShared: await seesStoreLock(locks, store) };
  }

  async #open(request: OpenRequest, startDisk?: StartDisk): Promise<OpenedStore> {
    const { waitMs, store, settings, buffers } = request;
    const { openDirectory, openSession, shareMemory } = this.#dependencies;
    const isShared = buffers !== undefined && startDisk !== undefined;
    const threads = isShared ? shareMemory?.(buffers, startDisk) : undefined;
    const directory = await openDirectory(store, {
      waitMs,
      openElsewhere: threads?.openDevice,
      disks: threads?.disks,
      onGone: (gone) => threads?.memory.setFilesGone(gone),
    });
    this.#directory = directory;
    const session = await openSession({
      directory,
      settings,
      ...(threads === undefined ? {} : { threads }),
    });
    this.#session = session;
    session.subscribe((event) => this.post({ note: 'event', event }));
    return session.opened;
  }

  async #importImage(
    request: ImportRequest,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<OpenedStore> {
    const { openDirectory, openSession, importImage, inspectionSettings } = this.#dependencies;
    const directory = await openDirectory(request.store, { waitMs: request.waitMs });
    await importImage(directory, () => next());
    const session = await openSession({ directory, settings: inspectionSettings });
    await session.close();
    return session.opened;
  }

  /** The page is going away and listens no more. Whatever fails now, the thread ends and opening again recovers. */
  #release(): void {
    const { exit } = this.#dependencies;
    const end = (): void => {
      void this.#signOfLife?.release();
      exit();
    };
    if (this.#session === undefined) end();
    else this.#close().then(end, end);
  }

  /**
   * Looks for the files first: closing a file whose site data was cleared would never return, so the directory must
   * know that they are gone.
   */
  async #close(): Promise<void> {
    const session = this.#opened();
    const disks = Array.from({ length: session.opened.diskCount }, (_, disk) => `disk-${disk}`);
    await this.#directory?.probe(disks).catch(() => 'gone');
    await session.close();
  }

  #opened(): ServedSession {
    const session = this.#session;
    if (session === undefined)
      throw new StoreError('CLOSED', 'The store is not open: call openStore.');
    return session;
  }

  #transactionVerbs(): Pick<
    WorkerApi,
    | 'begin'
    | 'transactionRead'
    | 'transactionWrite'
    | 'transactionReplace'
    | 'transactionFree'
    | 'transactionSetRoot'
    | 'end'
    | 'abort'
  > {
    return {
      begin: (ticket) => this.#opened().begin(ticket),
      transactionRead: async (transaction, pointers) =>
        transferBlocks(await this.#opened().transactionRead(transaction, unpackPointers(pointers))),
      transactionWrite: async (transaction, blocks) =>
        packPointers(await this.#opened().transactionWrite(transaction, unpackBlocks(blocks))),
      transactionReplace: async (transaction, old, block) => {
        const [pointer] = unpackPointers(old);
        const [bytes] = unpackBlocks(block);
        const replaced = await this.#opened().transactionReplace(
          transaction,
          pointer as Pointer,
          bytes as Uint8Array,
        );
        return packPointers([replaced]);
      },
      transactionFree: (transaction, pointers) =>
        this.#opened().transactionFree(transaction, unpackPointers(pointers)),
      transactionSetRoot: (transaction, name, words) => {
        const pointer = words === undefined ? undefined : unpackPointers(words)[0];
        return this.#opened().transactionSetRoot(transaction, name, pointer);
      },
      end: (transaction, durability) => this.#opened().end(transaction, durability),
      abort: (transaction) => this.#opened().abort(transaction),
    };
  }

  #storeVerbs(): Pick<
    WorkerApi,
    | 'read'
    | 'stats'
    | 'blockStates'
    | 'check'
    | 'compactLogs'
    | 'exportStart'
    | 'exportNext'
    | 'exportCancel'
    | 'sync'
    | 'close'
  > {
    return {
      read: async (pointers) => transferBlocks(await this.#opened().read(unpackPointers(pointers))),
      stats: () => this.#opened().stats(),
      blockStates: async () => {
        const states = await this.#opened().blockStates();
        return transfer(states, transferables([states.bytes]));
      },
      check: (check, reachable) =>
        this.#opened().check(
          reachable === undefined ? {} : { reachable: unpackPointers(reachable) },
          this.#progressOf(check),
        ),
      compactLogs: () => this.#opened().compactLogs(),
      exportStart: () => this.#opened().exportStart(),
      exportNext: async (stream) => {
        const chunk = await this.#opened().exportNext(stream);
        return chunk === undefined ? undefined : transfer(chunk, transferables([chunk]));
      },
      exportCancel: (stream) => this.#opened().exportCancel(stream),
      sync: () => this.#opened().sync(),
      // The sign of life goes with this thread, not before: its loss would look like a death to the page.
      close: () => this.#close(),
    };
  }

  #progressOf(check: number): (done: number, total: number) => void {
    let sent = -1;
    return (done, total) => {
      const share = total === 0 ? PROGRESS_NOTES : Math.floor((done * PROGRESS_NOTES) / total);
      if (share === sent) return;
      sent = share;
      this.post({ note: 'progress', check, done, total });
    };
  }
}

/** Hands the blocks' own buffers over instead of copying them. */
function transferBlocks(blocks: Uint8Array[]): Uint8Array[] {
  return transfer(blocks, transferables(blocks));
}

/** A view on a part of a larger buffer is copied, for its neighbours would be lost with it. */
function transferables(views: readonly Uint8Array[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const view of views) {
    const { buffer } = view;
    if (buffer instanceof ArrayBuffer && view.byteLength === buffer.byteLength) buffers.add(buffer);
  }
  return [...buffers];
}
