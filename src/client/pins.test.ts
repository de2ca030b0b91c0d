import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pins } from './pins.ts';

function recorded(newest = 0): { pins: Pins; reports: number[] } {
  const reports: number[] = [];
  return { pins: new Pins(newest, (publication) => reports.push(publication)), reports };
}

describe('I4: the engine hears of the oldest state that may still be read', () => {
  test('without readers it is the newest', () => {
    const { pins, reports } = recorded();
    pins.advance(1);
    pins.advance(2);
    expect(reports).toEqual([1, 2]);
  });

  test('a reader holds its state back until it is disposed, and all newer ones with it', () => {
    const { pins, reports } = recorded(5);
    const first = pins.pin();
    pins.advance(6);
    const second = pins.pin();
    pins.advance(7);
    expect(reports).toEqual([]);
    pins.unpin(first);
    expect(reports).toEqual([6]);
    pins.unpin(second);
    expect(reports).toEqual([6, 7]);
  });

  test('two readers of one state are two pins', () => {
    const { pins, reports } = recorded();
    const [first, second] = [pins.pin(), pins.pin()];
    pins.advance(1);
    pins.unpin(first);
    expect(reports).toEqual([]);
    pins.unpin(second);
    expect(reports).toEqual([1]);
  });

  test('dropping a pin twice is our bug, and is noticed', () => {
    const { pins } = recorded();
    const pin = pins.pin();
    pins.unpin(pin);
    expect(() => pins.unpin(pin)).toThrow('once');
  });

  test('in any order of pins and states nothing pinned is given up', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('advance' as const), by: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ kind: fc.constant('pin' as const) }),
      fc.record({ kind: fc.constant('unpin' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { pins, reports } = recorded();
        const held: number[] = [];
        let newest = 0;
        for (const one of steps) {
          if (one.kind === 'advance') {
            newest += one.by;
            pins.advance(newest);
          } else if (one.kind === 'pin') held.push(pins.pin());
          else if (held.length > 0) {
            const [pin] = held.splice(one.which % held.length, 1);
            pins.unpin(pin as number);
          }
          expect(reports.at(-1) ?? 0).toBe(Math.min(newest, ...held));
        }
      }),
    );
  });
});
