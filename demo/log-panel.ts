/**
 * The allocation log: a ribbon per arena, records as bars, the chain's length as a line, a stroke where compaction
 * folded it; before it the chain as it is now, a square a block. Below, the free ranges that the logs tell of.
 */
import type { BlockStates, StoreStats } from '../src/index.ts';
import { byId, make, onColoursChange, setText, styleValue, typeScale } from './dom.ts';
import { type FreeRangeClass, freeRangeClasses } from './free-ranges.ts';
import type { StoreHost } from './host.ts';
import { LogHistory, type LogRibbon } from './log-history.ts';
import { SAMPLE_COUNT } from './sampler.ts';
import { countOf, countText, shortCountText } from './text.ts';

/** Everything here is in pixels of a page whose type is not enlarged. */
const LABEL_PIXELS = 22;
const CHAIN_PIXELS = 54;
const SQUARE_PIXELS = 6;
/** So many squares; a longer chain ends in a number. */
const SQUARES_MAX = 8;
const ROW_PIXELS_MAX = 48;
/** Compactions are stitches along the upper edge. */
const STITCH_PIXELS = 3;
const ROWS_MAX = 16;
/** A ribbon is some hundred strokes, so no frame draws all of them. */
export const LOG_PARTS = 4;

interface Colours {
  readonly ink: string;
  readonly line: string;
  readonly log: string;
  readonly fold: string;
  readonly chain: string;
}

export class LogPanel {
  readonly #box = byId('ribbon', HTMLElement);
  readonly #canvas = byId('ribbon-canvas', HTMLCanvasElement);
  readonly #empty = byId('ribbon-empty', HTMLElement);
  readonly #histogram = byId('histogram', HTMLElement);
  readonly #context: CanvasRenderingContext2D;
  #history = new LogHistory();
  #rows = 0;
  #typeScale = 1;
  #colours: Colours | undefined;

