/**
 * The arena map: one tile per arena, one cell per block, in the colour of the block's state. Every colour comes from
 * `store.blockStates()`; what is not painted as a cell has not been grown yet. The colours themselves are those
 * of the legend's swatches, so that map and legend cannot disagree, in any colour scheme.
 *
 * The canvas is as large as what is in view and moves with it, so a store of any size costs one screen of pixels.
 */
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';
import { byId, setText } from './dom.ts';
import {
  type Cell,
  cellAt,
  cellOrigin,
  layOutMap,
  type MapLayout,
  type MapMove,
  stepCell,
  tileOrigin,
} from './map-layout.ts';
import { countText, rangesText } from './text.ts';

type StateName = keyof typeof BLOCK_STATE;

/** Indexed by block state. */
const STATE_NAMES = (Object.keys(BLOCK_STATE) as StateName[]).sort(
  (a, b) => BLOCK_STATE[a] - BLOCK_STATE[b],
);
const STATE_COUNT = STATE_NAMES.length;

const IDLE_TEXT = 'Point at a square, or use the arrow keys, to see its address.';
const NO_ARENA_TEXT = 'There is no arena yet: the first file makes one.';

/** Of cells that are not marked while others are. */
const FADED_ALPHA = 0.2;

const MOVES: Readonly<Record<string, MapMove>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
};

interface Palette {
  /** By block state. */
  readonly states: readonly string[];
  readonly line: string;
  readonly text: string;
  readonly font: string;
}

export class ArenaMap {
  readonly #view = byId('map-view', HTMLElement);
  readonly #content = byId('map-content', HTMLElement);
  readonly #canvas = byId('map-canvas', HTMLCanvasElement);
  readonly #cursor = byId('map-cursor', HTMLElement);
  readonly #readout = byId('map-readout', HTMLElement);
  readonly #legend = byId('map-legend', HTMLElement);
  readonly #context: CanvasRenderingContext2D;
  #states: BlockStates | undefined;
  #layout: MapLayout | undefined;
  #palette: Palette | undefined;
  /** Blocks to stand out, as addresses; the others fade. */
  #marked: ReadonlySet<number> | undefined;
  #selected: Cell | undefined;
  #frame = 0;

