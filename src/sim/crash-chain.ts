/**
 * The same store crashed many times in a row, some steps of work in between: some faults show only after several
 * unfinished commits, such as a superblock slot that is chosen by a generation number that every crash burns.
 */
import { assert } from '../base/assert.ts';
import { crashedFiles, crashPoints, lyingPoint, RecordedDisks } from './disk-trace.ts';
import { CrashFailure } from './explorer.ts';
import { FATE, type Fates } from './fates.ts';
import { judgeAftermath, recoverDisks } from './judge.ts';
import { type HistoryEntry, Player } from './player.ts';
import { Random } from './random.ts';
import type { SectorFile } from './sector-file.ts';
import { noFiles, type SimSetting, SimStore } from './sim-store.ts';
import { parseSteps, randomSteps } from './steps.ts';
import { isSuperblock } from './superblock-unit.ts';
import { createdEntry, runWorkload, type Workload } from './workload.ts';

export interface ChainTally {
  chains: number;
  /** Crashes with a recovery each. */
  crashes: number;
  /** The most generations that were given up in one chain. */
  rolledBackMax: number;
}

export const newChainTally = (): ChainTally => ({ chains: 0, crashes: 0, rolledBackMax: 0 });

/** Lives `depth` short lives on the disks that the crash of the one before has left. */
export function crashInARow(workload: Workload, depth: number, tally: ChainTally): void {
  const chain = new CrashChain(workload);
  let life = 0;
  try {
    for (; life < depth; life += 1) chain.live();
    chain.finish();
  } catch (error) {
    throw new CrashFailure(`chain workload=${workload.name} depth=${life + 1}`, error);
  }
  tally.chains += 1;
  tally.crashes += depth;
  tally.rolledBackMax = Math.max(tally.rolledBackMax, chain.rolledBack);
}

/**
 * `times` commits in a row, of which each is crashed when all flushes lied and only its superblock has landed: a
 * generation that is given up, and its number burnt, every time.
 */
export function giveUpInARow(workload: Workload, times: number): void {
  const { setting } = workload;
  const run = runWorkload(workload);
  let { files } = run;
  const base = run.history[run.history.length - 1];
  assert(base !== undefined, 'what is there was committed once');
  for (let n = 0; n < times; n += 1) {
    const initial = files.map((file) => file.clone());
    const disks = new RecordedDisks(initial.map((file) => file.clone()));
    const store = new SimStore({ disks, setting });
    const player = new Player(store, { ...base, submitted: 0, acked: 0 });
    player.playAll(parseSteps(`put 1 ${n}; end; commit`));
    const operation = disks.operations.length - 1;
    const point = lyingPoint(initial, disks.operations, 0, operation);
    const fates = Uint8Array.from(point.pending, (unit) =>
      isSuperblock(unit, setting.geometry) ? FATE.kept : FATE.lost,
    );
    const crashed = new RecordedDisks(crashedFiles(point, fates));
    const { history } = player;
    const recovery = recoverDisks(crashed, { setting, history, operation, lossAllowed: 0 });
    assert(recovery.rejected > 0, 'a superblock without its commit is given up');
    files = crashed.files;
  }
}

class CrashChain {
  rolledBack = 0;
  private readonly setting: SimSetting;
  private readonly random: Random;
  private files: SectorFile[];
  /** What the last recovery found; `undefined` before there was anything. */
  private found: HistoryEntry | undefined;

  constructor({ setting }: Workload) {
    this.setting = setting;
    this.random = new Random(setting.seed);
    this.files = noFiles(setting);
  }

  /** Opens, works for a while, crashes, recovers. */
  live(): void {
    const { random, setting } = this;
    const initial = this.files.map((file) => file.clone());
    const disks = new RecordedDisks(this.files);
    const store = new SimStore({ disks, setting });
    const base = this.found ?? createdEntry(store.operationCount);
    const player = new Player(store, base);
    player.playAll(randomSteps(random.next(), 4 + random.below(16)).filter(isOneLife));
    const { operation, files, lies } = this.crash(initial, disks, player.history);
    const recovered = new RecordedDisks(files);
    const { history } = player;
    const promised = { setting, history, operation, lossAllowed: lies - 1 };
    const { entry, rejected } = recoverDisks(recovered, promised);
    this.rolledBack += rejected;
    this.found = { ...entry, submitted: 0, acked: 0 };
    this.files = recovered.files;
  }

  /** The last life ends well. */
  finish(): void {
    const { setting } = this;
    const history = this.found === undefined ? [] : [this.found];
    const disks = new RecordedDisks(this.files);
    const recovery = recoverDisks(disks, { setting, history, operation: 0, lossAllowed: 0 });
    judgeAftermath(disks, recovery, setting);
  }

  private crash(
    initial: readonly SectorFile[],
    disks: RecordedDisks,
    history: readonly HistoryEntry[],
  ): { operation: number; files: SectorFile[]; lies: number } {
    const { random } = this;
    const points = crashPoints(initial, disks.operations);
    const acks = history.map(({ acked }) => acked).filter((acked) => acked !== undefined);
    const lies = 1 + random.below(3);
    const from = acks[acks.length - lies];
    const point =
      random.chance(0.5) && from !== undefined
        ? lyingPoint(initial, disks.operations, from, disks.operations.length)
        : points[random.below(points.length)];
    if (point === undefined) throw new RangeError('every trace has a crash point at its end');
    return {
      operation: point.operation,
      files: crashedFiles(point, this.fates(point.pending.length)),
      lies: points.includes(point) ? 1 : lies,
    };
  }

  /** Anything, with all lost, all lost but one, and all but a few kept among the likelier ones. */
  private fates(count: number): Fates {
    const { random } = this;
    const fates = new Uint8Array(count);
    if (count > 0 && random.chance(0.2)) {
      fates[random.below(count)] = FATE.kept;
      return fates;
    }
    const keeping = [0, 0.1, 0.5, 0.9][random.below(4)] as number;
    for (let n = 0; n < count; n += 1) {
      if (random.chance(keeping)) fates[n] = FATE.kept;
      else if (random.chance(0.2)) fates[n] = random.below(6);
    }
    return fates;
  }
}

const isOneLife = ({ kind }: { readonly kind: string }): boolean =>
  kind !== 'reopen' && kind !== 'die';
