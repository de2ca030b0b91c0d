import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { type OpenOptions, resolveOptions } from './options.ts';

const MEBIBYTE = 2 ** 20;

function misuseOf(options: unknown, cores = 4): string {
  try {
    resolveOptions(options as OpenOptions, cores);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'MISUSE') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('defaults', () => {
  test('a store of 8 GiB in blocks of 16 KiB and arenas of 64 MiB', () => {
    const { settings, durability, waitMs } = resolveOptions({}, 4);
    expect(settings).toEqual({
      geometry: {
        blockBytes: 16_384,
        sectorBytes: 4096,
        slotBytes: 65_536,
        diskCount: 2,
        arenaBytes: 64 * MEBIBYTE,
      },
      demanded: [],
      maxBytes: 8192 * MEBIBYTE,
      cacheBytes: 64 * MEBIBYTE,
      create: true,
      exclusive: false,
      readOnly: false,
    });
    expect(durability).toBe('strict');
    expect(waitMs).toBe(5000);
  });

  test.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [8, 2],
    [9, 4],
    [128, 4],
  ])('%i cores get %i disks', (cores, disks) => {
    expect(resolveOptions({}, cores).settings.geometry.diskCount).toBe(disks);
  });

  test('large stores get larger arenas, never more than 1,024 of them', () => {
    const maxBytes = 500 * 1024 * MEBIBYTE;
    const { settings } = resolveOptions({ maxBytes }, 4);
    expect(settings.geometry.arenaBytes).toBe(512 * MEBIBYTE);
    expect(maxBytes / settings.geometry.arenaBytes).toBeLessThanOrEqual(1024);
  });

  test('small stores get smaller arenas, one for each disk, and fewer disks when even that is too much', () => {
    const small = resolveOptions({ maxBytes: 10 * MEBIBYTE }, 16).settings.geometry;
    expect([small.diskCount, small.arenaBytes]).toEqual([4, 2 * MEBIBYTE]);
    const tiny = resolveOptions({ maxBytes: MEBIBYTE }, 16).settings.geometry;
    expect([tiny.diskCount, tiny.arenaBytes]).toEqual([2, MEBIBYTE / 2]);
  });

  test('a store that is only read is not created', () => {
    expect(resolveOptions({ readOnly: true }, 1).settings.create).toBe(false);
  });

  test('undefined is as good as left out', () => {
    const options = { blockSize: undefined, worker: undefined, signal: undefined };
    expect(resolveOptions(options, 4)).toEqual(resolveOptions({}, 4));
  });
});

test('what the caller asked for by name is demanded of a store that is there', () => {
  const options = { blockSize: 4096, disks: 1, arenaBytes: MEBIBYTE, maxBytes: 64 * MEBIBYTE };
  expect(resolveOptions(options, 4).settings.demanded).toEqual([
    'blockBytes',
    'diskCount',
    'arenaBytes',
  ]);
});

test('small arenas limit a store that did not ask for more', () => {
  expect(resolveOptions({ arenaBytes: MEBIBYTE }, 4).settings.maxBytes).toBe(1024 * MEBIBYTE);
});

describe('wrong values are MISUSE, and the message says what would be right', () => {
  const wrong: [string, unknown, RegExp][] = [
    ['no options', null, /object/],
    ['an unknown option', { cacheByte: 1 }, /cacheByte.*cacheBytes/],
    ['a block of no power of two', { blockSize: 10_000 }, /power of two from 4096 to 65536/],
    ['a block of 512 bytes', { blockSize: 512 }, /4096/],
    ['a block of 128 KiB', { blockSize: 131_072 }, /65536/],
    ['a block of text', { blockSize: '16384' }, /'16384'/],
    ['no disks', { disks: 0 }, /1 to 8/],
    ['nine disks', { disks: 9 }, /1 to 8/],
    ['half a disk', { disks: 1.5 }, /whole number/],
    ['more disks than fit', { disks: 8, maxBytes: MEBIBYTE }, /room for 2 disks/],
    ['arenas that are no multiple of a block', { arenaBytes: 64 * MEBIBYTE + 1 }, /multiple/],
    ['arenas of 31 blocks', { arenaBytes: 31 * 16_384 }, /from 32/],
    ['too many arenas', { arenaBytes: MEBIBYTE, maxBytes: 2 ** 32 }, /make arenaBytes larger/],
    ['a store of nothing', { maxBytes: 0 }, /at least 32 blocks/],
    ['an endless store', { maxBytes: Number.POSITIVE_INFINITY }, /whole number/],
    ['a tiny cache', { cacheBytes: 4096 }, /64 blocks/],
    ['a fast durability', { durability: 'fast' }, /'strict' or 'relaxed', not 'fast'/],
    ['a create that is no boolean', { create: 1 }, /true or false/],
    ['a read-only creation', { readOnly: true, create: true }, /cannot be created/],
    ['a new store that must not be created', { exclusive: true, create: false }, /exclusive/],
    ['a negative wait', { waitMs: -1 }, /waitMs/],
    ['a wait that is no number', { waitMs: Number.NaN }, /waitMs/],
    ['a worker that is text', { worker: './worker.js' }, /URL/],
    ['a signal that is none', { signal: {} }, /AbortSignal/],
  ];

  test.each(wrong)('%s', (_, options, words) => {
    expect(misuseOf(options)).toMatch(words);
  });
});
