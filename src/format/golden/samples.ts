/** One sample of every structure, for golden bytes and for fuzzing. Fixed, so that its bytes are fixed. */

import { decodeDeadlistHeader, encodeDeadlistHeader } from '../deadlist.ts';
import { type Decoded, decoded, flawed } from '../decoded.ts';
import type { Geometry } from '../geometry.ts';
import { BlockHasher, type Hasher } from '../hasher.ts';
import type { ImageHeader } from '../image.ts';
import { type ImageFrame, ImageReader } from '../image-reader.ts';
import { ImageWriter } from '../image-writer.ts';
import { decodeLabel, encodeLabel, type Label } from '../label.ts';
import { viewOf } from '../layout.ts';
import { decodeLeafHeader, encodeLeafHeader } from '../leaf.ts';
import { batchPayloadOffset, decodeLogBlockHeader, openBatch, sealBatch } from '../log-block.ts';
import { RecordReader, UnitBuffer } from '../log-records.ts';
import { decodePivotHeader, encodePivotHeader } from '../pivot.ts';
import { type Pointer, readPointer, writePointer } from '../pointer.ts';
import { decodeSuperblock, encodeSuperblock, type Superblock } from '../superblock.ts';

export const GEOMETRY_512: Geometry = {
  blockBytes: 2048,
  sectorBytes: 512,
  slotBytes: 4096,
  diskCount: 2,
  arenaBytes: 131_072,
};

export const STORE_ID = Uint8Array.from({ length: 16 }, (_, at) => 0xa0 + at);
export const HASH_DOMAIN = Uint8Array.from({ length: 16 }, (_, at) => 0x50 + at);

export function samplePointer(address: number, generation: number): Pointer {
  return {
    address: address as Pointer['address'],
    generation: generation as Pointer['generation'],
    hashHigh: 0xfedcba98,
    hashLow: 0x76543210 ^ address,
  };
}

export const LABEL_SAMPLE: Label = {
  storeId: STORE_ID,
  hashDomain: HASH_DOMAIN,
  diskIndex: 1,
  geometry: GEOMETRY_512,
  writable: true,
};

export const SUPERBLOCK_SAMPLE: Superblock = {
  generation: 2 ** 40 + 9,
  previous: 2 ** 40 + 7,
  beforePrevious: 2 ** 40 + 4,
  thirdPrevious: 2 ** 40 + 1,
  joint: true,
  storeId: STORE_ID,
  roots: new Map([
    ['main', samplePointer(4096, 2 ** 40 + 9)],
    ['straße', samplePointer(131_072 + 2048, 17)],
  ]),
  arenas: [
    {
      grownBlocks: 64,
      usedBlocks: 12,
      logHead: 3,
      logSectors: 7,
      logHashHigh: 0xdeadbeef,
      logHashLow: 0x01020304,
    },
    {
      grownBlocks: 32,
      usedBlocks: 32,
      logHead: 0,
      logSectors: 1,
      logHashHigh: 0,
      logHashLow: 0xffffffff,
    },
    {
      grownBlocks: 0,
      usedBlocks: 0,
      logHead: 0,
      logSectors: 0,
      logHashHigh: 0,
      logHashLow: 0,
    },
  ],
};

/** One record of each kind. */
export function sampleRecords(): UnitBuffer {
  const records = new UnitBuffer(1);
  records.appendAvailable(0, 64);
  records.appendAllocRaw(0, 2);
  records.appendSync(1);
  records.appendAlloc(5, false, 0, 0x01234567, 0x89abcdef);
  records.appendAlloc(63, true, 2 ** 24 - 1, 0xffffffff, 0);
  records.appendFree(6, 9);
  records.appendFreeRaw(1, 1);
  records.appendSync(2 ** 40 + 9);
  return records;
}

const LOG_BLOCK_ADDRESS = 6 * 2048;
const LOG_EXPECTED = { arena: 0, position: 4, geometry: GEOMETRY_512, grownBlocks: 64 };

