import { expect, test } from 'vitest';
import { atomicStore } from './atomics.ts';
import { STAGE_BYTES } from './contents-layout.ts';
import { SESSION } from './control-layout.ts';
import { allocateSession, SessionMemory } from './session-memory.ts';
import { StageReader, StageWriter } from './stage.ts';

const BLOCK = 65_536;
const CELLS = STAGE_BYTES / BLOCK;

function stage(): { memory: SessionMemory; writer: StageWriter; reader: StageReader } {
  const memory = new SessionMemory(allocateSession({ cacheBytes: 0, blockBytesMin: BLOCK }));
  const writer = new StageWriter(memory, BLOCK);
  return { memory, writer, reader: new StageReader(memory, BLOCK) };
}

test('a cell is filled again only when its block was taken', () => {
  const { writer, reader } = stage();
  expect(writer.claim(CELLS + 1)).toBeUndefined();
  const first = writer.claim(CELLS - 1) as number;
  expect(writer.claim(2)).toBeUndefined();
  writer.cell(first).fill(7);
  const second = writer.claim(1) as number;
  writer.cell(second).fill(8);
  expect(writer.claim(1)).toBeUndefined();
  const blocks = reader.blocks(first, CELLS - 1);
  expect(blocks[0]?.[BLOCK - 1]).toBe(7);
  reader.taken(first, CELLS - 1);
  const third = writer.claim(CELLS - 1) as number;
  expect(writer.cell(third)).toBe(writer.cell(first));
  expect(writer.claim(1)).toBeUndefined();
  expect(reader.blocks(second, 1)[0]?.[0]).toBe(8);
});

test('blocks are taken in order', () => {
  const { writer, reader } = stage();
  writer.claim(1);
  const second = writer.claim(1) as number;
  expect(() => reader.taken(second, 1)).toThrow('staged blocks are taken in order');
});

test('counts go on across 2^32', () => {
  const { memory, writer, reader } = stage();
  const near = 2 ** 31 - 3;
  atomicStore(memory.words, memory.control.session + SESSION.stagedTaken, near);
  Object.assign(writer, { filled: near });
  for (let n = 0; n < 5; n += 1) {
    const first = writer.claim(CELLS) as number;
    expect(writer.claim(1)).toBeUndefined();
    writer.cell((first + 1) | 0).fill(n);
    expect(reader.blocks(first, CELLS)[1]?.[0]).toBe(n);
    reader.taken(first, CELLS);
  }
});
