import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreError, type StoreErrorCode } from '../base/errors.ts';
import {
  type BlockPointer,
  decodePointer,
  encodePointer,
  fromPublic,
  POINTER_BYTES,
  samePointer,
  toPublic,
} from './pointer.ts';

const pointers = fc.record({
  address: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  generation: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
});

function codeOf(action: () => unknown): StoreErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

describe('a block pointer', () => {
  test('takes 24 bytes and comes back from them (replay: the printed seed and path)', () => {
    fc.assert(
      fc.property(pointers, fc.nat({ max: 9 }), (pointer, offset) => {
        const bytes = new Uint8Array(offset + POINTER_BYTES);
        expect(encodePointer(pointer, bytes, offset)).toBe(bytes);
        expect(decodePointer(bytes, offset)).toEqual(pointer);
        expect(bytes.subarray(0, offset)).toEqual(new Uint8Array(offset));
        const engine = fromPublic(pointer);
        expect(engine.ok && toPublic(engine.value)).toEqual(pointer);
        expect(engine.ok && samePointer(engine.value, { ...engine.value })).toBe(true);
      }),
    );
    expect(encodePointer({ address: 0, hash: 0n, generation: 0 })).toHaveLength(24);
  });

  test('differs in any of its parts', () => {
    const base = fromPublic({ address: 4096, hash: 2n ** 40n + 3n, generation: 5 });
    if (!base.ok) throw new Error('a sound pointer');
    for (const part of ['address', 'generation', 'hashHigh', 'hashLow'] as const) {
      expect(samePointer(base.value, { ...base.value, [part]: base.value[part] + 1 })).toBe(false);
    }
  });

  const bad: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['negative address', { address: -1, hash: 0n, generation: 0 }],
    ['fractional address', { address: 0.5, hash: 0n, generation: 0 }],
    ['huge address', { address: 2 ** 53, hash: 0n, generation: 0 }],
    ['address as text', { address: '0', hash: 0n, generation: 0 }],
    ['hash as number', { address: 0, hash: 0, generation: 0 }],
    ['negative hash', { address: 0, hash: -1n, generation: 0 }],
    ['hash of 65 bits', { address: 0, hash: 2n ** 64n, generation: 0 }],
    ['no generation', { address: 0, hash: 0n }],
    ['generation NaN', { address: 0, hash: 0n, generation: Number.NaN }],
  ];

  test.each(bad)('%s is not one: MISUSE', (_, value) => {
    expect(fromPublic(value as BlockPointer).ok).toBe(false);
    expect(codeOf(() => encodePointer(value as BlockPointer))).toBe('MISUSE');
  });

  test('needs room: MISUSE', () => {
    const pointer = { address: 0, hash: 0n, generation: 0 };
    expect(codeOf(() => encodePointer(pointer, new Uint8Array(23)))).toBe('MISUSE');
    expect(codeOf(() => encodePointer(pointer, new Uint8Array(24), 1))).toBe('MISUSE');
    expect(codeOf(() => encodePointer(pointer, new Uint8Array(99), -1))).toBe('MISUSE');
    expect(codeOf(() => decodePointer(new Uint8Array(23)))).toBe('MISUSE');
    expect(codeOf(() => decodePointer(new Uint8Array(48), 24.5))).toBe('MISUSE');
  });

  test('is not in 24 bytes of 0xFF: CORRUPT', () => {
    expect(codeOf(() => decodePointer(new Uint8Array(24).fill(0xff)))).toBe('CORRUPT');
    const bytes = encodePointer({ address: 0, hash: 0n, generation: 0 });
    bytes[23] = 0x20;
    expect(codeOf(() => decodePointer(bytes))).toBe('CORRUPT');
  });
});

test('the examples in the comments print what they say', () => {
  const source = readFileSync(new URL('./pointer.ts', import.meta.url), 'utf8');
  const examples = [...source.matchAll(/@example\n((?: \* .*\n)+)/g)].map(([, lines = '']) =>
    lines.replaceAll(/^ \* ?/gm, ''),
  );
  expect(examples).toHaveLength(2);
  for (const code of examples) {
    const printed: string[] = [];
    const log = (value: unknown): number => printed.push(String(value));
    const run = new Function('encodePointer', 'decodePointer', 'console', code);
    run(encodePointer, decodePointer, { log });
    const promised = [...code.matchAll(/\/\/ (.*)$/gm)].map(([, text]) => text);
    expect(printed).toEqual(promised);
  }
});
