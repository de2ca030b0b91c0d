/**
 * The pixels of the arena map: one pixel a block, in the order of the blocks, so that an arena's part of them is its
 * picture. Told the engine's bytes, it finds what has changed, lets it glow, and lets the glow age. Pure arithmetic on
 * arrays that are made once, because it runs in every frame; it is tested in Node.
 *
 * A pixel is looked up, never computed: `palette` has a colour for every state and every level of glow.
 */
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';

/** The engine's states, and one for room that the file has not grown to. */
export const UNGROWN = Object.keys(BLOCK_STATE).length;
const STATE_COUNT = UNGROWN + 1;
/** Level 0 has no glow; the last one is that of a block that has changed in this very frame. */
export const GLOW_LEVELS = 64;
/** Half of the palette is for cells that others are to stand out from. */
const FADED = STATE_COUNT * GLOW_LEVELS;
export const PALETTE_LENGTH = 2 * FADED;

/** 1 for the states that take space. */
const USED = Uint8Array.from({ length: STATE_COUNT }, (_, state) =>
  state === BLOCK_STATE.free || state === UNGROWN ? 0 : 1,
);

/** So long a change can be seen. */
export const GLOW_MS = 12_000;
const AGE_BUCKET_MS = 32;
const FLASH_MS = 800;
export const AFTERGLOW_TURNS = 16;
/** A flash of a third of a second, and an afterglow of seconds. */
const LEVEL_BY_AGE = Uint8Array.from({ length: Math.ceil(GLOW_MS / AGE_BUCKET_MS) }, (_, n) => {
  const ageMs = n * AGE_BUCKET_MS;
  const glow = 0.68 * Math.exp(-ageMs / 320) + 0.32 * Math.exp(-ageMs / 3200);
  return Math.round(glow * (GLOW_LEVELS - 1));
});

function levelAt(ageMs: number): number {
  return LEVEL_BY_AGE[ageMs < 0 ? 0 : Math.floor(ageMs / AGE_BUCKET_MS)] ?? 0;
}

/** Which list a block is in; 0: in none. */
const FLASHING = 1;
const GLOWING = 2;

export interface FieldShape {
  /** Arenas in the picture, grown or not. */
  readonly arenaCount: number;
  /** Blocks of a fully grown arena. */
  readonly arenaBlocks: number;
}

export class CellField {
  readonly shape: FieldShape;
  /** RGBA, as `ImageData` has it. */
  readonly pixels: Uint32Array<ArrayBuffer>;
  /** By arena: its pixels have changed since somebody last set this to 0. */
  readonly stale: Uint8Array;
  /** Blocks by state, `UNGROWN` last. */
  readonly census: Float64Array = new Float64Array(STATE_COUNT);
  /** By arena: blocks that are neither free nor missing, and blocks that are there at all. */
  readonly used: Uint32Array;
  readonly grown: Uint32Array;
  /** Changes of state seen so far. */
  changes = 0;
  readonly #states: Uint8Array;
  /** When a block's state last changed; 0: not since the page was opened. */
  readonly #changedMs: Float64Array;
  /** The blocks that flash and those that glow, each list in no order; and for each block in which it is. */
  readonly #flashing: Uint32Array;
  readonly #glowing: Uint32Array;
  readonly #list: Uint8Array;
  #flashCount = 0;
  #glowCount = 0;
  #frames = 0;
  #palette = new Uint32Array(PALETTE_LENGTH);
  #marked: Uint8Array | undefined;
  #isFirst = true;
  /** Whether changes glow at all; people can ask their system for less motion. */
  glows = true;

  constructor(shape: FieldShape) {
    const count = shape.arenaCount * shape.arenaBlocks;
    this.shape = shape;
    this.pixels = new Uint32Array(count);
    this.stale = new Uint8Array(shape.arenaCount).fill(1);
    this.used = new Uint32Array(shape.arenaCount);
    this.grown = new Uint32Array(shape.arenaCount);
    this.#states = new Uint8Array(count).fill(UNGROWN);
    this.#changedMs = new Float64Array(count);
    this.#flashing = new Uint32Array(count);
    // A block that flashes again stays in this list until its turn comes.
    this.#glowing = new Uint32Array(2 * count);
    this.#list = new Uint8Array(count);
    this.census[UNGROWN] = count;
  }

