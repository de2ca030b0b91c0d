import { describe, expect, test } from 'vitest';
import * as library from './index.ts';

test('the public API is this, and importing it is harmless where there is no browser', () => {
  expect(Object.keys(library).sort()).toEqual([
    'BLOCK_STATE',
    'STORE_ERROR_CODES',
    'StoreError',
    'attachStore',
    'decodePointer',
    'deleteStore',
    'encodePointer',
    'importStore',
    'listStores',
    'openStore',
    'probeSupport',
  ]);
});

describe('where there is no browser', () => {
  test('opening is UNSUPPORTED, and the message says what to do', async () => {
    await expect(library.openStore('a')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/opfs-blocks\/testing/),
    });
    await expect(library.listStores()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(library.deleteStore('a')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  test('a wrong name is MISUSE before anything else', async () => {
    await expect(library.openStore('a/b')).rejects.toMatchObject({ code: 'MISUSE' });
    await expect(library.deleteStore('')).rejects.toMatchObject({ code: 'MISUSE' });
  });

  test('probeSupport says so instead of throwing', async () => {
    expect(await library.probeSupport()).toMatchObject({
      supported: false,
      reason: expect.stringMatching(/no browser/),
      opfs: false,
      catalogue: false,
      persisted: undefined,
    });
  });
});
