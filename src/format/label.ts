/**
 * The label in the first sector of each file: it says that this is a file of ours, of which store, which of its
 * disks, and the geometry. Written when the store is created, and never again: a label that is lost cannot be the
 * fault of a crash later on.
 *
 * It is written wholly, 4,096 bytes, and its checksum covers all of them: a flipped byte anywhere is noticed.
 */
import { assert } from '../base/assert.ts';
import { type Decoded, decoded, flawed } from './decoded.ts';
import { type Geometry, geometryFlaw, LABEL_BYTES } from './geometry.ts';
import { GEOMETRY, readGeometry, writeGeometry } from './geometry-codec.ts';
import { HASH_DOMAIN_BYTES, type Hasher, hashPlain } from './hasher.ts';
import {
  byteField,
  hash64,
  layout,
  readHashHigh,
  readHashLow,
  readU32,
  startsWith,
  u32,
  viewOf,
  writeHash,
  writeU32,
} from './layout.ts';

export const STORE_ID_BYTES = 16;
export const FORMAT_VERSION = 1;

/**
 * Like PNG's: a byte above 127 shows a channel of seven bits, CR LF and LF show that line ends were translated, and
 * Ctrl-Z stops a listing on some terminals.
 */
export const LABEL_MAGIC = Uint8Array.of(0x93, 0x4f, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x0a);

export const LABEL = layout({
  magic: byteField(LABEL_MAGIC.length),
  version: u32,
  compatible: u32,
  readOnlyCompatible: u32,
  incompatible: u32,
  checksum: hash64,
  storeId: byteField(STORE_ID_BYTES),
  hashDomain: byteField(HASH_DOMAIN_BYTES),
  geometry: byteField(GEOMETRY.size),
  diskIndex: u32,
});

/** Features of this version, a bit each. There are none yet. */
const READ_ONLY_COMPATIBLE_KNOWN = 0;
const INCOMPATIBLE_KNOWN = 0;

export interface LabelFields {
  /** 16 random bytes: the same in all files of a store, and in no other store. */
  readonly storeId: Uint8Array;
  /** 16 random bytes that go into every hash. An imported copy keeps it, so pointers stay valid. */
  readonly hashDomain: Uint8Array;
  /** Which of the store's files this is, 0 … `geometry.diskCount` − 1. */
  readonly diskIndex: number;
  readonly geometry: Geometry;
}

export interface Label extends LabelFields {
  /** False when the store uses a feature that this version can read past, but not write. */
  readonly writable: boolean;
}

/** A whole label, `LABEL_BYTES` long. */
export function encodeLabel(label: LabelFields, hasher: Hasher): Uint8Array {
  const { storeId, hashDomain, diskIndex, geometry } = label;
  assert(storeId.length === STORE_ID_BYTES, 'a store id is 16 bytes');
  assert(hashDomain.length === HASH_DOMAIN_BYTES, 'a hash domain is 16 bytes');
  assert(geometryFlaw(geometry) === undefined, 'a label has a sound geometry');
  assert(diskIndex >= 0 && diskIndex < geometry.diskCount, 'a label is of one of the disks');
  const bytes = new Uint8Array(LABEL_BYTES);
  const view = viewOf(bytes);
  bytes.set(LABEL_MAGIC, LABEL.at.magic);
  writeU32(view, LABEL.at.version, FORMAT_VERSION);
  bytes.set(storeId, LABEL.at.storeId);
  bytes.set(hashDomain, LABEL.at.hashDomain);
  writeGeometry(view, LABEL.at.geometry, geometry);
  writeU32(view, LABEL.at.diskIndex, diskIndex);
  hashPlain(hasher, bytes, LABEL.at.checksum);
  writeHash(view, LABEL.at.checksum, hasher.high, hasher.low);
  return bytes;
}

/**
 * Magic and version come before the checksum, because a later version may keep its checksum elsewhere. A flipped byte
 * in either is still noticed: it is no longer ours, or no longer this version.
 */
export function decodeLabel(bytes: Uint8Array, hasher: Hasher): Decoded<Label> {
  if (bytes.length < LABEL_BYTES) return flawed('length', bytes.length, 'shorter than a label');
  const label = bytes.subarray(0, LABEL_BYTES);
  const view = viewOf(label);
  const at = LABEL.at;
  if (!startsWith(label, LABEL_MAGIC)) return flawed('magic', at.magic, 'not a store of ours');
  const version = readU32(view, at.version);
  if (version !== FORMAT_VERSION) {
    return flawed('version', at.version, `format ${version}, known is ${FORMAT_VERSION}`);
  }
  hashPlain(hasher, label, at.checksum);
  if (
    readHashHigh(view, at.checksum) !== hasher.high ||
    readHashLow(view, at.checksum) !== hasher.low
  ) {
    return flawed('checksum', at.checksum, 'label');
  }
  return decodeFields(label, view);
}

function decodeFields(label: Uint8Array, view: DataView): Decoded<Label> {
  const at = LABEL.at;
  const geometry = readGeometry(view, at.geometry);
  if (!geometry.ok) return geometry;
  const diskIndex = readU32(view, at.diskIndex);
  if (diskIndex >= geometry.value.diskCount) {
    return flawed('bounds', at.diskIndex, `disk ${diskIndex} of ${geometry.value.diskCount}`);
  }
  const incompatible = readU32(view, at.incompatible);
  if ((incompatible & ~INCOMPATIBLE_KNOWN) !== 0) {
    return flawed('feature', at.incompatible, `features ${incompatible.toString(2)}`);
  }
  const readOnlyCompatible = readU32(view, at.readOnlyCompatible);
  return decoded({
    storeId: label.slice(at.storeId, at.storeId + STORE_ID_BYTES),
    hashDomain: label.slice(at.hashDomain, at.hashDomain + HASH_DOMAIN_BYTES),
    diskIndex,
    geometry: geometry.value,
    writable: (readOnlyCompatible & ~READ_ONLY_COMPATIBLE_KNOWN) === 0,
  });
}
