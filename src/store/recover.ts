/**
 * Open: from files to the newest state that can be proved. Reads, and flushes what it has found, because an earlier
 * process may have died before it could. Nothing is written, except over superblocks that are given up: see `settle`.
 *
 * The newest superblock whose *root set* verifies wins: itself, the labels, the file lengths, the logs to their
 * recorded length, the root blocks, and the blocks born in the last three commits, by their logged hashes. Everything
 * that is given up on the way is reported, never silent.
 *
 * Where no generation verifies only because data blocks are damaged, the newest one whose logs do verify is opened
 * and the blocks are named: one rotten block must not take all the others with it. A joint generation opens so only
 * if all that was born in it is sound, because a block of its own that does not match may just as well be a commit
 * that never finished. Older blocks were flushed before that commit began; if one of them does not match, it is rotten.
 */
import { type ReplayedLog, replayLog } from '../arena/log-replay.ts';
import { assert } from '../base/assert.ts';
import {
  type ArenaIndex,
  arenaIndex,
  type BlockAddress,
  type BlockIndex,
  byteCount,
  type DiskIndex,
} from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import { type DeviceFault, isFault } from '../device/device.ts';
import {
  addressOf,
  arenaDisk,
  arenaOf,
  arenaOffset,
  blockIndexOf,
  fileOffsetOf,
  type Geometry,
  SLOT_COUNT,
  slotDisk,
  slotOffset,
} from '../format/geometry.ts';
import type { BlockHasher, Hasher } from '../format/hasher.ts';
import type { Label } from '../format/label.ts';
import { firstNonZero } from '../format/layout.ts';
import type { Pointer } from '../format/pointer.ts';
import {
  decodeGivenUp,
  decodeSuperblock,
  encodeGivenUp,
  type Superblock,
} from '../format/superblock.ts';
import type { CompletionSink, DiskPort, Outcome } from '../sync/disk-port.ts';
import type { RejectedGeneration } from './report.ts';
import { faultError } from './store-errors.ts';

/**
 * Bytes of recent blocks that opening reads, newest first. What was born in a joint generation is read in any case: its
 * superblock was written with its blocks, not after them, and proves nothing by itself.
 */
export const VERIFY_BYTES_MAX = 256 * 2 ** 20;

export interface RecoveredStore {
  readonly label: Label;
  readonly superblock: Superblock;
  readonly logs: readonly ReplayedLog[];
  /** By slot: the generation there that recovery may choose, if any. */
  readonly slotGenerations: readonly (number | undefined)[];
  /** The highest generation that any slot has held, usable or not; one more for each slot that cannot be read. */
  readonly highestGeneration: number;
  readonly rejected: readonly RejectedGeneration[];
  /** Blocks that do not match, when the store was opened all the same. */
  readonly damaged: readonly BlockAddress[];
  readonly verifiedBytes: number;
  readonly unverifiedBytes: number;
  readonly recordsReplayed: number;
}

export interface RecoverySource {
  readonly label: Label;
  readonly ports: readonly DiskPort[];
  readonly hasher: Hasher;
  readonly blockHasher: BlockHasher;
  /** `VERIFY_BYTES_MAX` unless told. */
  readonly verifyBytesMax?: number;
  /** Room for a sector, to write over what is given up; left out where nothing may be written. */
  readonly scratch?: SectorScratch | undefined;
}

/** A sector of the memory that the ports' requests speak of. */
export interface SectorScratch {
  readonly bytes: Uint8Array;
  readonly memoryOffset: number;
}

/** One slot as it was found. */
export interface FoundSlot {
  readonly slot: number;
  readonly superblock: Superblock | undefined;
  readonly flaw: string;
  /** Nothing was ever written to it. */
  readonly blank: boolean;
  /** The file ends before it does. */
  readonly cut: boolean;
  readonly bytes: Uint8Array;
}

type Verified = Pick<
  RecoveredStore,
  'logs' | 'damaged' | 'verifiedBytes' | 'unverifiedBytes' | 'recordsReplayed'
>;

/** Reads all four slots. A slot that cannot be read is an IO error: to go on would be to roll back for nothing. */
export function readSlots(source: RecoverySource): FoundSlot[] {
  const { geometry, storeId } = source.label;
  const slots: FoundSlot[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const bytes = new Uint8Array(geometry.slotBytes);
    const port = source.ports[slotDisk(slot, geometry)] as DiskPort;
    const fault = port.readRaw(slotOffset(slot, geometry), bytes);
    if (fault !== undefined && fault.kind !== 'short') throw faultError(fault);
    const decoded = decodeSuperblock(bytes, geometry, source.hasher);
    const blank = fault === undefined && firstNonZero(bytes, 0, bytes.length) < 0;
    const cut = fault !== undefined;
    const unusable = (flaw: string) =>
      slots.push({ slot, superblock: undefined, flaw, blank, cut, bytes });
    if (fault !== undefined) unusable('the file is short');
    else if (!decoded.ok) unusable(decoded.error.detail);
    else if (!sameBytes(decoded.value.storeId, storeId)) unusable('it is another store’s');
    else slots.push({ slot, superblock: decoded.value, flaw: '', blank, cut, bytes });
  }
  return slots;
}

