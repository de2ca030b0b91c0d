import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cellAt,
  cellOrigin,
  layOutMap,
  type MapShape,
  stepCell,
  tileOrigin,
} from './map-layout.ts';

const shapes: fc.Arbitrary<MapShape> = fc.record({
  arenaCount: fc.integer({ min: 1, max: 1024 }),
  arenaBlocks: fc.constantFrom(32, 100, 1024, 2048, 4096, 65_536),
  width: fc.integer({ min: 280, max: 8000 }),
  height: fc.integer({ min: 200, max: 4000 }),
  scale: fc.constantFrom(1, 1.25, 1.5, 2, 3),
});

describe('the layout of the arena map', () => {
  test('every cell is found again under the point where it is drawn', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), fc.nat(), (shape, a, b) => {
        const layout = layOutMap(shape);
        const cell = { tile: a % shape.arenaCount, block: b % shape.arenaBlocks };
        const { x, y } = cellOrigin(layout, cell);
        const last = layout.pitch - 1;
        expect(cellAt(layout, x, y)).toEqual(cell);
        expect(cellAt(layout, x + last, y + last)).toEqual(cell);
      }),
    );
  });

  test('cells are whole device pixels, and never wider than the map allows', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const layout = layOutMap(shape);
        for (const value of [layout.pitch, layout.gap, layout.labelHeight, layout.gapX]) {
          expect(Number.isInteger(value)).toBe(true);
        }
        expect(layout.gap).toBeLessThan(layout.pitch);
        if (layout.pitch > 1) expect(layout.tileWidth).toBeLessThanOrEqual(shape.width);
      }),
    );
  });

  test('labels and the space between tiles belong to no cell', () => {
    const layout = layOutMap({
      arenaCount: 4,
      arenaBlocks: 4096,
      width: 800,
      height: 900,
      scale: 1,
    });
    const first = tileOrigin(layout, 0);
    const second = tileOrigin(layout, 1);
    expect(layout.across).toBe(2);
    expect(cellAt(layout, second.x - 1, second.y)).toBeUndefined();
    expect(cellAt(layout, second.x, second.y - 1)).toBeUndefined();
    expect(cellAt(layout, first.x - 1, 30)).toBeUndefined();
    expect(cellAt(layout, first.x, layout.contentHeight + 1)).toBeUndefined();
  });

  test('1 GiB in blocks of 16 KiB is in view on a phone, a laptop and a wall', () => {
    const store = { arenaCount: 16, arenaBlocks: 4096 };
    const phone = layOutMap({ ...store, width: 330 * 3, height: 400 * 3, scale: 3 });
    const laptop = layOutMap({ ...store, width: 1180, height: 350, scale: 1 });
    const wall = layOutMap({ ...store, width: 2400, height: 640, scale: 1 });
    expect([phone.across, phone.pitch, phone.contentHeight <= 1200]).toEqual([4, 3, true]);
    expect([laptop.across, laptop.pitch, laptop.contentHeight <= 350]).toEqual([8, 2, true]);
    expect([wall.across, wall.pitch, wall.contentHeight <= 640]).toEqual([8, 4, true]);
  });

  test('the last row of tiles is not left with one when the others could be shorter', () => {
    const layout = layOutMap({
      arenaCount: 16,
      arenaBlocks: 4096,
      width: 720,
      height: 700,
      scale: 1,
    });
    expect(layout.across).toBe(4);
  });

  test('a thousand arenas scroll', () => {
    const view = { arenaBlocks: 4096, width: 800, height: 900, scale: 1 };
    const many = layOutMap({ ...view, arenaCount: 1000 });
    expect(many.pitch).toBe(2);
    expect(many.contentHeight).toBeGreaterThan(900);
  });

  test('arrow keys go cell by cell, across tiles, and stop at the edges', () => {
    const layout = layOutMap({ arenaCount: 2, arenaBlocks: 64, width: 800, height: 400, scale: 1 });
    expect(stepCell(layout, { tile: 0, block: 0 }, 'left')).toEqual({ tile: 0, block: 0 });
    expect(stepCell(layout, { tile: 0, block: 3 }, 'down')).toEqual({ tile: 0, block: 11 });
    expect(stepCell(layout, { tile: 0, block: 63 }, 'right')).toEqual({ tile: 1, block: 0 });
    expect(stepCell(layout, { tile: 1, block: 60 }, 'down')).toEqual({ tile: 1, block: 60 });
    expect(stepCell(layout, { tile: 1, block: 9 }, 'first')).toEqual({ tile: 1, block: 0 });
    expect(stepCell(layout, { tile: 1, block: 9 }, 'last')).toEqual({ tile: 1, block: 63 });
  });
});
