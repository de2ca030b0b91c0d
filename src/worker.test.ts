import { describe, expect, test } from 'vitest';
import * as library from './worker.ts';

test('the public API is this, and importing it is harmless where there is no browser', () => {
  expect(Object.keys(library).sort()).toEqual([
    'BLOCK_STATE',
    'STORE_ERROR_CODES',
    'StoreError',
    'decodePointer',
    'encodePointer',
    'openStore',
    'serveStore',
  ]);
});

describe('where there is no browser', () => {
  test('opening is UNSUPPORTED, and the message says what to do', async () => {
    await expect(library.openStore('a')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/opfs-blocks\/testing/),
    });
  });

  test('a wrong name is MISUSE before anything else', async () => {
    await expect(library.openStore('a/b')).rejects.toMatchObject({ code: 'MISUSE' });
  });

  test('wrong layers are MISUSE before the page is listened to', () => {
    expect(() => library.serveStore({ layers: [{ name: '' }] })).toThrow(library.StoreError);
    const twice = [{ name: 'tree' }, { name: 'tree' }];
    expect(() => library.serveStore({ layers: twice })).toThrow(/'tree'/);
  });
});