/** Throws CORRUPT when no superblock's root set verifies, IO when the files cannot be read. */
export function recover(source: RecoverySource): RecoveredStore {
  const slots = readSlots(source);
  const candidates = candidatesAmong(slots);
  const rejected: RejectedGeneration[] = [];
  let found = choose(candidates, source, { tolerateDamage: false }, rejected);
  if (found === undefined) {
    rejected.length = 0;
    found = choose(candidates, source, { tolerateDamage: true }, rejected);
  }
  if (found === undefined) throw noSuperblock(slots, rejected);
  const { superblock, verified } = found;
  settle(source, givenUp(slots, superblock));
  const newest = candidates[0]?.generation ?? superblock.generation;
  const lost = rejectedSlots(lostSlots(slots, superblock), newest);
  return {
    label: source.label,
    superblock,
    slotGenerations: slots.map((slot) => recoverableGeneration(slot, superblock)),
    highestGeneration: Math.max(newest, ...lost.map(({ generation }) => generation)),
    rejected: [...lost.reverse(), ...rejected],
    ...verified,
  };
}

/**
 * I6: what was found is announced as durable, and later commits stand on it, but flush only the disks that they touch.
 * It may have been read from the system's memory: a process died between writing and flushing, and a joint generation
 * looks whole then. So all disks are flushed before anyone hears of it.
 *
 * What is given up must not come back. Of a superblock that is torn, or names what never landed, only a sector may be
 * missing; and a crash may leave the very same bytes there, of a commit of this session, with nothing else of it. So
 * the first sector of each such slot is written over, before this session writes anything.
 */
function settle({ ports, label, scratch }: RecoverySource, slots: readonly FoundSlot[]): void {
  let fault: DeviceFault | undefined;
  const never = () => assert(false, 'nothing but writes and fences has been asked for');
  const hear = (_: number, outcome: Outcome): void => {
    if (typeof outcome === 'object') fault ??= outcome;
  };
  const sink: CompletionSink = {
    written: hear,
    freed: never,
    loaded: never,
    filled: never,
    fenced: hear,
  };
  const { geometry } = label;
  for (const { slot, bytes } of scratch === undefined ? [] : slots) {
    const { memoryOffset, bytes: sector } = scratch as SectorScratch;
    encodeGivenUp(bytes, sector);
    const fileOffset = slotOffset(slot, geometry);
    const port = ports[slotDisk(slot, geometry)] as DiskPort;
    port.write({ fileOffset, memoryOffset, byteCount: geometry.sectorBytes, cookie: 0 });
    // One at a time: they share the sector.
    while (port.outstanding > 0) port.wait(sink);
  }
  for (const port of ports) port.fence(0);
  for (const port of ports) while (port.outstanding > 0) port.wait(sink);
  if (fault !== undefined) throw faultError(fault);
}

/** Slots whose superblock cannot be read, or is newer than the one that is opened. */
function givenUp(slots: readonly FoundSlot[], opened: Superblock): FoundSlot[] {
  return slots.filter(({ superblock, blank, cut, bytes }) => {
    if (superblock !== undefined) return superblock.generation > opened.generation;
    return !blank && !cut && decodeGivenUp(bytes) === undefined;
  });
}

/**
 * I1: what the ring must not overwrite is the opened superblock and the two that it names. An older number alone says
 * nothing: a generation that was given up by an earlier recovery may still lie in its slot.
 */
export function recoverableGeneration(
  found: Pick<FoundSlot, 'superblock'>,
  opened: Superblock,
): number | undefined {
  const chain = [opened.generation, opened.previous, opened.beforePrevious];
  const generation = found.superblock?.generation;
  return generation !== undefined && chain.includes(generation) ? generation : undefined;
}

/**
 * Slots with a superblock that cannot be read, as many as the opened superblock’s two predecessors do not account
 * for: each may have held a newer state, or has, when it was given up before. To keep silent about them would be to
 * lose an acknowledged commit silently.
 */
