/**
 * A store's files from the outside: telling a store from an unfinished creation, creating one, and putting an engine
 * on one. Synchronous, over devices: sessions and crash tests use the same code.
 */

import type { StatesRoom } from '../arena/block-state.ts';
import type { DiskIndex } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { type Device, type DeviceFault, isFault } from '../device/device.ts';
import type { ReaderHorizon } from '../epoch/reader-horizon.ts';
import {
  emptyFileBytes,
  type Geometry,
  geometryFlaw,
  LABEL_BYTES,
  SLOT_COUNT,
  slotDisk,
  slotOffset,
} from '../format/geometry.ts';
import { BlockHasher, type Hasher } from '../format/hasher.ts';
import { decodeLabel, encodeLabel, type Label, type LabelFields } from '../format/label.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  SUPERBLOCK_MAGIC,
  type Superblock,
} from '../format/superblock.ts';
import type { BlockMemory, DiskPort } from '../sync/disk-port.ts';
import { InlineDisk } from '../sync/inline-disk.ts';
import { BlockIo } from './block-io.ts';
import type { LivenessProbe } from './commit.ts';
import { Engine, type EngineEvents } from './engine.ts';
import type { Layer } from './layer.ts';
import { type RecoveredStore, recover, type SectorScratch, sameBytes } from './recover.ts';
import { faultError } from './store-errors.ts';

/** The generation of the superblock that creating a store writes. */
const FIRST_GENERATION = 1;
/** It names neither roots nor arenas, so it takes one sector. */
const FIRST_SUPERBLOCK_BYTES_MAX = 4096;
const SLOT_BYTES_MAX = 65_536;
const SLOT_BYTES_MIN = 4096;
/** However small the cache asked for: room for a commit's log batches, loads and a block being written. */
const SLOTS_MIN = 16;

export type Inspection =
  | { readonly kind: 'store'; readonly label: Label }
  /** Creation was cut short before it was acknowledged: nothing was ever stored, it may be done again. */
  | { readonly kind: 'unfinished' };

/** Files of a store that was found, by disk; a missing one is `undefined`. */
export type FoundFiles = readonly (Device | undefined)[];

/**
 * Throws CORRUPT when a store was here and its files are not all right, VERSION when it is of another version, IO.
 */
export function inspectFiles(files: FoundFiles, hasher: Hasher): Inspection {
  const labels = files.map((file) => (file === undefined ? undefined : readLabel(file, hasher)));
  const sound = labels.find((label): label is Label => typeof label === 'object');
  if (sound === undefined) {
    if (files.some((file, disk) => file !== undefined && looksUsed(file, disk, hasher))) {
      throw corruptFile('disk-0', 'its label is damaged, and there is data behind it');
    }
    return { kind: 'unfinished' };
  }
  const flaw = labelsFlaw(files, labels, sound);
  if (flaw === undefined) return { kind: 'store', label: sound };
  if (!everCommitted(files, sound, hasher)) return { kind: 'unfinished' };
  throw flaw;
}

/** A label, or a text that says why there is none. Throws VERSION and IO. */
function readLabel(file: Device, hasher: Hasher): Label | string {
  const bytes = new Uint8Array(LABEL_BYTES);
  const fault = file.read(bytes, 0);
  if (fault !== undefined && fault.kind !== 'short') throw faultError(fault);
  if (fault !== undefined) return 'it is too short for a label';
  const label = decodeLabel(bytes, hasher);
  if (label.ok) return label.value;
  if (label.error.reason === 'version' || label.error.reason === 'feature') {
    throw new StoreError(
      'VERSION',
      `${file.file} was written by another version of opfs-blocks (${label.error.detail}): ` +
        'use that version, or a later one.',
      { coordinates: { file: file.file } },
    );
  }
  return label.error.detail;
}

/**
 * What is wrong with the labels taken together: one missing, damaged, of another store, or in the wrong file. A file
 * beyond the last disk that has no label is left over from an unfinished creation with more disks.
 */
