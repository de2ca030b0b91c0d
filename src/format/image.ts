/**
 * An image: one state of a store as a stream of frames: a header, the blocks in the order of their addresses, an end.
 * Here is what its writer and its reader share.
 *
 * Each frame's checksum covers its number, its own bytes and the checksum before it, so a frame that is damaged,
 * missing, doubled or in another place shows at that frame, and a cut shows by the missing end.
 *
 * Log blocks are not in an image: whoever imports it writes logs of its own. Nor is a store id: a copy is another
 * store. Nor predecessors: a copy has no older state to fall back to.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { type Decoded, decoded, type Flawed, flawed } from './decoded.ts';
import {
  ARENAS_MAX,
  arenaBlocks,
  arenasMax,
  type Geometry,
  ROOTS_MAX,
  SUPERBLOCK_ROOT_BYTES_MAX,
} from './geometry.ts';
import { GEOMETRY, readGeometry, writeGeometry } from './geometry-codec.ts';
import { HASH_DOMAIN_BYTES, type Hasher, PREFIX_BYTES } from './hasher.ts';
import {
  byteField,
  firstNonZero,
  hash64,
  layout,
  readU32,
  readU53,
  startsWith,
  u32,
  u53,
  viewOf,
  writeHash,
  writeU32,
  writeU53,
} from './layout.ts';
import { decodeRoots, encodeRoots, type Roots, rootsFlaw } from './roots.ts';

export const IMAGE_MAGIC = new TextEncoder().encode('obkimage');
export const IMAGE_VERSION = 1;

export const FRAME_KIND = { header: 1, blocks: 2, end: 3 } as const;
export type FrameKind = keyof typeof FRAME_KIND;

/** In front of every frame's payload. */
export const IMAGE_FRAME = layout({ kind: u32, payloadBytes: u32, checksum: hash64 });

/** What is hashed before a frame; it chains the frame to the one before it. */
export const FRAME_PREFIX = layout({
  zero: byteField(16),
  frameIndex: u53,
  previousChecksum: hash64,
});
assert(FRAME_PREFIX.size === PREFIX_BYTES, 'a hash prefix is 32 bytes');

/** Payload of the first frame; roots and, per arena, grown blocks (u32) follow. */
export const IMAGE_HEADER = layout({
  magic: byteField(IMAGE_MAGIC.length),
  version: u32,
  rootCount: u32,
  hashDomain: byteField(HASH_DOMAIN_BYTES),
  geometry: byteField(GEOMETRY.size),
  generation: u53,
  blockCount: u53,
  arenaCount: u32,
  reserved: byteField(4),
});
const GROWN_BYTES = u32.size;
export const HEADER_PAYLOAD_MAX =
  IMAGE_HEADER.size + ROOTS_MAX * SUPERBLOCK_ROOT_BYTES_MAX + ARENAS_MAX * GROWN_BYTES;

/** Payload of a frame of blocks; the blocks follow. */
export const IMAGE_BLOCKS = layout({
  arena: u32,
  firstBlock: u32,
  count: u32,
  reserved: byteField(4),
});
/** Bytes of blocks in one frame. */
export const FRAME_BLOCK_BYTES_MAX = 2 ** 20;

/** Payload of the last frame. */
export const IMAGE_END = layout({ blockCount: u53 });

/** No frame is longer. */
export const FRAME_BYTES_MAX = IMAGE_FRAME.size + IMAGE_BLOCKS.size + FRAME_BLOCK_BYTES_MAX;
assert(IMAGE_FRAME.size + HEADER_PAYLOAD_MAX <= FRAME_BYTES_MAX, 'no frame is longer than blocks');

export interface ImageHeader {
  readonly hashDomain: Uint8Array;
  readonly geometry: Geometry;
  /** Of the state that was exported. */
  readonly generation: number;
  readonly roots: Roots;
  /** Blocks that each arena has grown to; the length is the number of arenas. */
  readonly grownBlocks: readonly number[];
  /** Blocks in the image. */
  readonly blockCount: number;
}

/** How many blocks fit into one frame. */
export function frameBlocksMax(geometry: Geometry): number {
  return FRAME_BLOCK_BYTES_MAX / geometry.blockBytes;
}

/** Numbers and chains frames, on both sides. */
export class FrameChain {
  frameIndex = 0;
  private readonly hasher: Hasher;
  private readonly prefix = new Uint8Array(PREFIX_BYTES);
  private readonly prefixView = viewOf(this.prefix);

  constructor(hasher: Hasher) {
    this.hasher = hasher;
  }

  seal(frame: Uint8Array): void {
    this.hash(frame);
    writeHash(viewOf(frame), IMAGE_FRAME.at.checksum, this.hasher.high, this.hasher.low);
    this.advance();
  }

  /** Whether the frame is the next one. */
  verify(frame: Uint8Array): boolean {
    this.hash(frame);
    const at = IMAGE_FRAME.at.checksum;
    const view = viewOf(frame);
    if (readU32(view, at) !== this.hasher.low || readU32(view, at + 4) !== this.hasher.high) {
      return false;
    }
    this.advance();
    return true;
  }

