/** The one worker of the `inline` profile: the engine on the store's files, without shared memory. Wiring only. */
import type { Endpoint } from 'comlink';
import { opfsDirectory } from '../src/client/opfs-directory.ts';
import { probeWorkerSupport } from '../src/client/probe-worker.ts';
import { serve } from '../src/client/serve.ts';
import { createHasher } from '../src/format/hasher.ts';
import { importImage } from '../src/store/image.ts';
import { openSession } from '../src/store/session.ts';

serve(globalThis as unknown as Endpoint, {
  locks: navigator.locks,
  openDirectory: async (store, options) => opfsDirectory(store, options),
  openSession,
  importImage: async (directory, next) => importImage(next, directory, await createHasher()),
  probe: probeWorkerSupport,
  exit: () => globalThis.close(),
});
