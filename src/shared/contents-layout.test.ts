import { describe, expect, test } from 'vitest';
import { DISKS_MAX } from '../format/geometry.ts';
import {
  contentsLayout,
  landingOffset,
  mailboxCells,
  RAW_BYTES,
  STAGE_BYTES,
} from './contents-layout.ts';
import { CLIENTS_MAX, MAILBOX_CELLS_MAX, PAGE_CLIENT } from './control-layout.ts';

const BLOCK_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
const DISK_COUNTS = [1, 2, 3, 4, 5, 6, 7, 8];
const GEOMETRIES = BLOCK_SIZES.flatMap((blockBytes) =>
  DISK_COUNTS.map((diskCount) => ({ blockBytes, diskCount })),
);
const STAGING_BYTES = 65_536;
const SLOTS_MIN = 16;

describe('the contents memory', () => {
  test.each([0, 1, 1_000_000, 2 ** 20, 64 * 2 ** 20 + 1, 2 ** 31])(
    'with a cache of %d bytes: slots and staging, raw pieces, landing room and stage lie one behind the other',
    (cacheBytes) => {
      const layout = contentsLayout(cacheBytes);
      for (const blockBytes of BLOCK_SIZES) {
        const slots = Math.max(SLOTS_MIN, Math.floor(cacheBytes / blockBytes));
        expect(slots * blockBytes + STAGING_BYTES).toBeLessThanOrEqual(layout.rawStart);
      }
      expect(layout.rawStart + DISKS_MAX * RAW_BYTES).toBeLessThanOrEqual(layout.landingStart);
      expect(layout.rawStart % 65_536).toBe(0);
      expect(layout.landingStart % 65_536).toBe(0);
      expect(layout.stageStart % 65_536).toBe(0);
      expect(layout.stageStart + STAGE_BYTES).toBe(layout.byteCount);
    },
  );

  test.each(GEOMETRIES)(
    'blocks of $blockBytes bytes on $diskCount disks: each cell lands in a place of its own',
    (geometry) => {
      const layout = contentsLayout(2 ** 20);
      let next = layout.landingStart;
      for (let client = 0; client < CLIENTS_MAX; client += 1) {
        const cells = mailboxCells(geometry, client);
        expect(cells).toBeGreaterThanOrEqual(client === PAGE_CLIENT ? 2 : 1);
        expect(cells).toBeLessThanOrEqual(MAILBOX_CELLS_MAX);
        for (let disk = 0; disk < geometry.diskCount; disk += 1) {
          for (let cell = 0; cell < cells; cell += 1) {
            const offset = landingOffset(layout, geometry, { client, disk, cell });
            if (offset < next) expect(offset).toBeGreaterThanOrEqual(next);
            next = offset + geometry.blockBytes;
          }
        }
      }
      expect(next).toBeLessThanOrEqual(layout.stageStart);
    },
  );

  test('the page has more cells than the others, and nobody lands beyond its own', () => {
    const geometry = { blockBytes: 16_384, diskCount: 1 };
    expect(mailboxCells(geometry, PAGE_CLIENT)).toBe(64);
    expect(mailboxCells(geometry, 1)).toBe(32);
    const place = { client: 1, disk: 0, cell: 32 };
    expect(() => landingOffset(contentsLayout(0), geometry, place)).toThrow('room to land');
  });
});
