/**
 * A file for each block through `createWritable`, the way without a worker. Closing the stream swaps the file in as a
 * whole; nothing promises that it has been flushed.
 */
import type { Peer } from './peer.ts';

const FOLDER = 'bench-files';

export async function openOpfsFiles(): Promise<Peer> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  return {
    name: 'OPFS createWritable, a file per block',
    durability: 'swapped in by close(), not flushed',
    isSlow: true,
    async put(key, bytes) {
      const file = await folder.getFileHandle(`${key}`, { create: true });
      const stream = await file.createWritable();
      await stream.write(bytes);
      await stream.close();
    },
    async get(key) {
      const file = await (await folder.getFileHandle(`${key}`)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
    close: () => root.removeEntry(FOLDER, { recursive: true }),
  };
}
