import { describe, expect, test } from 'vitest';
import { assert, describeFailuresWith } from './assert.ts';
import { dumpTrace, trace, withTrace } from './trace.ts';

/** The ring is one per thread and never emptied: each test uses addresses of its own, far from those of any store. */
const FAR = 2 ** 50;

describe('the trace ring', () => {
  test('tells what happened to a block, oldest first, and nothing about others', () => {
    trace('alloc', FAR, 7);
    trace('alloc', FAR + 8192, 7);
    trace('enqueue', FAR);
    trace('defer', FAR, 8);
    const lines = dumpTrace(FAR).map((line) => line.replace(/^#\d+ /, ''));
    expect(lines).toEqual([`alloc ${FAR} 7`, `enqueue ${FAR} 0`, `defer ${FAR} 8`]);
  });

  test('numbers entries in order', () => {
    trace('fence', FAR + 12_288);
    trace('durable', FAR + 12_288);
    const [first = 0, second = 0] = dumpTrace(FAR + 12_288).map((line) =>
      Number(/\d+/.exec(line)?.[0]),
    );
    expect(second).toBe(first + 1);
  });

  test('without an address tells the last entries of all', () => {
    trace('grow', FAR + 16_384);
    trace('poison', FAR + 20_480);
    expect(dumpTrace(undefined, 2).map((line) => line.split(' ')[1])).toEqual(['grow', 'poison']);
  });

  test('is told with an assertion that fails, where the thread asks for that', () => {
    trace('defer', FAR + 24_576, 3);
    describeFailuresWith(withTrace);
    const failing = () => assert(false, 'I4: a block is freed once');
    expect(failing).toThrow(/^I4: a block is freed once\n(.*\n)*\s+#\d+ defer 1125899906867200 3$/);
    describeFailuresWith((message) => message);
  });

  test('keeps the newest when it is full or asked for few', () => {
    for (let n = 0; n < 3000; n += 1) trace('enqueue', 2 ** 40, n);
    expect(dumpTrace(2 ** 40, 1)).toHaveLength(1);
    expect(dumpTrace(2 ** 40, 1)[0]).toMatch(/ enqueue 1099511627776 2999$/);
    const all = dumpTrace(2 ** 40, 5000);
    expect(all).toHaveLength(1024);
    expect(all[0]).toMatch(/ 1976$/);
    expect(dumpTrace(FAR)).toEqual([]);
  });
});
