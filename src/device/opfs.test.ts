/** Patience, clean-up and the meaning of exceptions, over directory handles that are told how to fail. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { MemoryDirectory } from './memory-handle.ts';
import {
  directoryName,
  listFiles,
  listStoreNames,
  openDirectory,
  openFile,
  openFiles,
  removeFile,
  removeStore,
  storeExists,
  storeName,
} from './opfs.ts';

/** A directory over memory files. `refuse` names the exception that opening a file meets, if any. */
class FakeDirectory {
  readonly kind = 'directory';
  readonly files = new MemoryDirectory();
  readonly folders = new Map<string, FakeDirectory>();
  refuse: (file: string, nth: number) => string | undefined = () => undefined;
  opens = 0;

  async getDirectoryHandle(
    name: string,
    options: { create?: boolean } = {},
  ): Promise<FakeDirectory> {
    const present = this.folders.get(name);
    if (present !== undefined) return present;
    if (options.create !== true) throw new DOMException('', 'NotFoundError');
    const folder = new FakeDirectory();
    this.folders.set(name, folder);
    return folder;
  }

  async getFileHandle(file: string, options: { create: boolean }): Promise<object> {
    if (!options.create && this.files.file(file) === undefined) {
      throw new DOMException('', 'NotFoundError');
    }
    return {
      createSyncAccessHandle: async () => {
        const refusal = this.refuse(file, this.opens);
        this.opens += 1;
        if (refusal !== undefined) throw new DOMException('', refusal);
        return this.files.open(file);
      },
    };
  }

  async removeEntry(name: string): Promise<void> {
    if (this.folders.has(name)) {
      const refusal = this.folders.get(name)?.refuse(name, 0);
      if (refusal !== undefined) throw new DOMException('', refusal);
      this.folders.delete(name);
    } else {
      this.files.remove(name);
    }
  }

  async *entries(): AsyncGenerator<[string, { kind: string }]> {
    yield* this.folders;
    for (const file of this.files.list()) yield [file, { kind: 'file' }];
  }

  get openCount(): number {
    return this.files.list().filter((file) => this.files.file(file)?.isOpen).length;
  }

  get asHandle(): FileSystemDirectoryHandle {
    return this as unknown as FileSystemDirectoryHandle;
  }
}

