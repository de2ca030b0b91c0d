/** What a worker script of your own calls to be the store's worker, with layers that run on the engine. */
import type { Endpoint } from 'comlink';
import { createHasher } from '../format/hasher.ts';
import { SessionMemory } from '../shared/session-memory.ts';
import { importImage } from '../store/image.ts';
import { checkLayers, type Layer } from '../store/layer.ts';
import { openSession } from '../store/session.ts';
import { SessionThreads } from '../store/session-threads.ts';
import { BLOCKING } from '../sync/disk-link.ts';
import { runDisk } from '../sync/run-disk.ts';
import { openOpfsFile, opfsDirectory } from './opfs-directory.ts';
import { probeWorkerSupport } from './probe-worker.ts';
import { serve } from './serve.ts';
import { serveDisk } from './serve-disk.ts';

/** How a worker of your own serves stores. */
export interface ServeOptions {
  /** What stands on the blocks and runs with the engine, in this worker: see `Layer`. */
  readonly layers?: readonly Layer[] | undefined;
}

/**
 * Makes this worker one of those that a page's `openStore(name, { worker })` starts: the one that runs the engine, or
 * with shared memory one that owns a file. The page's first message says which. Call it before anything is awaited.
 *
 * @throws StoreError MISUSE
 * @example
 * // In my-store.worker.js. On the page:
 * // const url = new URL('./my-store.worker.js', import.meta.url);
 * // const store = await openStore('notes', { worker: () => new Worker(url, { type: 'module' }) });
 * serveStore({
 *   layers: [{ name: 'count', opened: (engine) => console.log(engine.roots.size, 'roots') }],
 * });
 */
export function serveStore(options: ServeOptions = {}): void {
  const layers = checkLayers(options.layers);
  const endpoint = globalThis as unknown as Endpoint;
  const { locks } = navigator;
  const exit = (): void => globalThis.close();
  serve(endpoint, {
    locks,
    openDirectory: async (store, directory) => opfsDirectory(store, directory),
    openSession: (session) => openSession({ ...session, layers }),
    shareMemory: (buffers, startDisk) =>
      new SessionThreads({ memory: new SessionMemory(buffers), waiting: BLOCKING, startDisk }),
    importImage: async (directory, next) => importImage(next, directory, await createHasher()),
    probe: probeWorkerSupport,
    exit,
  });
  serveDisk(endpoint, {
    locks,
    openFile: openOpfsFile,
    run: (server, memory, disk) => runDisk(server, memory.diskBell(disk), () => memory.ended),
    exit,
  });
}
