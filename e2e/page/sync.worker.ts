/**
 * A dedicated worker that uses the synchronous store. Tests send it functions, which it runs with the library within
 * reach, and it answers with what they return.
 */
import { createXXHash64 } from 'hash-wasm';
import { openDirectory, openFile } from '../../src/device/opfs.ts';
import type { SyncHandle } from '../../src/device/sync-handle.ts';
import * as pageLibrary from '../../src/index.ts';
import * as library from '../../src/worker.ts';
import * as churnTools from './churn.ts';

declare global {
  var workerLib: typeof library;
  /** What works in workers too: `deleteStore` and the like. */
  var pageLib: typeof pageLibrary;
  /** A store that is open, between one call into the worker and the next. */
  var syncStore: library.SyncStore;
  /** What the page has shared with this worker. */
  var sharedStore: pageLibrary.Store;
  /** Workers started with `startDisk`. */
  var diskWorkers: Worker[];
  /** What tests need besides: a bare handle and the checksum, a stopwatch, disks' workers. */
  var tools: typeof workerTools;
}

/** A file of `byteCount` bytes in a store's place; `deleteStore` removes it. */
async function openBare(store: string, byteCount: number): Promise<SyncHandle> {
  const folder = await openDirectory(store, { create: true });
  const handle = await openFile(folder, 'bare', { create: true });
  for (let at = 0; at < byteCount; at += 2 ** 20) handle.write(new Uint8Array(2 ** 20), { at });
  handle.flush();
  return handle;
}

/** The best of many short rounds counts: what else the machine does comes and goes. In microseconds a piece. */
function stopwatch() {
  const best: Record<string, number> = {};
  const time = (what: string, count: number, run: () => void): void => {
    const startedMs = performance.now();
    run();
    const us = ((performance.now() - startedMs) * 1000) / count;
    best[what] = Math.min(us, best[what] ?? Number.POSITIVE_INFINITY);
  };
  return { time, best };
}

/** For the option `worker`: the disks' workers, but within reach. */
function startDisk(): Worker {
  const worker = new Worker(new URL('../../workers/disk.ts', import.meta.url), { type: 'module' });
  globalThis.diskWorkers.push(worker);
  return worker;
}

/** What an attempt throws, as its code. */
async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return 'not refused';
  } catch (error) {
    return String((error as library.StoreError).code);
  }
}

globalThis.diskWorkers = [];

const workerTools = { createXXHash64, openBare, stopwatch, startDisk, codeOf };

globalThis.workerLib = library;
globalThis.pageLib = pageLibrary;
globalThis.tools = workerTools;
globalThis.churn = churnTools;

export interface WorkerCall {
  readonly source: string;
  readonly argument: unknown;
}

/** A store of the page's, to be had as `sharedStore`. */
export interface WorkerShare {
  readonly handle: pageLibrary.StoreHandle;
}

export type WorkerAnswer =
  | { readonly value: unknown }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } };

globalThis.onmessage = async ({ data }: MessageEvent<WorkerCall | WorkerShare>) => {
  const post = (answer: WorkerAnswer): void => globalThis.postMessage(answer);
  try {
    if ('handle' in data) {
      globalThis.sharedStore = await pageLibrary.attachStore(data.handle);
      post({ value: undefined });
      return;
    }
    const run = new Function(`return ${data.source}`)() as (argument: unknown) => unknown;
    post({ value: await run(data.argument) });
  } catch (error) {
    const { code, message } = error as library.StoreError;
    post({ failure: { code, message } });
  }
};