  constructor() {
    const context = this.#canvas.getContext('2d', { alpha: true });
    if (context === null) throw new Error('This browser gives no 2D canvas.');
    this.#context = context;
    this.#view.tabIndex = 0;
    new ResizeObserver(() => this.#relayout()).observe(this.#view);
    this.#view.addEventListener('scroll', () => this.#draw());
    this.#view.addEventListener('pointermove', (event) => this.#point(event));
    this.#view.addEventListener('pointerdown', (event) => this.#point(event));
    this.#view.addEventListener('pointerleave', () => this.#select(undefined));
    this.#view.addEventListener('keydown', (event) => this.#key(event));
    this.#view.addEventListener('blur', () => this.#select(undefined));
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      matchMedia(query).addEventListener('change', () => this.#recolour());
    }
  }

  /** Shows a snapshot. Cheap when it is the one shown already. */
  show(states: BlockStates): void {
    if (states === this.#states) return;
    const before = this.#states;
    this.#states = states;
    if (before?.arenas.length !== states.arenas.length) this.#relayout();
    this.#draw();
  }

  /** Lets some blocks stand out; `undefined` shows all alike again. */
  mark(addresses: ReadonlySet<number> | undefined): void {
    if (addresses === this.#marked) return;
    this.#marked = addresses;
    this.#draw();
  }

  #recolour(): void {
    this.#palette = undefined;
    this.#draw();
  }

  #relayout(): void {
    const states = this.#states;
    if (states === undefined || this.#view.clientWidth === 0) return;
    const scale = devicePixelRatio;
    this.#layout = layOutMap({
      arenaCount: states.arenas.length,
      arenaBlocks: states.arenaBytes / states.blockBytes,
      width: Math.floor(this.#view.clientWidth * scale),
      height: Math.floor(this.#view.clientHeight * scale),
      scale,
    });
    this.#content.style.height = `${this.#layout.contentHeight / scale}px`;
    this.#select(undefined);
    this.#draw();
  }

  /** Draws in the next frame, once however often it is asked for. */
  #draw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const { clientWidth, clientHeight, scrollTop } = this.#view;
    const [layout, states, scale] = [this.#layout, this.#states, devicePixelRatio];
    if (layout === undefined || states === undefined) return;
    const width = Math.floor(clientWidth * scale);
    const height = Math.floor(clientHeight * scale);
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#canvas.style.width = `${width / scale}px`;
    this.#canvas.style.height = `${height / scale}px`;

    this.#palette ??= readPalette(this.#legend, this.#view);
    const top = Math.round(scrollTop * scale);
    this.#context.setTransform(1, 0, 0, 1, 0, -top);
    this.#context.clearRect(0, top, width, height);
    states.arenas.forEach((_, tile) => {
      const { y } = tileOrigin(layout, tile);
      const visible = y + layout.tileHeight >= top && y - layout.labelHeight <= top + height;
      if (visible) this.#paintTile(states, layout, tile);
    });
    this.#describe(states);
    if (this.#selected !== undefined) setText(this.#readout, describeCell(states, this.#selected));
  }

  #paintTile(states: BlockStates, layout: MapLayout, tile: number): void {
    const [context, palette, arena] = [this.#context, this.#palette, states.arenas[tile]];
    if (palette === undefined || arena === undefined) return;
    const { x, y } = tileOrigin(layout, tile);
    const { columns, pitch, gap, frame, line, tileWidth, tileHeight, labelHeight } = layout;
    context.globalAlpha = 1;
    context.fillStyle = palette.text;
    context.font = palette.font;
    context.textBaseline = 'middle';
    const label = `arena ${arena.arena}  ·  disk-${arena.disk}`;
    context.fillText(label, x, y - Math.floor(labelHeight / 2), tileWidth);
    // The outline of the whole arena: where it holds no cells, the file has not grown yet.
    context.strokeStyle = palette.line;
    context.lineWidth = line;
    context.strokeRect(x + line / 2, y + line / 2, tileWidth - line, tileHeight - line);

    const base = arena.arena * states.arenaBytes;
    const [left, top] = [x + frame, y + frame];
    let painted = -1;
    for (let n = 0; n < arena.count; n += 1) {
      const state = states.bytes[arena.first + n] as number;
      if (state !== painted) context.fillStyle = palette.states[state] ?? palette.line;
      painted = state;
      if (this.#marked !== undefined) {
        context.globalAlpha = this.#marked.has(base + n * states.blockBytes) ? 1 : FADED_ALPHA;
      }
      const row = Math.floor(n / columns);
      const column = n - row * columns;
      context.fillRect(left + column * pitch, top + row * pitch, pitch - gap, pitch - gap);
    }
  }

  /** The legend's counts, and the map in one sentence for those who do not see it. */
  #describe(states: BlockStates): void {
    const census = new Array<number>(STATE_COUNT).fill(0);
    for (const state of states.bytes) census[state] = (census[state] ?? 0) + 1;
    const parts: string[] = [];
    for (const name of STATE_NAMES) {
      const count = census[BLOCK_STATE[name]] as number;
      this.#showCount(name, count);
      if (count > 0) parts.push(`${countText(count)} ${name}`);
    }
    const arenaBlocks = states.arenaBytes / states.blockBytes;
    const ungrown = states.arenas.length * arenaBlocks - states.bytes.length;
    this.#showCount('ungrown', ungrown);
    const arenas = rangesText(states.arenas.map(({ arena }) => arena));
    this.#view.setAttribute('aria-label', `Map of arenas ${arenas}. Blocks: ${parts.join(', ')}.`);
  }

  #showCount(name: string, count: number): void {
    const cell = this.#legend.querySelector(`[data-state="${name}"] output`);
    if (cell !== null) setText(cell, countText(count));
  }

  #point(event: PointerEvent): void {
    if (this.#layout === undefined) return;
    const box = this.#content.getBoundingClientRect();
    const scale = devicePixelRatio;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    this.#select(cellAt(this.#layout, x, y));
  }

  #key(event: KeyboardEvent): void {
    const move = MOVES[event.key];
    if (move === undefined || this.#layout === undefined || this.#layout.arenaCount === 0) return;
    event.preventDefault();
    const from = this.#selected;
    this.#select(from === undefined ? { tile: 0, block: 0 } : stepCell(this.#layout, from, move));
    this.#cursor.scrollIntoView({ block: 'nearest' });
  }

  #select(cell: Cell | undefined): void {
    this.#selected = cell;
    const [layout, states] = [this.#layout, this.#states];
    this.#cursor.hidden = cell === undefined;
    if (cell === undefined || layout === undefined || states === undefined) {
      setText(this.#readout, states?.arenas.length === 0 ? NO_ARENA_TEXT : IDLE_TEXT);
      return;
    }
    const { x, y } = cellOrigin(layout, cell);
    const size = layout.pitch - layout.gap;
    const style = this.#cursor.style;
    style.translate = `${x / devicePixelRatio}px ${y / devicePixelRatio}px`;
    style.width = `${size / devicePixelRatio}px`;
    style.height = style.width;
    setText(this.#readout, describeCell(states, cell));
  }
}

function describeCell(states: BlockStates, { tile, block }: Cell): string {
  const arena = states.arenas[tile];
  if (arena === undefined) return '';
  const address = arena.arena * states.arenaBytes + block * states.blockBytes;
  const state = states.bytes[arena.first + block];
  const name = block < arena.count && state !== undefined ? STATE_NAMES[state] : 'not grown yet';
  return `${name} — address ${countText(address)} (arena ${arena.arena}, block ${countText(block)})`;
}

function readPalette(legend: HTMLElement, view: HTMLElement): Palette {
  const states = STATE_NAMES.map((name) => {
    const swatch = legend.querySelector(`[data-state="${name}"] .swatch`);
    if (swatch === null) throw new Error(`The legend lacks the state “${name}”.`);
    return getComputedStyle(swatch).backgroundColor;
  });
  const { color, borderTopColor, fontFamily, fontSize } = getComputedStyle(view);
  const size = Number.parseFloat(fontSize) * devicePixelRatio;
  return { states, line: borderTopColor, text: color, font: `${size}px ${fontFamily}` };
}
