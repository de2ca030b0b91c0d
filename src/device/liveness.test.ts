/** What is said of files that are there, missing, swapped or busy, over handles that are told what to answer. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LABEL_BYTES } from '../format/geometry.ts';
import { LABEL } from '../format/label.ts';
import { probeFiles, probeNames } from './liveness.ts';

const STORE_ID = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);

type Content = Uint8Array | string;

/** Stubs the root with one store `notes`; a file that is a text throws an exception of that name when read. */
function stubStore(files: Record<string, Content>): { reads: number; directory: object } {
  const stub = { reads: 0, directory: {} };
  const open = async (content: Content): Promise<Blob> => {
    stub.reads += 1;
    if (typeof content === 'string') throw new DOMException('', content);
    return new Blob([content.slice()]);
  };
  const missing = (): never => {
    throw new DOMException('', 'NotFoundError');
  };
  stub.directory = {
    name: 'notes',
    getFileHandle: async (name: string) => {
      const content = files[name];
      return content === undefined ? missing() : { getFile: () => open(content) };
    },
  };
  const home = {
    getDirectoryHandle: async (name: string) => (name === 'notes' ? stub.directory : missing()),
  };
  const root = {
    getDirectoryHandle: async (name: string) => (name === 'opfs-blocks' ? home : missing()),
  };
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
  return stub;
}

function labelOf(storeId: Uint8Array): Uint8Array {
  const label = new Uint8Array(LABEL_BYTES);
  label.set(storeId, LABEL.at.storeId);
  return label;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('probeFiles', () => {
  const files = ['disk-0', 'disk-1'];
  const ours = labelOf(STORE_ID);
  const foreign = labelOf(STORE_ID.map((byte, i) => (i === 15 ? byte + 1 : byte)));

  test('names that are found are alive, and nothing is read without a store id', async () => {
    const stub = stubStore({ 'disk-0': ours, 'disk-1': 'NotReadableError' });
    expect(await probeFiles('notes', files)).toBe('alive');
    expect(stub.reads).toBe(0);
  });

  test('any missing name, or a missing folder, is gone', async () => {
    stubStore({ 'disk-0': ours });
    expect(await probeFiles('notes', files)).toBe('gone');
    expect(await probeFiles('notes', ['disk-0'])).toBe('alive');
    expect(await probeFiles('other', ['disk-0'])).toBe('gone');
  });

  test('the label tells our files from others of the same name', async () => {
    stubStore({ 'disk-0': ours, 'disk-1': ours });
    expect(await probeFiles('notes', files, STORE_ID)).toBe('alive');
    for (const content of [foreign, new Uint8Array(0), ours.subarray(0, LABEL.at.storeId + 15)]) {
      stubStore({ 'disk-0': ours, 'disk-1': content });
      expect(await probeFiles('notes', files, STORE_ID)).toBe('gone');
    }
  });

  test('a file that changes under the reader is tried again, then left unread; a quiet one speaks for it', async () => {
    const stub = stubStore({ 'disk-0': 'NotReadableError', 'disk-1': 'NotReadableError' });
    expect(await probeFiles('notes', files, STORE_ID)).toBe('unread');
    expect(stub.reads).toBe(8);
    stubStore({ 'disk-0': 'NotReadableError', 'disk-1': ours });
    expect(await probeFiles('notes', files, STORE_ID)).toBe('alive');
    stubStore({ 'disk-0': 'NotReadableError', 'disk-1': foreign });
    expect(await probeFiles('notes', files, STORE_ID)).toBe('gone');
  });

  test('a file that vanishes between being found and being read is gone', async () => {
    stubStore({ 'disk-0': ours, 'disk-1': 'NotFoundError' });
    expect(await probeFiles('notes', files, STORE_ID)).toBe('gone');
  });

  test('a browser that does not answer is an error, not an answer', async () => {
    stubStore({ 'disk-0': 'AbortError', 'disk-1': ours });
    await expect(probeFiles('notes', files, STORE_ID)).rejects.toMatchObject({ code: 'IO' });
    vi.stubGlobal('navigator', {
      storage: { getDirectory: () => Promise.reject(new DOMException('', 'SecurityError')) },
    });
    await expect(probeFiles('notes', files)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

test('probeNames asks the kept directory handle only', async () => {
  const stub = stubStore({ 'disk-0': labelOf(STORE_ID) });
  vi.stubGlobal('navigator', undefined);
  const directory = stub.directory as FileSystemDirectoryHandle;
  expect(await probeNames(directory, ['disk-0'])).toBe('alive');
  expect(await probeNames(directory, ['disk-0', 'disk-1'])).toBe('gone');
});
