import { xxhash64 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { BATCH_PREFIX, BLOCK_PREFIX, BlockHasher, createHasher, hashPlain } from './hasher.ts';
import { viewOf, writeHash, writeU53 } from './layout.ts';
import type { Pointer } from './pointer.ts';

const hasher = await createHasher();
const domain = Uint8Array.from({ length: 16 }, (_, at) => at * 7);

function hex({ high, low }: { high: number; low: number }): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 2_654_435_761) >>> 24);
}

function joined(prefix: Uint8Array, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefix.length + bytes.length);
  whole.set(prefix);
  whole.set(bytes, prefix.length);
  return whole;
}

describe('the hash', () => {
  test('is xxhash64 over prefix and bytes, high half first', async () => {
    const prefix = noise(32);
    for (const length of [0, 1, 31, 32, 33, 512, 16_384, 16_385, 65_536]) {
      hasher.hash(prefix, noise(length));
      expect(hex(hasher)).toBe(await xxhash64(joined(prefix, noise(length))));
    }
  });

  test('agrees with vectors that others published', async () => {
    // The vector for "Nobody inspects the spammish repetition" is in xxhash's own documentation for Python.
    expect(await xxhash64('')).toBe('ef46db3751d8e999');
    const text = new TextEncoder().encode('Nobody inspects the spammish repetition');
    hasher.hash(text.subarray(0, 32), text.subarray(32));
    expect(hex(hasher)).toBe('fbcea83c8a378bf1');
  });

  test('around a hole is the hash with eight zeroes in it, and leaves the bytes alone', () => {
    const prefix = noise(32);
    const bytes = noise(100).map((byte) => byte | 1);
    for (const hole of [0, 5, 92]) {
      const before = bytes.slice();
      hasher.hashAround(prefix, bytes, hole);
      const around = hex(hasher);
      expect(bytes).toEqual(before);
      hasher.hash(prefix, bytes.slice().fill(0, hole, hole + 8));
      expect(around).toBe(hex(hasher));
    }
  });

  test('outside a hash domain has a prefix of zeroes', async () => {
    const bytes = noise(64);
    hashPlain(hasher, bytes, 8);
    const zeroed = bytes.slice().fill(0, 8, 16);
    expect(hex(hasher)).toBe(await xxhash64(joined(new Uint8Array(32), zeroed)));
  });

  test('takes bytes in shared memory', () => {
    const plain = noise(16_384);
    const shared = new Uint8Array(new SharedArrayBuffer(20_000), 3, 16_384);
    shared.set(plain);
    const blockHasher = new BlockHasher(hasher, domain);
    blockHasher.hashBlock(4096, 9, plain);
    const expected = hex(blockHasher);
    blockHasher.hashBlock(4096, 9, shared);
    expect(hex(blockHasher)).toBe(expected);
  });
});

describe('I2: a block passes only as what its pointer names', () => {
  const bytes = noise(4096);
  const blockHasher = new BlockHasher(hasher, domain);
  blockHasher.hashBlock(2 ** 40, 2 ** 33 + 5, bytes);
  const pointer: Pointer = {
    address: 2 ** 40,
    generation: 2 ** 33 + 5,
    hashHigh: blockHasher.high,
    hashLow: blockHasher.low,
  } as Pointer;

  test('the block itself passes', async () => {
    expect(blockHasher.verify(bytes, pointer)).toBe(true);
    const prefix = new Uint8Array(32);
    prefix.set(domain);
    writeU53(viewOf(prefix), BLOCK_PREFIX.at.address, pointer.address);
    writeU53(viewOf(prefix), BLOCK_PREFIX.at.generation, pointer.generation);
    expect(hex(blockHasher)).toBe(await xxhash64(joined(prefix, bytes)));
  });

  test('no flipped bit passes', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 97) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(blockHasher.verify(flipped, pointer)).toBe(false);
    }
  });

  test('another place, another age and another store do not pass', () => {
    const { verify } = blockHasher;
    const address = (2 ** 40 + 4096) as Pointer['address'];
    const generation = (pointer.generation - 2 ** 32) as Pointer['generation'];
    expect(verify(bytes, { ...pointer, address })).toBe(false);
    expect(verify(bytes, { ...pointer, generation })).toBe(false);
    expect(verify(bytes, { ...pointer, hashHigh: pointer.hashHigh ^ 1 })).toBe(false);
    expect(verify(bytes, { ...pointer, hashLow: pointer.hashLow ^ 1 })).toBe(false);
    const foreign = new BlockHasher(hasher, domain.slice().fill(1, 15));
    expect(foreign.verify(bytes, pointer)).toBe(false);
    expect(verify(bytes, pointer)).toBe(true);
  });
});

test('a batch is hashed with its place and the hash before it', async () => {
  const blockHasher = new BlockHasher(hasher, domain);
  const bytes = noise(512);
  blockHasher.hashBatch(8192, { bytes, hole: 16, previousHigh: 0xaabbccdd, previousLow: 7 });
  const prefix = new Uint8Array(32);
  prefix.set(domain);
  writeU53(viewOf(prefix), BATCH_PREFIX.at.address, 8192);
  writeHash(viewOf(prefix), BATCH_PREFIX.at.previousHash, 0xaabbccdd, 7);
  const zeroed = bytes.slice().fill(0, 16, 24);
  expect(hex(blockHasher)).toBe(await xxhash64(joined(prefix, zeroed)));
});
