import { expect, test } from 'vitest';
import { checkStoreName, storeNameFlaw } from './store-name.ts';

test.each(['a', 'notes', 'é'.repeat(32), 'a.b c~', 'disk-0', '…', '👩‍🚀'])(
  '%s is a name',
  (name) => {
    expect(storeNameFlaw(name)).toBeUndefined();
  },
);

test.each([
  ['', /empty/],
  ['a/b', /slash/],
  ['a\\b', /slash/],
  ['a\0b', /NUL/],
  ['.', /folder/],
  ['..', /folder/],
  ['x'.repeat(65), /more than 64 bytes/],
  ['é'.repeat(33), /more than 64 bytes/],
  ['\ud800', /well-formed/],
  [undefined, /not a string/],
])('%j is not: MISUSE', (name, words) => {
  expect(() => checkStoreName(name)).toThrow(words);
  expect(() => checkStoreName(name)).toThrow(expect.objectContaining({ code: 'MISUSE' }));
});
