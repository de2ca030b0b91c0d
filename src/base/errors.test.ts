import { describe, expect, test } from 'vitest';
import { rethrowBug, STORE_ERROR_CODES, StoreError } from './errors.ts';

describe('StoreError', () => {
  test('carries code, coordinates and cause', () => {
    const cause = new Error('the browser said no');
    const coordinates = { file: 'disk-0', address: 2 ** 40 };
    const error = new StoreError('CORRUPT', 'restore from a backup', { coordinates, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('StoreError');
    expect(error.code).toBe('CORRUPT');
    expect(error.message).toBe('restore from a backup');
    expect(error.coordinates).toEqual(coordinates);
    expect(error.cause).toBe(cause);
  });

  test('claims nothing that it was not told', () => {
    const error = new StoreError('FULL', 'raise maxBytes');
    expect(error.coordinates).toEqual({});
    expect([error.maybeApplied, error.mayBeStale]).toEqual([false, false]);
    expect('cause' in error).toBe(false);
  });

  test('keeps what it was told', () => {
    const error = new StoreError('POISONED', 'open again', {
      maybeApplied: true,
      mayBeStale: true,
    });
    expect([error.maybeApplied, error.mayBeStale]).toEqual([true, true]);
  });

  test('all that a program switches on is plain data', () => {
    const error = new StoreError('IO', 'try again', { coordinates: { disk: 1, expected: '4096' } });
    const { code, coordinates, maybeApplied, mayBeStale } = error;
    const plain = { code, coordinates, maybeApplied, mayBeStale };
    expect(structuredClone(plain)).toEqual(plain);
  });
});

test('the codes are a closed set without doubles', () => {
  expect(new Set(STORE_ERROR_CODES).size).toBe(STORE_ERROR_CODES.length);
  expect([...STORE_ERROR_CODES].sort()).toEqual(
    [
      ...['LOCKED', 'FULL', 'QUOTA', 'CORRUPT', 'NOT_FOUND', 'EXISTS', 'UNSUPPORTED', 'CLOSED'],
      ...['READ_ONLY', 'ABORTED', 'POISONED', 'EVICTED', 'SESSION_LOST', 'VERSION', 'MISUSE', 'IO'],
    ].sort(),
  );
});

test('our own bugs are nobody’s to handle: they go on up', () => {
  const bug = new TypeError('undefined is not a function');
  expect(() => rethrowBug(bug)).toThrow(bug);
  expect(() => rethrowBug(new StoreError('FULL', 'raise maxBytes'))).not.toThrow();
});
