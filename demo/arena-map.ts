/**
 * The arena map: one tile per arena, one cell per block, in the colour of the block's state. Every colour comes from
 * `store.blockStates()`.
 *
 * A tile is a canvas of one pixel a block, enlarged by the browser without smoothing. So a frame costs what has
 * changed, not what is in view: only tiles with changed pixels are put on their canvas again. Legend and map have
 * their colours from the same custom properties, so they cannot disagree, in any colour scheme.
 */
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';
import { CellField, makePalette, parseRgb, UNGROWN } from './cell-field.ts';
import { byId, make, onColoursChange, prefersStillness, setText, styleValue } from './dom.ts';
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
import { countText } from './text.ts';

export const STATE_NAMES: readonly string[] = [
  ...Object.entries(BLOCK_STATE)
    .sort(([, one], [, other]) => one - other)
    .map(([name]) => name),
  'ungrown',
];

const IDLE_TEXT =
  'Point at a square, or use the arrow keys; Enter looks into an arena, Escape out.';
/** Rings around damaged blocks, which may be a single pixel each. */
const RINGS_MAX = 24;
const CENSUS_MS = 250;
/** When everything changes, a tile is put on its canvas in every other frame: that costs more than all else. */
const TILES_A_FRAME = 8;

const MOVES: Readonly<Record<string, MapMove>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
};

interface Tile {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly name: HTMLButtonElement;
  readonly lines: HTMLElement;
  image: ImageData | undefined;
}

export interface MapHooks {
  /** What else is known of a block, in words; empty when nothing is. */
  describe(address: number): Promise<string>;
  /** Another arena is looked into, or all of them again. */
  onZoom(arena: number | undefined): void;
}

export class ArenaMap {
  readonly #hooks: MapHooks;
  readonly #view = byId('map-view', HTMLElement);
  readonly #content = byId('map-content', HTMLElement);
  readonly #cursor = byId('map-cursor', HTMLElement);
  readonly #readout = byId('map-readout', HTMLElement);
  readonly #legend = byId('map-legend', HTMLElement);
  readonly #zoomAll = byId('zoom-all', HTMLButtonElement);
  readonly #zoomNext = byId('zoom-next', HTMLButtonElement);
  readonly #zoomPrevious = byId('zoom-previous', HTMLButtonElement);
  readonly #tiles: Tile[] = [];
  readonly #rings: HTMLElement[] = [];
  #field: CellField | undefined;
  #states: BlockStates | undefined;
  #layout: MapLayout | undefined;
  #zoomed: number | undefined;
  #selected: Cell | undefined;
  #described = '';
  /** When the selected block had last changed as it was described. */
  #describedMs: number | undefined;
  #censusMs = 0;
  #changesTold = -1;
  #nextTile = 0;

