/**
 * The part of a check that looks at the files themselves: labels, superblock slots, lengths. Total: whatever bytes
 * are there, and whatever faults, the answer is a list of problems.
 */
import type { ArenaIndex, DiskIndex } from '../base/brand.ts';
import { isFault } from '../device/device.ts';
import { describeFlaw } from '../format/decoded.ts';
import {
  arenaDisk,
  arenaOffset,
  emptyFileBytes,
  type Geometry,
  LABEL_BYTES,
  SLOT_COUNT,
  slotDisk,
  slotOffset,
} from '../format/geometry.ts';
import { decodeLabel } from '../format/label.ts';
import { samePointer } from '../format/pointer.ts';
import {
  type ArenaEntry,
  decodeSuperblock,
  type Superblock,
  UNOPENED_ARENA,
} from '../format/superblock.ts';
import type { DiskPort } from '../sync/disk-port.ts';
import type { CheckProblems } from './check-problems.ts';
import type { Engine } from './engine.ts';
import { sameBytes } from './recover.ts';
import { describeFault } from './store-errors.ts';
import type { OpenedEngine } from './store-files.ts';

export function checkLabels(opened: OpenedEngine, problems: CheckProblems): void {
  for (const port of opened.engine.ports) {
    const flaw = labelFlaw(opened, port, problems);
    if (flaw === undefined) continue;
    const { disk } = port;
    problems.add({ kind: 'label', message: `The label of disk-${disk}: ${flaw}.`, disk });
  }
}

function labelFlaw(
  { label, hasher }: OpenedEngine,
  port: DiskPort,
  problems: CheckProblems,
): string | undefined {
  const bytes = new Uint8Array(LABEL_BYTES);
  if (!readFile(port, 0, bytes, problems)) return undefined;
  const found = decodeLabel(bytes, hasher);
  if (!found.ok) return describeFlaw(found.error);
  const { storeId, hashDomain, diskIndex, geometry } = found.value;
  if (!sameBytes(storeId, label.storeId)) return 'it is another store’s';
  if (!sameBytes(hashDomain, label.hashDomain)) return 'it has another hash domain';
  if (diskIndex !== port.disk) return `it is that of disk-${diskIndex}`;
  return sameGeometry(geometry, label.geometry) ? undefined : 'it has another geometry';
}

function sameGeometry(one: Geometry, other: Geometry): boolean {
  const fields: (keyof Geometry)[] = [
    'blockBytes',
    'sectorBytes',
    'slotBytes',
    'diskCount',
    'arenaBytes',
  ];
  return fields.every((field) => one[field] === other[field]);
}

/** Fills `bytes`, or adds an `io` problem. */
function readFile(
  port: DiskPort,
  offset: number,
  bytes: Uint8Array,
  problems: CheckProblems,
): boolean {
  const fault = port.readRaw(offset, bytes);
  if (fault === undefined) return true;
  problems.add({ kind: 'io', message: `${describeFault(fault)}.`, disk: port.disk });
  return false;
}

/** The superblock of the durable generation, from its slot; `undefined`, and a problem, when it is in none. */
export function checkSuperblocks(
  opened: OpenedEngine,
  problems: CheckProblems,
): Superblock | undefined {
  const { engine } = opened;
  const usable = readSlots(opened, problems);
  if (engine.health !== 'ok') return newestOf(usable, problems);
  const newest = usable.find(({ generation }) => generation === engine.durableGeneration);
  const flaw = newest === undefined ? 'it is in no slot' : superblockFlaw(engine, newest);
  if (flaw !== undefined) {
    const message = `The superblock of generation ${engine.durableGeneration}: ${flaw}.`;
    problems.add({ kind: 'superblock', message });
  }
  if (newest !== undefined) checkOthers(engine, newest, usable, problems);
  return newest;
}

/** Nothing more is acknowledged, so what the engine has in memory says little about what is on the disk. */
function newestOf(usable: readonly Superblock[], problems: CheckProblems): Superblock | undefined {
  const [newest] = [...usable].sort((one, other) => other.generation - one.generation);
  if (newest === undefined) {
    problems.add({ kind: 'superblock', message: 'There is no superblock in any slot.' });
  }
  return newest;
}

