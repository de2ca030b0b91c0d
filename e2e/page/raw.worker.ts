/** The limit: the same bytes through a bare sync access handle, hashed and written in calls of 1 MiB. */
import { createXXHash64 } from 'hash-wasm';
import { openFile } from '../../src/device/opfs.ts';

export interface RawRequest {
  readonly totalBytes: number;
  readonly callBytes: number;
  readonly flushEveryBytes: number;
}

export interface RawResult {
  readonly writeMs: number;
  readonly readMs: number;
}

globalThis.onmessage = async ({ data }: MessageEvent<RawRequest>) => {
  const { totalBytes, callBytes, flushEveryBytes } = data;
  const root = await navigator.storage.getDirectory();
  const handle = await openFile(root, 'raw', { create: true });
  const hasher = await createXXHash64();
  const bytes = new Uint8Array(callBytes).fill(7);
  handle.truncate(totalBytes);
  handle.flush();
  let startedMs = performance.now();
  for (let at = 0; at < totalBytes; at += callBytes) {
    hasher.init().update(bytes).digest('binary');
    if (handle.write(bytes, { at }) !== callBytes) throw new Error('short write');
    if ((at + callBytes) % flushEveryBytes === 0) {
      // A fenced commit flushes twice: data, then the superblock.
      handle.flush();
      handle.write(bytes.subarray(0, 4096), { at: 0 });
      handle.flush();
    }
  }
  const writeMs = performance.now() - startedMs;
  startedMs = performance.now();
  for (let at = 0; at < totalBytes; at += callBytes) {
    if (handle.read(bytes, { at }) !== callBytes) throw new Error('short read');
    hasher.init().update(bytes).digest('binary');
  }
  const readMs = performance.now() - startedMs;
  handle.close();
  await root.removeEntry('raw');
  globalThis.postMessage({ writeMs, readMs } satisfies RawResult);
};
