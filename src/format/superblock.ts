/**
 * The superblock: the one small structure that makes a commit exist. It names the roots and, per arena, where the
 * allocation log starts, how long it is and how it must hash; everything else is reached and verified from there.
 *
 * It is written to its used length, rounded up to whole sectors, and its checksum covers all of that: a torn one
 * shows. It is canonical: one state has one encoding, and a decoder accepts no other.
 *
 * It names its three predecessors, the ones that are still whole while it is under way, because "two commits later"
 * (step 7 of a commit) counts commits, not generation numbers, which skip.
 */
import { assert, fail } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { type Decoded, decoded, describeFlaw, type Flawed, flawed } from './decoded.ts';
import {
  arenaBlocks,
  arenasMax,
  type Geometry,
  ROOTS_MAX,
  SUPERBLOCK_ARENA_BYTES,
  SUPERBLOCK_HEADER_BYTES,
} from './geometry.ts';
import { type Hasher, hashPlain } from './hasher.ts';
import { STORE_ID_BYTES } from './label.ts';
import {
  byteField,
  firstNonZero,
  hash64,
  layout,
  readHashHigh,
  readHashLow,
  readU16,
  readU32,
  readU53,
  roundUp,
  startsWith,
  u16,
  u32,
  u53,
  viewOf,
  writeHash,
  writeU16,
  writeU32,
  writeU53,
} from './layout.ts';
import { sectorsPerBlock } from './log-block.ts';
import type { Pointer } from './pointer.ts';
import { decodeRoots, encodeRoots, rootsFlaw } from './roots.ts';

export const SUPERBLOCK_MAGIC = new TextEncoder().encode('obksuper');
export const SUPERBLOCK_FORMAT = 1;

export const SUPERBLOCK_HEADER = layout({
  magic: byteField(SUPERBLOCK_MAGIC.length),
  format: u32,
  flags: u32,
  checksum: hash64,
  storeId: byteField(STORE_ID_BYTES),
  generation: u53,
  previous: u53,
  beforePrevious: u53,
  usedBytes: u32,
  rootCount: u16,
  arenaCount: u16,
  thirdPrevious: u53,
});
assert(SUPERBLOCK_HEADER.size === SUPERBLOCK_HEADER_BYTES, 'the geometry knows this header');

export const SUPERBLOCK_ARENA = layout({
  grownBlocks: u32,
  usedBlocks: u32,
  logHead: u32,
  logSectors: u32,
  logHash: hash64,
});
assert(SUPERBLOCK_ARENA.size === SUPERBLOCK_ARENA_BYTES, 'the geometry knows this entry');

/**
 * Far beyond what any store can count to: a larger number is damage, or forged, and would leave no room for the next
 * ones.
 */
export const GENERATION_MAX = 2 ** 52;

/** Takes the place of the checksum, and of all behind the header, in a superblock that was given up. */
const GIVEN_UP = 0xff;
const CHECKSUM_AT = SUPERBLOCK_HEADER.at.checksum;
const CHECKSUM_BYTES = 8;

/** Data, logs and this superblock were flushed together: it counts only if its whole root set verifies. */
const FLAG_JOINT = 1;

export interface ArenaEntry {
  /** Blocks that the arena has grown to so far; 0 when it was never opened, and then all the rest is 0. */
  readonly grownBlocks: number;
  /** Blocks that the log has as allocated, its own included; what was freed counts as free, pending or not. */
  readonly usedBlocks: number;
  /** Block index of the first block of the log. */
  readonly logHead: number;
  /** Length of the log in sectors. */
  readonly logSectors: number;
  /** Chained hash of the log's last batch. */
  readonly logHashHigh: number;
  readonly logHashLow: number;
}

export interface Superblock {
  /** 1 or more. */
  readonly generation: number;
  /** The durable commit before this one, 0 when there is none. */
  readonly previous: number;
  /** The durable commit before that, 0 when there is none. */
  readonly beforePrevious: number;
  /**
   * The third before this one, 0 when there is none: the oldest that is still whole while this one is under way, and
   * that recovery goes back to when the two between are lost.
   */
  readonly thirdPrevious: number;
  readonly joint: boolean;
  readonly storeId: Uint8Array;
  readonly roots: ReadonlyMap<string, Pointer>;
  readonly arenas: readonly ArenaEntry[];
}

/**
 * What is written over the first sector of a superblock that is given up: no sector of any superblock can complete it
 * again, and its number is still known. Where `bytes` are none, there is no number.
 *
 * @param bytes The slot as it was found.
 * @param sector Written to, all of it.
 */
