/**
 * A disk's worker that goes wrong after its sixth flush, as its name says: `stuck`, it never does anything again;
 * `slow`, that flush takes eight seconds.
 */
import type { SyncHandle } from '../../src/device/sync-handle.ts';
import { Doorbell } from '../../src/shared/doorbell.ts';
import '../../workers/disk.ts';

/** More than opening a store takes. */
const FLUSHES = 6;
const SLOW_MS = 8000;

// The library of DOM types knows it for workers only.
const { FileSystemSyncAccessHandle } = globalThis as unknown as {
  FileSystemSyncAccessHandle: { prototype: SyncHandle };
};
const handles = FileSystemSyncAccessHandle.prototype;
const { flush } = handles;
const { wait } = Doorbell.prototype;
const nobody = new Doorbell(new Int32Array(new SharedArrayBuffer(4)), 0);
const { name } = globalThis as unknown as { name: string };
let flushes = 0;

handles.flush = function (this: SyncHandle) {
  flushes += 1;
  flush.call(this);
  if (flushes !== FLUSHES || name !== 'slow') return;
  nobody.wait(0, SLOW_MS);
};

Doorbell.prototype.wait = function (this: Doorbell, seen, timeoutMs) {
  while (flushes >= FLUSHES && name === 'stuck');
  wait.call(this, seen, timeoutMs);
};
