/**
 * The worker's side: offers an engine's verbs to the page through Comlink, sends its events as notes, and takes the
 * sign of life before the first file is opened (I11, I14). Where the engine and the files come from is the composition
 * root's business (`workers/`), so all of this runs in Node too.
 */
import { type Endpoint, expose } from 'comlink';
import { describeFailuresWith } from '../base/assert.ts';
import { withTrace } from '../base/trace.ts';
import type { SessionBuffers } from '../shared/session-memory.ts';
import { StageReader } from '../shared/stage.ts';
import type { StoreDirectory } from '../store/directory.ts';
import type { SessionThreads, StartDisk } from '../store/session-threads.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { OpenedStore } from '../store/verbs.ts';
import { type HeldLock, holdLock, type Locks, seesStoreLock } from './locks.ts';
import type { DirectoryOptions } from './opfs-directory.ts';
import {
  type AttachedApi,
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
import { type ServedSession, VerbServer } from './verb-server.ts';

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
  /** Ends this thread. */
  exit(): void;
}

/** The opener's number among the clients. */
const PAGE = 0;

export function serve(endpoint: Endpoint, dependencies: ServeDependencies): void {
  describeFailuresWith(withTrace);
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
  readonly #dependencies: ServeDependencies;
  readonly #verbs: VerbServer;
  /** Those that the store was shared with, by their numbers. */
  readonly #attached = new Map<number, VerbServer>();
  #threads: SessionThreads | undefined;
  #directory: StoreDirectory | undefined;
  #signOfLife: HeldLock | undefined;

  constructor(endpoint: Endpoint, dependencies: ServeDependencies) {
    this.#dependencies = dependencies;
    this.#verbs = new VerbServer(endpoint, PAGE);
  }

  post(note: WorkerNote): void {
    this.#verbs.post(note);
  }

  hear(note: ClientNote): void {
    if (note.note === 'ping') this.post({ note: 'pong' });
    else if (note.note === 'release') this.#release();
    else if (note.note === 'seen') this.#verbs.session?.seen(note.publication);
    else if (note.note === 'forget') void this.#forget(note.client);
    else if (note.note === 'steps') this.#verbs.take(note.steps);
    else if (note.note === 'givenBack') this.#verbs.session?.giveBack();
    else this.#verbs.cancelBegin(note.ticket);
  }

  api(): WorkerApi {
    return {
      start: (request) => this.#start(request),
      open: (request, startDisk) => this.#open(request, startDisk),
      connect: async (client, port) => this.#connect(client, port),
      importImage: (request, next) => this.#importImage(request, next),
      probe: () => this.#dependencies.probe(),
      ...this.#verbs.transactionVerbs(),
      ...this.#verbs.storeVerbs(),
      // The sign of life goes with this thread, not before: its loss would look like a death to the page.
      close: () => this.#close(),
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
    this.#threads = threads;
    this.#verbs.session = session;
    if (threads !== undefined) {
      this.#verbs.stage = new StageReader(threads.memory, session.opened.blockBytes);
      session.onGrant = (grant) => this.post({ note: 'grant', grant });
    }
    session.subscribe((event) => this.post({ note: 'event', event }));
    return session.opened;
  }

  /** Another worker will use the store through `port`. It says `attach` first, and `close` last. */
  #connect(client: number, port: MessagePort): void {
    const verbs = new VerbServer(port, client);
    const session = this.#verbs.opened();
    verbs.session = session;
    this.#attached.set(client, verbs);
    const api: AttachedApi = {
      ...verbs.transactionVerbs(),
      ...verbs.storeVerbs(),
      attach: async () => {
        session.subscribe((event) => verbs.post({ note: 'event', event }));
        return session.opened;
      },
      close: () => this.#forget(client),
    };
    expose(api, port);
    port.addEventListener('message', (event) => {
      const note = asNote<ClientNote>(event.data);
      if (note?.note === 'cancelBegin') verbs.cancelBegin(note.ticket);
    });
    port.start();
  }

  async #forget(client: number): Promise<void> {
    const verbs = this.#attached.get(client);
    this.#attached.delete(client);
    this.#threads?.forgetClient(client);
    await verbs?.abandon();
  }

  async #importImage(
    { store, settings, waitMs }: ImportRequest,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<OpenedStore> {
    const { openDirectory, openSession, importImage } = this.#dependencies;
    const directory = await openDirectory(store, { waitMs });
    await importImage(directory, () => next());
    const session = await openSession({ directory, settings });
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
    if (this.#verbs.session === undefined) end();
    else this.#close().then(end, end);
  }

  /**
   * Looks for the files first: closing a file whose site data was cleared would never return, so the directory must
   * know that they are gone.
   */
  async #close(): Promise<void> {
    const session = this.#verbs.opened();
    const disks = Array.from({ length: session.opened.diskCount }, (_, disk) => `disk-${disk}`);
    await this.#directory?.probe(disks).catch(() => 'gone');
    await session.close();
  }
}
