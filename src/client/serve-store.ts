/** What a worker script of your own calls to be the store's worker, with layers that run on the engine. */
import type { Endpoint } from 'comlink';
import { createHasher } from '../format/hasher.ts';
import { importImage } from '../store/image.ts';
import { checkLayers, type Layer } from '../store/layer.ts';
import { openSession } from '../store/session.ts';
import { opfsDirectory } from './opfs-directory.ts';
import { inspectionSettings } from './options.ts';
import { probeWorkerSupport } from './probe-worker.ts';
import { serve } from './serve.ts';

export interface ServeOptions {
  /** What stands on the blocks and runs with the engine, in this worker: see `Layer`. */
  readonly layers?: readonly Layer[] | undefined;
}

/**
 * Makes this worker the one that runs the engine for a page's `openStore(name, { worker })`. Call it once, before
 * anything else waits: the page's first message must find it.
 *
 * @throws StoreError MISUSE
 * @example
 * // my-store.worker.ts
 * import { serveStore } from 'opfs-blocks/worker';
 * serveStore({ layers: [myLayer] });
 *
 * // on the page
 * const worker = () => new Worker(new URL('./my-store.worker.ts', import.meta.url), { type: 'module' });
 * const store = await openStore('notes', { worker });
 */
export function serveStore(options: ServeOptions = {}): void {
  const layers = checkLayers(options.layers);
  serve(globalThis as unknown as Endpoint, {
    locks: navigator.locks,
    openDirectory: async (store, { waitMs }) => opfsDirectory(store, { waitMs }),
    openSession: (session) => openSession({ ...session, layers }),
    importImage: async (directory, next) => importImage(next, directory, await createHasher()),
    probe: probeWorkerSupport,
    inspectionSettings: inspectionSettings(),
    exit: () => globalThis.close(),
  });
}
