/**
 * Four kinds of work that can be started, stopped and mixed. Each is a loop of transactions through the public API;
 * what a person sees on the page is what the engine makes of them.
 *
 * They survive being played with: a store that is full is waited for, a damaged block is stepped around, a stop rolls
 * back the transaction under way, and when the session is lost the loops end and say why.
 */
import type { Store } from '../src/index.ts';
import type { BlockField, BlockMaker } from './block-field.ts';
import { RandomSource } from './random.ts';
import { addressOfError, codeOf, errorText } from './text.ts';
import type { Turns } from './turns.ts';

export type WorkloadKind = 'fill' | 'replace' | 'storm' | 'commits';
export const WORKLOAD_KINDS: readonly WorkloadKind[] = ['fill', 'replace', 'storm', 'commits'];

export interface WorkloadSettings {
  /** Blocks in a second; `Infinity`: as many as it takes. */
  rate: number;
  /** Blocks in a transaction; for `commits`, transactions in flight. */
  batch: number;
}

export interface WorkloadState {
  readonly running: boolean;
  /** Since the store was opened. */
  readonly transactions: number;
  readonly blocks: number;
  /** What it waits for, or why it ended; empty when there is nothing to tell. */
  readonly note: string;
  /** Of the last transaction, from its start to its promise. */
  readonly lastMs: number;
}

/** The part of a `Store` that work needs. */
export type WorkStore = Pick<Store, 'blockSize' | 'transaction' | 'read'>;

type MutableState = { -readonly [Key in keyof WorkloadState]: WorkloadState[Key] };

export const COMMITS_ROOT = 'commits';
/** Bytes of a small commit: a line of a journal, not a block. */
const SMALL_BYTES = 100;
/** How long a workload waits before it tries again what a full store has refused. */
const FULL_PAUSE_MS = 250;
const NOTHING_PAUSE_MS = 200;
/** A rate is kept over this long at most: what a pause has missed is not made up for. */
const BACKLOG_MS = 200;
/** Content is cut out of so much that looks random. */
const POOL_BYTES = 2 ** 22;

