/**
 * Crash images made from what a real browser asked of the operating system. OPFS_BLOCKS_IMAGES is how many; with
 * OPFS_BLOCKS_RECORD=1 a new record is made first, and OPFS_BLOCKS_KEEP=1 keeps it as the one that is checked in: that
 * of joint commits, or, with OPFS_BLOCKS_JOINT_BYTES, that of both kinds.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { JOINT_BYTES } from './build-crash-page.ts';
import { findStrace, recordBrowser } from './record.ts';
import { kindsOf, replayImages } from './replay.ts';
import { type BrowserTrace, parseSystemCalls, traceOf } from './system-calls.ts';
import { decodeTrace, encodeTrace } from './trace-file.ts';

const IMAGES = Number(process.env['OPFS_BLOCKS_IMAGES'] ?? 200);
const FIRST = Number(process.env['OPFS_BLOCKS_FIRST_IMAGE'] ?? 0);
const STATES = Number(process.env['OPFS_BLOCKS_STATES'] ?? 24);
const SEED = Number(process.env['OPFS_BLOCKS_SEED'] ?? 1);
const RECORDS = process.env['OPFS_BLOCKS_RECORD'] === '1';
const KEEPS = process.env['OPFS_BLOCKS_KEEP'] === '1';
const traceFile = (kind: 'joint' | 'both') =>
  fileURLToPath(new URL(`traces/chromium-${kind}.trace.gz`, import.meta.url));
const TRACE_BYTES_MAX = 300 * 1024;

async function replay(trace: BrowserTrace): Promise<void> {
  const startedMs = performance.now();
  const tally = await replayImages(trace, { images: IMAGES, first: FIRST });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const { states, ...counts } = tally;
  console.log(`${JSON.stringify({ ...counts, states: states.size })} in ${seconds} s`);
  expect(tally.images).toBe(IMAGES);
  expect(states.size).toBeGreaterThan(3);
}

const timeout = 60_000 + IMAGES * 100;

test.each(['joint', 'both'] as const)(
  'I6: every crash image of a recorded browser opens with what was promised, commits being %s',
  { timeout },
  async (kind) => {
    const file = await readFile(traceFile(kind));
    expect(file.length).toBeLessThanOrEqual(TRACE_BYTES_MAX);
    const trace = decodeTrace(file);
    const { joint, fenced } = kindsOf(trace);
    expect(joint).toBeGreaterThan(20);
    // The superblock that creation writes is one.
    if (kind === 'joint') expect(fenced).toBe(1);
    else expect(fenced).toBeGreaterThan(10);
    await replay(trace);
  },
);

test.runIf(RECORDS)(
  'one write is one pwrite64, one flush one fdatasync, in the engine’s order; the new record’s images open',
  { timeout: timeout + 300_000 },
  async ({ skip }) => {
    if (!findStrace()) skip('strace is missing');
    const trace = await recordBrowser(SEED, STATES);
    const file = encodeTrace(trace);
    const { joint, fenced } = kindsOf(trace);
    console.log(`${trace.operations.length} operations, ${joint} joint, ${fenced} fenced`);
    if (KEEPS) await writeFile(traceFile(JOINT_BYTES === undefined ? 'joint' : 'both'), file);
    await replay(decodeTrace(file));
  },
);

test.each(['joint', 'both'] as const)(
  'I6: an acknowledgement one flush too early is noticed, commits being %s',
  async (kind) => {
    const trace = decodeTrace(await readFile(traceFile(kind)));
    const marks = trace.marks.map((mark) =>
      mark.kind === 'acked' ? { ...mark, operation: mark.operation - 1 } : mark,
    );
    await expect(replayImages({ ...trace, marks }, { images: 200 })).rejects.toThrow(
      /was acknowledged|is gone/,
    );
  },
);

describe('the record of system calls', () => {
  const path = '/p/Default/File System/000/t/00/00000001';
  const bytes = (count: number) => '\\x61'.repeat(count);
  const asked = [
    { kind: 'resize', file: 'disk-0', offset: 0, byteCount: 1024 },
    { kind: 'write', file: 'disk-0', offset: 512, byteCount: 512 },
    { kind: 'flush', file: 'disk-0', offset: 0, byteCount: 0 },
  ] as const;
  const lines = [
    `7 ftruncate(5<${path}>, 1024) = 0`,
    `7 pwrite64(5<${path}>, "${bytes(512)}", 512, 512 <unfinished ...>`,
    '8 fdatasync(9</p/Default/Local Storage/leveldb/000003.log>) = 0',
    '7 <... pwrite64 resumed>) = 512',
    `7 fdatasync(5<${path}>) = 0`,
  ];

  test('is read, calls that were interrupted too', () => {
    const trace = traceOf(parseSystemCalls(lines.join('\n')), asked, 1);
    expect(trace.operations.map(({ kind }) => kind)).toEqual(['resize', 'write', 'flush']);
  });

  test('I5: a write too many, too few or out of order is noticed', () => {
    const calls = parseSystemCalls(lines.join('\n'));
    expect(() => traceOf(calls.slice(0, 2), asked, 1)).toThrow(/asked for flush/);
    expect(() => traceOf([...calls, ...calls.slice(2)], asked, 1)).toThrow(/done was/);
    expect(() => traceOf(calls.toReversed(), asked, 1)).toThrow(/asked for resize/);
  });

  test('short writes and calls that nobody expects are errors', () => {
    expect(() => parseSystemCalls(`7 pwrite64(5<${path}>, "${bytes(512)}", 512, 0) = 100`)).toThrow(
      /wrote 100/,
    );
    expect(() => parseSystemCalls(`7 fallocate(5<${path}>, 0, 0, 4096) = 0`)).toThrow(/not a call/);
  });
});
