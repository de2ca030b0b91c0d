/** The floor's second thread: has the file, sleeps until it is asked, does it, and says so. */
import { createXXHash64 } from 'hash-wasm';
import { openBareFile, writeWhole } from './bare-file.ts';
import {
  ANSWERED,
  ASKED,
  COUNT,
  FAILED,
  FLOOR_BLOCK_BYTES,
  FLOOR_FILE,
  FLOOR_OPEN,
  FLOOR_OPERATION,
  type FloorMemory,
  OPERATION,
} from './floor-memory.ts';

/** As much as a superblock. */
const header = new Uint8Array(4096).fill(1);

interface Given {
  readonly memory: FloorMemory;
  readonly byteCount: number;
}

/** A promise that is rejected in a worker is no error of the worker's to who has started it: so it is told. */
globalThis.onmessage = ({ data }: MessageEvent<Given>) => {
  const { words } = data.memory;
  serve(data).catch((error: unknown) => {
    Atomics.store(words, FAILED, 1);
    Atomics.add(words, ANSWERED, 1);
    Atomics.notify(words, ANSWERED);
    globalThis.postMessage(String(error));
  });
};

async function serve({ memory, byteCount }: Given): Promise<void> {
  const { words, offsets, blocks } = memory;
  const hasher = await createXXHash64();
  const file = await openBareFile(FLOOR_FILE, byteCount);
  const block = (n: number) => blocks.subarray(n * FLOOR_BLOCK_BYTES, (n + 1) * FLOOR_BLOCK_BYTES);
  globalThis.postMessage(FLOOR_OPEN);
  for (let seen = 0; ; seen += 1) {
    while (Atomics.load(words, ASKED) === seen) Atomics.wait(words, ASKED, seen);
    const operation = Atomics.load(words, OPERATION);
    if (operation === FLOOR_OPERATION.commit) {
      hasher.init().update(block(0)).digest('binary');
      writeWhole(file, block(0), offsets[0] as number);
      writeWhole(file, header, 0);
      file.flush();
    } else if (operation === FLOOR_OPERATION.read) {
      for (let n = 0; n < Atomics.load(words, COUNT); n += 1) {
        if (file.read(block(n), { at: offsets[n] as number }) !== FLOOR_BLOCK_BYTES) {
          throw new Error('short read');
        }
        hasher.init().update(block(n)).digest('binary');
      }
    } else {
      file.close();
    }
    Atomics.add(words, ANSWERED, 1);
    Atomics.notify(words, ANSWERED);
    if (operation === FLOOR_OPERATION.close) return;
  }
}