/** A log block with two batches: sectors 0 and 1, then sector 2. */
export function sampleLogBlock(hasher: Hasher): Uint8Array {
  const block = new Uint8Array(GEOMETRY_512.blockBytes);
  const blockHasher = new BlockHasher(hasher, HASH_DOMAIN);
  const records = sampleRecords();
  const many = new UnitBuffer();
  for (let index = 0; index < 60; index += 1) many.appendFree(index, 1);
  many.copyUnitsTo(block, batchPayloadOffset(true), 0, many.unitCount);
  const shared = {
    block,
    blockAddress: LOG_BLOCK_ADDRESS,
    geometry: GEOMETRY_512,
    hasher: blockHasher,
  };
  const sectors = sealBatch({
    ...shared,
    sector: 0,
    header: { arena: 0, position: 4, successor: 9 },
    unitCount: many.unitCount,
    generation: 7,
    previousHigh: 0x11111111,
    previousLow: 0x22222222,
  });
  const payload = sectors * GEOMETRY_512.sectorBytes + batchPayloadOffset(false);
  records.copyUnitsTo(block, payload, 0, records.unitCount);
  sealBatch({
    ...shared,
    sector: sectors,
    unitCount: records.unitCount,
    generation: 2 ** 40 + 9,
    previousHigh: blockHasher.high,
    previousLow: blockHasher.low,
  });
  return block;
}

/** All batches and records of a block like `sampleLogBlock`, down to text. */
export function decodeLogBlock(block: Uint8Array, hasher: Hasher): Decoded<unknown> {
  const blockHasher = new BlockHasher(hasher, HASH_DOMAIN);
  const batches: unknown[] = [];
  let previous = { hashHigh: 0x11111111, hashLow: 0x22222222 };
  let sector = 0;
  for (let batch = 0; batch < 2; batch += 1) {
    const opened = openBatch({
      block,
      sector,
      blockAddress: LOG_BLOCK_ADDRESS,
      previousHigh: previous.hashHigh,
      previousLow: previous.hashLow,
      geometry: GEOMETRY_512,
      hasher: blockHasher,
    });
    if (!opened.ok) return opened;
    const records = new UnitBuffer();
    records.appendFromBytes(block, opened.value.payloadOffset, opened.value.unitCount);
    const read = readRecords(records, LOG_EXPECTED.grownBlocks);
    if (!read.ok) return read;
    batches.push({ ...opened.value, records: read.value });
    previous = opened.value;
    sector += opened.value.sectorCount;
  }
  const header = decodeLogBlockHeader(block, LOG_EXPECTED);
  return header.ok ? decoded({ ...header.value, batches }) : header;
}

/** Every record as a line of text. */
export function readRecords(records: UnitBuffer, grownBlocks: number): Decoded<string[]> {
  const reader = new RecordReader(records, grownBlocks);
  const lines: string[] = [];
  for (let kind = reader.next(); kind !== 'end'; kind = reader.next()) {
    if (kind === 'bad') return flawed('type', reader.unit * 8, reader.reason);
    const { index, count, metadata, birthDelta, hashHigh, hashLow, generation } = reader;
    if (kind === 'sync') lines.push(`sync ${generation}`);
    else if (kind !== 'alloc') lines.push(`${kind} ${index} ${count}`);
    else lines.push(`alloc ${index} ${metadata} ${birthDelta} ${hashHigh} ${hashLow}`);
  }
  return decoded(lines);
}

export const IMAGE_SAMPLE: ImageHeader = {
  hashDomain: HASH_DOMAIN,
  geometry: GEOMETRY_512,
  generation: 21,
  roots: new Map([['main', samplePointer(4096, 20)]]),
  grownBlocks: [64, 32, 0],
  blockCount: 3,
};

/** The frames of a small image: header, two blocks, one block, end. */
export function sampleImage(hasher: Hasher): Uint8Array[] {
  const writer = new ImageWriter(hasher, IMAGE_SAMPLE);
  const frames = [writer.header()];
  writer.openBlocks({ arena: 0, firstBlock: 2, count: 2 }).fill(0xab);
  frames.push(writer.sealBlocks());
  writer.openBlocks({ arena: 1, firstBlock: 31, count: 1 }).fill(0xcd);
  frames.push(writer.sealBlocks());
  frames.push(writer.end());
  return frames;
}

