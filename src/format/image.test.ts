import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { stride } from '../sim/scale.ts';
import { arenasMax } from './geometry.ts';
import {
  concat,
  GEOMETRY_512,
  IMAGE_SAMPLE,
  readImage,
  sampleImage,
  samplePointer,
} from './golden/samples.ts';
import { createHasher } from './hasher.ts';
import {
  FRAME_BLOCK_BYTES_MAX,
  FrameChain,
  IMAGE_BLOCKS,
  IMAGE_END,
  IMAGE_FRAME,
  IMAGE_HEADER,
  type ImageHeader,
} from './image.ts';
import { ImageReader } from './image-reader.ts';
import { ImageWriter } from './image-writer.ts';
import { viewOf, writeHash, writeU32, writeU53 } from './layout.ts';

const hasher = await createHasher();

function reasonOf(image: Uint8Array, chunkBytes = 1000): string {
  const frames = readImage(image, hasher, chunkBytes);
  return frames.ok ? 'ok' : frames.error.reason;
}

/** Seals frames anew, one behind the other, as a hostile writer would. */
function sealed(frames: readonly Uint8Array[]): Uint8Array {
  const chain = new FrameChain(hasher);
  for (const frame of frames) chain.seal(frame);
  return concat(frames);
}

function altered(index: number, change: (payload: DataView) => void): string {
  const frames = sampleImage(hasher);
  change(viewOf((frames[index] as Uint8Array).subarray(IMAGE_FRAME.size)));
  return reasonOf(sealed(frames));
}

describe('an image', () => {
  test('comes back from chunks of any size', () => {
    const image = concat(sampleImage(hasher));
    for (const chunkBytes of [1, 3, 16, 17, 1000, image.length]) {
      expect(readImage(image, hasher, chunkBytes)).toEqual({
        ok: true,
        value: [
          { kind: 'header', header: IMAGE_SAMPLE },
          {
            kind: 'blocks',
            arena: 0,
            firstBlock: 2,
            count: 2,
            bytes: new Uint8Array(4096).fill(0xab),
          },
          {
            kind: 'blocks',
            arena: 1,
            firstBlock: 31,
            count: 1,
            bytes: new Uint8Array(2048).fill(0xcd),
          },
          { kind: 'end', blockCount: 3 },
        ],
      });
    }
  });

  test('may be of an empty store', () => {
    const header = { ...IMAGE_SAMPLE, roots: new Map(), grownBlocks: [], blockCount: 0 };
    const writer = new ImageWriter(hasher, header);
    const image = concat([writer.header(), writer.end()]);
    expect(reasonOf(image)).toBe('ok');
  });

  test('cut anywhere is noticed', () => {
    const image = concat(sampleImage(hasher));
    for (let length = 0; length < image.length; length += stride(5)) {
      expect(reasonOf(image.subarray(0, length))).toBe('length');
    }
    expect(reasonOf(concat([image, Uint8Array.of(0)]))).toBe('length');
  });

  test('with a frame missing, doubled, moved or from another image is noticed', () => {
    const [header, first, second, end] = sampleImage(hasher) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(reasonOf(concat([header, second, end]))).toBe('checksum');
    expect(reasonOf(concat([header, first, end]))).toBe('checksum');
    expect(reasonOf(concat([header, first, first, second, end]))).toBe('checksum');
    expect(reasonOf(concat([header, second, first, end]))).toBe('checksum');
    expect(reasonOf(concat([header, header, first, second, end]))).toBe('type');
    expect(reasonOf(concat([first, second, end]))).toBe('magic');
    const other = new ImageWriter(hasher, { ...IMAGE_SAMPLE, generation: 22 });
    expect(reasonOf(concat([other.header(), first, second, end]))).toBe('checksum');
  });

  test('is told from something else, and from a later image', () => {
    expect(reasonOf(new TextEncoder().encode('{ "this": "is JSON" }'))).toBe('magic');
    expect(altered(0, (view) => view.setUint8(0, 0))).toBe('magic');
    expect(altered(0, (view) => writeU32(view, IMAGE_HEADER.at.version, 2))).toBe('version');
  });

  test('a flaw is said again, at its offset in the stream', () => {
    const frames = sampleImage(hasher);
    const image = concat(frames);
    const at = (frames[0] as Uint8Array).length + (frames[1] as Uint8Array).length;
    image[at + 100] = 0;
    const reader = new ImageReader(hasher);
    reader.push(image);
    const answers = [reader.next(), reader.next(), reader.next(), reader.next()];
    expect(answers[2]).toEqual(answers[3]);
    expect(answers[2]).toMatchObject({ error: { offset: at + IMAGE_FRAME.at.checksum } });
    reader.push(image);
    expect(reader.finish()).toEqual(answers[2]);
  });
});