export class Workloads {
  readonly settings = gentleSettings();
  /** Hears how long each transaction of `commits` took. */
  onSmallCommit: (ms: number) => void = () => {};
  readonly #store: WorkStore;
  readonly #field: BlockField;
  readonly #turns: Turns;
  readonly #makeBlocks: BlockMaker;
  readonly #states: Record<WorkloadKind, MutableState> = {
    fill: freshState(),
    replace: freshState(),
    storm: freshState(),
    commits: freshState(),
  };
  readonly #stops = new Map<WorkloadKind, AbortController>();
  readonly #loops = new Set<Promise<void>>();

  constructor(store: WorkStore, field: BlockField, turns: Turns) {
    this.#store = store;
    this.#field = field;
    this.#turns = turns;
    this.#makeBlocks = blockMaker(store.blockSize);
  }

  state(kind: WorkloadKind): WorkloadState {
    return this.#states[kind];
  }

  get anyRunning(): boolean {
    return this.#stops.size > 0;
  }

  start(kind: WorkloadKind): void {
    if (this.#stops.has(kind)) return;
    const stop = new AbortController();
    this.#stops.set(kind, stop);
    const state = this.#states[kind];
    state.running = true;
    state.note = '';
    const loop = this.#run(kind, stop.signal).finally(() => {
      this.#loops.delete(loop);
      if (this.#stops.get(kind) !== stop) return;
      this.#stops.delete(kind);
      state.running = false;
    });
    this.#loops.add(loop);
  }

  /** The transaction under way is rolled back. */
  stop(kind: WorkloadKind): void {
    const stop = this.#stops.get(kind);
    this.#stops.delete(kind);
    const state = this.#states[kind];
    state.running = false;
    state.note = '';
    stop?.abort();
  }

  /** Resolves when nothing is under way any more. */
  async stopAll(): Promise<void> {
    for (const kind of WORKLOAD_KINDS) this.stop(kind);
    await Promise.all(this.#loops);
  }

  async #run(kind: WorkloadKind, signal: AbortSignal): Promise<void> {
    const pace = new Pace();
    if (kind !== 'commits') return this.#loop(kind, signal, pace);
    const loops: Promise<void>[] = [];
    while (!signal.aborted && loops.length < this.settings.commits.batch) {
      loops.push(this.#loop(kind, signal, pace, loops.length));
    }
    await Promise.all(loops);
  }

  /** `lane`: of several transactions in flight at once; a smaller setting ends the last ones. */
  async #loop(kind: WorkloadKind, signal: AbortSignal, pace: Pace, lane = 0): Promise<void> {
    const settings = this.settings[kind];
    const state = this.#states[kind];
    while (!signal.aborted && (kind !== 'commits' || lane < settings.batch)) {
      try {
        const startMs = performance.now();
        const blocks = await this.#turns.change(() => this.#step(kind, signal));
        state.lastMs = performance.now() - startMs;
        state.transactions += 1;
        state.blocks += blocks;
        if (kind === 'commits') this.onSmallCommit(state.lastMs);
        this.#tell(kind, signal, blocks === 0 ? NOTHING_LEFT[kind] : '');
        if (blocks === 0) await pause(NOTHING_PAUSE_MS, signal);
        await pace.wait(blocks, settings.rate, signal);
      } catch (error) {
        if (signal.aborted) return;
        const goesOn = await this.#survive(kind, signal, error);
        if (!goesOn) return;
        await pause(FULL_PAUSE_MS, signal);
      }
    }
  }

  #step(kind: WorkloadKind, signal: AbortSignal): Promise<number> {
    const { batch } = this.settings[kind];
    const field = this.#field;
    if (kind === 'fill') return field.append(batch, this.#makeBlocks, { signal });
    if (kind === 'replace') return field.replace(batch, this.#makeBlocks, { signal });
    if (kind === 'storm') return field.delete(batch, { signal });
    return this.#commitSmall(signal);
  }

  /** One block written, the one before freed, a root moved: the smallest change that is worth its flush. */
  #commitSmall(signal: AbortSignal): Promise<number> {
    const [block] = this.#makeBlocks(1);
    const bytes = (block as Uint8Array).slice(0, SMALL_BYTES);
    return this.#store.transaction(
      async (tx) => {
        const old = tx.root(COMMITS_ROOT);
        const pointer = await tx.write(bytes);
        void tx.setRoot(COMMITS_ROOT, pointer);
        if (old !== undefined) void tx.free(old);
        return 1;
      },
      { signal },
    );
  }

  /** Whether the loop goes on after that. */
  async #survive(kind: WorkloadKind, signal: AbortSignal, error: unknown): Promise<boolean> {
    const code = codeOf(error);
    if (code === 'FULL' || code === 'QUOTA') {
      const what = code === 'FULL' ? 'The store is full' : 'The browser grants no more space';
      this.#tell(kind, signal, `${what} (${code}). Waits for some.`);
      return true;
    }
    const address = addressOfError(error);
    if (address !== undefined && (await this.#isDamaged(address))) {
      this.#field.avoided.add(address);
      this.#tell(kind, signal, `Steps around a damaged block (${code}).`);
      return true;
    }
    this.#tell(kind, signal, errorText(error));
    return false;
  }

  async #isDamaged(address: number): Promise<boolean> {
    const pointer = this.#field.pointerAt(address);
    if (pointer === undefined) return false;
    const failure = await this.#store.read(pointer).then(
      () => undefined,
      (error: unknown) => error,
    );
    return codeOf(failure) === 'CORRUPT';
  }

  #tell(kind: WorkloadKind, signal: AbortSignal, note: string): void {
    if (!signal.aborted) this.#states[kind].note = note;
  }
}

/** What the page begins with: fast enough to see, slow enough to follow. */
export function gentleSettings(): Record<WorkloadKind, WorkloadSettings> {
  return {
    fill: { rate: 2048, batch: 128 },
    replace: { rate: 1024, batch: 32 },
    storm: { rate: 1024, batch: 256 },
    commits: { rate: Number.POSITIVE_INFINITY, batch: 2 },
  };
}

const NOTHING_LEFT: Record<WorkloadKind, string> = {
  fill: 'Its tree is full.',
  replace: 'Nothing to replace: fill first.',
  storm: 'Nothing left to delete.',
  commits: '',
};

function freshState(): MutableState {
  return { running: false, transactions: 0, blocks: 0, note: '', lastMs: 0 };
}

/** Keeps a rate: each batch moves the time before which the next one may not begin. */
export class Pace {
  #nextMs = 0;

  /** Waits as long as `blocks` take at `rate`, counted from the last time. */
  async wait(blocks: number, rate: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    this.#nextMs = Math.max(this.#nextMs, nowMs - BACKLOG_MS) + (blocks * 1000) / rate;
    if (this.#nextMs > nowMs) await pause(this.#nextMs - nowMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Blocks that differ from one another, cut out of a pool, each with its number in front. */
function blockMaker(blockSize: number): BlockMaker {
  const random = new RandomSource(7);
  const words = new Uint32Array(POOL_BYTES / 4);
  for (let n = 0; n < words.length; n += 1) words[n] = random.next();
  const pool = new Uint8Array(words.buffer);
  const inPool = Math.max(1, Math.floor(POOL_BYTES / blockSize));
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      made += 1;
      const at = (made % inPool) * blockSize;
      words[at / 4] = made;
      return pool.subarray(at, at + blockSize);
    });
}