/** All that decode. A slot that does not is no problem: a crash leaves such, and the next commit takes it. */
function readSlots({ engine, hasher, label }: OpenedEngine, problems: CheckProblems): Superblock[] {
  const { geometry } = engine;
  const found: Superblock[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const bytes = new Uint8Array(geometry.slotBytes);
    const port = engine.ports[slotDisk(slot, geometry)] as DiskPort;
    if (!readFile(port, slotOffset(slot, geometry), bytes, problems)) continue;
    const superblock = decodeSuperblock(bytes, geometry, hasher);
    if (!superblock.ok) continue;
    if (sameBytes(superblock.value.storeId, label.storeId)) found.push(superblock.value);
    else problems.add({ kind: 'superblock', message: `Slot ${slot} is another store’s.` });
  }
  return found;
}

/** In what the superblock on the disk differs from what the engine believes. */
function superblockFlaw(engine: Engine, found: Superblock): string | undefined {
  if (found.roots.size !== engine.roots.size) {
    return `it has ${found.roots.size} roots, not ${engine.roots.size}`;
  }
  for (const [name, pointer] of engine.roots) {
    const root = found.roots.get(name);
    if (root === undefined || !samePointer(root, pointer)) return `it has another root '${name}'`;
  }
  const { arenas } = engine.arenas;
  for (let index = 0; index < Math.max(arenas.length, found.arenas.length); index += 1) {
    const known = arenas[index]?.entry ?? UNOPENED_ARENA;
    const field = differingField(found.arenas[index] ?? UNOPENED_ARENA, known);
    if (field !== undefined) return `its arena ${index} has another ${field}`;
  }
  return undefined;
}

function differingField(one: ArenaEntry, other: ArenaEntry): string | undefined {
  const fields: (keyof ArenaEntry)[] = [
    'grownBlocks',
    'usedBlocks',
    'logHead',
    'logSectors',
    'logHashHigh',
    'logHashLow',
  ];
  return fields.find((field) => one[field] !== other[field]);
}

/**
 * I1: the superblocks before the newest are there, as far as this session wrote or verified them. A newer one than
 * the newest was rejected when the store was opened, or somebody else writes to it.
 */
function checkOthers(
  engine: Engine,
  newest: Superblock,
  usable: readonly Superblock[],
  problems: CheckProblems,
): void {
  const { commitCount } = engine;
  const expected = [newest.previous, newest.beforePrevious].slice(0, commitCount);
  for (const generation of expected) {
    if (generation === 0 || usable.some((found) => found.generation === generation)) continue;
    const message = `The superblock of generation ${generation}, to fall back to, is in no slot.`;
    problems.add({ kind: 'superblock', message });
  }
  for (const { generation } of usable) {
    if (commitCount === 0 || generation <= newest.generation) continue;
    const message = `There is a superblock of generation ${generation}, from the future.`;
    problems.add({ kind: 'superblock', message });
  }
}

/** Every file is as long as the superblock needs it; longer is fine. */
export function checkLengths(
  engine: Engine,
  superblock: Superblock,
  problems: CheckProblems,
): void {
  const { geometry, ports } = engine;
  for (const port of ports) {
    const size = port.size();
    const needed = bytesNeeded(superblock, port.disk, geometry);
    if (!isFault(size) && size >= needed) continue;
    const message = isFault(size)
      ? `${describeFault(size)}.`
      : `disk-${port.disk} is ${size} bytes long and should be ${needed}.`;
    problems.add({ kind: 'io', message, disk: port.disk });
  }
}

function bytesNeeded(superblock: Superblock, disk: DiskIndex, geometry: Geometry): number {
  let needed: number = emptyFileBytes(disk, geometry);
  for (const [index, { grownBlocks }] of superblock.arenas.entries()) {
    const arena = index as ArenaIndex;
    if (grownBlocks === 0 || arenaDisk(arena, geometry) !== disk) continue;
    needed = Math.max(needed, arenaOffset(arena, geometry) + grownBlocks * geometry.blockBytes);
  }
  return needed;
}
