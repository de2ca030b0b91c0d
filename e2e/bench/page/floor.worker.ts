/**
 * The floor: what our own promises cost without our code. A thread that answers the page, and behind it one that has
 * the file, because a flush must not hold up reads; before anything is acknowledged, a look whether the file is still
 * found, because a browser lets writes to a removed one succeed. No allocation, no log, no cache.
 */
import { removeBareFile } from './bare-file.ts';
import { answerCalls } from './calls.ts';
import {
  ANSWERED,
  ASKED,
  allocateFloorMemory,
  COUNT,
  FAILED,
  FLOOR_BATCH,
  FLOOR_BLOCK_BYTES,
  FLOOR_FILE,
  FLOOR_OPEN,
  FLOOR_OPERATION,
  OPERATION,
} from './floor-memory.ts';

const memory = allocateFloorMemory();
const { words, offsets, blocks } = memory;
const into = Array.from({ length: FLOOR_BATCH }, () => new Uint8Array(FLOOR_BLOCK_BYTES).fill(1));
let fileBytes = 0;
let root: FileSystemDirectoryHandle | undefined;

function ask(operation: number, count: number): number {
  const answered = Atomics.load(words, ANSWERED);
  Atomics.store(words, OPERATION, operation);
  Atomics.store(words, COUNT, count);
  Atomics.add(words, ASKED, 1);
  Atomics.notify(words, ASKED);
  return answered;
}

/** Asks for these blocks, sleeps until they are there, and copies them out. */
function read(wanted: readonly number[]): void {
  offsets.set(wanted);
  const answered = ask(FLOOR_OPERATION.read, wanted.length);
  while (Atomics.load(words, ANSWERED) === answered) Atomics.wait(words, ANSWERED, answered);
  assertWell();
  for (let n = 0; n < wanted.length; n += 1) {
    into[n]?.set(blocks.subarray(n * FLOOR_BLOCK_BYTES, (n + 1) * FLOOR_BLOCK_BYTES));
  }
}

async function answered(since: number): Promise<void> {
  if (Atomics.load(words, ANSWERED) === since) {
    await Atomics.waitAsync(words, ANSWERED, since).value;
  }
  assertWell();
}

function assertWell(): void {
  if (Atomics.load(words, FAILED) !== 0) throw new Error('the disk’s thread has failed');
}

const verbs = {
  async open(byteCount: number): Promise<void> {
    fileBytes = byteCount;
    root = await navigator.storage.getDirectory();
    const disk = new Worker(new URL('./floor-disk.worker.ts', import.meta.url), { type: 'module' });
    await new Promise((resolve, reject) => {
      disk.onmessage = ({ data }) => {
        if (data === FLOOR_OPEN) resolve(data);
        else reject(new Error(String(data)));
      };
      disk.onerror = ({ message }) => reject(new Error(message));
      disk.postMessage({ memory, byteCount });
    });
  },
  async commit(block: Uint8Array, at: number): Promise<void> {
    blocks.set(block);
    offsets[0] = at % fileBytes;
    const since = ask(FLOOR_OPERATION.commit, 1);
    await Promise.all([root?.getFileHandle(FLOOR_FILE), answered(since)]);
  },
  readEach(wanted: readonly number[]): number {
    const startedMs = performance.now();
    for (const at of wanted) read([at]);
    return performance.now() - startedMs;
  },
  readBatches(wanted: readonly number[]): number {
    const startedMs = performance.now();
    for (let n = 0; n < wanted.length; n += FLOOR_BATCH) read(wanted.slice(n, n + FLOOR_BATCH));
    return performance.now() - startedMs;
  },
  async close(): Promise<void> {
    await answered(ask(FLOOR_OPERATION.close, 0));
    await removeBareFile(FLOOR_FILE);
  },
};

export type FloorVerbs = typeof verbs;
answerCalls(verbs);
