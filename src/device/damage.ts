/**
 * Damage on purpose: changes one byte of one block behind the engine's back. For tests and for the demo, which reach it
 * through `opfs-blocks/testing`; the engine never does this.
 */
import { StoreError } from '../base/errors.ts';
import { arenaDisk, arenaOf, fileOffsetOf, LABEL_BYTES } from '../format/geometry.ts';
import type { Hasher } from '../format/hasher.ts';
import { decodeLabel } from '../format/label.ts';
import { openDirectory, openFile } from './opfs.ts';
import type { SyncHandle } from './sync-handle.ts';

/** The two things that damage takes, of a handle or of a file in memory. */
export interface DamageableFile {
  readAt(into: Uint8Array, offset: number): void;
  writeAt(bytes: Uint8Array, offset: number): void;
}

/** One byte of one block of a store. */
export interface BlockByte {
  /** The block's address, as in its pointer. */
  readonly address: number;
  /** Which of the block's bytes: from 0 to `blockSize` − 1. */
  readonly byte: number;
}

/** Where a byte of a block is. */
export interface ByteLocation {
  /** The file's name in the store's folder, such as `disk-0`. */
  readonly file: string;
  /** Where in that file, in bytes from its start. */
  readonly offset: number;
}

/**
 * Finds a block's byte by what the label of any of the store's files says.
 *
 * @throws StoreError CORRUPT when the label cannot be read, MISUSE when there is no such byte
 */
export function locateByte(
  label: Uint8Array,
  { address, byte }: BlockByte,
  hasher: Hasher,
): ByteLocation {
  const decoded = decodeLabel(label, hasher);
  if (!decoded.ok) throw new StoreError('CORRUPT', 'The label of the store cannot be read.');
  const { geometry } = decoded.value;
  if (byte < 0 || byte >= geometry.blockBytes || address % geometry.blockBytes !== 0) {
    throw new StoreError('MISUSE', `There is no byte ${byte} of a block at ${address}.`);
  }
  const block = address as Parameters<typeof fileOffsetOf>[0];
  const disk = arenaDisk(arenaOf(block, geometry), geometry);
  return { file: `disk-${disk}`, offset: fileOffsetOf(block, geometry) + byte };
}

/** Inverts all bits of a byte: done twice, it is as before. */
export function flipByteAt(file: DamageableFile, offset: number): void {
  const byte = new Uint8Array(1);
  file.readAt(byte, offset);
  file.writeAt(Uint8Array.of((byte[0] as number) ^ 0xff), offset);
}

/**
 * The same on the real files of a store that is closed, in a dedicated worker.
 *
 * @throws StoreError LOCKED while the store is open, NOT_FOUND, CORRUPT, MISUSE
 */
export async function flipStoredByte(
  store: string,
  place: BlockByte,
  hasher: Hasher,
): Promise<ByteLocation> {
  const directory = await openDirectory(store, { create: false });
  const label = new Uint8Array(LABEL_BYTES);
  await withFile(directory, 'disk-0', (file) => file.readAt(label, 0));
  const location = locateByte(label, place, hasher);
  await withFile(directory, location.file, (file) => flipByteAt(file, location.offset));
  return location;
}

async function withFile(
  directory: FileSystemDirectoryHandle,
  name: string,
  use: (file: DamageableFile) => void,
): Promise<void> {
  const handle = await openFile(directory, name, { create: false });
  try {
    use(damageable(handle));
    handle.flush();
  } finally {
    handle.close();
  }
}

function damageable(handle: SyncHandle): DamageableFile {
  const whole = (count: number, wanted: number): void => {
    if (count !== wanted) throw new StoreError('IO', `${count} bytes instead of ${wanted}.`);
  };
  return {
    readAt: (into, offset) => whole(handle.read(into, { at: offset }), into.length),
    writeAt: (bytes, offset) => whole(handle.write(bytes, { at: offset }), bytes.length),
  };
}