  constructor(host: StoreHost) {
    const context = this.#canvas.getContext('2d');
    if (context === null) throw new Error('This browser gives no 2D canvas.');
    this.#context = context;
    // At once, not when the next sample comes: a stretched picture, or one in the colours of before, is seen.
    new ResizeObserver(() => this.#drawAnew()).observe(this.#box);
    onColoursChange(() => this.#drawAnew());
    const button = byId('compact', HTMLButtonElement);
    button.addEventListener('click', () => {
      // A store that cannot compact any more says so in its health.
      void host.open.store.compactLogs().catch(() => undefined);
    });
    host.onOpen(() => {
      this.#history = new LogHistory();
    });
  }

  look({ arenas }: StoreStats, nowMs: number): void {
    this.#history.look(arenas, nowMs);
  }

  #drawAnew(): void {
    this.#colours = undefined;
    this.#typeScale = typeScale();
    this.#rows = -1;
    this.draw(0);
  }

  /** Draws a quarter of the ribbons, those of every fourth row. */
  draw(part: number): void {
    const ribbons = this.#history.ribbons.slice(0, ROWS_MAX);
    const isResized = this.#fitCanvas();
    const scale = devicePixelRatio * this.#typeScale;
    const [width, height] = [this.#canvas.width / scale, this.#canvas.height / scale];
    if (width === 0) return;
    this.#colours ??= readColours();
    const context = this.#context;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const rowHeight = Math.min(ROW_PIXELS_MAX, height / Math.max(1, ribbons.length));
    // Rows that are new, or gone, move all the others.
    const isAnew = isResized || ribbons.length !== this.#rows;
    this.#rows = ribbons.length;
    this.#empty.hidden = ribbons.length > 0;
    if (isAnew) context.clearRect(0, 0, width, height);
    ribbons.forEach((ribbon, row) => {
      if (!isAnew && row % LOG_PARTS !== part) return;
      const top = Math.round(row * rowHeight);
      context.save();
      context.translate(0, top);
      context.clearRect(0, 0, width, Math.round((row + 1) * rowHeight) - top);
      this.#drawRibbon(ribbon, width, Math.floor(rowHeight) - 3);
      context.restore();
    });
    if (part === 0) this.#describe(ribbons);
  }

  /** As many pixels as the screen has for it. Whether that is another number than before. */
  #fitCanvas(): boolean {
    const { clientWidth, clientHeight } = this.#box;
    const width = Math.floor(clientWidth * devicePixelRatio);
    const height = Math.floor(clientHeight * devicePixelRatio);
    if (this.#canvas.width === width && this.#canvas.height === height) return false;
    Object.assign(this.#canvas, { width, height });
    return true;
  }

  #describe(ribbons: readonly LogRibbon[]): void {
    const blocks = ribbons.reduce((sum, ribbon) => sum + ribbon.blocks, 0);
    const records = ribbons.reduce((sum, ribbon) => sum + ribbon.records, 0);
    const folds = ribbons.reduce((sum, ribbon) => sum + ribbon.compactions, 0);
    const text =
      `Allocation logs of ${countOf(ribbons.length, 'arena')}: ${countOf(records, 'record')} in ` +
      `${countOf(blocks, 'block')}, ${countOf(folds, 'compaction')}.`;
    this.#box.setAttribute('aria-label', text);
  }

  #drawRibbon(ribbon: LogRibbon, width: number, height: number): void {
    const [context, colours] = [this.#context, this.#colours];
    if (colours === undefined) return;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.fillStyle = colours.ink;
    context.fillText(String(ribbon.arena), 0, height / 2);
    this.#drawChain(ribbon, height);
    const left = LABEL_PIXELS + CHAIN_PIXELS;
    const step = (width - left) / SAMPLE_COUNT;
    context.fillStyle = colours.line;
    context.fillRect(left, height, width - left, 1);
    const most = largestOf(ribbon.appended, 64);
    const room = height - STITCH_PIXELS - 2;
    const longest = largestOf(ribbon.chain, 4);
    context.strokeStyle = colours.chain;
    context.lineWidth = 1;
    context.beginPath();
    for (let n = 0; n < SAMPLE_COUNT; n += 1) {
      const x = left + n * step;
      const appended = ribbon.appended[n] as number;
      if (appended > 0) {
        const bar = Math.max(1.5, (Math.log2(1 + appended) / Math.log2(1 + most)) * room);
        context.fillStyle = colours.log;
        context.fillRect(x, height - bar, Math.max(1, step - 0.5), bar);
      }
      if ((ribbon.folded[n] as number) > 0) {
        context.fillStyle = colours.fold;
        context.fillRect(x, 0, Math.max(1, step - 0.5), STITCH_PIXELS);
      }
      if (ribbon.chain[n] === 0) continue;
      const y = height - ((ribbon.chain[n] as number) / longest) * (room - 1);
      context.lineTo(x, y);
      context.lineTo(x + step, y);
    }
    context.stroke();
  }

  #drawChain({ blocks }: LogRibbon, height: number): void {
    const [context, colours] = [this.#context, this.#colours];
    if (colours === undefined) return;
    const y = Math.round((height - SQUARE_PIXELS) / 2);
    const squares = Math.min(blocks, blocks > SQUARES_MAX ? 3 : SQUARES_MAX);
    context.fillStyle = colours.log;
    for (let n = 0; n < squares; n += 1) {
      context.fillRect(LABEL_PIXELS + n * SQUARE_PIXELS, y, SQUARE_PIXELS - 1.5, SQUARE_PIXELS);
    }
    if (blocks <= SQUARES_MAX) return;
    context.fillStyle = colours.ink;
    context.fillText(`×${blocks}`, LABEL_PIXELS + 3 * SQUARE_PIXELS + 2, height / 2);
  }

  /** Of one arena, or of all. */
  showFreeRanges(states: BlockStates, arena: number | undefined): void {
    const classes = freeRangeClasses(states, arena);
    const list = this.#histogram;
    while (list.children.length > classes.length) list.lastElementChild?.remove();
    while (list.children.length < classes.length) {
      const item = make('li', '');
      item.append(make('output', ''), make('div', 'column'), make('span', 'from'));
      list.append(item);
    }
    const most = Math.max(8, ...classes.map(({ ranges }) => ranges));
    classes.forEach((entry, n) => {
      showClass(list.children[n] as HTMLElement, entry, most);
    });
    const where = arena === undefined ? '' : ` in arena ${arena}`;
    setText(byId('histogram-title', HTMLElement), `Free ranges by length, in blocks${where}`);
  }
}

/** Without making an array of them: rows are drawn often, and garbage is collected in the middle of frames. */
function largestOf(values: Uint32Array, least: number): number {
  let largest = least;
  for (let n = 0; n < values.length; n += 1) largest = Math.max(largest, values[n] as number);
  return largest;
}

function showClass(
  item: HTMLElement,
  { from, ranges, blocks }: FreeRangeClass,
  most: number,
): void {
  const [count, bar, label] = item.children as unknown as HTMLElement[];
  if (count === undefined || bar === undefined || label === undefined) return;
  setText(count, ranges === 0 ? '' : shortCountText(ranges));
  item.dataset['ranges'] = String(ranges);
  setText(label, from >= 1024 ? `${from / 1024}k` : String(from));
  bar.style.transform = `scaleY(${Math.log2(1 + ranges) / Math.log2(1 + most)})`;
  const last = 2 * from - 1;
  const length = last === from ? `${from}` : `${countText(from)} to ${countText(last)}`;
  item.title = `${countOf(ranges, 'range')} of ${length} blocks: ${countOf(blocks, 'block')} in all`;
}

function readColours(): Colours {
  return {
    ink: styleValue('--ink-soft'),
    line: styleValue('--grid'),
    log: styleValue('--state-log'),
    fold: styleValue('--state-dirty'),
    chain: styleValue('--ink-soft'),
  };
}
