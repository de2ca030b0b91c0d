/**
 * Hostile bytes through every decoder: none may throw or hang, and every flipped byte of what carries a checksum must
 * be noticed. Replay a failure by giving `fc.assert` the seed and path it prints: `{ seed, path }` as its second
 * argument.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scaled, stride } from '../sim/scale.ts';
import type { Decoded } from './decoded.ts';
import { arenaBlocks, geometryFlaw } from './geometry.ts';
import {
  concat,
  GEOMETRY_512,
  readImage,
  SAMPLES,
  STORE_ID,
  sampleImage,
} from './golden/samples.ts';
import { createHasher, hashPlain } from './hasher.ts';
import { FrameChain, type ImageHeader } from './image.ts';
import { decodeLabel, LABEL } from './label.ts';
import { viewOf, writeHash } from './layout.ts';
import { decodeSuperblock, encodeSuperblock, SUPERBLOCK_HEADER } from './superblock.ts';

const hasher = await createHasher();

/** A value or a reason: nothing else, and no exception. */
function expectAnswer(answer: Decoded<unknown>): void {
  if (answer.ok) expect(answer).toHaveProperty('value');
  else expect(answer.error.reason).toMatch(/^[a-z]+$/);
}

describe.each(SAMPLES)('$name', (sample) => {
  const sound = sample.encode(hasher);

  test('any bytes at all give a value or a reason (replay: see above)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 64 }), (bytes, keep) => {
        expectAnswer(sample.decode(bytes, hasher));
        const headed = new Uint8Array(sound.length);
        headed.set(sound.subarray(0, keep));
        headed.set(
          bytes.subarray(0, Math.max(0, headed.length - keep)),
          Math.min(keep, headed.length),
        );
        expectAnswer(sample.decode(headed, hasher));
      }),
      { numRuns: scaled(300) },
    );
  });

  test('any length gives a value or a reason', () => {
    for (let length = 0; length < sound.length; length += stride(5) * 7) {
      const cut = sample.decode(sound.subarray(0, length), hasher);
      expectAnswer(cut);
      if (sample.sealed) expect(cut.ok).toBe(false);
    }
  });

  test('a flipped bit in any byte is noticed by the checksum, or gives a value or a reason', () => {
    const bytes = sound.slice();
    for (let at = 0; at < bytes.length; at += stride(5)) {
      const before = bytes[at] as number;
      for (const mask of [1 << (at & 7), 0xff]) {
        bytes[at] = before ^ mask;
        const flipped = sample.decode(bytes, hasher);
        expectAnswer(flipped);
        if (sample.sealed) expect(flipped.ok).toBe(false);
      }
      bytes[at] = before;
    }
    expect(sample.decode(bytes, hasher).ok).toBe(true);
  });
});

describe('a hostile writer, who seals what he changed:', () => {
  const word = fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 2 ** 32 - 1 }));
  const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true }), word), {
    minLength: 1,
    maxLength: 3,
  });

  /** Puts words at places given as fractions of the length. */
  function change(bytes: Uint8Array, at: readonly (readonly [number, number])[]): void {
    const view = viewOf(bytes);
    for (const [place, value] of at) {
      view.setUint32(Math.floor(place * (bytes.length - 4)), value, true);
    }
  }

  test('a superblock is refused, or is the one encoding of what it says (replay: see above)', () => {
    const sound = SAMPLES.find(({ name }) => name === 'superblock')?.encode(hasher);
    if (sound === undefined) throw new Error('there is a sample of a superblock');
    fc.assert(
      fc.property(changes, (at) => {
        const bytes = sound.slice();
        change(bytes.subarray(0, 220), at);
        hashPlain(hasher, bytes, SUPERBLOCK_HEADER.at.checksum);
        writeHash(viewOf(bytes), SUPERBLOCK_HEADER.at.checksum, hasher.high, hasher.low);
        const superblock = decodeSuperblock(bytes, GEOMETRY_512, hasher);
        if (!superblock.ok) return;
        const again = new Uint8Array(GEOMETRY_512.slotBytes);
        const length = encodeSuperblock(superblock.value, GEOMETRY_512, hasher, again);
        expect(again.subarray(0, length)).toEqual(bytes);
      }),
      { numRuns: scaled(3000) },
    );
  });

  test('a label is refused, or has a sound geometry (replay: see above)', () => {
    const label = SAMPLES.find(({ name }) => name === 'label');
    if (label === undefined) throw new Error('there is a sample of a label');
    const sound = label.encode(hasher);
    fc.assert(
      fc.property(changes, (at) => {
        const bytes = sound.slice();
        change(bytes.subarray(0, LABEL.size), at);
        hashPlain(hasher, bytes, LABEL.at.checksum);
        writeHash(viewOf(bytes), LABEL.at.checksum, hasher.high, hasher.low);
        const decoded = decodeLabel(bytes, hasher);
        if (!decoded.ok) return;
        const { geometry, diskIndex } = decoded.value;
        expect(geometryFlaw(geometry)).toBeUndefined();
        expect(diskIndex).toBeLessThan(geometry.diskCount);
      }),
      { numRuns: scaled(2000) },
    );
  });

  test('an image is refused, or its frames are inside its arenas (replay: see above)', () => {
    fc.assert(
      fc.property(changes, fc.nat({ max: 3 }), (at, which) => {
        const frames = sampleImage(hasher);
        change((frames[which] as Uint8Array).subarray(0, 140), at);
        const chain = new FrameChain(hasher);
        for (const frame of frames) chain.seal(frame);
        const image = readImage(concat(frames), hasher, 700);
        if (!image.ok) return;
        const [first] = image.value;
        if (first?.kind !== 'header') throw new Error('an image begins with its header');
        for (const frame of image.value) {
          if (frame.kind === 'blocks') expectInside(frame, first.header);
        }
      }),
      { numRuns: scaled(1000) },
    );
  });
});

function expectInside(
  { arena, firstBlock, count }: { arena: number; firstBlock: number; count: number },
  { geometry, grownBlocks }: ImageHeader,
): void {
  expect(firstBlock + count).toBeLessThanOrEqual(grownBlocks[arena] ?? 0);
  expect(grownBlocks[arena]).toBeLessThanOrEqual(arenaBlocks(geometry));
}

test('samples do not share what they decode', () => {
  for (const { decode, encode, name } of SAMPLES) {
    if (name !== 'label' && name !== 'superblock') continue;
    const bytes = encode(hasher);
    const value = decode(bytes, hasher);
    bytes.fill(0);
    expect(value).toMatchObject({ value: { storeId: STORE_ID } });
  }
});
