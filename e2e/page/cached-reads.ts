/** Reads from the cache as fast as the page can, while others replace the blocks: every byte is looked at. */
import type { BlockPointer, Store } from '../../src/index.ts';
import {
  CHURN_BLOCK_BYTES,
  CHURN_ROOT,
  type ChurnEntry,
  decodeIndex,
  isChurnBlock,
} from './churn.ts';
import { messages } from './messages.ts';

export interface ChurnReport {
  /** Calls of `readCached`, and those that found the block. */
  reads: number;
  hits: number;
  /** Reads of blocks that had been replaced, which nobody keeps: the cache has them, or something else there. */
  staleReads: number;
  staleHits: number;
  /** Blocks that had to be loaded. */
  loads: number;
  /** Blocks that were not what their pointer says. */
  wrong: number;
  /** Indexes that were looked at. */
  states: number;
  /** Messages that were sent while `readCached` was being called, and while blocks were being loaded. */
  messagesOfReads: number;
  messagesOfLoads: number;
}

const SLICE_MS = 4;
const STALE_MAX = 4000;
const LOADS_PER_SLICE = 8;

interface Placed extends ChurnEntry {
  readonly place: number;
}

export async function readWhileChurned(store: Store, seconds: number): Promise<ChurnReport> {
  const report: ChurnReport = {
    ...{ reads: 0, hits: 0, staleReads: 0, staleHits: 0, loads: 0, wrong: 0, states: 0 },
    ...{ messagesOfReads: 0, messagesOfLoads: 0 },
  };
  const stale: Placed[] = [];
  let index: { readonly root: BlockPointer; readonly entries: readonly ChurnEntry[] } | undefined;
  const untilMs = performance.now() + seconds * 1000;
  while (performance.now() < untilMs) {
    using reader = store.reader();
    const root = reader.root(CHURN_ROOT);
    if (root === undefined) throw new Error('the writer has not begun');
    const sentBefore = messages.sent;
    if (index === undefined || index.root.hash !== root.hash) {
      const entries = decodeIndex(await reader.read(root));
      report.states += 1;
      replaced(index?.entries ?? [], entries, stale);
      index = { root, entries };
    }
    const sentBetween = messages.sent;
    const missed = readSlice(store, index.entries, stale, report);
    report.messagesOfReads += messages.sent - sentBetween;
    report.messagesOfLoads += sentBetween - sentBefore;
    await load(reader, missed, report);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return report;
}

/** What was replaced since is stale from now on. */
function replaced(
  before: readonly ChurnEntry[],
  after: readonly ChurnEntry[],
  stale: Placed[],
): void {
  for (const [place, entry] of before.entries()) {
    if (after[place]?.version !== entry.version) stale.push({ ...entry, place });
  }
  stale.splice(0, Math.max(0, stale.length - STALE_MAX));
}

/** Returns what was not there. */
function readSlice(
  store: Store,
  entries: readonly ChurnEntry[],
  stale: readonly Placed[],
  report: ChurnReport,
): Placed[] {
  const into = new Uint8Array(CHURN_BLOCK_BYTES);
  const missed: Placed[] = [];
  const endMs = performance.now() + SLICE_MS;
  for (let n = 0; n % 64 !== 0 || performance.now() < endMs; n += 1) {
    const place = Math.floor(Math.random() * entries.length);
    const { pointer, version } = entries[place] as ChurnEntry;
    report.reads += 1;
    if (store.readCached(pointer, into) === undefined) missed.push({ pointer, version, place });
    else {
      report.hits += 1;
      if (!isChurnBlock(into, place, version)) report.wrong += 1;
    }
    // The newest of the stale ones are the likeliest to be there still, or to be on their way out.
    const old = stale[stale.length - 1 - Math.floor(Math.random() ** 2 * stale.length)];
    if (old === undefined) continue;
    report.staleReads += 1;
    if (store.readCached(old.pointer, into) === undefined) continue;
    report.staleHits += 1;
    if (!isChurnBlock(into, old.place, old.version)) report.wrong += 1;
  }
  return missed;
}

async function load(
  reader: { readMany(pointers: readonly BlockPointer[]): Promise<Uint8Array[]> },
  missed: readonly Placed[],
  report: ChurnReport,
): Promise<void> {
  const some = missed.slice(0, LOADS_PER_SLICE);
  const sentBefore = messages.sent;
  const blocks = await reader.readMany(some.map(({ pointer }) => pointer));
  report.messagesOfLoads += messages.sent - sentBefore;
  report.loads += blocks.length;
  for (const [n, { place, version }] of some.entries()) {
    if (!isChurnBlock(blocks[n] as Uint8Array, place, version)) report.wrong += 1;
  }
}