/** Reads a whole image in chunks of `chunkBytes`, the frames' bytes copied. */
export function readImage(
  image: Uint8Array,
  hasher: Hasher,
  chunkBytes: number,
): Decoded<ImageFrame[]> {
  const reader = new ImageReader(hasher);
  const frames: ImageFrame[] = [];
  for (let at = 0; at < image.length; at += chunkBytes) {
    reader.push(image.subarray(at, at + chunkBytes));
    for (let frame = reader.next(); frame !== 'more'; frame = reader.next()) {
      if (!frame.ok) return frame;
      const { value } = frame;
      frames.push(value.kind === 'blocks' ? { ...value, bytes: value.bytes.slice() } : value);
    }
  }
  const end = reader.finish();
  return end.ok ? decoded(frames) : end;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A structure with its bytes and its decoder. */
export interface Sample {
  readonly name: string;
  encode(hasher: Hasher): Uint8Array;
  decode(bytes: Uint8Array, hasher: Hasher): Decoded<unknown>;
  /** Covered by a checksum of its own, every byte of it. The others are covered by a pointer's or a batch's. */
  readonly sealed: boolean;
}

function blockOf(encode: (block: Uint8Array) => void): Uint8Array {
  const block = new Uint8Array(512);
  encode(block);
  return block;
}

export const SAMPLES: readonly Sample[] = [
  {
    name: 'label',
    sealed: true,
    encode: (hasher) => encodeLabel(LABEL_SAMPLE, hasher),
    decode: decodeLabel,
  },
  {
    name: 'superblock',
    sealed: true,
    encode: (hasher) => {
      const slot = new Uint8Array(GEOMETRY_512.slotBytes);
      return slot.subarray(0, encodeSuperblock(SUPERBLOCK_SAMPLE, GEOMETRY_512, hasher, slot));
    },
    decode: (bytes, hasher) => decodeSuperblock(bytes, GEOMETRY_512, hasher),
  },
  {
    name: 'pointer',
    sealed: false,
    encode: () => {
      const bytes = new Uint8Array(24);
      writePointer(viewOf(bytes), 0, samplePointer(2 ** 52 + 16_384, 2 ** 53 - 1));
      return bytes;
    },
    decode: (bytes) =>
      bytes.length < 24 ? flawed('length', 0, 'pointer') : readPointer(viewOf(bytes), 0),
  },
  {
    name: 'log-records',
    sealed: false,
    encode: () => {
      const records = sampleRecords();
      const bytes = new Uint8Array(records.unitCount * 8);
      records.copyUnitsTo(bytes, 0, 0, records.unitCount);
      return bytes;
    },
    decode: (bytes) => {
      const records = new UnitBuffer();
      records.appendFromBytes(bytes, 0, Math.floor(bytes.length / 8));
      return readRecords(records, 64);
    },
  },
  {
    name: 'log-block',
    sealed: true,
    encode: (hasher) => sampleLogBlock(hasher).subarray(0, 3 * GEOMETRY_512.sectorBytes),
    decode: (bytes, hasher) => {
      if (bytes.length < 3 * GEOMETRY_512.sectorBytes) return flawed('length', 0, 'log block');
      const block = new Uint8Array(GEOMETRY_512.blockBytes);
      block.set(bytes.subarray(0, block.length));
      return decodeLogBlock(block, hasher);
    },
  },
  {
    name: 'pivot',
    sealed: false,
    encode: () =>
      blockOf((block) =>
        encodePivotHeader(
          { valueCount: 3, valueBytes: 200, messageCount: 2, messageBytes: 0x44 },
          block,
        ),
      ),
    decode: decodePivotHeader,
  },
  {
    name: 'leaf',
    sealed: false,
    encode: () =>
      blockOf((block) => encodeLeafHeader({ valueCount: 9, valueBytes: 0x0123 }, block)),
    decode: decodeLeafHeader,
  },
  {
    name: 'deadlist',
    sealed: false,
    encode: () =>
      blockOf((block) =>
        encodeDeadlistHeader({ entryCount: 17, following: 2, next: samplePointer(8192, 5) }, block),
      ),
    decode: decodeDeadlistHeader,
  },
  {
    name: 'image',
    sealed: true,
    encode: (hasher) => concat(sampleImage(hasher)),
    decode: (bytes, hasher) => readImage(bytes, hasher, 700),
  },
];
