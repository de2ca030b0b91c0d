import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRootNames, decodeRootName, encodeRootName, rootNameFlaw } from './root-name.ts';

describe('a root’s name', () => {
  test.each(['a', ' ', 'straße', '\u{1f600}'.repeat(8), 'x'.repeat(32), '\ufeff', '\ufeffa'])(
    '%j is one, and comes back',
    (name) => {
      expect(rootNameFlaw(name)).toBeUndefined();
      expect(decodeRootName(encodeRootName(name))).toBe(name);
    },
  );

  test.each(['', 'x'.repeat(33), 'ü'.repeat(17), `${'\u{1f600}'.repeat(8)}a`, 'a\0b', '\ud800'])(
    '%j is none',
    (name) => {
      expect(rootNameFlaw(name)).toBeTypeOf('string');
    },
  );

  test.each([undefined, null, 7, {}])('%j is none either', (name) => {
    expect(rootNameFlaw(name as unknown as string)).toBe('is not a string');
  });

  test('one name has one encoding (replay: the printed seed and path)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), (bytes) => {
        const name = decodeRootName(bytes);
        if (name !== undefined) expect(encodeRootName(name)).toEqual(bytes);
      }),
    );
  });

  test('can lie in shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(encodeRootName('main'));
    expect(decodeRootName(shared)).toBe('main');
  });
});

test('names are in the order of their bytes', () => {
  const names = ['b', 'a', 'ab', 'ä', 'B', ''].map(encodeRootName).sort(compareRootNames);
  expect(names.map(decodeRootName)).toEqual(['', 'B', 'a', 'ab', 'b', 'ä']);
  expect(compareRootNames(encodeRootName('a'), encodeRootName('a'))).toBe(0);
});
