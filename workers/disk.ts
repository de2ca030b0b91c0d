/** A disk worker of the `threaded` profile: one file of a store. Wiring only. */
import type { Endpoint } from 'comlink';
import { openOpfsFile } from '../src/client/opfs-directory.ts';
import { serveDisk } from '../src/client/serve-disk.ts';
import { runDisk } from '../src/sync/run-disk.ts';

serveDisk(globalThis as unknown as Endpoint, {
  locks: navigator.locks,
  openFile: openOpfsFile,
  run: (server, memory, disk) => runDisk(server, memory.diskBell(disk), () => memory.ended),
  exit: () => globalThis.close(),
});