/** The StoreError that `promise` rejects with, while time runs as fast as it can. */
async function rejection(promise: Promise<unknown>): Promise<StoreError> {
  const settled = promise.then(
    () => new Error('it did not reject'),
    (error: unknown) => error,
  );
  await vi.runAllTimersAsync();
  const error = await settled;
  if (error instanceof StoreError) return error;
  throw error;
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('openFile', () => {
  test('I11: waits out a killed worker that holds its handle for 2 s', async () => {
    const directory = new FakeDirectory();
    const startMs = performance.now();
    directory.refuse = () =>
      performance.now() - startMs < 2000 ? 'NoModificationAllowedError' : undefined;
    const opening = openFile(directory.asHandle, 'disk-0', { create: true });
    await vi.runAllTimersAsync();
    (await opening).close();
    expect(performance.now() - startMs).toBeLessThan(2300);
    expect(directory.opens).toBeLessThan(30);
  });

  test.each(['NoModificationAllowedError', 'InvalidStateError'])(
    'I11: %s until the deadline is LOCKED, naming the file',
    async (name) => {
      const directory = new FakeDirectory();
      directory.refuse = () => name;
      const startMs = performance.now();
      const error = await rejection(openFile(directory.asHandle, 'disk-0', { create: true }));
      expect(error).toMatchObject({ code: 'LOCKED', coordinates: { file: 'disk-0' } });
      expect(performance.now() - startMs).toBe(5000);
    },
  );

  test('a file that the browser loses as soon as it is made is made again', async () => {
    const directory = new FakeDirectory();
    directory.refuse = (_file, nth) => (nth < 5 ? 'NotFoundError' : undefined);
    const opening = openFile(directory.asHandle, 'disk-0', { create: true });
    await vi.runAllTimersAsync();
    (await opening).close();
    expect(directory.opens).toBe(6);
  });

  test.each([
    ['SecurityError', 'UNSUPPORTED'],
    ['UnknownError', 'UNSUPPORTED'],
    ['NotSupportedError', 'UNSUPPORTED'],
    ['QuotaExceededError', 'QUOTA'],
    ['NotReadableError', 'IO'],
  ])('%s is %s at once', async (name, code) => {
    const directory = new FakeDirectory();
    directory.refuse = () => name;
    const error = await rejection(openFile(directory.asHandle, 'disk-0', { create: true }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(name);
    expect(directory.opens).toBe(1);
    if (code === 'UNSUPPORTED') expect(error.message).toContain('private');
  });

  test('without create a missing file is NOT_FOUND at once', async () => {
    const directory = new FakeDirectory();
    const startMs = performance.now();
    const error = await rejection(openFile(directory.asHandle, 'disk-0', { create: false }));
    expect(error.code).toBe('NOT_FOUND');
    expect(performance.now()).toBe(startMs);
    expect(directory.files.list()).toEqual([]);
  });

  test('without sync access handles it is UNSUPPORTED', async () => {
    const directory = { getFileHandle: async () => ({}) } as unknown as FileSystemDirectoryHandle;
    const error = await rejection(openFile(directory, 'disk-0', { create: true }));
    expect(error).toMatchObject({ code: 'UNSUPPORTED' });
    expect(error.message).toContain('worker');
  });

  test('aborting ends the wait', async () => {
    const directory = new FakeDirectory();
    directory.refuse = () => 'NoModificationAllowedError';
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1000);
    const startMs = performance.now();
    const options = { create: true, signal: abort.signal };
    const error = await rejection(openFile(directory.asHandle, 'disk-0', options));
    expect(error.code).toBe('ABORTED');
    expect(performance.now() - startMs).toBe(1000);
  });

  test('aborting while the browser opens the file leaves nothing open', async () => {
    const directory = new FakeDirectory();
    const abort = new AbortController();
    directory.refuse = () => {
      abort.abort();
      return undefined;
    };
    const options = { create: true, signal: abort.signal };
    const error = await rejection(openFile(directory.asHandle, 'disk-0', options));
    expect(error.code).toBe('ABORTED');
    expect(directory.openCount).toBe(0);
  });
});

describe('openFiles', () => {
  const names = Array.from({ length: 8 }, (_, i) => `disk-${i}`);

  test('opens all, in order', async () => {
    const directory = new FakeDirectory();
    const handles = await openFiles(directory.asHandle, names, { create: true });
    expect(handles.length).toBe(8);
    expect(directory.openCount).toBe(8);
    expect(directory.files.list()).toEqual(names);
  });

  test('when the kth open fails, for all k, nothing stays open', async () => {
    for (let k = 0; k < names.length; k += 1) {
      for (const name of ['NoModificationAllowedError', 'QuotaExceededError']) {
        const directory = new FakeDirectory();
        directory.refuse = (file) => (file === names[k] ? name : undefined);
        const error = await rejection(openFiles(directory.asHandle, names, { create: true }));
        expect(error.coordinates.file).toBe(names[k]);
        expect(directory.openCount).toBe(0);
      }
    }
  });

  test('the deadline is for all together', async () => {
    const directory = new FakeDirectory();
    const startMs = performance.now();
    directory.refuse = (file) =>
      file === 'disk-7' || performance.now() - startMs < 3000
        ? 'NoModificationAllowedError'
        : undefined;
    const error = await rejection(openFiles(directory.asHandle, names, { create: true }));
    expect(error.code).toBe('LOCKED');
    expect(performance.now() - startMs).toBe(5000);
  });
});

describe('stores', () => {
  function stubStorage(): FakeDirectory {
    const root = new FakeDirectory();
    vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
    return root;
  }

  test('are folders of one folder: made, listed, found, removed', async () => {
    const root = stubStorage();
    expect(await listStoreNames()).toEqual([]);
    expect(await storeExists('notes')).toBe(false);
    expect((await rejection(openDirectory('notes', { create: false }))).code).toBe('NOT_FOUND');
    expect(root.folders.size).toBe(0);
    const directory = await openDirectory('notes', { create: true });
    await openDirectory('Ärger / ..', { create: true });
    await root.folders.get('opfs-blocks')?.getDirectoryHandle('Not One', { create: true });
    expect(await listStoreNames()).toEqual(['notes', 'Ärger / ..']);
    (await openFile(directory, 'disk-1', { create: true })).close();
    (await openFile(directory, 'disk-0', { create: true })).close();
    expect(await listFiles('notes')).toEqual(['disk-0', 'disk-1']);
    expect(await listFiles('nothing')).toEqual([]);
    await removeFile('notes', 'disk-1');
    expect(await listFiles('notes')).toEqual(['disk-0']);
    await removeStore('notes');
    await removeStore('notes');
    expect(await storeExists('notes')).toBe(false);
    expect(await storeExists('Ärger / ..')).toBe(true);
  });

  test('that are open are LOCKED for removal, after the given patience', async () => {
    stubStorage();
    const directory = await openDirectory('notes', { create: true });
    (directory as unknown as FakeDirectory).refuse = () => 'NoModificationAllowedError';
    const startMs = performance.now();
    const error = await rejection(removeStore('notes', { deadlineMs: 700 }));
    expect(error).toMatchObject({ code: 'LOCKED', coordinates: { store: 'notes' } });
    expect(performance.now() - startMs).toBe(700);
    expect(await storeExists('notes')).toBe(true);
  });

  test('need a file system, and say so when there is none or it is hidden', async () => {
    vi.stubGlobal('navigator', {});
    expect((await rejection(listStoreNames())).code).toBe('UNSUPPORTED');
    const questions = [
      listStoreNames,
      () => storeExists('a'),
      () => listFiles('a'),
      () => removeStore('a'),
    ];
    // Firefox's word for it in private windows, and Safari's.
    for (const name of ['SecurityError', 'UnknownError']) {
      vi.stubGlobal('navigator', {
        storage: { getDirectory: () => Promise.reject(new DOMException('', name)) },
      });
      for (const question of questions) {
        const error = await rejection(question());
        expect(error.code).toBe('UNSUPPORTED');
        expect(error.message).toContain('private');
      }
    }
  });
});

describe('folder names', () => {
  test('are one to one, stay in their folder, and differ where case does not count', () => {
    const names = [
      'notes',
      'Notes',
      'NOTES',
      'n.otes',
      '.',
      '..',
      'a/b',
      'a\\b',
      'a%2fb',
      'a%2Fb',
      '%',
    ];
    names.push('é', 'e\u0301', '日本語', '😀', ' ', '\0', '\uFEFF', 'con', '~', 'a.');
    const folders = names.map(directoryName);
    expect(new Set(folders.map((folder) => folder.toLowerCase())).size).toBe(names.length);
    expect(folders.map(storeName)).toEqual(names);
    for (const folder of folders) expect(folder).toMatch(/^[a-z0-9_%-]+$/);
  });

  test('that are none of ours are not taken for stores', () => {
    for (const folder of [
      '',
      'Notes',
      '%2F',
      '%61',
      '%ff',
      '%c3',
      '%',
      '%2',
      'a b',
      'a'.repeat(201),
    ]) {
      expect(storeName(folder)).toBeUndefined();
    }
  });

  test('of names that cannot be kept apart are MISUSE', () => {
    for (const name of ['', 'a'.repeat(201), '日'.repeat(30), '\ud800', 'a\udc00b']) {
      expect(() => directoryName(name)).toThrow(StoreError);
    }
    expect(directoryName('a'.repeat(200)).length).toBe(200);
  });
});
