/** The store's worker, with a record of all that it asks of its files' handles. */
import type { SyncHandle } from '../../../src/device/sync-handle.ts';
import '../../../workers/inline.ts';
import { ASKED_CHANNEL, type AskedOperation } from '../plan.ts';

interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncHandle>;
}

const asked: AskedOperation[] = [];
const prototype = FileSystemFileHandle.prototype as WorkerFileHandle;
const create = prototype.createSyncAccessHandle;

// Early enough: files are opened when the page's first message arrives.
prototype.createSyncAccessHandle = async function (this: FileSystemFileHandle) {
  const handle = await create.call(this as WorkerFileHandle);
  return recorded(this.name, handle);
};

function recorded(file: string, handle: SyncHandle): SyncHandle {
  return {
    read: (buffer, options) => handle.read(buffer, options),
    write(buffer, options) {
      const byteCount = handle.write(buffer, options);
      asked.push({ kind: 'write', file, offset: options.at, byteCount });
      return byteCount;
    },
    flush() {
      handle.flush();
      asked.push({ kind: 'flush', file, offset: 0, byteCount: 0 });
    },
    truncate(byteCount) {
      handle.truncate(byteCount);
      asked.push({ kind: 'resize', file, offset: 0, byteCount });
    },
    getSize: () => handle.getSize(),
    close: () => handle.close(),
  };
}

const channel = new BroadcastChannel(ASKED_CHANNEL);
channel.onmessage = () => channel.postMessage(asked);
