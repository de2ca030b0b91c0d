import { describe, expect, test, vi } from 'vitest';
import { openDevice } from '../device/handle-device.ts';
import { createHasher } from '../format/hasher.ts';
import { TINY_GEOMETRY } from '../sim/memory-store.ts';
import { MemoryStoreDirectory } from '../sim/memory-store-directory.ts';
import { Liveness } from './liveness-watch.ts';
import { createFiles } from './store-files.ts';

const FILES = ['disk-0', 'disk-1'];
const storeId = new Uint8Array(16).fill(0x51);

async function created(id = storeId): Promise<MemoryStoreDirectory> {
  const directory = new MemoryStoreDirectory();
  const devices = FILES.map((file) => openDevice(file, directory.files.open(file)));
  const fields = { storeId: id, hashDomain: id, geometry: TINY_GEOMETRY };
  createFiles(devices, fields, await createHasher());
  return directory;
}

/** Asks once; the promise resolves when the answer has been heard. */
function ask(directory: MemoryStoreDirectory): { liveness: Liveness; heard: Promise<void> } {
  let liveness: Liveness | undefined;
  const heard = new Promise<void>((resolve) => {
    liveness = new Liveness(directory, FILES, storeId, resolve);
    liveness.begin();
  });
  return { liveness: liveness as Liveness, heard };
}

describe('liveness', () => {
  test('is pending until it is answered', async () => {
    const { liveness, heard } = ask(await created());
    expect(liveness.answer).toBe('pending');
    await heard;
    expect(liveness.answer).toBe('alive');
  });

  test.each(FILES)('is gone when %s is not found', async (name) => {
    const directory = await created();
    const rest = directory.files.clone();
    rest.remove(name);
    directory.files = rest;
    const { liveness, heard } = ask(directory);
    await heard;
    expect(liveness.answer).toBe('gone');
  });

  test('is gone when another store has the names', async () => {
    const directory = await created();
    directory.files = (await created(new Uint8Array(16).fill(9))).files;
    const { liveness, heard } = ask(directory);
    await heard;
    expect(liveness.answer).toBe('gone');
  });

  test('is gone when the question fails: what cannot be looked for cannot be promised', async () => {
    const directory = await created();
    directory.probing = () => () => Promise.reject(new Error('no answer'));
    const { liveness, heard } = ask(directory);
    await heard;
    expect(liveness.answer).toBe('gone');
  });

  test('asks for the store id at first and then every ten seconds, for the names each time', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const directory = await created();
      const liveness = new Liveness(directory, FILES, storeId, () => {});
      for (const ms of [0, 1, 5000, 4998, 1, 9999, 1]) {
        vi.advanceTimersByTime(ms);
        liveness.begin();
      }
      expect(directory.probes).toBe(7);
      expect(directory.probesWithStoreId).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  test('in doubt asks for the store id whatever the time, and takes no answer from before', async () => {
    const directory = await created();
    const answers: ((answer: 'alive' | 'gone') => void)[] = [];
    directory.probing = () => () => new Promise((resolve) => answers.push(resolve));
    let heard = 0;
    const liveness = new Liveness(directory, FILES, storeId, () => {
      heard += 1;
    });
    liveness.begin();
    liveness.begin('doubted');
    expect(directory.probesWithStoreId).toBe(2);
    answers[0]?.('alive');
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(liveness.answer).toBe('pending');
    answers[1]?.('gone');
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(liveness.answer).toBe('gone');
    expect(heard).toBe(1);
  });

  test('in doubt is gone also when the files are removed only after they were closed', async () => {
    const directory = await created();
    const { files } = directory;
    directory.probing = (honest) => (names, id) => {
      if (directory.probes === 3) files.evict();
      return honest(names, id);
    };
    const answer = await new Promise((resolve) => {
      const liveness = new Liveness(directory, FILES, storeId, () => resolve(liveness.answer));
      liveness.begin('doubted');
    });
    expect(answer).toBe('gone');
    expect(directory.probes).toBe(3);
  });
});