function labelsFlaw(
  files: FoundFiles,
  labels: readonly (Label | string | undefined)[],
  sound: Label,
): StoreError | undefined {
  for (let disk = 0; disk < Math.max(sound.geometry.diskCount, files.length); disk += 1) {
    const label = labels[disk];
    const name = `disk-${disk}`;
    if (disk >= sound.geometry.diskCount) {
      if (typeof label === 'object') return corruptFile(name, 'the store has fewer files');
      continue;
    }
    if (label === undefined) return corruptFile(name, 'it is missing');
    if (typeof label === 'string') return corruptFile(name, `its label is damaged (${label})`);
    if (!sameBytes(label.storeId, sound.storeId)) {
      return corruptFile(name, 'it belongs to another store');
    }
    if (label.diskIndex !== disk) return corruptFile(name, `it is disk-${label.diskIndex}`);
  }
  return undefined;
}

function corruptFile(file: string, what: string): StoreError {
  return new StoreError(
    'CORRUPT',
    `${file} is not as it should be: ${what}. Nothing was changed; import a backup under another name.`,
    { coordinates: { file } },
  );
}

/**
 * Whether a file without a label belongs to a store that was there once: it has a superblock besides the one that
 * creation writes, alone, into the first slot of the first file. That one may be torn, if there is nothing behind it.
 * Blocks without any superblock are an import that was cut short.
 */
function looksUsed(file: Device, disk: number, hasher: Hasher): boolean {
  const size = file.size();
  if (isFault(size)) throw faultError(size);
  const bytes = new Uint8Array(Math.min(size, LABEL_BYTES + SLOT_COUNT * SLOT_BYTES_MAX));
  const fault = file.read(bytes, 0);
  if (fault !== undefined) throw faultError(fault);
  for (const slotBytes of [SLOT_BYTES_MAX, SLOT_BYTES_MIN]) {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const found = bytes.subarray(LABEL_BYTES + slot * slotBytes);
      if (!SUPERBLOCK_MAGIC.every((byte, n) => found[n] === byte)) continue;
      if (slot > 0 || disk > 0) return true;
      const generation = firstSlotGeneration(found, hasher);
      if (generation === undefined) return !endsAfterFirstSuperblock(found, size);
      if (generation > FIRST_GENERATION) return true;
    }
  }
  return false;
}

function endsAfterFirstSuperblock(slots: Uint8Array, fileBytes: number): boolean {
  if (fileBytes > LABEL_BYTES + SLOT_COUNT * SLOT_BYTES_MAX) return false;
  return slots.subarray(FIRST_SUPERBLOCK_BYTES_MAX).every((byte) => byte === 0);
}

/** The generation of a whole superblock, of whatever geometry: there are few that its decoding depends on. */
function firstSlotGeneration(bytes: Uint8Array, hasher: Hasher): number | undefined {
  for (const sectorBytes of [4096, 512]) {
    const geometry: Geometry = {
      blockBytes: 65_536,
      sectorBytes,
      slotBytes: SLOT_BYTES_MAX,
      diskCount: 1,
      arenaBytes: 65_536 * 64,
    };
    const decoded = decodeSuperblock(bytes, geometry, hasher);
    if (decoded.ok) return decoded.value.generation;
  }
  return undefined;
}

/**
 * Whether any superblock later than creation's is there, or was: its file may be the one that is missing, but blocks
 * have made the others longer.
 */
function everCommitted(files: FoundFiles, label: Label, hasher: Hasher): boolean {
  const { geometry } = label;
  if (files.some((file, disk) => file !== undefined && hasGrown(file, disk, geometry))) return true;
  let firstSeen = false;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const file = files[slotDisk(slot, geometry)];
    if (file === undefined) continue;
    const bytes = new Uint8Array(geometry.slotBytes);
    const fault = file.read(bytes, slotOffset(slot, geometry));
    if (fault !== undefined && fault.kind !== 'short') throw faultError(fault);
    if (fault !== undefined || !SUPERBLOCK_MAGIC.every((byte, n) => bytes[n] === byte)) continue;
    const decoded = decodeSuperblock(bytes, geometry, hasher);
    if (!decoded.ok || decoded.value.generation > FIRST_GENERATION) return true;
    firstSeen = true;
  }
  return !firstSeen;
}

