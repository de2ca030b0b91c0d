/**
 * Where the map draws what: each arena is a tile, each block a cell of it. Everything is in device pixels, so
 * that cells are sharp on every screen. Pure arithmetic, so it is tested in Node.
 */

export interface MapShape {
  readonly arenaCount: number;
  /** Blocks of a fully grown arena. */
  readonly arenaBlocks: number;
  readonly width: number;
  readonly height: number;
  /** Device pixels per CSS pixel. */
  readonly scale: number;
}

export interface MapLayout {
  readonly arenaCount: number;
  readonly arenaBlocks: number;
  /** Cells in one row of a tile. */
  readonly columns: number;
  /** Rows of cells in a tile. */
  readonly rows: number;
  /** From one cell to the next. */
  readonly pitch: number;
  /** Of which this much is a line between cells; small cells touch. */
  readonly gap: number;
  /** Tiles in one row. */
  readonly across: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** Room above each tile for its name. */
  readonly labelHeight: number;
  readonly gapX: number;
  readonly gapY: number;
  /** Left of the first tile, so that all stand in the middle. */
  readonly marginX: number;
  /** Of all tiles; when it is more than the height asked for, the map scrolls. */
  readonly contentHeight: number;
}

export interface Cell {
  /** The tile's number. */
  readonly tile: number;
  readonly block: number;
}

const LABEL_CSS_PIXELS = 18;
const GAP_MIN_CSS_PIXELS = 8;
const GAP_MAX_CSS_PIXELS = 64;
const PITCH_MAX_CSS_PIXELS = 14;
/** When the map has to scroll, its cells are at least this large. */
const SCROLLED_PITCH_CSS_PIXELS = 2;
/** Smaller cells touch: a line between them would take most of their colour. */
const LINE_FROM_CSS_PIXELS = 5;

/** The largest cells with which all tiles are in view. When even the smallest do not fit, the map scrolls. */
export function layOutMap(shape: MapShape): MapLayout {
  const pitchMax = Math.round(PITCH_MAX_CSS_PIXELS * shape.scale);
  const square = 2 ** Math.ceil(Math.log2(Math.sqrt(shape.arenaBlocks)));
  for (let pitch = pitchMax; pitch >= 1; pitch -= 1) {
    for (const columns of [square, 2 * square, 4 * square, square / 2]) {
      const layout = layOutWith(shape, pitch, columns);
      const fits = layout.marginX >= 0 && layout.contentHeight <= shape.height;
      if (fits) return layout;
    }
  }
  return layOutScrolled(shape, square);
}

function layOutScrolled(shape: MapShape, square: number): MapLayout {
  const wanted = Math.max(1, Math.round(SCROLLED_PITCH_CSS_PIXELS * shape.scale));
  for (let pitch = wanted; pitch > 1; pitch -= 1) {
    const layout = layOutWith(shape, pitch, square);
    if (layout.marginX >= 0) return layout;
  }
  return layOutWith(shape, 1, square);
}

function layOutWith(shape: MapShape, pitch: number, columns: number): MapLayout {
  const { arenaCount, arenaBlocks, width, scale } = shape;
  const gap = pitch >= LINE_FROM_CSS_PIXELS * scale ? Math.max(1, Math.floor(scale)) : 0;
  const rows = Math.ceil(arenaBlocks / columns);
  const tileWidth = columns * pitch;
  const tileHeight = rows * pitch;
  const gapMin = Math.round(GAP_MIN_CSS_PIXELS * scale);
  const acrossMax = Math.max(1, Math.floor((width + gapMin) / (tileWidth + gapMin)));
  const down = Math.max(1, Math.ceil(arenaCount / acrossMax));
  // As many in each row, rather than one alone in the last.
  const across = Math.max(1, Math.ceil(arenaCount / down));
  const spare = across > 1 ? Math.floor((width - across * tileWidth) / (across - 1)) : 0;
  const gapX = Math.max(gapMin, Math.min(Math.round(GAP_MAX_CSS_PIXELS * scale), spare));
  const gapY = Math.max(gapMin, Math.min(gapX, 2 * gapMin));
  const labelHeight = Math.round(LABEL_CSS_PIXELS * scale);
  return {
    arenaCount,
    arenaBlocks,
    columns,
    rows,
    pitch,
    gap,
    across,
    tileWidth,
    tileHeight,
    labelHeight,
    gapX,
    gapY,
    marginX: Math.floor((width - (across * (tileWidth + gapX) - gapX)) / 2),
    contentHeight: down * (labelHeight + tileHeight + gapY) - gapY,
  };
}

/** Where a tile starts; its label is above. */
export function tileOrigin(layout: MapLayout, tile: number): { x: number; y: number } {
  const { across, tileWidth, tileHeight, gapX, gapY, labelHeight, marginX } = layout;
  const row = Math.floor(tile / across);
  return {
    x: Math.max(0, marginX) + (tile % across) * (tileWidth + gapX),
    y: row * (labelHeight + tileHeight + gapY) + labelHeight,
  };
}

export function cellOrigin(layout: MapLayout, { tile, block }: Cell): { x: number; y: number } {
  const { x, y } = tileOrigin(layout, tile);
  const { columns, pitch } = layout;
  return { x: x + (block % columns) * pitch, y: y + Math.floor(block / columns) * pitch };
}

/** The cell at a point of the content, or `undefined` between tiles. */
export function cellAt(layout: MapLayout, x: number, y: number): Cell | undefined {
  const { across, tileWidth, tileHeight, gapX, gapY, labelHeight, columns, pitch } = layout;
  const tileX = Math.floor((x - Math.max(0, layout.marginX)) / (tileWidth + gapX));
  const tileY = Math.floor(y / (labelHeight + tileHeight + gapY));
  const tile = tileY * across + tileX;
  if (tileX < 0 || tileX >= across || tile < 0 || tile >= layout.arenaCount) return undefined;
  const origin = tileOrigin(layout, tile);
  const column = Math.floor((x - origin.x) / pitch);
  const row = Math.floor((y - origin.y) / pitch);
  const block = row * columns + column;
  if (row < 0 || column < 0 || column >= columns || block >= layout.arenaBlocks) return undefined;
  return { tile, block };
}

export type MapMove = 'left' | 'right' | 'up' | 'down' | 'first' | 'last';

/**
 * One step with the keyboard: inside a tile, and on to the next one beyond its edge. Stays where it is at the map's
 * edge.
 */
export function stepCell(layout: MapLayout, cell: Cell, move: MapMove): Cell {
  const { columns, arenaBlocks, arenaCount } = layout;
  if (move === 'first') return { tile: cell.tile, block: 0 };
  if (move === 'last') return { tile: cell.tile, block: arenaBlocks - 1 };
  const step = { left: -1, right: 1, up: -columns, down: columns }[move];
  const at = cell.tile * arenaBlocks + cell.block + step;
  if (at < 0 || at >= arenaCount * arenaBlocks) return cell;
  return { tile: Math.floor(at / arenaBlocks), block: at % arenaBlocks };
}