export function encodeGivenUp(bytes: Uint8Array, sector: Uint8Array): void {
  sector.fill(GIVEN_UP);
  if (!startsWith(bytes, SUPERBLOCK_MAGIC)) return;
  sector.set(bytes.subarray(0, SUPERBLOCK_HEADER.size));
  sector.fill(GIVEN_UP, CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
}

/**
 * The number of a superblock that was given up, if that is what the slot holds. None either where the damage that made
 * it unreadable was to its number: then it is told anew each time, as one of unknown number.
 */
export function decodeGivenUp(bytes: Uint8Array): number | undefined {
  if (bytes.length < SUPERBLOCK_HEADER.size) return undefined;
  if (!startsWith(bytes, SUPERBLOCK_MAGIC)) return undefined;
  for (let n = 0; n < CHECKSUM_BYTES; n += 1) {
    if (bytes[CHECKSUM_AT + n] !== GIVEN_UP) return undefined;
  }
  const generation = readU53(viewOf(bytes), SUPERBLOCK_HEADER.at.generation);
  return generation <= GENERATION_MAX ? generation : undefined;
}

/** The entry of an arena that was never opened. */
export const UNOPENED_ARENA: ArenaEntry = {
  grownBlocks: 0,
  usedBlocks: 0,
  logHead: 0,
  logSectors: 0,
  logHashHigh: 0,
  logHashLow: 0,
};

/**
 * Writes a superblock to the start of `into`, padded with zeroes to whole sectors.
 *
 * @param into Has room for `geometry.slotBytes`.
 * @returns How many bytes to write to the slot: whole sectors.
 */
export function encodeSuperblock(
  superblock: Superblock,
  geometry: Geometry,
  hasher: Hasher,
  into: Uint8Array,
): number {
  const flaw = flawOf(superblock, geometry);
  if (flaw !== undefined) fail(`superblock to write: ${describeFlaw(flaw.error)}`);
  assert(into.length >= geometry.slotBytes, 'a superblock has the room of its slot');
  const view = viewOf(into);
  const at = SUPERBLOCK_HEADER.at;
  into.fill(0, 0, SUPERBLOCK_HEADER.size);
  const arenasAt = encodeRoots(superblock.roots, into, SUPERBLOCK_HEADER.size);
  const usedBytes = arenasAt + superblock.arenas.length * SUPERBLOCK_ARENA.size;
  const writtenBytes = roundUp(usedBytes, geometry.sectorBytes);
  assert(writtenBytes <= geometry.slotBytes, 'a superblock fits its slot');
  for (const [index, entry] of superblock.arenas.entries()) {
    writeArena(view, arenasAt + index * SUPERBLOCK_ARENA.size, entry);
  }
  into.fill(0, usedBytes, writtenBytes);
  into.set(SUPERBLOCK_MAGIC, at.magic);
  writeU32(view, at.format, SUPERBLOCK_FORMAT);
  writeU32(view, at.flags, superblock.joint ? FLAG_JOINT : 0);
  into.set(superblock.storeId, at.storeId);
  writeU53(view, at.generation, superblock.generation);
  writeU53(view, at.previous, superblock.previous);
  writeU53(view, at.beforePrevious, superblock.beforePrevious);
  writeU53(view, at.thirdPrevious, superblock.thirdPrevious);
  writeU32(view, at.usedBytes, usedBytes);
  writeU16(view, at.rootCount, superblock.roots.size);
  writeU16(view, at.arenaCount, superblock.arenas.length);
  hashPlain(hasher, into.subarray(0, writtenBytes), at.checksum);
  writeHash(view, at.checksum, hasher.high, hasher.low);
  return writtenBytes;
}

function writeArena(view: DataView, offset: number, entry: ArenaEntry): void {
  const at = SUPERBLOCK_ARENA.at;
  writeU32(view, offset + at.grownBlocks, entry.grownBlocks);
  writeU32(view, offset + at.usedBlocks, entry.usedBlocks);
  writeU32(view, offset + at.logHead, entry.logHead);
  writeU32(view, offset + at.logSectors, entry.logSectors);
  writeHash(view, offset + at.logHash, entry.logHashHigh, entry.logHashLow);
}

/** Takes a slot's bytes. What lies behind the superblock's written length is not looked at. */
export function decodeSuperblock(
  bytes: Uint8Array,
  geometry: Geometry,
  hasher: Hasher,
): Decoded<Superblock> {
  const at = SUPERBLOCK_HEADER.at;
  if (bytes.length < SUPERBLOCK_HEADER.size) {
    return flawed('length', bytes.length, 'shorter than a superblock header');
  }
  const view = viewOf(bytes);
  if (!startsWith(bytes, SUPERBLOCK_MAGIC)) return flawed('magic', at.magic, 'no superblock');
  const format = readU32(view, at.format);
  if (format !== SUPERBLOCK_FORMAT) return flawed('version', at.format, `superblock ${format}`);
  const usedBytes = readU32(view, at.usedBytes);
  const writtenBytes = roundUp(usedBytes, geometry.sectorBytes);
  const room = Math.min(bytes.length, geometry.slotBytes);
  if (usedBytes < SUPERBLOCK_HEADER.size || writtenBytes > room) {
    return flawed('length', at.usedBytes, `${usedBytes} bytes used of ${room}`);
  }
  const written = bytes.subarray(0, writtenBytes);
  hashPlain(hasher, written, at.checksum);
  if (
    readHashHigh(view, at.checksum) !== hasher.high ||
    readHashLow(view, at.checksum) !== hasher.low
  ) {
    return flawed('checksum', at.checksum, 'superblock');
  }
  return decodeVerified(written, usedBytes, geometry);
}

function decodeVerified(
  written: Uint8Array,
  usedBytes: number,
  geometry: Geometry,
): Decoded<Superblock> {
  const at = SUPERBLOCK_HEADER.at;
  const view = viewOf(written);
  const flags = readU32(view, at.flags);
  if (flags > FLAG_JOINT) return flawed('feature', at.flags, `flags ${flags.toString(2)}`);
  const rootCount = readU16(view, at.rootCount);
  const roots = decodeRoots(written.subarray(0, usedBytes), SUPERBLOCK_HEADER.size, rootCount);
  if (!roots.ok) return roots;
  const arenaCount = readU16(view, at.arenaCount);
  if (roots.value.end + arenaCount * SUPERBLOCK_ARENA.size !== usedBytes) {
    return flawed('length', at.usedBytes, `${rootCount} roots and ${arenaCount} arenas`);
  }
  const arenas: ArenaEntry[] = [];
  for (let index = 0; index < arenaCount; index += 1) {
    arenas.push(readArena(view, roots.value.end + index * SUPERBLOCK_ARENA.size));
  }
  const padding = firstNonZero(written, usedBytes, written.length);
  if (padding >= 0) return flawed('padding', padding, 'behind the superblock');
  const superblock: Superblock = {
    generation: readU53(view, at.generation),
    previous: readU53(view, at.previous),
    beforePrevious: readU53(view, at.beforePrevious),
    thirdPrevious: readU53(view, at.thirdPrevious),
    joint: flags === FLAG_JOINT,
    storeId: written.slice(at.storeId, at.storeId + STORE_ID_BYTES),
    roots: roots.value.roots,
    arenas,
  };
  if (superblock.generation > GENERATION_MAX) {
    return flawed('bounds', at.generation, `generation ${superblock.generation}`);
  }
  return flawOf(superblock, geometry) ?? decoded(superblock);
}

function readArena(view: DataView, offset: number): ArenaEntry {
  const at = SUPERBLOCK_ARENA.at;
  return {
    grownBlocks: readU32(view, offset + at.grownBlocks),
    usedBlocks: readU32(view, offset + at.usedBlocks),
    logHead: readU32(view, offset + at.logHead),
    logSectors: readU32(view, offset + at.logSectors),
    logHashHigh: readHashHigh(view, offset + at.logHash),
    logHashLow: readHashLow(view, offset + at.logHash),
  };
}

/** What both sides demand: the encoder asserts it, the decoder answers it. Offsets are those of header fields. */
function flawOf(superblock: Superblock, geometry: Geometry): Flawed | undefined {
  const at = SUPERBLOCK_HEADER.at;
  const { generation, previous, beforePrevious, thirdPrevious, storeId, roots, arenas } =
    superblock;
  if (storeId.length !== STORE_ID_BYTES) return flawed('length', at.storeId, 'store id');
  const chain = [generation, previous, beforePrevious, thirdPrevious];
  if (!chain.every(isCount)) return flawed('bounds', at.generation, 'generation over 2^53');
  if (previous >= generation) return flawed('order', at.previous, 'previous generation');
  if (previous === 0 ? beforePrevious !== 0 : beforePrevious >= previous) {
    return flawed('order', at.beforePrevious, 'generation before the previous');
  }
  if (beforePrevious === 0 ? thirdPrevious !== 0 : thirdPrevious >= beforePrevious) {
    return flawed('order', at.thirdPrevious, 'third generation before');
  }
  if (roots.size > ROOTS_MAX) return flawed('count', at.rootCount, `${roots.size} roots`);
  if (arenas.length > arenasMax(geometry)) {
    return flawed('count', at.arenaCount, `${arenas.length} arenas`);
  }
  for (const [index, entry] of arenas.entries()) {
    const flaw = arenaFlaw(entry, geometry);
    if (flaw !== undefined) return flawed('bounds', at.arenaCount, `arena ${index}: ${flaw}`);
  }
  const flaw = rootsFlaw(roots, { generation, geometry, arenas });
  return flaw === undefined ? undefined : flawed('bounds', at.rootCount, flaw);
}

function arenaFlaw(entry: ArenaEntry, geometry: Geometry): string | undefined {
  const { grownBlocks, usedBlocks, logHead, logSectors, logHashHigh, logHashLow } = entry;
  if (grownBlocks === 0) {
    const rest = [usedBlocks, logHead, logSectors, logHashHigh, logHashLow];
    return rest.every((value) => value === 0) ? undefined : 'not opened, but not empty';
  }
  if (grownBlocks > arenaBlocks(geometry)) return `grown to ${grownBlocks} blocks`;
  if (usedBlocks > grownBlocks) return `${usedBlocks} blocks used of ${grownBlocks}`;
  if (logHead >= grownBlocks) return `log starts at block ${logHead} of ${grownBlocks}`;
  if (logSectors < 1) return 'opened, but without a log';
  if (logSectors > grownBlocks * sectorsPerBlock(geometry)) return `log of ${logSectors} sectors`;
  return undefined;
}
