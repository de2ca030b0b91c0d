/** A file of the origin through nothing but its sync access handle, in a worker. */
import type { SyncHandle } from '../../../src/device/sync-handle.ts';

/** The library of DOM types knows it for workers only. */
interface SyncFile {
  createSyncAccessHandle(): Promise<SyncHandle>;
}

const MIB = 2 ** 20;

/** What such a file is filled with, so that it is neither zeroes nor the same everywhere. */
export const bareChunk = new Uint8Array(MIB).map((_, n) => n * 31);

/** A file in which every byte has been written, so that nothing measured later grows it. */
export async function openBareFile(name: string, byteCount: number): Promise<SyncHandle> {
  const root = await navigator.storage.getDirectory();
  const entry = await root.getFileHandle(name, { create: true });
  const file = await (entry as unknown as SyncFile).createSyncAccessHandle();
  for (let at = 0; at < byteCount; at += MIB) writeWhole(file, bareChunk, at);
  file.flush();
  return file;
}

export function writeWhole(file: SyncHandle, bytes: Uint8Array, at: number): void {
  if (file.write(bytes, { at }) !== bytes.length) throw new Error('short write');
}

export async function removeBareFile(name: string): Promise<void> {
  const root = await navigator.storage.getDirectory();
  await root.removeEntry(name);
}
