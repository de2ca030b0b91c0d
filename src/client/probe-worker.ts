/** What only a worker can find out: whether files can be opened as a store needs them. */
import { rethrowBug } from '../base/errors.ts';
import { openDirectory, openFile, removeStore } from '../device/opfs.ts';
import type { WorkerSupport } from './protocol.ts';

/** Opens a file of a store that nobody can name, and removes it. */
export async function probeWorkerSupport(): Promise<WorkerSupport> {
  const store = `~probe ${crypto.randomUUID()}`;
  let opfs = false;
  try {
    const directory = await openDirectory(store, { create: true });
    opfs = true;
    const handle = await openFile(directory, 'disk-0', { create: true, deadlineMs: 0 });
    handle.close();
    return { opfs, syncAccessHandles: true };
  } catch (error) {
    rethrowBug(error);
    return { opfs, syncAccessHandles: false, reason: error.message };
  } finally {
    if (opfs) await removeStore(store, { deadlineMs: 0 });
  }
}
