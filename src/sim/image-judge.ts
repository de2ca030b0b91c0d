/**
 * Opens images that are not as they should be, and judges: a legal content or a typed error, within a second and 64
 * MiB.
 */
import { getHeapStatistics } from 'node:v8';
import { assert, fail } from '../base/assert.ts';
import { StoreError, type StoreErrorCode } from '../base/errors.ts';
import { openDevice } from '../device/handle-device.ts';
import { Checker } from '../store/check.ts';
import { inspectFiles, type OpenedEngine } from '../store/store-files.ts';
import { byteDamage, type Damage, damagedFiles, damageText } from './damage.ts';
import { RecordedDisks } from './disk-trace.ts';
import { CrashFailure } from './explorer.ts';
import type { ImageBase } from './image-base.ts';
import { hasher } from './memory-store.ts';
import { Player } from './player.ts';
import { type ForgedField, forgedFiles } from './reseal.ts';
import { type SectorFile, SectorHandle } from './sector-file.ts';
import { contentOf, SimStore } from './sim-store.ts';
import { parseSteps } from './steps.ts';
import { expectContent, NotATree, TREE_KEYS, type WalkedTree } from './tree.ts';

export interface ImageTally {
  images: number;
  /** Not opened: a typed error. */
  refused: number;
  /** Opened at an older generation, and it said so. */
  rolledBack: number;
  /** Opened, and some block is CORRUPT when it is read. */
  damaged: number;
  msMax: number;
  bytesMax: number;
  /** What opening has found so far; see `GO_ON_EVERY`. */
  readonly outcomes: Set<string>;
}

export const newImageTally = (): ImageTally => ({
  images: 0,
  refused: 0,
  rolledBack: 0,
  damaged: 0,
  msMax: 0,
  bytesMax: 0,
  outcomes: new Set(),
});

/** Raw images that opened with the same outcome are alike in all that is used: of these, every so many go on. */
const GO_ON_EVERY = 8;
const MS_MAX = 1000;
const BYTES_MAX = 64 * 2 ** 20;
/** What opening may answer to bytes that are wrong, and what reading may. */
const REFUSALS: readonly StoreErrorCode[] = ['CORRUPT', 'VERSION'];
const COMPLAINTS: readonly StoreErrorCode[] = ['CORRUPT', 'NOT_FOUND', 'IO', 'FULL', 'MISUSE'];

export function judgeDamage(base: ImageBase, damage: Damage, tally: ImageTally): void {
  const line = `image workload=${base.name} damage=${damageText(damage)}`;
  measured(line, tally, () => {
    const files = damagedFiles(base, damage);
    if (damage.kind === 'missing') judgeMissing(files);
    else judgeRaw(base, files as SectorFile[], damage, tally);
  });
}

export function judgeByte(base: ImageBase, index: number, tally: ImageTally): void {
  judgeDamage(base, byteDamage(base, index), tally);
}

export function judgeForged(
  base: ImageBase,
  field: ForgedField,
  variant: number,
  tally: ImageTally,
): void {
  const place = `${field.file}:${field.offset}:${field.size}:${field.structure}`;
  measured(`forged workload=${base.name} field=${place} variant=${variant}`, tally, () =>
    judgeHostile(base, forgedFiles(base, field, variant), tally),
  );
}

function measured(line: string, tally: ImageTally, judge: () => void): void {
  try {
    let [ms, bytes] = cost(judge);
    // On a busy machine others take the time, too: what is slow is slow twice.
    if (ms > MS_MAX) [ms, bytes] = cost(judge);
    tally.images += 1;
    tally.msMax = Math.max(tally.msMax, ms);
    tally.bytesMax = Math.max(tally.bytesMax, bytes);
    if (ms > MS_MAX) fail(`an image took ${ms} ms`);
    if (bytes > BYTES_MAX) fail(`an image took ${bytes} bytes`);
  } catch (error) {
    throw new CrashFailure(line, error);
  }
}

function cost(action: () => void): [ms: number, bytes: number] {
  const started = performance.now();
  const before = usedBytes();
  action();
  return [performance.now() - started, usedBytes() - before];
}

function usedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** A store of which a file is missing is not taken for none, whatever generation it had. */
function judgeMissing(files: readonly (SectorFile | undefined)[]): void {
  const devices = files.map((file, disk) =>
    file === undefined ? undefined : openDevice(`disk-${disk}`, new SectorHandle(file)),
  );
  const refusal = attempt(() => inspectFiles(devices, hasher), REFUSALS);
  assert(refusal instanceof StoreError, 'a store with a missing file is refused');
}

/** Runs, or gives the error if it is one of the codes. */
function attempt<Result>(
  action: () => Result,
  codes: readonly StoreErrorCode[],
): Result | StoreError {
  try {
    return action();
  } catch (error) {
    if (error instanceof StoreError && codes.includes(error.code)) return error;
    throw error;
  }
}

/** Damage that no checksum was made right for: what opens is what was there, or it says that something is wrong. */
function judgeRaw(base: ImageBase, files: SectorFile[], damage: Damage, tally: ImageTally): void {
  const { setting, history } = base;
  const disks = new RecordedDisks(files);
  const store = attempt(() => new SimStore({ disks, setting }), REFUSALS);
  if (store instanceof StoreError) {
    tally.refused += 1;
    return;
  }
  assert(!store.created, 'a store that was acknowledged is not created anew');
  const { superblock, rejected, damaged } = store.opened.recovered;
  const entry = history.find(({ generation }) => generation === superblock.generation);
  if (entry === undefined) fail(`generation ${superblock.generation} was never committed`);
  const isNewest = entry === history[history.length - 1];
  if (rejected.length > 0 && !isNewest) tally.rolledBack += 1;
  // A file or a sector that is a whole commit old looks like a disk to which nothing was written since.
  const canLookSound = damage.kind === 'old' || damage.kind === 'copy';
  const says = rejected.length + damaged.length > 0;
  assert(isNewest || says || canLookSound, 'an acknowledged generation is not lost silently');
  const walked = attempt(() => contentOf(store.opened), COMPLAINTS);
  if (walked instanceof StoreError) tally.damaged += 1;
  else expectContent(walked.content, entry.content);
  const outcome = `${superblock.generation} ${rejected.length} ${damaged} ${walked instanceof StoreError}`;
  if (tally.outcomes.has(outcome) && tally.images % GO_ON_EVERY !== 0) return;
  tally.outcomes.add(outcome);
  const found = goOn(store, disks, base);
  assert(found, 'what was committed to a damaged store is found again');
}

/** What somebody has written on purpose: anything but an exception of ours, and what is there is read as it is. */
function judgeHostile(base: ImageBase, files: SectorFile[], tally: ImageTally): void {
  const disks = new RecordedDisks(files);
  const store = attempt(() => new SimStore({ disks, setting: base.setting }), REFUSALS);
  if (store instanceof StoreError) tally.refused += 1;
  else goOn(store, disks, base);
}

const WORK = parseSteps('put 63 201; delete 1; put 64 3; end; compact; commit; commit; commit');
/** For a forged store in which nothing can be taken for a tree. */
const WORK_ON_ROOTS = WORK.filter((step) => !('key' in step) || step.key >= TREE_KEYS);

/**
 * Walks, checks, works, commits and opens again, whatever the answers are, as long as they are typed. Returns whether
 * the last commit was found.
 */
function goOn(store: SimStore, disks: RecordedDisks, { setting }: ImageBase): boolean {
  const walked = attempt(() => walkIfTree(store.opened), COMPLAINTS);
  check(store.opened);
  const content = walked instanceof StoreError ? undefined : walked?.content;
  const entry = { generation: 1, content: content ?? new Map(), submitted: 0, acked: 0 };
  const player = new Player(store, entry, COMPLAINTS);
  player.playAll(walked === undefined ? WORK_ON_ROOTS : WORK);
  check(store.opened);
  const again = attempt(() => new SimStore({ disks, setting }), REFUSALS);
  if (again instanceof StoreError) return false;
  return again.opened.recovered.superblock.generation === player.last.generation;
}

function walkIfTree(opened: OpenedEngine): WalkedTree | undefined {
  try {
    return contentOf(opened);
  } catch (error) {
    if (error instanceof NotATree) return undefined;
    throw error;
  }
}

function check(opened: OpenedEngine): void {
  const checker = new Checker(opened);
  while (!checker.step(4096));
  checker.report();
}
