/**
 * A file made of sectors that are never changed in place, so that copying a file is copying a list: the explorer
 * makes millions of disks that differ in a few sectors. Reads and writes behave like a sync access handle's.
 */
import { assert } from '../base/assert.ts';
import type { SyncHandle } from '../device/sync-handle.ts';

export const SIM_SECTOR_BYTES = 512;
const ZERO_SECTOR = new Uint8Array(SIM_SECTOR_BYTES);

export class SectorFile {
  /** By sector; a hole reads as zeroes. */
  sectors: (Uint8Array | undefined)[];
  byteCount: number;

  constructor(sectors: (Uint8Array | undefined)[] = [], byteCount = 0) {
    this.sectors = sectors;
    this.byteCount = byteCount;
  }

  clone(): SectorFile {
    return new SectorFile(this.sectors.slice(), this.byteCount);
  }

  read(into: Uint8Array, offset: number): number {
    const end = Math.min(offset + into.length, this.byteCount);
    for (let at = offset; at < end; ) {
      const inSector = at % SIM_SECTOR_BYTES;
      const count = Math.min(SIM_SECTOR_BYTES - inSector, end - at);
      const sector = this.sectors[Math.floor(at / SIM_SECTOR_BYTES)] ?? ZERO_SECTOR;
      into.set(
        count === SIM_SECTOR_BYTES ? sector : sector.subarray(inSector, inSector + count),
        at - offset,
      );
      at += count;
    }
    return Math.max(0, end - offset);
  }

  write(from: Uint8Array, offset: number): number {
    for (let at = offset; at < offset + from.length; ) {
      const inSector = at % SIM_SECTOR_BYTES;
      const index = Math.floor(at / SIM_SECTOR_BYTES);
      const count = Math.min(SIM_SECTOR_BYTES - inSector, offset + from.length - at);
      const sector = new Uint8Array(SIM_SECTOR_BYTES);
      if (count < SIM_SECTOR_BYTES) sector.set(this.sectors[index] ?? ZERO_SECTOR);
      sector.set(from.subarray(at - offset, at - offset + count), inSector);
      this.putSector(index, sector);
      at += count;
    }
    this.byteCount = Math.max(this.byteCount, offset + from.length);
    return from.length;
  }

  /** `sector` is shared from now on and must not be changed. */
  putSector(index: number, sector: Uint8Array): void {
    while (this.sectors.length < index) this.sectors.push(undefined);
    this.sectors[index] = sector;
  }

  resize(byteCount: number): void {
    assert(byteCount % SIM_SECTOR_BYTES === 0, 'the simulated disk keeps whole sectors');
    this.sectors.length = Math.min(this.sectors.length, byteCount / SIM_SECTOR_BYTES);
    this.byteCount = byteCount;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteCount);
    this.read(bytes, 0);
    return bytes;
  }
}

/** A handle on a sector file that also tells a listener what it is asked to do. */
export class SectorHandle implements SyncHandle {
  private readonly file: SectorFile;
  private readonly listener: SectorListener | undefined;

  constructor(file: SectorFile, listener?: SectorListener) {
    this.file = file;
    this.listener = listener;
  }

  read(buffer: Uint8Array, { at }: { at: number }): number {
    return this.file.read(buffer, at);
  }

  write(buffer: Uint8Array, { at }: { at: number }): number {
    const count = this.file.write(buffer, at);
    this.listener?.wrote(at, buffer.length);
    return count;
  }

  flush(): void {
    this.listener?.flushed();
  }

  truncate(size: number): void {
    this.file.resize(size);
    this.listener?.resized(size);
  }

  getSize(): number {
    return this.file.byteCount;
  }

  close(): void {}
}

export interface SectorListener {
  wrote(offset: number, byteCount: number): void;
  flushed(): void;
  resized(byteCount: number): void;
}
