/**
 * Replays what a real browser did to the files of a store: cuts it off at random, lets every un-flushed sector meet
 * a fate of its own, and opens what is left with the real code. The oracle is that of the kill loop, plus: it goes
 * on, and opening again gives the same.
 */
import { PUBLIC_LIMITS } from '../../src/client/options.ts';
import { type BlockPointer, fromPublic, toPublic } from '../../src/format/pointer.ts';
import { decodeSuperblock } from '../../src/format/superblock.ts';
import {
  type CrashPoint,
  crashedFiles,
  crashPoints,
  RecordedDisks,
} from '../../src/sim/disk-trace.ts';
import { FATE, type Fates, fatesText } from '../../src/sim/fates.ts';
import { hasher } from '../../src/sim/memory-store.ts';
import { Random } from '../../src/sim/random.ts';
import { SectorFile, SIM_SECTOR_BYTES } from '../../src/sim/sector-file.ts';
import { type SimSetting, SimStore } from '../../src/sim/sim-store.ts';
import { Checker } from '../../src/store/check.ts';
import { STORE_OPTIONS } from './plan.ts';
import type { BrowserTrace } from './system-calls.ts';
import { contentAfter, contentText, TREE_ROOT, type WalkedState, walkState } from './tree.ts';

export interface ReplayTally {
  images: number;
  points: number;
  /** Images that hold less than was written before the crash. */
  rolledBack: number;
  /** Creations that were cut short. */
  unfinished: number;
  /** Different states that were recovered. */
  readonly states: Set<number>;
}

const { blockSize, disks, arenaBytes, maxBytes } = STORE_OPTIONS;
const { sectorBytes, slotBytes } = PUBLIC_LIMITS;

const SETTING: SimSetting = {
  geometry: { blockBytes: blockSize, sectorBytes, slotBytes, diskCount: disks, arenaBytes },
  blocksMax: maxBytes / blockSize,
  cacheBlocks: 64,
  seed: 1,
};

export interface ReplayOptions {
  readonly images: number;
  /** The number of the first image; a failure names the number of its own. */
  readonly first?: number;
}

export async function replayImages(
  trace: BrowserTrace,
  { images, first = 0 }: ReplayOptions,
): Promise<ReplayTally> {
  const initial = Array.from({ length: trace.diskCount }, () => new SectorFile());
  const points = crashPoints(initial, trace.operations);
  const tally: ReplayTally = {
    images: 0,
    points: points.length,
    rolledBack: 0,
    unfinished: 0,
    states: new Set(),
  };
  for (let image = first; image < first + images; image += 1) {
    const random = new Random(image + 1);
    const point = points[random.below(points.length)] as CrashPoint;
    const fates = fatesAt(point, image, random);
    try {
      await judge(trace, point, crashedFiles(point, fates), tally);
    } catch (error) {
      const replay = `image=${image} operation=${point.operation} fates=${fatesText(fates)}`;
      throw new Error(`crash image failed: ${replay}: ${String(error)}`, { cause: error });
    }
    tally.images += 1;
  }
  return tally;
}

/** Superblocks in the record, by what they say of their commit. */
export function kindsOf({ operations }: BrowserTrace): { joint: number; fenced: number } {
  const kinds = { joint: 0, fenced: 0 };
  for (const operation of operations) {
    if (operation.kind !== 'write') continue;
    const sectors = operation.sectors.slice(0, sectorBytes / SIM_SECTOR_BYTES);
    const decoded = decodeSuperblock(Buffer.concat(sectors), SETTING.geometry, hasher);
    if (decoded.ok) kinds[decoded.value.joint ? 'joint' : 'fenced'] += 1;
  }
  return kinds;
}

/** Prefixes (none and all among them), one unlike the others, random subsets and random damage in turn. */
function fatesAt(point: CrashPoint, image: number, random: Random): Fates {
  const count = point.pending.length;
  const fates = new Uint8Array(count);
  switch (image % 4) {
    case 0:
      return fates.fill(FATE.kept, 0, random.below(count + 1));
    case 1: {
      const lost = random.chance(0.5) ? FATE.lost : FATE.kept;
      fates.fill(FATE.kept - lost);
      if (count > 0) fates[random.below(count)] = lost;
      return fates;
    }
    case 2: {
      const kept = [0.1, 0.5, 0.9][random.below(3)] as number;
      return fates.map(() => (random.chance(kept) ? FATE.kept : FATE.lost));
    }
    default:
      return fates.map(() => random.below(Object.keys(FATE).length));
  }
}

/** Opens with the real code, and creates where there is nothing yet. Later writes go to the same files. */
function openOn(files: SectorFile[]): SimStore {
  return new SimStore({ disks: new RecordedDisks(files), setting: SETTING });
}

async function judge(
  trace: BrowserTrace,
  point: CrashPoint,
  files: SectorFile[],
  tally: ReplayTally,
): Promise<void> {
  const store = openOn(files);
  const promised = promisedAt(trace, point.operation);
  const walked = await walk(store);
  if (store.created) tally.unfinished += 1;
  if (store.created && promised.acked !== undefined) throw new Error('I6: the store is gone');
  const acked = promised.acked ?? 0;
  if (walked.state < acked) throw new Error(`I6: ${acked} was acknowledged, not ${walked.state}`);
  if (walked.state > promised.submitted) throw new Error(`${walked.state} was never asked for`);
  if (store.opened.recovered.rejected.length > 0) tally.rolledBack += 1;
  tally.states.add(walked.state);
  const expected = contentText(contentAfter(trace.seed, [{ first: 1, cycle: 0 }], walked.state));
  const actual = contentText(walked.content);
  if (actual !== expected) throw new Error(`it holds [${actual}], not [${expected}]`);
  expectClean(store, walked.reachable);
  goOn(store);
  const again = openOn(files);
  if (again.opened.engine.roots.get('more') === undefined) throw new Error('it does not go on');
  if ((await walk(again)).state !== walked.state) throw new Error('opening again gives another');
}

function promisedAt(
  { marks }: BrowserTrace,
  operation: number,
): { acked: number | undefined; submitted: number } {
  const made = marks.filter((mark) => mark.operation <= operation);
  const last = (kind: 'acked' | 'submitted') => made.filter((mark) => mark.kind === kind).at(-1);
  return { acked: last('acked')?.state, submitted: last('submitted')?.state ?? 0 };
}

function walk({ opened: { engine } }: SimStore): Promise<WalkedState> {
  const root = engine.roots.get(TREE_ROOT);
  return walkState(root && toPublic(root), (pointers) => {
    const blocks = pointers.map(() => new Uint8Array(engine.blockBytes));
    engine.readMany(pointers.map(engineOf), blocks);
    return blocks;
  });
}

function engineOf(pointer: BlockPointer) {
  const engine = fromPublic(pointer);
  if (!engine.ok) throw new Error('a pointer that was read from a verified block is one');
  return engine.value;
}

function expectClean({ opened }: SimStore, reachable: readonly BlockPointer[]): void {
  const checker = new Checker(opened, { reachable: reachable.map(engineOf) });
  while (!checker.step(4096));
  const { problems } = checker.report();
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '));
}

function goOn({ opened: { engine } }: SimStore): void {
  const transaction = engine.begin();
  transaction.setRoot('more', transaction.write([Uint8Array.of(1)])[0]);
  engine.end(transaction);
  engine.beginCommit();
  while (engine.committing && engine.pump());
  engine.assertUsable();
}
