/** The page's part: it has a store open, and lets workers count how often a byte occurs, each in some of its blocks. */
import type { BlockPointer, Store, StoreHandle } from 'opfs-blocks';

export interface Task {
  readonly handle: StoreHandle;
  readonly pointers: readonly BlockPointer[];
  readonly byte: number;
  /** The root that is to point to the result. */
  readonly result: string;
}

export async function count(
  store: Store,
  workers: readonly Worker[],
  pointers: readonly BlockPointer[],
  byte: number,
): Promise<number> {
  const counts = workers.map(async (worker, index) => {
    const mine = pointers.filter((_, n) => n % workers.length === index);
    const task: Task = { handle: store.share(), pointers: mine, byte, result: `count-${index}` };
    const done = new Promise((resolve) => {
      worker.addEventListener('message', resolve, { once: true });
    });
    // The port goes to the worker for good: it has to be in the list of what is transferred.
    worker.postMessage(task, [task.handle.port]);
    await done;
    // The worker's transaction is the store's: its root is here when the worker says so.
    const block = await store.read(store.root(task.result) as BlockPointer);
    return new DataView(block.buffer, block.byteOffset).getFloat64(0);
  });
  return (await Promise.all(counts)).reduce((sum, next) => sum + next, 0);
}
