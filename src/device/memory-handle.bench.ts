/**
 * What a crash image costs: clone 256 KiB, apply two blocks, open, read a superblock's worth, drop it. The chunk size
 * was chosen by this; the figures for a long transfer say what the choice costs there.
 */
import { bench, describe } from 'vitest';
import { openDevice } from './handle-device.ts';
import { MemoryDirectory, MemoryFile } from './memory-handle.ts';

const image = MemoryFile.from(new Uint8Array(256 * 1024).fill(7));
const block = new Uint8Array(512).fill(1);
const slot = new Uint8Array(4096);
const long = new Uint8Array(1024 * 1024);
const target = openDevice('long', new MemoryFile().open());
target.write(long, 0);

const directory = new MemoryDirectory();
directory.put('disk-0', image);
directory.put('disk-1', image.clone());

describe('memory files', () => {
  bench('a crash image: clone 256 KiB, write 2 blocks, open, read 4 KiB', () => {
    const copy = image.clone();
    copy.write(block, 8192);
    copy.write(block, 200_192);
    const device = openDevice('disk-0', copy.open());
    device.read(slot, 4096);
    device.close();
  });

  bench('clone of a directory of two 256 KiB files', () => {
    directory.clone();
  });

  bench('device: read 16 KiB', () => {
    target.read(long.subarray(0, 16_384), 32_768);
  });

  bench('device: write 16 KiB in place', () => {
    target.write(long.subarray(0, 16_384), 32_768);
  });

  bench('device: write 1 MiB in place', () => {
    target.write(long, 0);
  });
});
