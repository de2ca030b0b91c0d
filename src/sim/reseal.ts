/**
 * Hostile images: one field of a structure is changed and then every checksum up to the superblock is made right
 * again, so that nothing but the decoders' own checks stands between the field and the engine.
 */
import { assert } from '../base/assert.ts';
import { LABEL_BYTES } from '../format/geometry.ts';
import { GEOMETRY } from '../format/geometry-codec.ts';
import { hashPlain } from '../format/hasher.ts';
import { LABEL } from '../format/label.ts';
import { type Field, type Layout, readU32, roundUp, viewOf, writeHash } from '../format/layout.ts';
import { LOG_BATCH_HEADER, LOG_BLOCK_HEADER } from '../format/log-block.ts';
import { UNIT_BYTES } from '../format/log-records.ts';
import { POINTER } from '../format/pointer.ts';
import { SUPERBLOCK_ARENA, SUPERBLOCK_HEADER } from '../format/superblock.ts';
import type { ImageBase } from './image-base.ts';
import { type FoundBatch, type FoundSuperblock, readBytes } from './image-map.ts';
import { hasher } from './memory-store.ts';
import { Random } from './random.ts';
import type { SectorFile } from './sector-file.ts';

/** A field that can be changed: where it is, how wide, and which structure has to be sealed again. */
export interface ForgedField {
  /** For people: `superblock.generation`. */
  readonly name: string;
  readonly file: number;
  readonly offset: number;
  readonly size: number;
  readonly structure: 'label' | 'superblock' | 'log';
}

/** Every field of every structure. Checksums are not among them: they would only be sealed again. */
export function forgedFields(base: ImageBase): ForgedField[] {
  const { files, map } = base;
  const [newest] = map.superblocks;
  assert(newest !== undefined, 'a sound image has a superblock');
  return [
    ...files.flatMap((_, file) => labelFields(file)),
    ...superblockFields(newest),
    ...map.batches.flatMap(batchFields),
  ];
}

function fieldsOf(
  { fields }: Layout<string>,
  place: Omit<ForgedField, 'size'>,
  except: readonly string[] = [],
): ForgedField[] {
  return fields
    .filter(({ name }) => !except.includes(name))
    .map(({ name, offset, size }: Field) => ({
      ...place,
      name: `${place.name}.${name}`,
      offset: place.offset + offset,
      size,
    }));
}

function labelFields(file: number): ForgedField[] {
  const place = { name: `label-${file}`, file, structure: 'label' as const };
  return [
    ...fieldsOf(LABEL, { ...place, offset: 0 }, ['checksum', 'geometry']),
    ...fieldsOf(GEOMETRY, { ...place, offset: LABEL.at.geometry }),
  ];
}

function superblockFields({ file, offset, superblock }: FoundSuperblock): ForgedField[] {
  const place = { file, structure: 'superblock' as const };
  const header = fieldsOf(SUPERBLOCK_HEADER, { ...place, name: 'superblock', offset }, [
    'checksum',
  ]);
  let at = offset + SUPERBLOCK_HEADER.size;
  const roots: ForgedField[] = [];
  for (const name of [...superblock.roots.keys()].sort()) {
    roots.push({ ...place, name: `root ${name}.length`, offset: at, size: 1 });
    roots.push({ ...place, name: `root ${name}.name`, offset: at + 1, size: 1 });
    at += 1 + name.length;
    roots.push(...fieldsOf(POINTER, { ...place, name: `root ${name}`, offset: at }));
    at += POINTER.size;
  }
  const arenas = superblock.arenas.flatMap((_, arena) =>
    fieldsOf(SUPERBLOCK_ARENA, {
      ...place,
      name: `arena ${arena}`,
      offset: at + arena * SUPERBLOCK_ARENA.size,
    }),
  );
  return [...header, ...roots, ...arenas];
}

function batchFields(batch: FoundBatch): ForgedField[] {
  const { file, offset, sector, unitCount, arena } = batch;
  const place = { file, structure: 'log' as const };
  const name = `log of ${arena}, batch at ${offset}`;
  const blockHeader =
    sector === 0 ? fieldsOf(LOG_BLOCK_HEADER, { ...place, name: `${name}, block`, offset }) : [];
  const at = headerAt(batch);
  const header = fieldsOf(LOG_BATCH_HEADER, { ...place, name, offset: at }, ['hash']);
  const words = Array.from({ length: 2 * unitCount }, (_, word) => ({
    ...place,
    name: `${name}, word ${word}`,
    offset: at + LOG_BATCH_HEADER.size + word * (UNIT_BYTES / 2),
    size: UNIT_BYTES / 2,
  }));
  return [...blockHeader, ...header, ...words];
}

function headerAt({ offset, sector }: FoundBatch): number {
  return offset + (sector === 0 ? LOG_BLOCK_HEADER.size : 0);
}

/** The files with `field` changed and sealed. `variant` decides on the new value. */
export function forgedFiles(base: ImageBase, field: ForgedField, variant: number): SectorFile[] {
  const files = base.files.map((file) => file.clone());
  const file = files[field.file];
  assert(file !== undefined, 'a field is in a file');
  const bytes = readBytes(file, field.offset, field.size);
  forge(bytes, variant, new Random(variant * 7919 + field.offset));
  file.write(bytes, field.offset);
  if (field.structure === 'label') sealLabel(file);
  else if (field.structure === 'superblock') sealSuperblock(base, files, base.map.superblocks[0]);
  else sealLogs(base, files);
  return files;
}

