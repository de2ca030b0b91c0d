/**
 * A disk's worker that goes wrong after its third flush, as its name says: `stuck`, it never does anything again;
 * `slow`, that flush takes eight seconds.
 */
import type { SyncHandle } from '../../src/device/sync-handle.ts';
import '../../workers/disk.ts';

const FLUSHES = 3;
const SLOW_MS = 8000;

// The library of DOM types knows it for workers only.
const { FileSystemSyncAccessHandle } = globalThis as unknown as {
  FileSystemSyncAccessHandle: { prototype: SyncHandle };
};
const handles = FileSystemSyncAccessHandle.prototype;
const { flush } = handles;
const { wait } = Atomics;
const { name } = globalThis as unknown as { name: string };
let flushes = 0;

handles.flush = function (this: SyncHandle) {
  flushes += 1;
  flush.call(this);
  if (flushes !== FLUSHES || name !== 'slow') return;
  wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS);
};

Atomics.wait = ((...parts: Parameters<typeof wait>) => {
  while (flushes >= FLUSHES && name === 'stuck');
  return wait(...parts);
}) as typeof wait;