function lostSlots(slots: readonly FoundSlot[], opened: Superblock): FoundSlot[] {
  const unusable = slots.filter((found) => found.superblock === undefined && !found.blank);
  const known = unusable.filter(({ bytes }) => (decodeGivenUp(bytes) ?? 0) > opened.generation);
  const unreadable = unusable.filter(({ bytes }) => decodeGivenUp(bytes) === undefined);
  const missing = [opened.previous, opened.beforePrevious].filter(
    (generation) =>
      generation > 0 && slots.every((found) => found.superblock?.generation !== generation),
  );
  return [...known, ...unreadable.slice(missing.length)];
}

/** Oldest first. Those that were given up before have kept their numbers; the others get what follows. */
function rejectedSlots(slots: readonly FoundSlot[], newest: number): RejectedGeneration[] {
  const known: RejectedGeneration[] = [];
  const unknown: RejectedGeneration[] = [];
  for (const { slot, flaw, bytes } of slots) {
    const generation = decodeGivenUp(bytes);
    if (generation !== undefined) {
      known.push({ generation, reason: 'it was given up by an earlier opening' });
      continue;
    }
    unknown.push({
      generation: newest + unknown.length + 1,
      reason: `slot ${slot} cannot be read (${flaw}); it may have held this generation, or an old one`,
    });
  }
  return [...known, ...unknown].sort((one, other) => one.generation - other.generation);
}

/**
 * The newest superblock and the commits before it, newest first, as far back as all that they need is still there
 * when the newest one was under way. By their links and not by their numbers: a smaller number may be of a state that
 * was given up by an earlier recovery, or lie in a file that is of an earlier day than the others.
 */
function candidatesAmong(slots: readonly FoundSlot[]): Superblock[] {
  const found = slots
    .map(({ superblock }) => superblock)
    .filter((superblock) => superblock !== undefined)
    .sort((one, other) => other.generation - one.generation);
  const candidates: Superblock[] = [];
  let commitsBack = 0;
  for (const superblock of found) {
    const last = candidates[candidates.length - 1];
    if (last !== undefined) {
      const line = [last.previous, last.beforePrevious, last.thirdPrevious];
      const steps = line.indexOf(superblock.generation) + 1;
      if (steps === 0 || commitsBack + steps >= SLOT_COUNT) continue;
      commitsBack += steps;
    }
    candidates.push(superblock);
  }
  return candidates;
}

/** The newest candidate whose root set verifies; why the newer ones do not goes into `rejected`. */
function choose(
  candidates: readonly Superblock[],
  source: RecoverySource,
  options: { tolerateDamage: boolean },
  rejected: RejectedGeneration[],
): { superblock: Superblock; verified: Verified } | undefined {
  for (const superblock of candidates) {
    const verified = verifyRootSet(superblock, source, options.tolerateDamage);
    if (typeof verified !== 'string') return { superblock, verified };
    rejected.push({ generation: superblock.generation, reason: verified });
  }
  return undefined;
}

function noSuperblock(
  slots: readonly FoundSlot[],
  rejected: readonly RejectedGeneration[],
): StoreError {
  const reasons = [
    ...rejected.map(({ generation, reason }) => `generation ${generation}: ${reason}`),
    ...slots.filter(({ flaw }) => flaw !== '').map(({ slot, flaw }) => `slot ${slot}: ${flaw}`),
  ];
  return new StoreError(
    'CORRUPT',
    `No state of this store can be proved, so none is opened (${reasons.join('; ')}). ` +
      'Import a backup under another name; nothing was changed.',
  );
}

/**
 * What must be true before a superblock is believed. A text says what is not; throws IO when a file cannot be read.
 */
function verifyRootSet(
  superblock: Superblock,
  source: RecoverySource,
  tolerateDamage: boolean,
): Verified | string {
  const { geometry } = source.label;
  const lengthFlaw = fileLengthFlaw(superblock, source);
  if (lengthFlaw !== undefined) return lengthFlaw;
  const logs: ReplayedLog[] = [];
  let recordsReplayed = 0;
  const { generation: current, previous, beforePrevious } = superblock;
  for (const [index, entry] of superblock.arenas.entries()) {
    if (entry.grownBlocks === 0) continue;
    const arena = arenaIndex(index);
    const port = source.ports[arenaDisk(arena, geometry)] as DiskPort;
    const replayed = replayLog({
      arena,
      entry,
      window: { current, previous, beforePrevious },
      geometry,
      hasher: source.blockHasher,
      readBlock: (block, into) =>
        port.readRaw(fileOffsetOf(addressOf(arena, block, geometry), geometry), into),
    });
    if ('flaw' in replayed) {
      if (replayed.fault !== undefined && replayed.fault.kind !== 'short') {
        throw faultError(replayed.fault, { arena: index });
      }
      return `arena ${index}, block ${replayed.block}: ${replayed.flaw}`;
    }
    recordsReplayed += replayed.unitCount;
    logs.push(replayed);
  }
  const { unproved, ...blocks } = verifyBlocks(superblock, logs, source);
  const flaw = unproved ?? (tolerateDamage ? undefined : blocks.damaged[0]);
  if (flaw !== undefined) return `the block at ${flaw} is not the one logged`;
  return { logs, recordsReplayed, ...blocks };
}

