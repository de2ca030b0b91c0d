/**
 * A disk worker's beginning and end: takes its sign of life, opens its file, says so, and serves until the store has
 * closed the file or the session is over (I11, I14). Between them it sleeps on its bell and hears no message.
 */
import type { Endpoint } from 'comlink';
import type { DiskIndex } from '../base/brand.ts';
import type { Device } from '../device/device.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { SessionMemory } from '../shared/session-memory.ts';
import { DiskServer } from '../sync/disk-server.ts';
import { holdLock, type Locks, seesStoreLock } from './locks.ts';
import type { OwnFileOptions } from './opfs-directory.ts';
import { asNote, type DiskAttachment, type DiskNote } from './protocol.ts';
import { packStoreError, storeErrorFrom } from './transfer.ts';

export interface ServeDiskDependencies {
  readonly locks: Locks;
  openFile(store: string, file: string, options: OwnFileOptions): Promise<Device>;
  /** Until the server is closed or the session has ended. */
  run(server: DiskServer, memory: SessionMemory, disk: number): Promise<void>;
  /** Ends this thread. */
  exit(): void;
}

export function serveDisk(endpoint: Endpoint, dependencies: ServeDiskDependencies): void {
  const post = (note: DiskNote): void => endpoint.postMessage(note);
  endpoint.addEventListener('message', (event) => {
    const note = asNote<DiskAttachment>((event as MessageEvent).data);
    if (note?.note !== 'attach') return;
    post({ note: 'begun' });
    serveFile(note, dependencies, post).catch((error: unknown) => {
      post({ note: 'failed', error: packStoreError(storeErrorFrom(error)) });
    });
  });
}

async function serveFile(
  attachment: DiskAttachment,
  { locks, openFile, run, exit }: ServeDiskDependencies,
  post: (note: DiskNote) => void,
): Promise<void> {
  const { store, file, disk, create, waitMs, signOfLife, buffers } = attachment;
  const lock = await holdLock(locks, signOfLife);
  const memory = new SessionMemory(buffers);
  const mayClose = (): boolean => !memory.filesGone;
  const device = await openFile(store, file, { create, waitMs, mayClose });
  const hasher = await createHasher();
  const server = new DiskServer({
    disk: disk as DiskIndex,
    device,
    memory,
    verifier: (hashDomain) => new BlockHasher(hasher, hashDomain).verify,
  });
  post({ note: 'attached', locksShared: await seesStoreLock(locks, store) });
  await run(server, memory, disk);
  post({ note: 'detached' });
  await lock.release();
  exit();
}