describe('an image that is wrong, though its checksums are right, is refused:', () => {
  const header = IMAGE_HEADER.at;
  const blocks = IMAGE_BLOCKS.at;

  test('its header', () => {
    expect(altered(0, (view) => writeU32(view, header.rootCount, 65))).toBe('count');
    expect(altered(0, (view) => writeU32(view, header.rootCount, 2))).toBe('length');
    expect(altered(0, (view) => writeU32(view, header.arenaCount, 4))).toBe('length');
    expect(altered(0, (view) => writeU32(view, header.arenaCount, 2 ** 32 - 1))).toBe('count');
    expect(altered(0, (view) => writeU32(view, header.geometry, 5))).toBe('bounds');
    expect(altered(0, (view) => writeU53(view, header.generation, 19))).toBe('bounds');
    expect(altered(0, (view) => writeHash(view, header.generation, 2 ** 31, 0))).toBe('bounds');
    expect(altered(0, (view) => writeU53(view, header.blockCount, 97))).toBe('count');
    expect(altered(0, (view) => writeHash(view, header.blockCount, 2 ** 31, 0))).toBe('count');
    expect(altered(0, (view) => writeU32(view, view.byteLength - 12, 65))).toBe('bounds');
    expect(altered(0, (view) => writeU32(view, view.byteLength - 12, 2))).toBe('bounds');
    expect(altered(0, (view) => writeU32(view, header.reserved, 1))).toBe('padding');
  });

  test('its blocks', () => {
    expect(altered(1, (view) => writeU32(view, blocks.arena, 2))).toBe('bounds');
    expect(altered(1, (view) => writeU32(view, blocks.arena, 3))).toBe('bounds');
    expect(altered(1, (view) => writeU32(view, blocks.firstBlock, 63))).toBe('bounds');
    expect(altered(1, (view) => writeU32(view, blocks.firstBlock, 2 ** 32 - 1))).toBe('bounds');
    expect(altered(1, (view) => writeU32(view, blocks.count, 1))).toBe('length');
    expect(altered(1, (view) => writeU32(view, blocks.count, 0))).toBe('length');
    expect(altered(1, (view) => writeU32(view, blocks.reserved, 1))).toBe('padding');
    const overlap = (view: DataView): void => {
      writeU32(view, blocks.arena, 0);
      writeU32(view, blocks.firstBlock, 3);
    };
    expect(altered(2, overlap)).toBe('order');
  });

  test('fewer or more blocks than promised', () => {
    expect(altered(0, (view) => writeU53(view, header.blockCount, 4))).toBe('count');
    expect(altered(0, (view) => writeU53(view, header.blockCount, 2))).toBe('count');
    expect(altered(3, (view) => writeU53(view, IMAGE_END.at.blockCount, 4))).toBe('count');
  });

  test('more blocks than promised, before they are handed out', () => {
    const frames = sampleImage(hasher);
    const payload = (frames[0] as Uint8Array).subarray(IMAGE_FRAME.size);
    writeU53(viewOf(payload), header.blockCount, 1);
    const reader = new ImageReader(hasher);
    reader.push(sealed(frames));
    expect(reader.next()).toMatchObject({ value: { kind: 'header' } });
    expect(reader.next()).toMatchObject({ error: { reason: 'count' } });
  });

  test('a length that no frame has, before anything is kept for it', () => {
    const lengths: [number, number][] = [
      [0, 79],
      [0, 2 ** 20],
      [1, 15],
      [1, FRAME_BLOCK_BYTES_MAX + IMAGE_BLOCKS.size + 1],
      [1, 2 ** 32 - 1],
      [3, 9],
    ];
    for (const [index, length] of lengths) {
      const frames = sampleImage(hasher);
      const reader = new ImageReader(hasher);
      for (const frame of frames.slice(0, index)) {
        reader.push(frame);
        expect(reader.next()).toMatchObject({ ok: true });
      }
      const claim = (frames[index] as Uint8Array).subarray(0, IMAGE_FRAME.size);
      writeU32(viewOf(claim), IMAGE_FRAME.at.payloadBytes, length);
      reader.push(claim);
      expect(reader.next()).toMatchObject({ error: { reason: 'length' } });
    }
    const frames = sampleImage(hasher);
    writeU32(viewOf(frames[1] as Uint8Array), IMAGE_FRAME.at.kind, 4);
    expect(reasonOf(sealed(frames))).toBe('type');
  });
});