/** Numbers near the old value and at the ends of what the field can hold; from variant 10 on only random ones. */
function forge(bytes: Uint8Array, variant: number, random: Random): void {
  const top = bytes.length - 1;
  switch (variant < 10 ? variant : 6 + (variant % 4)) {
    case 0:
      add(bytes, 1);
      break;
    case 1:
      add(bytes, 255);
      break;
    case 2:
      bytes.fill(0);
      break;
    case 3:
      bytes.fill(0xff);
      break;
    case 4:
      bytes.fill(0)[0] = 1;
      break;
    case 5:
      bytes.fill(0)[top] = 0x80;
      break;
    case 6: {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      break;
    }
    case 7:
      bytes.fill(0)[random.below(bytes.length)] = 1 << random.below(8);
      break;
    case 8:
      // A small number: another index, count, operation.
      bytes.fill(0)[0] = random.below(256);
      break;
    default:
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.below(256);
  }
}

/** 1 more, or, with 255 in every byte added, 1 less. */
function add(bytes: Uint8Array, addend: number): void {
  let carry = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const sum = (bytes[at] as number) + carry + (at === 0 || addend === 255 ? addend : 0);
    bytes[at] = sum & 0xff;
    carry = sum >>> 8;
  }
}

function sealPlain(file: SectorFile, offset: number, byteCount: number, hole: number): void {
  const bytes = readBytes(file, offset, byteCount);
  hashPlain(hasher, bytes, hole);
  writeHash(viewOf(bytes), hole, hasher.high, hasher.low);
  file.write(bytes, offset);
}

function sealLabel(file: SectorFile): void {
  sealPlain(file, 0, LABEL_BYTES, LABEL.at.checksum);
}

/** As long as it says it is, if a slot can be that long. */
function sealSuperblock(
  { map }: ImageBase,
  files: readonly SectorFile[],
  found: FoundSuperblock | undefined,
): void {
  const file = files[found?.file ?? 0];
  assert(file !== undefined && found !== undefined, 'a superblock is in a file');
  const { sectorBytes, slotBytes } = map.geometry;
  const header = readBytes(file, found.offset, SUPERBLOCK_HEADER.size);
  const said = roundUp(readU32(viewOf(header), SUPERBLOCK_HEADER.at.usedBytes), sectorBytes);
  const byteCount = said >= sectorBytes && said <= slotBytes ? said : found.byteCount;
  sealPlain(file, found.offset, byteCount, SUPERBLOCK_HEADER.at.checksum);
}

/** Every batch anew, each on the hash of the one before, and then every superblock that such a log ends in. */
function sealLogs(base: ImageBase, files: readonly SectorFile[]): void {
  const { map } = base;
  let high = 0;
  let low = 0;
  let arena = -1;
  for (const batch of map.batches) {
    if (batch.arena !== arena) [high, low, arena] = [0, 0, batch.arena];
    sealBatch(base, files, batch, { high, low });
    [high, low] = [map.blockHasher.high, map.blockHasher.low];
    for (const found of map.superblocks) nameHash(base, files, found, batch, { high, low });
  }
  for (const found of map.superblocks) sealSuperblock(base, files, found);
}

interface HashHalves {
  readonly high: number;
  readonly low: number;
}

function sealBatch(
  { map }: ImageBase,
  files: readonly SectorFile[],
  batch: FoundBatch,
  previous: HashHalves,
): void {
  const { geometry, blockHasher } = map;
  const file = files[batch.file] as SectorFile;
  const { sectorBytes, blockBytes } = geometry;
  const header = readBytes(file, headerAt(batch), LOG_BATCH_HEADER.size);
  const said = readU32(viewOf(header), LOG_BATCH_HEADER.at.sectorCount);
  const fits = said >= 1 && batch.sector + said <= blockBytes / sectorBytes;
  const byteCount = (fits ? said : batch.sectorCount) * sectorBytes;
  const bytes = readBytes(file, batch.offset, byteCount);
  const hole = headerAt(batch) - batch.offset + LOG_BATCH_HEADER.at.hash;
  blockHasher.hashBatch(batch.address, {
    bytes,
    hole,
    previousHigh: previous.high,
    previousLow: previous.low,
  });
  writeHash(viewOf(bytes), hole, blockHasher.high, blockHasher.low);
  file.write(bytes, batch.offset);
}

/** If the superblock's log ends with this batch, it gets the batch's hash. */
function nameHash(
  base: ImageBase,
  files: readonly SectorFile[],
  { file, offset, superblock }: FoundSuperblock,
  batch: FoundBatch,
  hash: HashHalves,
): void {
  const entry = superblock.arenas[batch.arena];
  const newest = base.map.superblocks[0]?.superblock.arenas[batch.arena];
  if (entry?.logSectors !== batch.logSectors || entry.logHead !== newest?.logHead) return;
  let at = offset + SUPERBLOCK_HEADER.size;
  for (const name of superblock.roots.keys()) at += 1 + name.length + POINTER.size;
  at += batch.arena * SUPERBLOCK_ARENA.size + SUPERBLOCK_ARENA.at.logHash;
  const bytes = new Uint8Array(8);
  writeHash(viewOf(bytes), 0, hash.high, hash.low);
  files[file]?.write(bytes, at);
}
