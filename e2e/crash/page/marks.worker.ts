/** Writes each message into a file and answers when that is done. Not flushed: only the order of the calls matters. */
import { openFile } from '../../../src/device/opfs.ts';
import type { SyncHandle } from '../../../src/device/sync-handle.ts';
import { MARK_PREFIX } from '../plan.ts';

async function openMarks(): Promise<SyncHandle> {
  return openFile(await navigator.storage.getDirectory(), 'crash-marks', { create: true });
}

const opened = openMarks();
let end = 0;

addEventListener('message', async ({ data }: MessageEvent<string>) => {
  const marks = await opened;
  end += marks.write(new TextEncoder().encode(`${MARK_PREFIX}${data};`), { at: end });
  postMessage('marked');
});
