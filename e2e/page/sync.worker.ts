/**
 * A dedicated worker that uses the synchronous store. Tests send it functions, which it runs with the library within
 * reach, and it answers with what they return.
 */
import { createXXHash64 } from 'hash-wasm';
import { openDirectory, openFile } from '../../src/device/opfs.ts';
import * as pageLibrary from '../../src/index.ts';
import * as library from '../../src/worker.ts';

declare global {
  var workerLib: typeof library;
  /** What works in workers too: `deleteStore` and the like. */
  var pageLib: typeof pageLibrary;
  /** A store that is open, between one call into the worker and the next. */
  var syncStore: library.SyncStore;
  /** What a bare handle costs: a file of this origin, and the checksum. */
  var bare: typeof bareTools;
}

const bareTools = { createXXHash64, openDirectory, openFile };

globalThis.workerLib = library;
globalThis.pageLib = pageLibrary;
globalThis.bare = bareTools;

export interface WorkerCall {
  readonly source: string;
  readonly argument: unknown;
}

export type WorkerAnswer =
  | { readonly value: unknown }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } };

globalThis.onmessage = async ({ data }: MessageEvent<WorkerCall>) => {
  const post = (answer: WorkerAnswer): void => globalThis.postMessage(answer);
  try {
    const run = new Function(`return ${data.source}`)() as (argument: unknown) => unknown;
    post({ value: await run(data.argument) });
  } catch (error) {
    const { code, message } = error as library.StoreError;
    post({ failure: { code, message } });
  }
};
