/**
 * The oracle: opens a disk that a crash may have left with the real open code and judges what comes out.
 *
 * (i) acknowledged ≤ recovered ≤ submitted, or, when flushes lied about the last W generations, recovered ≥
 * acknowledged − (W − 1), the one in flight counted; what is given up is reported. (ii) The content is exactly the
 * model's at that generation. (iii) Check is clean: nothing both free and reachable, nothing leaked. (iv) The store
 * goes on: it takes a transaction and commits it, and is clean again. (v) Opening again gives the same.
 */
import { assert, fail } from '../base/assert.ts';
import { SLOT_COUNT, slotDisk, slotOffset } from '../format/geometry.ts';
import { readU53, viewOf } from '../format/layout.ts';
import { decodeSuperblock, SUPERBLOCK_HEADER } from '../format/superblock.ts';
import { Checker } from '../store/check.ts';
import type { OpenedEngine } from '../store/store-files.ts';
import type { RecordedDisks } from './disk-trace.ts';
import { hasher } from './memory-store.ts';
import { type HistoryEntry, Player } from './player.ts';
import type { SectorFile } from './sector-file.ts';
import { contentOf, type SimSetting, SimStore } from './sim-store.ts';
import { parseSteps, type Step } from './steps.ts';
import { expectContent, type WalkedTree } from './tree.ts';
import { createdEntry } from './workload.ts';

/** What was promised by the time of the crash. */
export interface Promised {
  readonly setting: SimSetting;
  readonly history: readonly HistoryEntry[];
  /** Operations done before the crash. */
  readonly operation: number;
  /** Acknowledged generations that may be lost, because flushes lied. */
  readonly lossAllowed: number;
}

export interface Recovery {
  readonly store: SimStore;
  /** The commit that was found. */
  readonly entry: HistoryEntry;
  readonly walked: WalkedTree;
  /** Generations given up, as the report has them. */
  readonly rejected: number;
  /** Recoveries with the same text have found the same, up to bytes that nothing points to. */
  readonly outcome: string;
}

/** Opens the disks and judges (i) and (ii). */
export function recoverDisks(disks: RecordedDisks, promised: Promised): Recovery {
  const store = new SimStore({ disks, setting: promised.setting });
  const { opened } = store;
  if (store.created) return recreated(store, promised);
  const { superblock, rejected, slotGenerations, highestGeneration } = opened.recovered;
  const entry = expectGeneration(superblock.generation, promised);
  if (rejected.length === 0) expectNothingNewer(disks.files, opened);
  const walked = contentOf(opened);
  expectContent(walked.content, entry.content);
  const lengths = disks.files.map((file) => file.byteCount).join();
  const outcome = `${superblock.generation} ${slotGenerations} ${highestGeneration} ${lengths}`;
  return { store, entry, walked, rejected: rejected.length, outcome };
}

/** Creation was cut short and has been done again: only what was never acknowledged may be so. */
function recreated(store: SimStore, { history, operation }: Promised): Recovery {
  const acked = history.filter((entry) => (entry.acked ?? Number.POSITIVE_INFINITY) <= operation);
  assert(acked.length === 0, 'I6: a store that was acknowledged is not created anew');
  const entry = createdEntry(store.operationCount);
  return { store, entry, walked: contentOf(store.opened), rejected: 0, outcome: 'created' };
}

function expectGeneration(recovered: number, promised: Promised): HistoryEntry {
  const { history, operation, lossAllowed } = promised;
  const entry = history.find((each) => each.generation === recovered);
  if (entry === undefined) fail(`I6: generation ${recovered} was never committed`);
  assert(entry.submitted <= operation, 'I6: recovered ≤ submitted');
  const lost = history.filter(
    (each) => each.generation > recovered && (each.acked ?? Number.POSITIVE_INFINITY) <= operation,
  ).length;
  if (lost > lossAllowed) fail(`I6: ${lost} acknowledged generations lost, ${lossAllowed} allowed`);
  return entry;
}

const slotHead = new Uint8Array(SUPERBLOCK_HEADER.size);

/** A recovery that reports nothing has found nothing newer than what it opened. */
function expectNothingNewer(
  files: readonly SectorFile[],
  { label, recovered }: OpenedEngine,
): void {
  const { geometry } = label;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const file = files[slotDisk(slot, geometry)];
    const at = slotOffset(slot, geometry);
    file?.read(slotHead, at);
    const generation = readU53(viewOf(slotHead), SUPERBLOCK_HEADER.at.generation);
    if (!(generation > recovered.superblock.generation)) continue;
    const bytes = new Uint8Array(geometry.slotBytes);
    file?.read(bytes, at);
    const found = decodeSuperblock(bytes, geometry, hasher);
    if (found.ok) fail(`generation ${generation} was given up silently`);
  }
}

/** What happens after a recovery. */
const AFTERMATH: readonly Step[] = parseSteps('put 63 201; delete 1; end; commit');

/** Judges (iii), (iv) and (v). Returns the history from the recovered commit on. */
export function judgeAftermath(
  disks: RecordedDisks,
  { store, entry, walked }: Recovery,
  setting: SimSetting,
): HistoryEntry[] {
  expectClean(store.opened, walked);
  const acked = store.created ? store.operationCount : 0;
  const player = new Player(store, { ...entry, submitted: 0, acked });
  player.playAll(AFTERMATH);
  const after = contentOf(store.opened);
  expectContent(after.content, player.last.content);
  expectClean(store.opened, after);
  const again = new SimStore({ disks, setting });
  const { generation } = again.opened.recovered.superblock;
  assert(!again.created && generation === player.last.generation, 'opening again finds the last');
  expectContent(contentOf(again.opened).content, player.last.content);
  return player.history;
}

export function expectClean(opened: OpenedEngine, { reachable }: WalkedTree): void {
  const checker = new Checker(opened, { reachable });
  while (!checker.step(4096));
  const report = checker.report();
  if (!report.clean) fail(`check: ${report.problems.map(({ message }) => message).join(' ')}`);
}