  stateOf(cell: number): number {
    return this.#states[cell] ?? UNGROWN;
  }

  /** When a cell has last changed, or `undefined` when it has not since the page was opened. */
  changedMs(cell: number): number | undefined {
    const ms = this.#changedMs[cell] ?? 0;
    return ms === 0 ? undefined : ms;
  }

  /** Entries in the lists of what glows. */
  get hotCount(): number {
    return this.#flashCount + this.#glowCount;
  }

  /** Of `PALETTE_LENGTH` colours, see `paletteIndex`. */
  usePalette(palette: Uint32Array<ArrayBuffer>): void {
    this.#palette = palette;
    this.#repaintAll();
  }

  /** Lets these cells stand out and the others fade; `undefined` shows all alike again. */
  mark(cells: Iterable<number> | undefined): void {
    if (cells === undefined) {
      this.#marked = undefined;
    } else {
      this.#marked = new Uint8Array(this.pixels.length);
      for (const cell of cells) this.#marked[cell] = 1;
    }
    this.#repaintAll();
  }

  /** Takes the engine's bytes, which may be the same array each time: what counts is what is in it. */
  update({ bytes, arenas }: BlockStates, nowMs: number): void {
    const { arenaCount, arenaBlocks } = this.shape;
    for (const { arena, first, count } of arenas) {
      if (arena >= arenaCount) continue;
      const offset = arena * arenaBlocks;
      const end = Math.min(count, arenaBlocks);
      this.#updateArena(bytes.subarray(first, first + end), offset, nowMs);
    }
    this.#isFirst = false;
  }

