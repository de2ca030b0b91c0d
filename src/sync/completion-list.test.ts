import { describe, expect, test } from 'vitest';
import { COMPLETION, CompletionList } from './completion-list.ts';
import { RecordingSink } from './recording-sink.ts';

describe('the completion list', () => {
  test('delivers in order, through growth and around the circle', () => {
    const list = new CompletionList(1000);
    const sink = new RecordingSink();
    let cookie = 0;
    for (const count of [40, 90, 90, 300, 7]) {
      for (let n = 0; n < count; n += 1) list.push(COMPLETION.written, cookie++, 'ok');
      expect(list.deliver(sink)).toBe(count);
    }
    const cookies = sink.completions.map((completion) => completion.cookie);
    expect(cookies).toEqual(Array.from({ length: 527 }, (_, n) => n));
  });

  test('each kind reaches its own method, with its outcome', () => {
    const list = new CompletionList(8);
    list.push(COMPLETION.loaded, 1, 'corrupt');
    list.push(COMPLETION.written, 2, 'skipped');
    list.push(COMPLETION.fenced, 3, 'ok');
    list.push(COMPLETION.freed, 4, 'ok');
    const sink = new RecordingSink();
    list.deliver(sink);
    expect(sink.lines()).toEqual([
      'loaded 1 corrupt',
      'written 2 skipped',
      'fenced 3 ok',
      'freed 4 ok',
    ]);
  });

  test('an answer to a plain request is not delivered to the engine', () => {
    const list = new CompletionList(8);
    list.push(COMPLETION.answered, 1, 'ok');
    expect(() => list.deliver(new RecordingSink())).toThrow('taken by who asked');
  });

  test('an empty one has nothing to take', () => {
    const list = new CompletionList(1);
    expect(list.shift()).toBe(false);
    list.push(COMPLETION.fenced, 7, 'ok');
    expect([list.shift(), list.cookie, list.shift()]).toEqual([true, 7, false]);
  });

  test('is bounded', () => {
    const list = new CompletionList(3);
    for (let n = 0; n < 3; n += 1) list.push(COMPLETION.freed, n, 'ok');
    expect(list.room).toBe(0);
    expect(() => list.push(COMPLETION.freed, 3, 'ok')).toThrow('room');
  });

  test('what a sink brings about waits for the next delivery', () => {
    const list = new CompletionList(100);
    const sink = new RecordingSink();
    sink.written = (cookie) => {
      if (cookie < 10) list.push(COMPLETION.written, cookie + 1, 'ok');
    };
    list.push(COMPLETION.written, 0, 'ok');
    expect(list.deliver(sink)).toBe(1);
    expect(list.length).toBe(1);
  });
});
