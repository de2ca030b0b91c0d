/**
 * The disk workers of one session, from the page: started one by one as the engine asks for its files, watched, and
 * ended together. When one dies the session ends (I14); a file is free again when its worker's sign of life is.
 */
import { StoreError } from '../base/errors.ts';
import { DiskPageReader } from '../shared/disk-page.ts';
import { allocateSession, type SessionBuffers, SessionMemory } from '../shared/session-memory.ts';
import {
  sessionLostError,
  unlessStuck,
  type WorkerLike,
  workerNotStartedError,
} from './connection.ts';
import { DiskWatch } from './disk-watch.ts';
import type { Environment } from './environment.ts';
import { TICK_MS, TICKS_UNTIL_LOST } from './heartbeat.ts';
import type { Lifeline } from './lifeline.ts';
import { holdLock } from './locks.ts';
import type { WorkerSource } from './options.ts';
import { asNote, type DiskAttachment, type DiskNote, type DiskRequest } from './protocol.ts';
import { unpackStoreError } from './transfer.ts';

/** How much later than its lock a worker's last message may be heard of, in milliseconds. */
const NOTE_MS_MAX = 100;

export interface DiskWorkersOptions {
  readonly environment: Pick<Environment, 'startWorker' | 'locks' | 'uniqueId'>;
  readonly store: string;
  readonly source: WorkerSource | undefined;
  readonly waitMs: number;
  readonly buffers: SessionBuffers;
  readonly lifeline: Lifeline;
}

/** What is known of one. */
interface DiskWorker {
  readonly worker: WorkerLike;
  /** The Web Lock that it holds while it has its file. */
  readonly signOfLife: string;
  attached: boolean;
  detached: boolean;
  /** Resolves when it is certainly gone; one that has never had its file has nothing to let go of. */
  gone: Promise<void> | undefined;
  /** Its first word is waited for no longer. */
  stopWaiting: () => void;
}

export class DiskWorkers {
  readonly memory: SessionMemory;
  /** Whether those that have their file get on. */
  readonly watch: DiskWatch;
  readonly #options: DiskWorkersOptions;
  readonly #workers: DiskWorker[] = [];
  /** Nobody is to die any more: the session is over, or is being closed. */
  #ending = false;

  constructor(options: DiskWorkersOptions) {
    this.#options = options;
    this.memory = new SessionMemory(options.buffers);
    this.watch = new DiskWatch(this.memory);
  }

  /** Resolves when the worker has its file. */
  async start(request: DiskRequest): Promise<void> {
    const { environment, store, source } = this.#options;
    if (this.#ending) throw sessionLostError(store, 'it is being closed');
    const worker = environment.startWorker('disk', store, source);
    const signOfLife = `opfs-blocks worker ${environment.uniqueId()}`;
    const disk: DiskWorker = {
      worker,
      signOfLife,
      attached: false,
      detached: false,
      gone: undefined,
      stopWaiting: () => {},
    };
    this.#workers.push(disk);
    await new Promise<void>((resolve, reject) => {
      const fail = (error: StoreError): void => {
        if (disk.attached) this.#lost(request.disk, error.message);
        reject(error);
      };
      worker.addEventListener('error', (event) => {
        fail(workerNotStartedError(store, (event as ErrorEvent).message));
      });
      worker.addEventListener('message', (event) => {
        disk.stopWaiting();
        const note = asNote<DiskNote>((event as MessageEvent).data);
        if (note?.note === 'failed') fail(unpackStoreError(note.error));
        else if (note?.note === 'detached') this.#detached(disk, request.disk);
        else if (note?.note === 'attached') {
          this.#watch(disk, request.disk, note.locksShared);
          resolve();
        }
      });
      disk.stopWaiting = onSilence(() => {
        fail(workerNotStartedError(store, `disk-${request.disk} has not answered for 30 s`));
      });
      this.#attach(disk, request);
    });
  }

  #attach({ worker, signOfLife }: DiskWorker, request: DiskRequest): void {
    const { store, waitMs, buffers } = this.#options;
    const attachment: DiskAttachment = {
      note: 'attach',
      ...request,
      ...{ store, waitMs, signOfLife, buffers },
    };
    worker.postMessage(attachment);
  }

  #detached(disk: DiskWorker, number: number): void {
    disk.detached = true;
    this.watch.end(number);
  }

  /** Where page and worker have different locks, only silence tells of a death, see `Connection.start`. */
  #watch(disk: DiskWorker, number: number, locksShared: boolean): void {
    const { locks } = this.#options.environment;
    const { words, control } = this.memory;
    disk.attached = true;
    this.watch.begin(number, new DiskPageReader(words, control.diskPage(number)), locksShared);
    if (!locksShared) return;
    disk.gone = holdLock(locks, disk.signOfLife).then((lock) => lock.release());
    void disk.gone.then(async () => {
      // A worker that has closed its file says so, but the lock may be heard of before the message.
      await new Promise((resolve) => setTimeout(resolve, NOTE_MS_MAX));
      if (!disk.detached) this.#lost(number, 'it was terminated');
    });
  }

  /** Its workers close their files and end by themselves from now on, as the engine tells them. */
  expectEnd(): void {
    this.#ending = true;
  }

  /** Ends them all, and resolves when they have let go of their files. */
  async destroy(): Promise<void> {
    this.#ending = true;
    this.memory.end();
    for (const { worker, stopWaiting } of this.#workers) {
      stopWaiting();
      worker.terminate();
    }
    await unlessStuck(Promise.all(this.#workers.map(({ gone }) => gone)));
  }

  #lost(disk: number, reason: string): void {
    if (this.#ending) return;
    const { lifeline, store } = this.#options;
    lifeline.end(sessionLostError(store, `the worker of disk-${disk} has ended: ${reason}`));
  }
}

/**
 * Tells of a script that says nothing, not even that it cannot be loaded, as the heartbeat would of the engine's: ticks
 * are counted, not time. Returns how to stop.
 */
function onSilence(tell: () => void): () => void {
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks === TICKS_UNTIL_LOST) tell();
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** @throws StoreError IO */
export function allocateMemory(cacheBytes: number, blockBytesMin: number): SessionBuffers {
  try {
    return allocateSession({ cacheBytes, blockBytesMin });
  } catch (cause) {
    throw new StoreError(
      'IO',
      `There is no memory for a cache of ${cacheBytes} bytes: ask for a smaller one.`,
      { cause },
    );
  }
}
