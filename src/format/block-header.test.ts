import { expect, test } from 'vitest';
import { BLOCK_TYPE, decodeBlockType } from './block-header.ts';
import { decodeDeadlistHeader } from './deadlist.ts';
import type { Decoded } from './decoded.ts';
import { viewOf, writeU16 } from './layout.ts';
import { decodeLeafHeader } from './leaf.ts';
import { decodePivotHeader } from './pivot.ts';

function reasonOf(result: Decoded<unknown>): string {
  return result.ok ? 'ok' : result.error.reason;
}

test('every kind of header is told from the others, from later formats and from too few bytes', () => {
  const decoders = {
    pivot: decodePivotHeader,
    leaf: decodeLeafHeader,
    deadlist: decodeDeadlistHeader,
  };
  for (const [kind, decode] of Object.entries(decoders)) {
    const block = new Uint8Array(512);
    expect(reasonOf(decode(block))).toBe('type');
    writeU16(viewOf(block), 0, BLOCK_TYPE[kind as keyof typeof decoders]);
    expect(reasonOf(decode(block))).toBe('version');
    writeU16(viewOf(block), 2, 1);
    expect(reasonOf(decode(block))).toBe('ok');
    expect(reasonOf(decode(block.subarray(0, 7)))).toBe('length');
    expect(decodeBlockType(block)).toEqual({ ok: true, value: kind });
    if (kind === 'leaf') continue;
    block.fill(1, 12, 16);
    expect(reasonOf(decode(block))).toBe('padding');
  }
  const log = Uint8Array.of(BLOCK_TYPE.log, 0, 1, 0);
  expect(decodeBlockType(log)).toEqual({ ok: true, value: 'log' });
  expect(reasonOf(decodeBlockType(new Uint8Array(3)))).toBe('length');
  expect(reasonOf(decodeBlockType(new Uint8Array(4)))).toBe('type');
});