  private hash(frame: Uint8Array): void {
    writeU53(this.prefixView, FRAME_PREFIX.at.frameIndex, this.frameIndex);
    this.hasher.hashAround(this.prefix, frame, IMAGE_FRAME.at.checksum);
  }

  private advance(): void {
    const { high, low } = this.hasher;
    writeHash(this.prefixView, FRAME_PREFIX.at.previousChecksum, high, low);
    this.frameIndex += 1;
  }
}

/** Payload of the header frame. */
export function encodeImageHeader(header: ImageHeader): Uint8Array {
  const { hashDomain, geometry, roots, grownBlocks } = header;
  assert(hashDomain.length === HASH_DOMAIN_BYTES, 'a hash domain is 16 bytes');
  assert(grownBlocks.length <= arenasMax(geometry), 'an image has the arenas of a superblock');
  assert(flawOf(header) === undefined, 'only a sound state is exported');
  const room = new Uint8Array(HEADER_PAYLOAD_MAX);
  const view = viewOf(room);
  const at = IMAGE_HEADER.at;
  room.set(IMAGE_MAGIC, at.magic);
  writeU32(view, at.version, IMAGE_VERSION);
  writeU32(view, at.rootCount, roots.size);
  room.set(hashDomain, at.hashDomain);
  writeGeometry(view, at.geometry, geometry);
  writeU53(view, at.generation, header.generation);
  writeU53(view, at.blockCount, header.blockCount);
  writeU32(view, at.arenaCount, grownBlocks.length);
  const grownAt = encodeRoots(roots, room, IMAGE_HEADER.size);
  for (const [arena, grown] of grownBlocks.entries()) {
    writeU32(view, grownAt + arena * GROWN_BYTES, grown);
  }
  return room.subarray(0, grownAt + grownBlocks.length * GROWN_BYTES);
}

/**
 * Magic and version come first, so that a stream that is not an image, or a later one, is told from a damaged one.
 */
export function imageHeaderFlaw(payload: Uint8Array): Flawed | undefined {
  const at = IMAGE_HEADER.at;
  if (!startsWith(payload, IMAGE_MAGIC))
    return flawed('magic', at.magic, 'not an image of a store');
  const version = readU32(viewOf(payload), at.version);
  if (version === IMAGE_VERSION) return undefined;
  return flawed('version', at.version, `image ${version}, known is ${IMAGE_VERSION}`);
}

/** Takes a whole payload of at least `IMAGE_HEADER.size` bytes, in which `imageHeaderFlaw` has found nothing. */
export function decodeImageHeader(payload: Uint8Array): Decoded<ImageHeader> {
  const view = viewOf(payload);
  const at = IMAGE_HEADER.at;
  const padding = firstNonZero(payload, at.reserved, IMAGE_HEADER.size);
  if (padding >= 0) return flawed('padding', padding, 'image header');
  const geometry = readGeometry(view, at.geometry);
  if (!geometry.ok) return geometry;
  const roots = decodeRoots(payload, IMAGE_HEADER.size, readU32(view, at.rootCount));
  if (!roots.ok) return roots;
  const arenaCount = readU32(view, at.arenaCount);
  if (arenaCount > arenasMax(geometry.value)) {
    return flawed('count', at.arenaCount, `${arenaCount} arenas`);
  }
  if (roots.value.end + arenaCount * GROWN_BYTES !== payload.length) {
    return flawed('length', at.arenaCount, 'image header');
  }
  const grownBlocks: number[] = [];
  for (let arena = 0; arena < arenaCount; arena += 1) {
    grownBlocks.push(readU32(view, roots.value.end + arena * GROWN_BYTES));
  }
  const header: ImageHeader = {
    hashDomain: payload.slice(at.hashDomain, at.hashDomain + HASH_DOMAIN_BYTES),
    geometry: geometry.value,
    generation: readU53(view, at.generation),
    roots: roots.value.roots,
    grownBlocks,
    blockCount: readU53(view, at.blockCount),
  };
  return flawOf(header) ?? decoded(header);
}

function flawOf(header: ImageHeader): Flawed | undefined {
  const { geometry, generation, roots, grownBlocks, blockCount } = header;
  const at = IMAGE_HEADER.at;
  if (!isCount(generation)) return flawed('bounds', at.generation, 'generation over 2^53');
  const arenas = grownBlocks.map((grown) => ({ grownBlocks: grown }));
  let grownTotal = 0;
  for (const grown of grownBlocks) {
    if (grown > arenaBlocks(geometry)) {
      return flawed('bounds', IMAGE_HEADER.size, `arena of ${grown} blocks`);
    }
    grownTotal += grown;
  }
  if (!isCount(blockCount) || blockCount > grownTotal) {
    return flawed('count', at.blockCount, `${blockCount} blocks in room for ${grownTotal}`);
  }
  const flaw = rootsFlaw(roots, { generation, geometry, arenas });
  return flaw === undefined ? undefined : flawed('bounds', IMAGE_HEADER.size, flaw);
}
