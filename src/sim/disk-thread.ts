/** The main function of a disk's thread in Node, over a file in memory; `disk-threads.ts` bundles and starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { DiskIndex } from '../base/brand.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryFile } from '../device/memory-handle.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { atomicLoad } from '../shared/atomics.ts';
import { SESSION } from '../shared/control-layout.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { type SessionBuffers, SessionMemory } from '../shared/session-memory.ts';
import { DiskServer } from '../sync/disk-server.ts';
import { runDisk } from '../sync/run-disk.ts';

export interface DiskThreadData {
  readonly disk: number;
  readonly buffers: SessionBuffers;
  /** What the file holds when the thread starts. */
  readonly bytes: Uint8Array;
}

const { disk, buffers, bytes } = workerData as DiskThreadData;
const hasher = await createHasher();
const memory = new SessionMemory(buffers);
const file = MemoryFile.from(bytes);
const server = new DiskServer({
  disk: disk as DiskIndex,
  device: openDevice(`disk-${disk}`, file.open()),
  memory,
  verifier: (hashDomain) => new BlockHasher(hasher, hashDomain).verify,
});
const ended = () => atomicLoad(memory.words, memory.control.session + SESSION.ended) !== 0;
await runDisk(server, new Doorbell(memory.words, memory.control.diskBell(disk)), ended);
parentPort?.postMessage({ bytes: file.bytes(), isOpen: file.isOpen });
