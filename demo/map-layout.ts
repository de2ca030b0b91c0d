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
  /** From one cell to the next; the cell itself is `pitch - gap` wide. */
  readonly pitch: number;
  readonly gap: number;
  /** Between a tile's edge and its cells: an outline of `line` and a gap. */
  readonly frame: number;
  readonly line: number;
  /** Tiles in one row. */
  readonly across: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** Room above each tile for its name. */
  readonly labelHeight: number;
  readonly tileGap: number;
  /** Of all tiles; when it is more than the height asked for, the map scrolls. */
  readonly contentHeight: number;
}

export interface Cell {
  /** The tile's number: the n-th of the arenas shown. */
  readonly tile: number;
  readonly block: number;
}

const LABEL_CSS_PIXELS = 22;
const TILE_GAP_CSS_PIXELS = 18;
const PITCH_MAX_CSS_PIXELS = 12;
/** Below this the map scrolls rather than shrinks. */
const PITCH_MIN_CSS_PIXELS = 3;
/** Smaller cells touch: a gap would take most of their colour. */
const GAP_FROM_CSS_PIXELS = 4;

/**
 * The largest cells with which all tiles are in view, be it as squares or as strips. When even small ones do not fit,
 * the map scrolls, and its width is filled.
 */
export function layOutMap(shape: MapShape): MapLayout {
  const pitchMax = Math.round(PITCH_MAX_CSS_PIXELS * shape.scale);
  const pitchMin = Math.round(PITCH_MIN_CSS_PIXELS * shape.scale);
  const square = 2 ** Math.ceil(Math.log2(Math.sqrt(shape.arenaBlocks)));
  for (let pitch = pitchMax; pitch > pitchMin; pitch -= 1) {
    for (const columns of [square, 2 * square, 4 * square]) {
      const layout = layOutWith(shape, { pitch, columns });
      if (layout.contentHeight <= shape.height && widthOf(layout) <= shape.width) return layout;
    }
  }
  for (let pitch = pitchMin; pitch > 1; pitch -= 1) {
    const layout = layOutWith(shape, { pitch, columns: square });
    if (widthOf(layout) <= shape.width) return widen(shape, layout);
  }
  return layOutWith(shape, { pitch: 1, columns: square });
}

/** The largest cells with as many tiles in a row. */
function widen(shape: MapShape, layout: MapLayout): MapLayout {
  let wide = layout;
  for (let pitch = layout.pitch + 1; ; pitch += 1) {
    const wider = layOutWith(shape, { pitch, columns: layout.columns });
    if (wider.across < layout.across || widthOf(wider) > shape.width) return wide;
    wide = wider;
  }
}

function layOutWith(
  { arenaCount, arenaBlocks, width, scale }: MapShape,
  { pitch, columns }: Pick<MapLayout, 'pitch' | 'columns'>,
): MapLayout {
  const gap = pitch >= GAP_FROM_CSS_PIXELS * scale ? Math.max(1, Math.floor(scale)) : 0;
  const line = Math.max(1, Math.floor(scale));
  const frame = line + Math.max(1, gap);
  const tileWidth = columns * pitch - gap + 2 * frame;
  const tileHeight = Math.ceil(arenaBlocks / columns) * pitch - gap + 2 * frame;
  const labelHeight = Math.round(LABEL_CSS_PIXELS * scale);
  const tileGap = Math.round(TILE_GAP_CSS_PIXELS * scale);
  const across = Math.max(1, Math.floor((width + tileGap) / (tileWidth + tileGap)));
  const down = Math.ceil(arenaCount / across);
  return {
    arenaCount,
    arenaBlocks,
    columns,
    pitch,
    gap,
    frame,
    line,
    across,
    tileWidth,
    tileHeight,
    labelHeight,
    tileGap,
    contentHeight: Math.max(0, down * (labelHeight + tileHeight + tileGap) - tileGap),
  };
}

function widthOf({ across, arenaCount, tileWidth, tileGap }: MapLayout): number {
  return Math.min(across, arenaCount) * (tileWidth + tileGap) - tileGap;
}

/** Where a tile starts; its label is above. */
export function tileOrigin(layout: MapLayout, tile: number): { x: number; y: number } {
  const { across, tileWidth, tileHeight, tileGap, labelHeight } = layout;
  const row = Math.floor(tile / across);
  return {
    x: (tile % across) * (tileWidth + tileGap),
    y: row * (labelHeight + tileHeight + tileGap) + labelHeight,
  };
}

export function cellOrigin(layout: MapLayout, { tile, block }: Cell): { x: number; y: number } {
  const { x, y } = tileOrigin(layout, tile);
  const { columns, pitch, frame } = layout;
  return {
    x: x + frame + (block % columns) * pitch,
    y: y + frame + Math.floor(block / columns) * pitch,
  };
}

/** The cell at a point of the content, or `undefined` between tiles. */
export function cellAt(layout: MapLayout, x: number, y: number): Cell | undefined {
  const { across, tileWidth, tileHeight, tileGap, labelHeight, columns, pitch, frame } = layout;
  const tileX = Math.floor(x / (tileWidth + tileGap));
  const tileY = Math.floor(y / (labelHeight + tileHeight + tileGap));
  const tile = tileY * across + tileX;
  if (x < 0 || y < 0 || tileX >= across || tile >= layout.arenaCount) return undefined;
  const origin = tileOrigin(layout, tile);
  const column = Math.floor((x - origin.x - frame) / pitch);
  const row = Math.floor((y - origin.y - frame) / pitch);
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