function hasGrown(file: Device, disk: number, geometry: Geometry): boolean {
  if (disk >= geometry.diskCount) return false;
  const size = file.size();
  if (isFault(size)) throw faultError(size);
  return size > emptyFileBytes(disk as DiskIndex, geometry);
}

/**
 * Creates a store in fresh or unfinished files, one for each disk: files first, then the superblock, then the labels,
 * each durable before the next. Cut short anywhere, it leaves an `unfinished` creation. Throws QUOTA or IO.
 */
export function createFiles(
  files: readonly Device[],
  fields: Omit<LabelFields, 'diskIndex'>,
  hasher: Hasher,
  first?: Superblock,
): void {
  const { geometry, storeId } = fields;
  if (first === undefined) emptyFiles(files);
  for (const [disk, file] of files.entries()) {
    const size = file.size();
    if (isFault(size)) throw faultError(size);
    const bytes = emptyFileBytes(disk as DiskIndex, geometry);
    if (size < bytes) check(file.resize(bytes));
  }
  const superblock = first ?? emptySuperblock(storeId);
  const slot = new Uint8Array(geometry.slotBytes);
  const byteCount = encodeSuperblock(superblock, geometry, hasher, slot);
  const home = files[slotDisk(0, geometry)] as Device;
  check(home.write(slot.subarray(0, byteCount), slotOffset(0, geometry)));
  for (const file of files) check(file.flush());
  for (const [disk, file] of files.entries()) {
    check(file.write(encodeLabel({ ...fields, diskIndex: disk }, hasher), 0));
  }
  for (const file of files) check(file.flush());
}

/**
 * What an unfinished creation has left goes first, file by file, and the file with its superblock last: a label
 * without a superblock, or beside one that a crash has torn, would look like a store that has lost everything.
 */
function emptyFiles(files: readonly Device[]): void {
  for (const file of files.toReversed()) {
    const size = file.size();
    if (isFault(size)) throw faultError(size);
    if (size === 0) continue;
    check(file.resize(0));
    check(file.flush());
  }
}

function emptySuperblock(storeId: Uint8Array): Superblock {
  return {
    generation: FIRST_GENERATION,
    previous: 0,
    beforePrevious: 0,
    thirdPrevious: 0,
    joint: false,
    storeId,
    roots: new Map(),
    arenas: [],
  };
}

function check(fault: DeviceFault | undefined): void {
  if (fault === undefined) return;
  if (fault.kind !== 'quota') throw faultError(fault);
  throw new StoreError(
    'QUOTA',
    'The browser grants no space for a new store: free some, or ask the user for persistence.',
    { coordinates: { file: fault.file } },
  );
}

/** The disks of a store that is about to be opened, and the memory that they share with its engine. */
export interface EngineDisks {
  readonly ports: readonly DiskPort[];
  readonly memory: BlockMemory;
  /** The cache's control memory, when other threads are to read. */
  readonly control?: Int32Array;
}

export type OpenDisks = (store: {
  readonly label: Label;
  readonly slotCount: number;
  readonly blockHasher: BlockHasher;
  /** Bytes of arenas that the store may grow to. */
  readonly maxBytes: number;
}) => EngineDisks;

export interface EngineSettings {
  readonly label: Label;
  readonly hasher: Hasher;
  readonly cacheBytes: number;
  readonly maxBytes: number;
  readonly readOnly: boolean;
  readonly liveness: LivenessProbe;
  readonly events: EngineEvents;
  readonly layers?: readonly Layer[];
  /** With shared memory: how far readers have come, and where block states live. */
  readonly horizon?: ReaderHorizon;
  readonly statesRoom?: StatesRoom;
  /** See `EngineOptions`. */
  readonly jointBytesMax?: number;
}