  #updateArena(bytes: Uint8Array, offset: number, nowMs: number): void {
    const known = this.#states;
    const whole = bytes.length & ~3;
    const words = wordsOf(bytes, 0, whole);
    const knownWords = wordsOf(known, offset, whole);
    // Four at a time: in most frames most blocks are as they were.
    const isAligned = words !== undefined && knownWords !== undefined;
    for (let n = 0; n < bytes.length; n += 4) {
      if (isAligned && n < whole && words[n >> 2] === knownWords[n >> 2]) continue;
      for (let m = n; m < Math.min(n + 4, bytes.length); m += 1) {
        const state = bytes[m] as number;
        if (state !== known[offset + m]) this.#change(offset + m, state, nowMs);
      }
    }
  }

  #change(cell: number, state: number, nowMs: number): void {
    const before = this.#states[cell] as number;
    this.#states[cell] = state;
    this.census[before] = (this.census[before] as number) - 1;
    this.census[state] = (this.census[state] as number) + 1;
    this.changes += 1;
    const arena = Math.floor(cell / this.shape.arenaBlocks);
    this.used[arena] =
      (this.used[arena] as number) + (USED[state] as number) - (USED[before] as number);
    if (before === UNGROWN) this.grown[arena] = (this.grown[arena] as number) + 1;
    // Growth is no write; and what was there when the page opened did not happen before its eyes.
    const isWrite = !this.#isFirst && before !== UNGROWN;
    if (isWrite) this.#changedMs[cell] = nowMs;
    if (isWrite && this.glows && this.#list[cell] !== FLASHING) {
      this.#list[cell] = FLASHING;
      this.#flashing[this.#flashCount] = cell;
      this.#flashCount += 1;
    } else {
      this.#paint(cell, this.#list[cell] === FLASHING ? GLOW_LEVELS - 1 : 0);
    }
  }

  /**
   * Paints what glows at its present age. The flash is painted in every frame; the afterglow changes so slowly, a
   * level in a sixth of a second at most, that each frame paints a sixteenth of it.
   */
  age(nowMs: number): void {
    this.#ageFlashing(nowMs);
    this.#frames += 1;
    const part = Math.ceil(this.#glowCount / AFTERGLOW_TURNS);
    const from = (this.#frames % AFTERGLOW_TURNS) * part;
    this.#ageGlowing(from, Math.min(this.#glowCount, from + part), nowMs);
  }

  #ageFlashing(nowMs: number): void {
    const flashing = this.#flashing;
    for (let n = 0; n < this.#flashCount; ) {
      const cell = flashing[n] as number;
      const ageMs = nowMs - (this.#changedMs[cell] as number);
      this.#paint(cell, levelAt(ageMs));
      if (ageMs <= FLASH_MS || this.#glowCount === this.#glowing.length) {
        n += 1;
        continue;
      }
      this.#list[cell] = GLOWING;
      this.#glowing[this.#glowCount] = cell;
      this.#glowCount += 1;
      this.#flashCount -= 1;
      flashing[n] = flashing[this.#flashCount] as number;
    }
  }

  #ageGlowing(from: number, to: number, nowMs: number): void {
    const glowing = this.#glowing;
    for (let n = to - 1; n >= from; n -= 1) {
      const cell = glowing[n] as number;
      let level = 0;
      if (this.#list[cell] === GLOWING) {
        level = levelAt(nowMs - (this.#changedMs[cell] as number));
        this.#paint(cell, level);
        if (level === 0) this.#list[cell] = 0;
      }
      if (level > 0) continue;
      this.#glowCount -= 1;
      glowing[n] = glowing[this.#glowCount] as number;
    }
  }

  #paint(cell: number, level: number): void {
    const faded = this.#marked !== undefined && this.#marked[cell] === 0 ? FADED : 0;
    const index = faded + (this.#states[cell] as number) * GLOW_LEVELS + level;
    const colour = this.#palette[index] as number;
    if (this.pixels[cell] === colour) return;
    this.pixels[cell] = colour;
    this.stale[Math.floor(cell / this.shape.arenaBlocks)] = 1;
  }

  #repaintAll(): void {
    for (let cell = 0; cell < this.pixels.length; cell += 1) this.#paint(cell, 0);
    this.stale.fill(1);
  }
}

/** The same bytes four at a time, where they lie so that they can be looked at like that. */
function wordsOf(bytes: Uint8Array, offset: number, count: number): Uint32Array | undefined {
  const start = bytes.byteOffset + offset;
  return start % 4 === 0 ? new Uint32Array(bytes.buffer, start, count / 4) : undefined;
}

export interface Rgb {
  readonly r: number;
  readonly g: number;
  readonly b: number;
}

export interface PaletteColours {
  /** By state, `UNGROWN` last. */
  readonly states: readonly Rgb[];
  /** What a change is at first. */
  readonly fresh: Rgb;
  /** What lies behind the cells: faded ones are nearer to it. */
  readonly ground: Rgb;
}

/** Freed blocks flash less than written ones: what matters is what is new. */
const FREE_GLOW = 0.45;
const FADED_SHARE = 0.78;

/** Every state at every level, and the same again faded. Little-endian, as all browsers' machines are. */
export function makePalette({ states, fresh, ground }: PaletteColours): Uint32Array<ArrayBuffer> {
  const palette = new Uint32Array(PALETTE_LENGTH);
  states.forEach((colour, state) => {
    const isFree = state === BLOCK_STATE.free || state === BLOCK_STATE.pending;
    for (let level = 0; level < GLOW_LEVELS; level += 1) {
      const glow = (level / (GLOW_LEVELS - 1)) * (isFree ? FREE_GLOW : 1);
      const lit = mix(colour, fresh, glow);
      palette[state * GLOW_LEVELS + level] = pack(lit);
      palette[FADED + state * GLOW_LEVELS + level] = pack(mix(lit, ground, FADED_SHARE));
    }
  });
  return palette;
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (one: number, other: number) => Math.round(one + (other - one) * share);
  return { r: part(from.r, to.r), g: part(from.g, to.g), b: part(from.b, to.b) };
}

function pack({ r, g, b }: Rgb): number {
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/** A colour of CSS: `#0a14ff`, `#fff` or `rgb(10, 20, 255)`. */
export function parseRgb(text: string): Rgb {
  if (text.startsWith('#')) {
    // Tools that make style sheets small write the short form.
    const digits = text.length === 4 ? text.slice(1).replace(/./g, '$&$&') : text.slice(1);
    const value = Number.parseInt(digits, 16);
    return { r: value >> 16, g: (value >> 8) & 255, b: value & 255 };
  }
  const [r = 0, g = 0, b = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return { r, g, b };
}
