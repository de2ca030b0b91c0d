import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeviceFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';
import { COMPLETION_WORDS, REQUEST_WORDS } from '../shared/control-layout.ts';
import { MAILBOX_CELL_WORDS } from '../shared/mailbox.ts';
import { COMPLETION } from './completion-list.ts';
import * as protocol from './disk-protocol.ts';

const u53 = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 53 - 1));
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const pointer = fc.record({ address: u53, generation: u53, hashHigh: u32, hashLow: u32 });
const AT = 16;

/** A cell among others, which must not be touched. */
function cell(wordCount: number): { words: Int32Array; expectOthers: () => void } {
  const words = new Int32Array(3 * 16).fill(0x5a5a);
  const expectOthers = () => {
    expect([...words.subarray(0, AT)].every((word) => word === 0x5a5a)).toBe(true);
    expect([...words.subarray(AT + wordCount)].every((word) => word === 0x5a5a)).toBe(true);
  };
  return { words, expectOthers };
}

describe('cells keep what was put into them', () => {
  test('requests: every operation, offsets and cookies up to 2^53', () => {
    fc.assert(
      fc.property(
        fc.record({ detail: fc.nat({ max: 2 ** 31 - 1 }), file: u53, memory: u53, cookie: u53 }),
        fc.constantFrom(...Object.values(protocol.REQUEST)),
        pointer,
        ({ detail, file, memory, cookie }, operation, asked) => {
          const { words, expectOthers } = cell(REQUEST_WORDS);
          protocol.putRequest(words, AT, operation, detail);
          protocol.putFileOffset(words, AT, file);
          protocol.putMemoryOffset(words, AT, memory);
          protocol.putCookie(words, AT, cookie);
          protocol.putPointer(words, AT, asked as unknown as Pointer);
          expect(protocol.operationAt(words, AT)).toBe(operation);
          expect(protocol.detailAt(words, AT)).toBe(detail);
          expect(protocol.fileOffsetAt(words, AT)).toBe(file);
          expect(protocol.memoryOffsetAt(words, AT)).toBe(memory);
          expect(protocol.cookieAt(words, AT)).toBe(cookie);
          expect(protocol.pointerAt(words, AT)).toEqual(asked);
          expectOthers();
        },
      ),
    );
  });

  test('completions: kinds, outcomes and faults with whatever number the browser gave', () => {
    const fault = fc.record({
      kind: fc.constantFrom('short', 'count', 'quota', 'gone', 'io'),
      operation: fc.constantFrom('read', 'write', 'flush', 'resize', 'size', 'close'),
      ...{ offset: u53, expected: u53, actual: fc.double() },
      ...{ file: fc.constant('disk-5'), detail: fc.constant('words') },
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(COMPLETION)),
        u53,
        fc.oneof(fc.constantFrom('ok', 'skipped', 'corrupt'), fault),
        fc.integer({ min: -1, max: 1000 }),
        (kind, value, outcome, number) => {
          const { words, expectOthers } = cell(COMPLETION_WORDS);
          const isFault = typeof outcome === 'object';
          protocol.putCompletion(words, AT, kind, outcome as 'ok' | DeviceFault);
          protocol.putValue(words, AT, value);
          if (isFault) protocol.putFault(words, AT, number, outcome as DeviceFault);
          expect(protocol.kindAt(words, AT)).toBe(kind);
          expect(protocol.valueAt(words, AT)).toBe(value);
          expect(protocol.outcomeAt(words, AT)).toBe(isFault ? 'fault' : outcome);
          if (isFault) {
            expect(protocol.faultNumberAt(words, AT)).toBe(number);
            const text = { file: 'disk-5', detail: 'words' };
            expect(protocol.faultAt(words, AT, text)).toEqual(outcome);
          }
          expectOthers();
        },
      ),
    );
  });

  test('words that nobody put there are read as a fault, never as an answer that is good', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), {
          minLength: COMPLETION_WORDS,
          maxLength: COMPLETION_WORDS,
        }),
        (garbage) => {
          fc.pre((garbage[1] as number) < 0 || (garbage[1] as number) > 3);
          const words = Int32Array.from(garbage);
          expect(protocol.outcomeAt(words, 0)).toBe('fault');
          const { kind, operation } = protocol.faultAt(words, 0, { file: 'disk-0', detail: '' });
          expect(['short', 'count', 'quota', 'gone', 'io']).toContain(kind);
          expect(['read', 'write', 'flush', 'resize', 'size', 'close']).toContain(operation);
        },
      ),
    );
  });

  test('misses: the request and its answer, in a mailbox cell without its state', () => {
    fc.assert(
      fc.property(pointer, u53, (asked, fileOffset) => {
        const { words, expectOthers } = cell(MAILBOX_CELL_WORDS - 1);
        protocol.putMiss(words, AT, { pointer: asked as unknown as Pointer, fileOffset });
        for (const outcome of ['ok', 'corrupt', { kind: 'io' } as DeviceFault] as const) {
          protocol.putMissOutcome(words, AT, outcome);
          const told = typeof outcome === 'object' ? 'fault' : outcome;
          expect(protocol.missOutcomeAt(words, AT)).toBe(told);
        }
        expect(protocol.pointerAt(words, AT)).toEqual(asked);
        expect(protocol.fileOffsetAt(words, AT)).toBe(fileOffset);
        expectOthers();
      }),
    );
  });
});