export interface EngineFiles extends EngineSettings {
  readonly devices: readonly Device[];
  /** Writes, frees and fences that a disk may have queued; see `DiskLoopOptions`. */
  readonly queueEntries?: number;
}

export interface OpenedEngine {
  readonly label: Label;
  readonly hasher: Hasher;
  readonly blockHasher: BlockHasher;
  readonly engine: Engine;
  readonly recovered: RecoveredStore;
  readonly disks: readonly DiskPort[];
}

/** Disks whose requests are done in place. */
export function inlineDisks(devices: readonly Device[], queueEntries?: number): OpenDisks {
  return ({ label, slotCount, blockHasher }) => {
    const { geometry } = label;
    const memory = { bytes: new Uint8Array(BlockIo.memoryBytes(geometry, slotCount)) };
    const ports = devices.map(
      (device, disk) =>
        new InlineDisk({
          disk: disk as never,
          device,
          memory,
          verify: blockHasher.verify,
          blockBytes: geometry.blockBytes,
          ...(queueEntries === undefined ? {} : { queueEntries }),
        }),
    );
    return { ports, memory };
  };
}

/** As `openEngine`, with disks whose requests are done in place. */
export function openInlineEngine(options: EngineFiles): OpenedEngine {
  return openEngine(options, inlineDisks(options.devices, options.queueEntries));
}

/** Recovers, and puts an engine on the disks. Throws CORRUPT or IO. */
export function openEngine(options: EngineSettings, openDisks: OpenDisks): OpenedEngine {
  const { label, hasher, maxBytes } = options;
  const blockHasher = new BlockHasher(hasher, label.hashDomain);
  const slotCount = cacheSlots(options.cacheBytes, label.geometry);
  const { ports, memory, control } = openDisks({ label, slotCount, blockHasher, maxBytes });
  const scratch = options.readOnly ? undefined : sectorScratch(memory, label.geometry, slotCount);
  const recovered = recover({ label, ports, hasher, blockHasher, scratch });
  const engine = new Engine({
    recovered,
    ports,
    memory,
    control,
    slotCount,
    hasher,
    blockHasher,
    maxBytes,
    readOnly: options.readOnly,
    liveness: options.liveness,
    events: options.events,
    layers: options.layers ?? [],
    ...(options.horizon === undefined ? {} : { horizon: options.horizon }),
    ...(options.statesRoom === undefined ? {} : { statesRoom: options.statesRoom }),
    ...(options.jointBytesMax === undefined ? {} : { jointBytesMax: options.jointBytesMax }),
  });
  for (const layer of options.layers ?? []) layer.opened?.(engine);
  return { label, hasher, blockHasher, engine, recovered, disks: ports };
}

/** Where a superblock is put together later. */
function sectorScratch(
  { bytes }: BlockMemory,
  geometry: Geometry,
  slotCount: number,
): SectorScratch {
  const memoryOffset = BlockIo.superblockOffset(geometry, slotCount);
  return { bytes: bytes.subarray(memoryOffset, memoryOffset + geometry.sectorBytes), memoryOffset };
}

/** Slots of a cache that large, and never too few to work with. */
export function cacheSlots(cacheBytes: number, geometry: Geometry): number {
  return Math.max(SLOTS_MIN, Math.floor(cacheBytes / geometry.blockBytes));
}

/** Opening with another geometry than the store was created with is a mistake, not a wish. */
export function assertGeometry(
  actual: Geometry,
  wanted: Geometry,
  demanded: readonly (keyof Geometry)[],
): void {
  for (const field of demanded) {
    if (actual[field] === wanted[field]) continue;
    throw new StoreError(
      'MISUSE',
      `The store was created with ${field} ${actual[field]}, not ${wanted[field]}: it cannot be changed. ` +
        'Open it without that option, or export it and import it into a new one.',
    );
  }
}

export function assertSoundGeometry(geometry: Geometry): void {
  const flaw = geometryFlaw(geometry);
  if (flaw === undefined) return;
  throw new StoreError(
    'MISUSE',
    `A store cannot be created with ${flaw} ${String(geometry[flaw as keyof Geometry])}.`,
  );
}
