/**
 * The disk workers of one session, from the page: started one by one as the engine asks for its files, watched, and
 * ended together. When one dies the session ends (I14); a file is free again when its worker's sign of life is.
 */
import type { StoreError } from '../base/errors.ts';
import { type SessionBuffers, SessionMemory } from '../shared/session-memory.ts';
import { sessionLostError, type WorkerLike, workerNotStartedError } from './connection.ts';
import type { Environment } from './environment.ts';
import type { Lifeline } from './lifeline.ts';
import { holdLock } from './locks.ts';
import type { WorkerSource } from './options.ts';
import { asNote, type DiskNote, type DiskRequest } from './protocol.ts';
import { unpackStoreError } from './transfer.ts';

/** A worker that is stuck in the browser itself never lets go; it is not waited for longer than this. */
const GONE_MS_MAX = 10_000;

export interface DiskWorkersOptions {
  readonly environment: Pick<Environment, 'startWorker' | 'locks' | 'uniqueId'>;
  readonly store: string;
  readonly source: WorkerSource | undefined;
  readonly waitMs: number;
  readonly buffers: SessionBuffers;
  readonly lifeline: Lifeline;
}

interface DiskWorker {
  readonly worker: WorkerLike;
  /** Resolves when it is certainly gone. */
  readonly gone: Promise<void>;
}

export class DiskWorkers {
  readonly memory: SessionMemory;
  readonly #options: DiskWorkersOptions;
  readonly #workers: DiskWorker[] = [];
  /** Nobody is to die any more: the session is over, or is being closed. */
  #ending = false;

  constructor(options: DiskWorkersOptions) {
    this.#options = options;
    this.memory = new SessionMemory(options.buffers);
  }

  /** Resolves when the worker has its file. */
  async start({ disk, file, create }: DiskRequest): Promise<void> {
    const { environment, store, source, waitMs, buffers } = this.#options;
    if (this.#ending) throw sessionLostError(store, 'it is being closed');
    const worker = environment.startWorker('disk', store, source);
    const signOfLife = `opfs-blocks worker ${environment.uniqueId()}`;
    let attached = false;
    let tellGone = (): void => {};
    const gone = new Promise<void>((resolve) => {
      tellGone = resolve;
    });
    this.#workers.push({ worker, gone });
    await new Promise<void>((resolve, reject) => {
      const fail = (error: StoreError): void => {
        if (attached) this.#lost(disk, error.message);
        else tellGone();
        reject(error);
      };
      worker.addEventListener('error', (event) => {
        fail(workerNotStartedError(store, (event as ErrorEvent).message));
      });
      worker.addEventListener('message', (event) => {
        const note = asNote<DiskNote>((event as MessageEvent).data);
        if (note?.note === 'failed') fail(unpackStoreError(note.error));
        if (note?.note !== 'attached') return;
        attached = true;
        void holdLock(environment.locks, signOfLife).then(async (lock) => {
          await lock.release();
          tellGone();
          this.#lost(disk, 'it was terminated');
        });
        resolve();
      });
      const attachment = { store, file, disk, create, waitMs, signOfLife, buffers };
      worker.postMessage({ note: 'attach', ...attachment });
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
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stuck = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GONE_MS_MAX);
    });
    for (const { worker } of this.#workers) worker.terminate();
    await Promise.race([Promise.all(this.#workers.map(({ gone }) => gone)), stuck]);
    clearTimeout(timer);
  }

  #lost(disk: number, reason: string): void {
    if (this.#ending) return;
    const { lifeline, store } = this.#options;
    lifeline.end(sessionLostError(store, `the worker of disk-${disk} has ended: ${reason}`));
  }
}
