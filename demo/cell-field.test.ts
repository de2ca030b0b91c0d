import { describe, expect, test } from 'vitest';
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';
import {
  AFTERGLOW_TURNS,
  CellField,
  GLOW_LEVELS,
  GLOW_MS,
  makePalette,
  parseRgb,
  UNGROWN,
} from './cell-field.ts';

const { free, data, dirty, pending } = BLOCK_STATE;
const SHAPE = { arenaCount: 3, arenaBlocks: 8 };
const colours = Array.from({ length: UNGROWN + 1 }, (_, n) => ({ r: 10 * n, g: n, b: 0 }));
const palette = makePalette({
  states: colours,
  fresh: { r: 255, g: 255, b: 255 },
  ground: { r: 0, g: 0, b: 0 },
});

/** Arena 0 with 8 blocks and arena 2 with 4, as the engine packs them. */
function statesOf(first: readonly number[], second: readonly number[]): BlockStates {
  return {
    bytes: Uint8Array.from([...first, ...second]),
    arenas: [
      { arena: 0, disk: 0, first: 0, count: first.length },
      { arena: 2, disk: 0, first: first.length, count: second.length },
    ],
    arenaBytes: 8 * 4096,
    blockBytes: 4096,
  };
}

function fieldOf(): CellField {
  const field = new CellField(SHAPE);
  field.usePalette(palette);
  return field;
}

const settled = (state: number) => palette[state * GLOW_LEVELS] as number;
const fresh = (state: number) => palette[state * GLOW_LEVELS + GLOW_LEVELS - 1] as number;

describe('the cells of the map', () => {
  test('each block of each arena is in its place, and what has not grown is told apart', () => {
    const field = fieldOf();
    field.update(statesOf([data, free, data, 0, 0, 0, 0, pending], [data, free, free, free]), 1);
    expect(field.pixels[0]).toBe(settled(data));
    expect(field.pixels[7]).toBe(settled(pending));
    expect(field.pixels[8]).toBe(settled(UNGROWN));
    expect(field.pixels[16]).toBe(settled(data));
    expect(field.pixels[20]).toBe(settled(UNGROWN));
    expect([...field.census]).toEqual([8, 3, 0, 0, 0, 1, 0, 12]);
    expect([...field.used]).toEqual([3, 0, 1]);
    expect([...field.grown]).toEqual([8, 0, 4]);
  });

  test.each([5, 6, 7, 8])(
    'a change is found wherever it is, in arenas of %i blocks',
    (arenaBlocks) => {
      for (let at = 0; at < 2 * arenaBlocks; at += 1) {
        const field = new CellField({ arenaCount: 2, arenaBlocks });
        const states: BlockStates = {
          bytes: new Uint8Array(2 * arenaBlocks),
          arenas: [0, 1].map((arena) => ({
            ...{ arena, disk: 0, first: arena * arenaBlocks, count: arenaBlocks },
          })),
          arenaBytes: arenaBlocks * 4096,
          blockBytes: 4096,
        };
        field.update(states, 1);
        states.bytes[at] = data;
        field.update(states, 2);
        expect(field.stateOf(at)).toBe(data);
        expect(field.census[data]).toBe(1);
      }
    },
  );

  test('what was there at first does not glow; what changes does, and ages', () => {
    const field = fieldOf();
    const bytes = [data, free, free, free, free, free, free, free];
    const states = statesOf(bytes, [free, free, free, free]);
    field.update(states, 5);
    field.age(5);
    expect(field.hotCount).toBe(0);
    expect(field.changedMs(0)).toBeUndefined();

    // The engine may show the same array with other bytes in it.
    states.bytes[1] = dirty;
    field.update(states, 100);
    field.age(100);
    expect(field.pixels[1]).toBe(fresh(dirty));
    expect(field.changedMs(1)).toBe(100);
    for (let frame = 0; frame < AFTERGLOW_TURNS; frame += 1) field.age(1100 + frame);
    expect(field.pixels[1]).not.toBe(fresh(dirty));
    expect(field.pixels[1]).not.toBe(settled(dirty));
    states.bytes[1] = data;
    field.update(states, 1200);
    field.age(1200);
    expect(field.pixels[1]).toBe(fresh(data));
    for (let frame = 0; frame < AFTERGLOW_TURNS; frame += 1) field.age(1200);
    expect(field.pixels[1]).toBe(fresh(data));
    expect(field.hotCount).toBe(1);
    for (let frame = 0; frame <= AFTERGLOW_TURNS; frame += 1) field.age(1200 + GLOW_MS + frame);
    expect(field.pixels[1]).toBe(settled(data));
    expect(field.hotCount).toBe(0);
  });

  test('growth is no write', () => {
    const field = fieldOf();
    field.update(statesOf([free, free], [free]), 1);
    field.update(statesOf([free, free, free, free], [free]), 2);
    field.age(2);
    expect(field.hotCount).toBe(0);
    expect(field.pixels[3]).toBe(settled(free));
  });

  test('only the arenas that changed are stale', () => {
    const field = fieldOf();
    const states = statesOf([free, free], [free, free]);
    field.update(states, 1);
    field.stale.fill(0);
    field.update(states, 2);
    field.age(2);
    expect([...field.stale]).toEqual([0, 0, 0]);
    states.bytes[3] = data;
    field.update(states, 3);
    field.age(3);
    expect([...field.stale]).toEqual([0, 0, 1]);
  });

  test('without glow a change is settled at once', () => {
    const field = fieldOf();
    field.glows = false;
    const states = statesOf([free, free], [free]);
    field.update(states, 1);
    states.bytes[0] = data;
    field.update(states, 2);
    expect(field.pixels[0]).toBe(settled(data));
    expect(field.hotCount).toBe(0);
  });

  test('marked cells keep their colour, the others fade, and come back', () => {
    const field = fieldOf();
    field.update(statesOf([data, data], [data]), 1);
    field.mark([1]);
    expect(field.pixels[1]).toBe(settled(data));
    expect(field.pixels[0]).not.toBe(settled(data));
    field.mark(undefined);
    expect(field.pixels[0]).toBe(settled(data));
  });

  test('65,536 cells that all change are painted within a frame', () => {
    const field = new CellField({ arenaCount: 16, arenaBlocks: 4096 });
    field.usePalette(palette);
    const states: BlockStates = {
      bytes: new Uint8Array(65_536),
      arenas: Array.from({ length: 16 }, (_, arena) => ({
        arena,
        disk: 0,
        first: arena * 4096,
        count: 4096,
      })),
      arenaBytes: 4096 * 4096,
      blockBytes: 4096,
    };
    field.update(states, 1);
    const times: number[] = [];
    for (let frame = 1; frame <= 60; frame += 1) {
      states.bytes.fill(frame % 2 === 0 ? data : dirty);
      const startMs = performance.now();
      field.update(states, frame * 16);
      field.age(frame * 16);
      times.push(performance.now() - startMs);
    }
    expect(field.hotCount).toBe(65_536);
    // A generous bound, of the frame that was disturbed least: a test that nothing grew out of proportion.
    expect(Math.min(...times)).toBeLessThan(16);
  });
});

test('colours are read as the style has them', () => {
  expect(parseRgb('rgb(1, 20, 255)')).toEqual({ r: 1, g: 20, b: 255 });
  expect(parseRgb('rgba(1, 20, 255, 0.5)')).toEqual({ r: 1, g: 20, b: 255 });
  expect(parseRgb('#0114ff')).toEqual({ r: 1, g: 20, b: 255 });
  expect(parseRgb('#f0a')).toEqual({ r: 255, g: 0, b: 170 });
});
