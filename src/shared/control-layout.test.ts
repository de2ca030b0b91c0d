import { describe, expect, test } from 'vitest';
import { DISKS_MAX } from '../format/geometry.ts';
import { cacheLayout } from './cache-layout.ts';
import {
  CLIENTS_MAX,
  type ControlLayout,
  controlLayout,
  MAILBOX_CELLS_MAX,
  PUBLISHED_WORDS,
  SESSION,
  STORE_CLIENT,
} from './control-layout.ts';
import { DISK_PAGE_WORDS } from './disk-page.ts';
import { mailboxWords } from './mailbox.ts';
import { LINE_WORDS, ringWords } from './ring.ts';

interface Area {
  readonly name: string;
  readonly start: number;
  readonly words: number;
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const DISKS = upTo(DISKS_MAX);
const CLIENTS = upTo(CLIENTS_MAX);

function areasOf(layout: ControlLayout, cacheWords: number): Area[] {
  const line = (name: string, start: number): Area => ({ name, start, words: LINE_WORDS });
  const ring = (name: string, ring: ReturnType<ControlLayout['requestRing']>): Area => ({
    name,
    start: ring.start,
    words: ringWords(ring),
  });
  const mailboxes = CLIENTS.flatMap((client) =>
    DISKS.map((disk) => ({
      name: `mailbox ${client} ${disk}`,
      start: layout.mailbox(client, disk),
      words: mailboxWords(MAILBOX_CELLS_MAX),
    })),
  );
  return [
    line('session', layout.session),
    line('store bell', layout.storeBell),
    ...DISKS.map((disk) => line(`disk bell ${disk}`, layout.diskBell(disk))),
    ...CLIENTS.map((client) => line(`client bell ${client}`, layout.clientBell(client))),
    line('epoch', layout.epoch),
    ...upTo(layout.clientCount).map((client) =>
      line(`epoch of ${client}`, layout.clientEpoch(client)),
    ),
    { name: 'published', start: layout.published, words: PUBLISHED_WORDS },
    ...DISKS.map((disk) => ({
      name: `disk page ${disk}`,
      start: layout.diskPage(disk),
      words: DISK_PAGE_WORDS,
    })),
    ...DISKS.map((disk) => ring(`requests ${disk}`, layout.requestRing(disk))),
    ...DISKS.map((disk) => ring(`completions ${disk}`, layout.completionRing(disk))),
    ...mailboxes,
    { name: 'cache', start: layout.cache, words: cacheWords },
  ];
}

describe('the control memory', () => {
  const sizes = [16, 17, 4096, 2 ** 20].flatMap((slotCountMax) =>
    [512, 4096, 16_384, 65_536].map((blockBytesMin) => ({ slotCountMax, blockBytesMin })),
  );

  test.each(sizes)(
    'up to $slotCountMax slots of at least $blockBytesMin bytes: everything has a place of its own, on a cache line',
    ({ slotCountMax, blockBytesMin }) => {
      const layout = controlLayout({ slotCountMax, blockBytesMin });
      const cacheWords = cacheLayout({
        slotCount: slotCountMax,
        blockBytes: blockBytesMin,
      }).wordCount;
      const areas = areasOf(layout, cacheWords).sort((a, b) => a.start - b.start);
      let end = 0;
      for (const { name, start, words } of areas) {
        expect(start % LINE_WORDS, name).toBe(0);
        expect(start, name).toBeGreaterThanOrEqual(end);
        end = start + words;
      }
      expect(end).toBeLessThanOrEqual(layout.wordCount);
      expect(layout.wordCount * 4).toBeLessThan(2 ** 30);
    },
  );

  test('a cache of fewer or larger blocks than planned for fits as well', () => {
    const planned = cacheLayout({ slotCount: 131_072, blockBytes: 512 }).wordCount;
    for (let blockBytes = 512; blockBytes <= 65_536; blockBytes *= 2) {
      for (const slotCount of [1, 16, (131_072 * 512) / blockBytes]) {
        expect(cacheLayout({ slotCount, blockBytes }).wordCount).toBeLessThanOrEqual(planned);
      }
    }
  });

  test('the store worker has an epoch word besides the clients', () => {
    const layout = controlLayout({ slotCountMax: 16, blockBytesMin: 512 });
    expect(STORE_CLIENT).toBeLessThan(layout.clientCount);
  });

  test('the session page has a word for each of its fields', () => {
    const fields = Object.values(SESSION);
    expect(new Set(fields).size).toBe(fields.length);
    expect(Math.max(...fields)).toBeLessThan(LINE_WORDS);
  });

  test('what does not exist has no place', () => {
    const layout = controlLayout({ slotCountMax: 16, blockBytesMin: 512 });
    expect(() => layout.diskBell(DISKS_MAX)).toThrow('disk');
    expect(() => layout.diskPage(-1)).toThrow('disk');
    expect(() => layout.clientBell(STORE_CLIENT)).toThrow('client');
    expect(() => layout.clientEpoch(STORE_CLIENT + 1)).toThrow('client');
    expect(() => layout.mailbox(0, 0.5)).toThrow('disk');
  });
});