  constructor(hooks: MapHooks) {
    this.#hooks = hooks;
    this.#view.tabIndex = 0;
    setText(this.#readout, IDLE_TEXT);
    new ResizeObserver(() => this.#relayout()).observe(this.#view);
    this.#view.addEventListener('pointermove', (event) => this.#point(event));
    this.#view.addEventListener('pointerdown', (event) => this.#point(event));
    this.#view.addEventListener('dblclick', () => this.#zoomToSelected());
    this.#view.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.#select(undefined);
    });
    this.#view.addEventListener('keydown', (event) => this.#key(event));
    this.#zoomAll.addEventListener('click', () => this.zoom(undefined));
    this.#zoomNext.addEventListener('click', () => this.#zoomBy(1));
    this.#zoomPrevious.addEventListener('click', () => this.#zoomBy(-1));
    onColoursChange(() => this.#recolour());
  }

  /** The pixels, for tests. */
  get field(): CellField | undefined {
    return this.#field;
  }

  get zoomed(): number | undefined {
    return this.#zoomed;
  }

  /** Another store, or the same one opened again: nothing that is shown happened before its eyes. */
  reset(states: BlockStates, maxBytes: number): void {
    const arenaBlocks = states.arenaBytes / states.blockBytes;
    const highest = Math.max(-1, ...states.arenas.map(({ arena }) => arena));
    const arenaCount = Math.max(highest + 1, Math.ceil(maxBytes / states.arenaBytes));
    this.#field = new CellField({ arenaCount, arenaBlocks });
    this.#field.glows = !prefersStillness();
    this.#recolour();
    this.#makeTiles(arenaCount);
    // They show the pixels of the field that they were made from.
    for (const tile of this.#tiles) tile.image = undefined;
    this.#zoomed = undefined;
    this.#states = states;
    this.#changesTold = -1;
    this.#relayout();
    this.update(states, performance.now());
  }

  /** Takes in what the engine says. */
  update(states: BlockStates, nowMs: number): void {
    this.#states = states;
    this.#field?.update(states, nowMs);
  }

  /** Draws what has changed. */
  paint(nowMs: number): void {
    const field = this.#field;
    if (field === undefined) return;
    field.age(nowMs);
    this.#paintTiles(field);
    if (nowMs - this.#censusMs < CENSUS_MS) return;
    this.#censusMs = nowMs;
    this.#tellSelected();
    this.#askAgain();
    if (field.changes === this.#changesTold) return;
    this.#changesTold = field.changes;
    this.#tellCensus(field);
    this.#nameTiles(field);
    this.#ringDamage(field);
  }

  /** The next ones that have changed, so that each has its turn. */
  #paintTiles(field: CellField): void {
    const { arenaCount } = field.shape;
    let left = TILES_A_FRAME;
    for (let n = 0; n < arenaCount && left > 0; n += 1) {
      const arena = this.#nextTile % arenaCount;
      this.#nextTile = arena + 1;
      const isHidden = this.#zoomed !== undefined && this.#zoomed !== arena;
      if (field.stale[arena] === 0 || isHidden) continue;
      field.stale[arena] = 0;
      left -= 1;
      this.#paintTile(field, arena);
    }
  }

  /** Lets some blocks stand out; `undefined` shows all alike again. */
  mark(addresses: Iterable<number> | undefined): void {
    const states = this.#states;
    if (states === undefined) return;
    const { blockBytes } = states;
    this.#field?.mark(
      addresses === undefined
        ? undefined
        : [...addresses].map((address) => Math.floor(address / blockBytes)),
    );
  }

  /** Looks into one arena, or at all of them. */
  zoom(arena: number | undefined): void {
    if (arena === this.#zoomed) return;
    const selected = this.#selected;
    const block = selected === undefined ? undefined : { ...selected };
    const before = this.#zoomed;
    this.#zoomed = arena;
    this.#field?.stale.fill(1);
    this.#relayout();
    if (this.#field !== undefined) this.#tellCensus(this.#field);
    this.#hooks.onZoom(arena);
    if (block === undefined) return;
    const at = before ?? block.tile;
    if (arena === undefined) this.#select({ tile: at, block: block.block });
    else if (at === arena) this.#select({ tile: 0, block: block.block });
  }

  #zoomBy(step: number): void {
    const count = this.#field?.shape.arenaCount ?? 0;
    if (this.#zoomed !== undefined) this.zoom((this.#zoomed + step + count) % count);
  }

  #zoomToSelected(): void {
    const selected = this.#selected;
    if (this.#zoomed !== undefined) this.zoom(undefined);
    else if (selected !== undefined) this.zoom(selected.tile);
  }

  #makeTiles(count: number): void {
    while (this.#tiles.length > count) this.#tiles.pop()?.element.remove();
    while (this.#tiles.length < count) {
      const arena = this.#tiles.length;
      const element = make('div', 'tile');
      const canvas = make('canvas', '');
      const name = make('button', 'tile-name');
      name.type = 'button';
      // The map is one stop for the keyboard, where Enter does the same.
      name.tabIndex = -1;
      name.addEventListener('click', () =>
        this.zoom(this.#zoomed === undefined ? arena : undefined),
      );
      const lines = make('div', 'tile-lines');
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('This browser gives no 2D canvas.');
      element.append(name, canvas, lines);
      this.#content.append(element);
      this.#tiles.push({ element, canvas, context, name, lines, image: undefined });
    }
  }

  #recolour(): void {
    const states = STATE_NAMES.map((name) => parseRgb(styleValue(`--state-${name}`)));
    const fresh = parseRgb(styleValue('--fresh'));
    const ground = parseRgb(styleValue('--panel'));
    this.#field?.usePalette(makePalette({ states, fresh, ground }));
  }

  #relayout(): void {
    const field = this.#field;
    if (field === undefined || this.#view.clientWidth === 0) return;
    const scale = devicePixelRatio;
    const { arenaCount, arenaBlocks } = field.shape;
    const layout = layOutMap({
      arenaCount: this.#zoomed === undefined ? arenaCount : 1,
      arenaBlocks,
      width: Math.floor(this.#view.clientWidth * scale),
      height: Math.floor(this.#roomPixels() * scale),
      scale,
    });
    this.#layout = layout;
    const contentPixels = Math.ceil(layout.contentHeight / scale);
    this.#content.style.height = `${contentPixels}px`;
    // Looking into an arena must not move what is below.
    if (this.#zoomed === undefined) {
      this.#view.style.height = `${Math.min(contentPixels, this.#roomPixels())}px`;
    }
    this.#tiles.forEach((tile, arena) => {
      const isShown = this.#zoomed === undefined || this.#zoomed === arena;
      tile.element.hidden = !isShown;
      if (isShown) placeTile(tile, layout, this.#zoomed === undefined ? arena : 0);
    });
    field.stale.fill(1);
    this.#changesTold = -1;
    this.#zoomAll.disabled = this.#zoomed === undefined;
    this.#zoomNext.disabled = this.#zoomed === undefined;
    this.#zoomPrevious.disabled = this.#zoomed === undefined;
    this.#select(undefined);
  }

  /** How high the map may be; when one arena is shown, as high as it is. */
  #roomPixels(): number {
    const most = Number.parseFloat(getComputedStyle(this.#view).maxHeight);
    return this.#zoomed === undefined ? most : this.#view.clientHeight;
  }

  #paintTile(field: CellField, arena: number): void {
    const tile = this.#tiles[arena];
    const layout = this.#layout;
    if (tile === undefined || layout === undefined) return;
    const { columns, rows, arenaBlocks } = layout;
    const { canvas } = tile;
    if (canvas.width !== columns || canvas.height !== rows) {
      canvas.width = columns;
      canvas.height = rows;
      tile.image = undefined;
    }
    const from = arena * arenaBlocks;
    if (columns * rows === arenaBlocks) {
      // The picture is this part of the pixels, so nothing is copied.
      const bytes = new Uint8ClampedArray(field.pixels.buffer, from * 4, arenaBlocks * 4);
      tile.image ??= new ImageData(bytes, columns, rows);
    } else {
      tile.image ??= new ImageData(columns, rows);
      new Uint32Array(tile.image.data.buffer).set(field.pixels.subarray(from, from + arenaBlocks));
    }
    tile.context.putImageData(tile.image, 0, 0);
  }

  /** The legend's counts, and the map in one sentence for those who do not see it. */
  #tellCensus({ census }: CellField): void {
    const parts: string[] = [];
    STATE_NAMES.forEach((name, state) => {
      const count = census[state] ?? 0;
      const output = this.#legend.querySelector(`[data-state="${name}"] output`);
      if (output !== null) setText(output, countText(count));
      if (count > 0 && state !== UNGROWN) parts.push(`${countText(count)} ${name}`);
    });
    const where = this.#zoomed === undefined ? 'all arenas' : `arena ${this.#zoomed}`;
    const text = parts.length === 0 ? 'nothing yet' : parts.join(', ');
    this.#view.setAttribute('aria-label', `Map of ${where}. Blocks: ${text}.`);
  }

  #nameTiles({ used, grown, shape }: CellField): void {
    this.#tiles.forEach(({ name }, arena) => {
      const isGrown = (grown[arena] ?? 0) > 0;
      const share = Math.round(((used[arena] ?? 0) * 100) / shape.arenaBlocks);
      setText(name, isGrown ? `${arena} · ${share}\u00a0%` : `${arena}`);
      name.dataset['grown'] = isGrown ? 'yes' : 'no';
      const what = isGrown ? `${share} % in use` : 'not grown yet';
      const title = `Arena ${arena}: ${what}. Press to look into it.`;
      if (name.title !== title) name.title = title;
    });
  }

  #ringDamage({ census }: CellField): void {
    const [layout, states] = [this.#layout, this.#states];
    if (layout === undefined || states === undefined) return;
    if (census[BLOCK_STATE.damaged] === 0 && this.#rings.length === 0) return;
    const cells: Cell[] = [];
    for (const { arena, first, count } of states.arenas) {
      for (let n = 0; n < count && cells.length < RINGS_MAX; n += 1) {
        if (states.bytes[first + n] !== BLOCK_STATE.damaged) continue;
        if (this.#zoomed === undefined) cells.push({ tile: arena, block: n });
        else if (this.#zoomed === arena) cells.push({ tile: 0, block: n });
      }
    }
    while (this.#rings.length > cells.length) this.#rings.pop()?.remove();
    while (this.#rings.length < cells.length) {
      const ring = make('div', 'ring');
      this.#content.append(ring);
      this.#rings.push(ring);
    }
    cells.forEach((cell, n) => {
      const { x, y } = cellOrigin(layout, cell);
      const half = layout.pitch / 2;
      const ring = this.#rings[n] as HTMLElement;
      ring.style.translate = `${(x + half) / devicePixelRatio}px ${(y + half) / devicePixelRatio}px`;
    });
  }

  #point(event: PointerEvent): void {
    if (this.#layout === undefined) return;
    const box = this.#content.getBoundingClientRect();
    const scale = devicePixelRatio;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    this.#select(cellAt(this.#layout, x, y));
  }

  #key(event: KeyboardEvent): void {
    const layout = this.#layout;
    if (layout === undefined || layout.arenaCount === 0) return;
    if (event.key === 'Enter' && event.target === this.#view) {
      this.#zoomToSelected();
    } else if (event.key === 'Escape' && this.#zoomed !== undefined) {
      this.zoom(undefined);
    } else {
      const move = MOVES[event.key];
      if (move === undefined) return;
      const from = this.#selected;
      this.#select(from === undefined ? { tile: 0, block: 0 } : stepCell(layout, from, move));
      this.#cursor.scrollIntoView({ block: 'nearest' });
    }
    event.preventDefault();
  }

  #select(cell: Cell | undefined): void {
    const before = this.#selected;
    if (cell !== undefined && cell.tile === before?.tile && cell.block === before.block) return;
    this.#selected = cell;
    this.#described = '';
    const layout = this.#layout;
    this.#cursor.hidden = cell === undefined;
    if (cell === undefined || layout === undefined) {
      setText(this.#readout, IDLE_TEXT);
      return;
    }
    const { x, y } = cellOrigin(layout, cell);
    const { style } = this.#cursor;
    style.translate = `${x / devicePixelRatio}px ${y / devicePixelRatio}px`;
    style.width = `${(layout.pitch - layout.gap) / devicePixelRatio}px`;
    style.height = style.width;
    this.#tellSelected();
    void this.#askMore(cell);
  }

  async #askMore(cell: Cell): Promise<void> {
    const address = this.#addressOf(cell);
    if (address === undefined) return;
    this.#describedMs = this.#changedMs(cell);
    const text = await this.#hooks.describe(address);
    if (this.#selected !== cell) return;
    this.#described = text;
    this.#tellSelected();
  }

  /** What was said of a block that has changed since is said anew. */
  #askAgain(): void {
    const cell = this.#selected;
    if (cell !== undefined && this.#changedMs(cell) !== this.#describedMs) void this.#askMore(cell);
  }

  #changedMs({ tile, block }: Cell): number | undefined {
    const field = this.#field;
    return field?.changedMs((this.#zoomed ?? tile) * field.shape.arenaBlocks + block);
  }

  #addressOf({ tile, block }: Cell): number | undefined {
    const states = this.#states;
    if (states === undefined) return undefined;
    return (this.#zoomed ?? tile) * states.arenaBytes + block * states.blockBytes;
  }

  #tellSelected(): void {
    const [cell, field] = [this.#selected, this.#field];
    if (cell === undefined || field === undefined) return;
    const arena = this.#zoomed ?? cell.tile;
    const index = arena * field.shape.arenaBlocks + cell.block;
    const state = field.stateOf(index);
    const name = state === UNGROWN ? 'not grown yet' : STATE_NAMES[state];
    const address = countText(this.#addressOf(cell) ?? 0);
    const place = `(arena ${arena}, block ${countText(cell.block)})`;
    const age = ageText(field.changedMs(index), performance.now());
    const parts = [`${name} — address ${address} ${place}`, age, this.#described];
    setText(this.#readout, parts.filter((part) => part !== '').join(' · '));
  }
}

function placeTile({ element, canvas, lines }: Tile, layout: MapLayout, place: number): void {
  const scale = devicePixelRatio;
  const { x, y } = tileOrigin(layout, place);
  element.style.translate = `${x / scale}px ${(y - layout.labelHeight) / scale}px`;
  element.style.width = `${layout.tileWidth / scale}px`;
  canvas.style.width = `${layout.tileWidth / scale}px`;
  canvas.style.height = `${layout.tileHeight / scale}px`;
  lines.hidden = layout.gap === 0;
  lines.style.top = `${layout.labelHeight / scale}px`;
  lines.style.setProperty('--pitch', `${layout.pitch / scale}px`);
  lines.style.setProperty('--gap', `${layout.gap / scale}px`);
  element.style.setProperty('--label', `${layout.labelHeight / scale}px`);
}

function ageText(changedMs: number | undefined, nowMs: number): string {
  if (changedMs === undefined) return '';
  const seconds = Math.floor((nowMs - changedMs) / 1000);
  if (seconds < 1) return 'changed just now';
  return seconds < 120
    ? `changed ${seconds} s ago`
    : `changed ${Math.floor(seconds / 60)} minutes ago`;
}