describe('the writer does not write what would be refused:', () => {
  function writing(write: (writer: ImageWriter) => void, change: Partial<ImageHeader> = {}) {
    return () => {
      const writer = new ImageWriter(hasher, { ...IMAGE_SAMPLE, ...change });
      writer.header();
      write(writer);
    };
  }

  test('blocks outside their arena, out of order, too many, too few', () => {
    const open = (arena: number, firstBlock: number, count: number) =>
      writing((writer) => {
        writer.openBlocks({ arena: 0, firstBlock: 7, count: 1 });
        writer.sealBlocks();
        writer.openBlocks({ arena, firstBlock, count });
      });
    expect(open(0, 8, 1)).not.toThrow();
    expect(open(0, 7, 1)).toThrow(AssertionError);
    expect(open(0, 64, 1)).toThrow(AssertionError);
    expect(open(3, 0, 1)).toThrow(AssertionError);
    expect(open(0, 8, 0)).toThrow(AssertionError);
    expect(writing((writer) => writer.end())).toThrow(AssertionError);
    expect(writing((writer) => writer.header())).toThrow(AssertionError);
    expect(writing((writer) => writer.sealBlocks())).toThrow(AssertionError);
  });

  test('a header that is not sound', () => {
    const nothing = (): void => undefined;
    expect(writing(nothing, { blockCount: 97 })).toThrow(AssertionError);
    expect(writing(nothing, { grownBlocks: [65] })).toThrow(AssertionError);
    const many = new Array<number>(arenasMax(GEOMETRY_512) + 1).fill(0);
    expect(writing(nothing, { grownBlocks: many, blockCount: 0, roots: new Map() })).toThrow(
      'the arenas of a superblock',
    );
    const roots = new Map([['a', samplePointer(64 * 2048 * 3, 1)]]);
    expect(writing(nothing, { roots })).toThrow(AssertionError);
  });
});

test('the reader never holds more than a frame and a chunk', () => {
  const geometry = { ...GEOMETRY_512, arenaBytes: 2048 * 4096 };
  const header = { ...IMAGE_SAMPLE, geometry, grownBlocks: [4096], blockCount: 2048 };
  const writer = new ImageWriter(hasher, header);
  const reader = new ImageReader(hasher);
  const parts = [writer.header()];
  for (let frame = 0; frame < 4; frame += 1) {
    writer.openBlocks({ arena: 0, firstBlock: frame * 512, count: 512 }).fill(frame);
    parts.push(writer.sealBlocks());
  }
  parts.push(writer.end());
  const image = concat(parts);
  const chunkBytes = 100_000;
  let blocks = 0;
  for (let at = 0; at < image.length; at += chunkBytes) {
    reader.push(image.subarray(at, at + chunkBytes));
    for (let frame = reader.next(); frame !== 'more'; frame = reader.next()) {
      if (!frame.ok) throw new Error(frame.error.reason);
      if (frame.value.kind !== 'blocks') continue;
      blocks += frame.value.count;
      expect(frame.value.bytes.every((byte) => byte === (blocks - 512) / 512)).toBe(true);
      const held = frame.value.bytes.buffer.byteLength;
      expect(held).toBeLessThanOrEqual(FRAME_BLOCK_BYTES_MAX + 32 + chunkBytes);
    }
  }
  expect(blocks).toBe(2048);
  expect(reader.finish().ok).toBe(true);
});
