import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type SaveRequest, save } from './save.ts';
import { sha256Here } from './sha256.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A picker as Chromium has it, and what was done to the file that it gave. */
function stubPicker() {
  const done: string[] = [];
  const written: Blob[] = [];
  const file = {
    write: async (blob: Blob) => void written.push(blob),
    close: async () => void done.push('close'),
    abort: async () => void done.push('abort'),
  };
  vi.stubGlobal('showSaveFilePicker', async ({ suggestedName }: { suggestedName: string }) => {
    done.push(suggestedName);
    return { createWritable: async () => file };
  });
  return { done, content: async () => new Uint8Array(await new Blob(written).arrayBuffer()) };
}

async function requestOf(pieces: Uint8Array[][], more: Partial<SaveRequest> = {}) {
  const request: SaveRequest = {
    name: 'large.bin',
    type: '',
    byteCount: 2 ** 30,
    pieces: (async function* () {
      yield* pieces;
    })(),
    onProgress: () => {},
    hasher: await sha256Here(),
    ...more,
  };
  return request;
}

describe('saving a large file', () => {
  afterEach(() => vi.unstubAllGlobals());
  const pieces = [[Uint8Array.of(1, 2), Uint8Array.of(3)], [Uint8Array.of(4)]];
  const all = Uint8Array.of(1, 2, 3, 4);

  test('streams it into the file that was picked, and says what it hashes to', async () => {
    const picker = stubPicker();
    const seen: number[] = [];
    const onProgress = (bytes: number) => seen.push(bytes);
    const request = await requestOf(pieces, { sha256: sha256(all), onProgress });
    expect(await save(request)).toBe(sha256(all));
    expect(await picker.content()).toEqual(all);
    expect(picker.done).toEqual(['large.bin', 'close']);
    expect(seen).toEqual([3, 4]);
  });

  test('I2: hands nothing over when the bytes are not what was stored', async () => {
    const picker = stubPicker();
    const request = await requestOf(pieces, { sha256: sha256(Uint8Array.of(9)) });
    await expect(save(request)).rejects.toThrow('not what was stored');
    expect(picker.done).toEqual(['large.bin', 'abort']);
  });
});
