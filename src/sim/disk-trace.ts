/**
 * What a run asked of its disks, in order, and the disks that a crash may leave behind.
 *
 * The model of a disk: what was written before the last flush of a file is there; of what came after, every sector
 * has a fate of its own (see `fates`), in the order written where they overlap. Files are independent. A new length
 * is lost or kept like a sector.
 */
import { assert } from '../base/assert.ts';
import type { SyncHandle } from '../device/sync-handle.ts';
import { FATE, type Fates } from './fates.ts';
import { Random } from './random.ts';
import { type SectorFile, SectorHandle, SIM_SECTOR_BYTES } from './sector-file.ts';

export type TraceOperation =
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly sector: number;
      readonly sectors: readonly Uint8Array[];
    }
  | { readonly kind: 'resize'; readonly file: number; readonly byteCount: number }
  | { readonly kind: 'flush'; readonly file: number };

/** One thing that a crash keeps or loses. */
export type PendingUnit =
  | {
      readonly kind: 'sector';
      readonly file: number;
      readonly sector: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'resize'; readonly file: number; readonly byteCount: number };

/**
 * Files that record what is done to them. They notice when a sector is written twice with no flush in between (I8): a
 * crash might leave either, and a disk may do the two in any order.
 */
export class RecordedDisks {
  readonly files: SectorFile[];
  readonly operations: TraceOperation[] = [];
  /** By file: sectors written since its last flush. */
  private readonly unflushed: Set<number>[];

  constructor(files: SectorFile[]) {
    this.files = files;
    this.unflushed = files.map(() => new Set());
  }

  /** What a dead process has written is with the system, in order. */
  anotherProcess(): void {
    for (const sectors of this.unflushed) sectors.clear();
  }

  handle(index: number): SyncHandle {
    const file = this.files[index] as SectorFile;
    const unflushed = this.unflushed[index] as Set<number>;
    return new SectorHandle(file, {
      wrote: (offset, byteCount) => {
        const first = Math.floor(offset / SIM_SECTOR_BYTES);
        const end = Math.ceil((offset + byteCount) / SIM_SECTOR_BYTES);
        for (let sector = first; sector < end; sector += 1) {
          assert(!unflushed.has(sector), 'I8: a sector is written twice before it is flushed');
          unflushed.add(sector);
        }
        const sectors = file.sectors.slice(first, end) as Uint8Array[];
        this.operations.push({ kind: 'write', file: index, sector: first, sectors });
      },
      flushed: () => {
        unflushed.clear();
        this.operations.push({ kind: 'flush', file: index });
      },
      resized: (byteCount) => this.operations.push({ kind: 'resize', file: index, byteCount }),
    });
  }
}

/** A moment at which a crash is worth trying. */
export interface CrashPoint {
  /** Operations done before the crash. */
  readonly operation: number;
  /** What is certainly there. */
  readonly durable: readonly SectorFile[];
  /** What may be. In the order written. */
  readonly pending: readonly PendingUnit[];
}

/**
 * The crash points of a trace: right before every flush, and at the end. A crash between two writes leaves nothing
 * that a crash before the next flush does not leave too, when that loses the second write; so these points are
 * enough.
 */
export function crashPoints(
  initial: readonly SectorFile[],
  operations: readonly TraceOperation[],
): CrashPoint[] {
  const points: CrashPoint[] = [];
  const durable = initial.map((file) => file.clone());
  let pending: PendingUnit[] = [];
  for (const [index, operation] of operations.entries()) {
    if (operation.kind !== 'flush') {
      pending.push(...unitsOf(operation));
      continue;
    }
    if (pending.length > 0) {
      points.push({
        operation: index,
        durable: durable.map((file) => file.clone()),
        pending: pending.slice(),
      });
    }
    for (const unit of pending) {
      if (unit.file === operation.file) applyUnit(durable[unit.file] as SectorFile, unit);
    }
    pending = pending.filter((unit) => unit.file !== operation.file);
  }
  points.push({ operation: operations.length, durable, pending });
  return points;
}

/**
 * The crash point after `to` operations when no flush since operation `from` did anything. What came before is
 * durable: the run had acknowledged it, honestly.
 */
export function lyingPoint(
  initial: readonly SectorFile[],
  operations: readonly TraceOperation[],
  from: number,
  to: number,
): CrashPoint {
  const durable = initial.map((file) => file.clone());
  for (const unit of operations.slice(0, from).flatMap(unitsOf)) {
    applyUnit(durable[unit.file] as SectorFile, unit);
  }
  const pending = operations.slice(from, to).flatMap(unitsOf);
  return { operation: to, durable, pending };
}

function unitsOf(operation: TraceOperation): PendingUnit[] {
  if (operation.kind === 'flush') return [];
  if (operation.kind === 'resize') return [operation];
  return operation.sectors.map((bytes, n) => ({
    kind: 'sector',
    file: operation.file,
    sector: operation.sector + n,
    bytes,
  }));
}

function applyUnit(file: SectorFile, unit: PendingUnit): void {
  if (unit.kind === 'resize') file.resize(unit.byteCount);
  else putSector(file, unit.sector, unit.bytes);
}

function putSector(file: SectorFile, sector: number, bytes: Uint8Array): void {
  file.putSector(sector, bytes);
  file.byteCount = Math.max(file.byteCount, (sector + 1) * SIM_SECTOR_BYTES);
}

/** The disks after a crash in which the pending units met these fates. */
export function crashedFiles(point: CrashPoint, fates: Fates): SectorFile[] {
  const files = point.durable.map((file) => file.clone());
  for (let n = 0; n < point.pending.length; n += 1) {
    const unit = point.pending[n] as PendingUnit;
    const fate = fates[n];
    if (fate === FATE.lost) continue;
    const file = files[unit.file] as SectorFile;
    // A length is a number in a directory: there is nothing to be torn.
    if (fate === FATE.kept || unit.kind === 'resize') applyUnit(file, unit);
    else if (fate === FATE.astray) goAstray(files, point, n);
    else putSector(file, unit.sector, damagedSector(file, unit, fate === undefined ? 0 : fate));
  }
  return files;
}

function damagedSector(
  file: SectorFile,
  unit: PendingUnit & { kind: 'sector' },
  fate: number,
): Uint8Array {
  const random = new Random(unit.sector * 8 + unit.file + (unit.bytes[20] as number) * 2 ** 16);
  const bytes = unit.bytes.slice();
  if (fate === FATE.garbage) {
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.next() & 0xff;
    return bytes;
  }
  // Half of the tears are in the middle, the others anywhere.
  const tear = random.chance(0.5) ? SIM_SECTOR_BYTES / 2 : 1 + random.below(SIM_SECTOR_BYTES - 1);
  const old = file.sectors[unit.sector];
  const [from, to] = fate === FATE.front ? [tear, SIM_SECTOR_BYTES] : [0, tear];
  if (old === undefined) bytes.fill(0, from, to);
  else bytes.set(old.subarray(from, to), from);
  return bytes;
}

/** To the place of the pending sector that follows, or of the first. */
function goAstray(files: readonly SectorFile[], point: CrashPoint, n: number): void {
  const unit = point.pending[n] as PendingUnit;
  for (let step = 1; step < point.pending.length; step += 1) {
    const other = point.pending[(n + step) % point.pending.length] as PendingUnit;
    if (other.kind === 'resize' || unit.kind === 'resize') continue;
    putSector(files[other.file] as SectorFile, other.sector, unit.bytes);
    return;
  }
}
