/**
 * One worker, from its start until it is certainly gone. Owns the noticing of its death (I14): its `error` events, and
 * its sign of life, a Web Lock that becomes free only when the worker has let go of every file.
 */
import type { Endpoint } from 'comlink';
import { StoreError } from '../base/errors.ts';
import { Heartbeat, type WatchedThreads } from './heartbeat.ts';
import { Lifeline } from './lifeline.ts';
import { holdLock, type Locks } from './locks.ts';
import { connectRemote, type RemoteStore } from './remote-verbs.ts';

const GONE_MS_MAX = 10_000;

/** The part of `Worker` that we use. */
export interface WorkerLike extends Endpoint {
  terminate(): void;
}

export interface ConnectionOptions {
  readonly worker: WorkerLike;
  readonly locks: Locks;
  readonly store: string;
  /** Unique to this worker. */
  readonly signOfLife: string;
  /** Whether the page gets its full share of time. */
  readonly inForeground: () => boolean;
}

export class Connection {
  readonly lifeline = new Lifeline();
  readonly remote: RemoteStore;
  /** Told when the worker stops answering, and when it answers again. */
  onStalled: (stalled: boolean) => void = () => {};
  readonly #worker: WorkerLike;
  readonly #locks: Locks;
  readonly #store: string;
  /** The Web Lock that the worker holds for as long as it lives. */
  readonly signOfLife: string;
  readonly #heartbeat: Heartbeat;
  #heard = false;
  #retiring = false;
  #gone: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.#worker = options.worker;
    this.#locks = options.locks;
    this.#store = options.store;
    this.signOfLife = options.signOfLife;
    this.remote = connectRemote(this.#worker, this.lifeline, () => {
      this.#heard = true;
      this.#heartbeat.heard();
    });
    this.#heartbeat = new Heartbeat(this.lifeline, {
      ping: () => this.remote.post({ note: 'ping' }),
      onStalled: (stalled) => this.onStalled(stalled),
      onLost: (reason) => this.#fail(reason),
      inForeground: options.inForeground,
    });
    this.#worker.addEventListener('error', (event) => this.#fail((event as ErrorEvent).message));
    this.#worker.addEventListener('messageerror', () => this.#fail('an answer was unreadable'));
  }

  /**
   * Has the worker show its sign of life, whose loss ends the session from now on. Where page and worker have different
   * locks, only silence tells of a death, and the files' own exclusiveness keeps others out.
   */
  async start(): Promise<void> {
    const request = { store: this.#store, signOfLife: this.signOfLife };
    const { locksShared } = await this.remote.call((api) => api.start(request));
    if (locksShared) {
      void this.#untilGone().then(() => this.#fail('it was terminated'));
      return;
    }
    this.#gone = Promise.resolve();
    this.#heartbeat.impatient = true;
  }

  /** Threads that share the session's memory, to be watched besides. */
  watch(threads: WatchedThreads): void {
    this.#heartbeat.threads = threads;
  }

  /** Whether others use the session too. */
  setShared(isShared: boolean): void {
    this.#heartbeat.isShared = isShared;
  }

  /** The store is being closed: a worker that hangs in that must not keep the caller for ever. */
  beImpatient(): void {
    this.#heartbeat.impatient = true;
  }

  /** The worker commits, closes its files and ends by itself. */
  get isRetiring(): boolean {
    return this.#retiring;
  }

  /** Has the worker commit, close its files and end itself, and ends the session at once. */
  retire(why: StoreError): void {
    this.#retiring = true;
    this.remote.post({ note: 'release' });
    this.lifeline.end(why);
  }

  /**
   * Ends the worker, unless it is retiring and ends itself. Resolves when it has certainly let go of its files (about
   * 2 s when it was busy), or as `unlessStuck` says.
   */
  async destroy(why: StoreError): Promise<void> {
    this.lifeline.end(why);
    if (!this.#retiring) this.#worker.terminate();
    await unlessStuck(this.#untilGone());
    this.#worker.terminate();
  }

  #untilGone(): Promise<void> {
    this.#gone ??= holdLock(this.#locks, this.signOfLife).then((lock) => lock.release());
    return this.#gone;
  }

  #fail(reason: string | undefined): void {
    if (this.#heard) this.lifeline.end(sessionLostError(this.#store, reason ?? 'no reason known'));
    else this.lifeline.end(workerNotStartedError(this.#store, reason));
  }
}

/**
 * Waits until workers that were told to end have let go of their files. One that is stuck in the browser itself never
 * does; it is not waited for longer than 10 s, for no code of ours runs in it any more, and its files stay locked by
 * themselves.
 */
export async function unlessStuck(gone: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stuck = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GONE_MS_MAX);
  });
  await Promise.race([gone, stuck]);
  clearTimeout(timer);
}

export function sessionLostError(store: string, reason: string): StoreError {
  return new StoreError(
    'SESSION_LOST',
    `The session of the store '${store}' has ended: ${reason}. Open the store again to recover; every transaction ` +
      'that had resolved as strict is there.',
    { coordinates: { store } },
  );
}

export function workerNotStartedError(store: string, reason: string | undefined): StoreError {
  return new StoreError(
    'UNSUPPORTED',
    `The worker of the store '${store}' could not be started: see that its script is found and allowed ` +
      '(worker-src of the content policy), or start it yourself with the option worker.',
    { coordinates: { store }, ...(reason === undefined ? {} : { cause: reason }) },
  );
}
