/**
 * Raw damage to the files of a store: what disks, cables and file managers do. A damage is a line of text, so that it
 * can be printed and done again.
 */
import { assert } from '../base/assert.ts';
import type { ImageBase } from './image-base.ts';
import { Random } from './random.ts';
import { type SectorFile, SIM_SECTOR_BYTES } from './sector-file.ts';

/**
 * - `byte <file> <offset> <mask>`: the bits of the mask are flipped.
 * - `fill <file> <offset> <value>`: the byte becomes this value.
 * - `cut <file> <length>`: the file ends there.
 * - `copy <file> <from> <to>`: a sector is found in the place of another, too: a stale or misdirected write.
 * - `swap <file> <file>`: two files have each other's names.
 * - `old <file> <age>`: the file is as it was so many commits ago.
 * - `foreign <file>`: the file is another store's.
 * - `missing <file>`: the file is not there.
 */
export interface Damage {
  readonly kind: 'byte' | 'fill' | 'cut' | 'copy' | 'swap' | 'old' | 'foreign' | 'missing';
  readonly file: number;
  readonly one: number;
  readonly other: number;
}

export function damageText({ kind, file, one, other }: Damage): string {
  return [kind, file, one, other].join(':');
}

export function parseDamage(text: string): Damage {
  const [kind, file, one, other] = text.split(':');
  return {
    kind: kind as Damage['kind'],
    file: Number(file),
    one: Number(one),
    other: Number(other),
  };
}

/**
 * The damaged files; `undefined` stands for a file that is missing. The base is left as it is.
 */
export function damagedFiles(base: ImageBase, damage: Damage): (SectorFile | undefined)[] {
  const { kind, file: index, one, other } = damage;
  const files: (SectorFile | undefined)[] = base.files.slice();
  const sound = base.files[index];
  assert(sound !== undefined, 'what is damaged is there');
  const file = sound.clone();
  files[index] = file;
  switch (kind) {
    case 'byte':
    case 'fill': {
      const byte = new Uint8Array(1);
      file.read(byte, one);
      file.write(Uint8Array.of(kind === 'byte' ? (byte[0] as number) ^ other : other), one);
      break;
    }
    case 'cut':
      file.resize(one);
      break;
    case 'copy': {
      const sector = file.sectors[one];
      if (sector !== undefined) file.putSector(other, sector);
      break;
    }
    case 'swap':
      files[index] = base.files[one]?.clone();
      files[one] = sound.clone();
      break;
    case 'old':
      files[index] = base.older[one]?.[index]?.clone();
      break;
    case 'foreign':
      files[index] = base.foreign[index]?.clone();
      break;
    case 'missing':
      files[index] = undefined;
  }
  // All others are copies too: opening is not supposed to write, but going on is.
  return files.map((each, n) => (each === base.files[n] ? each?.clone() : each));
}

/** Everything that is done to whole files and to sectors. */
export function* wholesaleDamages({ files, older }: ImageBase): Generator<Damage> {
  for (const [file, { byteCount, sectors }] of files.entries()) {
    for (let length = 0; length < byteCount; length += SIM_SECTOR_BYTES) {
      yield { kind: 'cut', file, one: length, other: 0 };
    }
    for (let age = 0; age < older.length; age += 1) yield { kind: 'old', file, one: age, other: 0 };
    for (let other = file + 1; other < files.length; other += 1) {
      yield { kind: 'swap', file, one: other, other: 0 };
    }
    yield { kind: 'foreign', file, one: 0, other: 0 };
    yield { kind: 'missing', file, one: 0, other: 0 };
    const random = new Random(file + 1);
    for (const [from, sector] of sectors.entries()) {
      if (sector === undefined) continue;
      const to = random.below(sectors.length);
      if (to !== from) yield { kind: 'copy', file, one: from, other: to };
    }
  }
}

/** Eight single bits, all bits, none, and all ones. */
const WAYS = 11;

/** How many different damages `byteDamage` knows. */
export function byteDamageCount({ map }: ImageBase): number {
  return WAYS * map.stretches.reduce((sum, { byteCount }) => sum + byteCount, 0);
}

/** Every byte of metadata in every way: `index` counts the bytes first, so that few damages touch many bytes. */
export function byteDamage({ map }: ImageBase, index: number): Damage {
  const total = map.stretches.reduce((sum, { byteCount }) => sum + byteCount, 0);
  let at = index % total;
  const way = (Math.floor(index / total) + at) % WAYS;
  for (const { file, offset, byteCount } of map.stretches) {
    if (at >= byteCount) {
      at -= byteCount;
      continue;
    }
    const one = offset + at;
    if (way < 8) return { kind: 'byte', file, one, other: 2 ** way };
    if (way === 8) return { kind: 'byte', file, one, other: 0xff };
    return { kind: 'fill', file, one, other: way === 9 ? 0 : 0xff };
  }
  throw new RangeError('there is metadata for every index');
}
