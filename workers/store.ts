/** The store worker of the `threaded` profile: the engine, with the files in disk workers. Wiring only. */
import type { Endpoint } from 'comlink';
import { opfsDirectory } from '../src/client/opfs-directory.ts';
import { probeWorkerSupport } from '../src/client/probe-worker.ts';
import { serve } from '../src/client/serve.ts';
import { createHasher } from '../src/format/hasher.ts';
import { SessionMemory } from '../src/shared/session-memory.ts';
import { importImage } from '../src/store/image.ts';
import { openSession } from '../src/store/session.ts';
import { SessionThreads } from '../src/store/session-threads.ts';
import { BLOCKING } from '../src/sync/disk-link.ts';

serve(globalThis as unknown as Endpoint, {
  locks: navigator.locks,
  openDirectory: async (store, options) => opfsDirectory(store, options),
  openSession,
  shareMemory: (buffers, startDisk) =>
    new SessionThreads({ memory: new SessionMemory(buffers), waiting: BLOCKING, startDisk }),
  importImage: async (directory, next) => importImage(next, directory, await createHasher()),
  probe: probeWorkerSupport,
  exit: () => globalThis.close(),
});
