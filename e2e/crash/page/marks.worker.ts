/** Writes each message into a file and answers when that is done. Not flushed: only the order of the calls matters. */
import type { SyncHandle } from '../../../src/device/sync-handle.ts';
import { MARK_PREFIX } from '../plan.ts';

interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncHandle>;
}

async function openMarks(): Promise<SyncHandle> {
  const root = await navigator.storage.getDirectory();
  const file = await root.getFileHandle('crash-marks', { create: true });
  return (file as WorkerFileHandle).createSyncAccessHandle();
}

const opened = openMarks();
let end = 0;

addEventListener('message', async ({ data }: MessageEvent<string>) => {
  const marks = await opened;
  end += marks.write(new TextEncoder().encode(`${MARK_PREFIX}${data};`), { at: end });
  postMessage('marked');
});
