import { afterEach, describe, expect, test } from 'vitest';
import { AssertionError, assert, describeFailuresWith, fail, unreachable } from './assert.ts';

afterEach(() => describeFailuresWith((message) => message));

describe('assert', () => {
  test('says nothing about what holds', () => {
    expect(() => assert(true, 'I3: never seen')).not.toThrow();
  });

  test('throws the invariant that does not', () => {
    expect(() => assert(false, 'I3: ranges overlap')).toThrow(AssertionError);
    expect(() => assert(false, 'I3: ranges overlap')).toThrow('I3: ranges overlap');
  });

  test('an assertion is told from other errors by name, across threads too', () => {
    const error = new AssertionError('I3');
    expect(error).toBeInstanceOf(Error);
    expect(structuredClone(error).message).toBe('I3');
    expect(error.name).toBe('AssertionError');
  });

  test('narrows types', () => {
    const value: number | undefined = [1][0];
    assert(value !== undefined, 'there is one');
    expect(value.toFixed(1)).toBe('1.0');
  });
});

test('a failure is described by the hook, which is not asked before', () => {
  let asked = 0;
  describeFailuresWith((message) => {
    asked += 1;
    return `${message}, and what led there`;
  });
  assert(true, 'I3: fine');
  expect(asked).toBe(0);
  expect(() => fail('I3: not fine')).toThrow('I3: not fine, and what led there');
  expect(asked).toBe(1);
});

test('unreachable names the value that the types ruled out', () => {
  expect(() => unreachable('surprise' as never)).toThrow('unreachable: surprise');
});
