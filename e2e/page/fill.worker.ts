/** What a bare sync access handle says when the browser grants no more space. */
import { openFile } from '../../src/device/opfs.ts';
import type { SyncHandle } from '../../src/device/sync-handle.ts';

export interface FillResult {
  /** The first count that was not the whole chunk. */
  readonly short: number;
  /** Of a chunk written inside the file, afterwards. */
  readonly inside: number;
  /** The name of what `truncate` to far beyond the quota throws; empty when it does not. */
  readonly growth: string;
}

const CHUNK_BYTES = 2 ** 20;
const CHUNKS_MAX = 64;

function fill(handle: SyncHandle): FillResult {
  const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
  let short = CHUNK_BYTES;
  for (let n = 0; n < CHUNKS_MAX && short === CHUNK_BYTES; n += 1) {
    short = handle.write(chunk, { at: n * CHUNK_BYTES });
  }
  const inside = handle.write(chunk, { at: 0 });
  try {
    handle.truncate(CHUNKS_MAX * CHUNK_BYTES);
    return { short, inside, growth: '' };
  } catch (error) {
    return { short, inside, growth: (error as { name: string }).name };
  }
}

globalThis.onmessage = async () => {
  const root = await navigator.storage.getDirectory();
  const handle = await openFile(root, 'filled', { create: true });
  const result = fill(handle);
  handle.close();
  await root.removeEntry('filled');
  globalThis.postMessage(result);
};