function fileLengthFlaw(superblock: Superblock, source: RecoverySource): string | undefined {
  const { geometry } = source.label;
  const needed = source.ports.map(() => 0);
  for (const [index, entry] of superblock.arenas.entries()) {
    if (entry.grownBlocks === 0) continue;
    const arena = index as ArenaIndex;
    const end = arenaOffset(arena, geometry) + entry.grownBlocks * geometry.blockBytes;
    const disk = arenaDisk(arena, geometry);
    needed[disk] = Math.max(needed[disk] as number, end);
  }
  for (const [disk, bytes] of needed.entries()) {
    const size = (source.ports[disk as DiskIndex] as DiskPort).size();
    if (isFault(size)) throw faultError(size, { disk });
    if (size < bytes) return `disk-${disk} is ${size} bytes long and should be ${bytes}`;
  }
  return undefined;
}

/**
 * Root blocks and recent blocks, newest first. A root that points to no block in use counts as damaged. `unproved`: a
 * damaged block without which a joint generation is none, because it was born in it.
 */
function verifyBlocks(
  superblock: Superblock,
  logs: readonly ReplayedLog[],
  source: RecoverySource,
): Pick<Verified, 'damaged' | 'verifiedBytes' | 'unverifiedBytes'> & {
  readonly unproved: BlockAddress | undefined;
} {
  const { geometry } = source.label;
  const bytesMax = source.verifyBytesMax ?? VERIFY_BYTES_MAX;
  const reader = new BlockVerifier(source);
  const damaged: BlockAddress[] = [];
  for (const pointer of superblock.roots.values()) {
    const log = logs.find((each) => each.arena === arenaOf(pointer.address, geometry));
    const block = blockIndexOf(pointer.address, geometry);
    const used = log !== undefined && isUsed(log, block);
    if (!used || !reader.verify(pointer)) damaged.push(pointer.address);
  }
  let unproved: BlockAddress | undefined;
  let unverifiedBytes = 0;
  for (const { commit, pointer } of bornBlocks(logs, geometry)) {
    const demanded = superblock.joint && commit === 0;
    if (!demanded && reader.bytesRead >= bytesMax) {
      unverifiedBytes += geometry.blockBytes;
      continue;
    }
    if (reader.verify(pointer)) continue;
    damaged.push(pointer.address);
    if (demanded) unproved ??= pointer.address;
  }
  return { damaged, unproved, verifiedBytes: reader.bytesRead, unverifiedBytes };
}

/** Blocks born in the last three commits and still allocated, newest commit first, in address order. */
function bornBlocks(
  logs: readonly ReplayedLog[],
  geometry: Geometry,
): { commit: number; pointer: Pointer }[] {
  return logs
    .flatMap((log) =>
      log.born.map(({ block, commit, generation, hashHigh, hashLow }) => ({
        commit,
        pointer: {
          address: addressOf(log.arena, block as BlockIndex, geometry),
          generation,
          hashHigh,
          hashLow,
        },
      })),
    )
    .sort((one, other) => other.commit - one.commit || one.pointer.address - other.pointer.address);
}

function isUsed(log: ReplayedLog, block: number): boolean {
  return block < log.grownBlocks && !log.free.isFree(block, 1);
}

class BlockVerifier {
  bytesRead = 0;
  private readonly source: RecoverySource;
  private readonly bytes: Uint8Array;

  constructor(source: RecoverySource) {
    this.source = source;
    this.bytes = new Uint8Array(source.label.geometry.blockBytes);
  }

  verify(pointer: Pointer): boolean {
    const { geometry } = this.source.label;
    const disk = arenaDisk(arenaOf(pointer.address, geometry), geometry);
    const port = this.source.ports[disk] as DiskPort;
    const fault: DeviceFault | undefined = port.readRaw(
      fileOffsetOf(pointer.address, geometry),
      this.bytes,
    );
    if (fault !== undefined && fault.kind !== 'short') throw faultError(fault);
    this.bytesRead = byteCount(this.bytesRead + this.bytes.length);
    return fault === undefined && this.source.blockHasher.verify(this.bytes, pointer);
  }
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, n) => byte === other[n]);
}
