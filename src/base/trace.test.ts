import { describe, expect, test } from 'vitest';
import { dumpTrace, trace } from './trace.ts';

/** The ring is one per thread and never emptied: each test uses addresses of its own. */
describe('the trace ring', () => {
  test('tells what happened to a block, oldest first, and nothing about others', () => {
    trace('alloc', 4096, 7);
    trace('alloc', 8192, 7);
    trace('write', 4096);
    trace('free', 4096, 8);
    const lines = dumpTrace(4096).map((line) => line.replace(/^#\d+ /, ''));
    expect(lines).toEqual(['alloc 4096 7', 'write 4096 0', 'free 4096 8']);
  });

  test('numbers entries in order', () => {
    trace('fence', 12_288);
    trace('durable', 12_288);
    const [first = 0, second = 0] = dumpTrace(12_288).map((line) => Number(/\d+/.exec(line)?.[0]));
    expect(second).toBe(first + 1);
  });

  test('without an address tells the last entries of all', () => {
    trace('grow', 16_384);
    trace('poison', 20_480);
    expect(dumpTrace(undefined, 2).map((line) => line.split(' ')[1])).toEqual(['grow', 'poison']);
  });

  test('keeps the newest when it is full or asked for few', () => {
    for (let n = 0; n < 3000; n += 1) trace('enqueue', 2 ** 40, n);
    expect(dumpTrace(2 ** 40, 1)).toHaveLength(1);
    expect(dumpTrace(2 ** 40, 1)[0]).toMatch(/ enqueue 1099511627776 2999$/);
    const all = dumpTrace(2 ** 40, 5000);
    expect(all).toHaveLength(1024);
    expect(all[0]).toMatch(/ 1976$/);
    expect(dumpTrace(4096)).toEqual([]);
  });
});
