/**
 * Puts the library, and what tests need besides, where browser tests can reach it: their functions run in this page.
 */
import * as library from '../../src/index.ts';
import type { ConformanceResult } from '../../src/testing.ts';
import { openStore as openSyncStore } from '../../src/worker.ts';
import { type ChurnReport, readWhileChurned } from './cached-reads.ts';
import * as churnTools from './churn.ts';
import type { FillResult } from './fill.worker.ts';
import { messages as counter } from './messages.ts';
import type { RawRequest, RawResult } from './raw.worker.ts';
import type { WorkerAnswer, WorkerCall, WorkerShare } from './sync.worker.ts';

export interface CaughtError {
  readonly isStoreError: boolean;
  readonly code: string;
  readonly message: string;
  readonly coordinates: Record<string, unknown>;
  readonly maybeApplied: boolean;
  readonly mayBeStale: boolean;
  readonly ms: number;
}

declare global {
  var lib: typeof library;
  /** Stores that are open, between one call into the page and the next. */
  var stores: Map<string, library.Store>;
  /** Workers started with `startWorker`, newest last, and what each is. */
  var workers: { readonly role: library.WorkerRole; readonly worker: Worker }[];
  /** Terminates the newest session's worker that has the engine, or one of those that have a file. */
  var endWorker: (which: 'engine' | 'file') => void;
  /** What `attempt` rejects with, as plain data; the code is 'not refused' when it does not. */
  var caught: (attempt: () => unknown) => Promise<CaughtError>;
  /** Bytes that differ from seed to seed. */
  var pattern: (seed: number, length: number) => Uint8Array<ArrayBuffer>;
  /** For the option `worker`: the default ones, but within reach. */
  var startWorker: (role: library.WorkerRole) => Worker;
  /** A worker in which the file system is as in a private window. */
  var startPrivateWorker: () => Worker;
  /** `openStore` of `opfs-blocks/worker`, where it does not belong. */
  var openSyncStoreOnPage: (name: string) => Promise<unknown>;
  /** A worker with a layer of its own. */
  var startLayeredWorker: () => Worker;
  /** Workers with a synchronous store, by name. */
  var syncWorkers: Map<string, Worker>;
  /** Runs a function, given as its source, in the worker of that name; starts it when there is none. */
  var runInWorker: (name: string, call: WorkerCall) => Promise<WorkerAnswer>;
  /** Gives the worker of that name a share of an open store. */
  var shareWithWorker: (name: string, store: library.Store) => Promise<WorkerAnswer>;
  /** A disk's worker that goes wrong. */
  var startFaultyDisk: (fault: 'stuck' | 'slow') => Worker;
  /** Blocks that a writer replaces, also within workers' reach. */
  var churn: typeof churnTools;
  var readChurned: (store: library.Store, seconds: number) => Promise<ChurnReport>;
  /** Those that this page sends. */
  var messages: typeof counter;
  var runConformance: () => Promise<ConformanceResult[]>;
  /** Fills the origin's space through a bare handle, and gives it back. */
  var fillSpace: () => Promise<FillResult>;
  /** The same work on a bare handle. */
  var runRaw: (request: RawRequest) => Promise<RawResult>;
}

globalThis.lib = library;
globalThis.stores = new Map();
globalThis.workers = [];

globalThis.caught = async (attempt) => {
  const startedMs = performance.now();
  try {
    await attempt();
  } catch (error) {
    const isStoreError = error instanceof library.StoreError;
    const { code, message, coordinates, maybeApplied, mayBeStale } = error as library.StoreError;
    const ms = performance.now() - startedMs;
    return {
      isStoreError,
      code,
      message,
      coordinates: { ...coordinates },
      maybeApplied,
      mayBeStale,
      ms,
    };
  }
  return {
    isStoreError: false,
    code: 'not refused',
    message: '',
    coordinates: {},
    maybeApplied: false,
    mayBeStale: false,
    ms: performance.now() - startedMs,
  };
};

globalThis.pattern = (seed, length) => {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 0; at < length; at += 1) {
    state = (state * 1664525 + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
};

/** Bundlers find the workers by these very expressions. */
const STARTERS: Readonly<Record<library.WorkerRole, () => Worker>> = {
  inline: () => new Worker(new URL('../../workers/inline.ts', import.meta.url), { type: 'module' }),
  store: () => new Worker(new URL('../../workers/store.ts', import.meta.url), { type: 'module' }),
  disk: () => new Worker(new URL('../../workers/disk.ts', import.meta.url), { type: 'module' }),
};

globalThis.startWorker = (role) => {
  const worker = STARTERS[role]();
  globalThis.workers.push({ role, worker });
  return worker;
};

/** Without shared memory one worker is both. */
globalThis.endWorker = (which) => {
  const wanted = which === 'engine' ? 'store' : 'disk';
  const found = globalThis.workers.findLast(({ role }) => role === wanted || role === 'inline');
  if (found === undefined) throw new Error('started with startWorker');
  found.worker.terminate();
};

globalThis.startPrivateWorker = () =>
  new Worker(new URL('./private.worker.ts', import.meta.url), { type: 'module' });

globalThis.openSyncStoreOnPage = (name) => openSyncStore(name);

globalThis.startLayeredWorker = () =>
  new Worker(new URL('./layered.worker.ts', import.meta.url), { type: 'module' });

globalThis.syncWorkers = new Map();

function askWorker(
  name: string,
  request: WorkerCall | WorkerShare,
  transferables: Transferable[] = [],
): Promise<WorkerAnswer> {
  let worker = globalThis.syncWorkers.get(name);
  if (worker === undefined) {
    worker = new Worker(new URL('./sync.worker.ts', import.meta.url), { type: 'module' });
    globalThis.syncWorkers.set(name, worker);
  }
  const started = worker;
  return new Promise((resolve, reject) => {
    started.onmessage = (event: MessageEvent<WorkerAnswer>) => resolve(event.data);
    started.onerror = (event) => reject(new Error(event.message));
    started.postMessage(request, transferables);
  });
}

globalThis.runInWorker = (name, call) => askWorker(name, call);

globalThis.shareWithWorker = (name, store) => {
  const handle = store.share();
  return askWorker(name, { handle }, [handle.port]);
};

globalThis.startFaultyDisk = (fault) =>
  new Worker(new URL('./faulty-disk.worker.ts', import.meta.url), { type: 'module', name: fault });

globalThis.churn = churnTools;
globalThis.readChurned = readWhileChurned;
globalThis.messages = counter;

/** The only answer of a worker, which is asked one thing, or knows what to do. */
function answerOf<T>(worker: Worker, request?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<T>) => {
      worker.terminate();
      resolve(event.data);
    };
    worker.onerror = (event) => reject(new Error(event.message));
    if (request !== undefined) worker.postMessage(request);
  });
}

globalThis.runRaw = (request) =>
  answerOf(new Worker(new URL('./raw.worker.ts', import.meta.url), { type: 'module' }), request);

globalThis.fillSpace = () =>
  answerOf(new Worker(new URL('./fill.worker.ts', import.meta.url), { type: 'module' }), 'fill');

globalThis.runConformance = () =>
  answerOf(new Worker(new URL('./conformance.worker.ts', import.meta.url), { type: 'module' }));
