/** The worker's part: the page's store, with the same cache. Blocks that are cached are read without a message. */
import { attachStore } from 'opfs-blocks';
import type { Task } from './page.ts';

addEventListener('message', async ({ data }: MessageEvent<Task>) => {
  const { handle, pointers, byte, result } = data;
  const store = await attachStore(handle);
  const into = new Uint8Array(store.blockSize);
  let count = 0;
  for (const pointer of pointers) {
    const block = store.readCached(pointer, into) ?? (await store.read(pointer, into));
    count += block.reduce((sum, next) => (next === byte ? sum + 1 : sum), 0);
  }
  await store.transaction(async (tx) => {
    const block = new Uint8Array(8);
    new DataView(block.buffer).setFloat64(0, count);
    const old = tx.root(result);
    tx.setRoot(result, old === undefined ? await tx.write(block) : await tx.replace(old, block));
  });
  // Its own part only: the page's store stays open, and another worker can have this place.
  await store.close();
  postMessage('done');
});
