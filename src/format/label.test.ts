import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { LABEL_BYTES } from './geometry.ts';
import { GEOMETRY_512, HASH_DOMAIN, LABEL_SAMPLE, STORE_ID } from './golden/samples.ts';
import { createHasher, hashPlain } from './hasher.ts';
import { decodeLabel, encodeLabel, LABEL } from './label.ts';
import { viewOf, writeHash, writeU32 } from './layout.ts';

const hasher = await createHasher();

function sample(): Uint8Array {
  return encodeLabel(LABEL_SAMPLE, hasher);
}

/** Changes a u32 of a sound label and seals it again, as a hostile writer or a later version would. */
function altered(offset: number, value: number): Uint8Array {
  const label = sample();
  writeU32(viewOf(label), offset, value);
  hashPlain(hasher, label, LABEL.at.checksum);
  writeHash(viewOf(label), LABEL.at.checksum, hasher.high, hasher.low);
  return label;
}

function reasonOf(label: Uint8Array): string | undefined {
  const result = decodeLabel(label, hasher);
  return result.ok ? undefined : result.error.reason;
}

describe('a label', () => {
  test('is 4,096 bytes and comes back', () => {
    expect(sample()).toHaveLength(LABEL_BYTES);
    expect(decodeLabel(sample(), hasher)).toEqual({ ok: true, value: LABEL_SAMPLE });
  });

  test('comes back from shared memory, and what comes back is not shared', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(LABEL_BYTES + 8));
    shared.set(sample());
    const label = decodeLabel(shared, hasher);
    expect(label.ok && label.value.storeId.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('of a foreign file has no magic, whatever follows', () => {
    expect(reasonOf(new Uint8Array(LABEL_BYTES))).toBe('magic');
    expect(reasonOf(new Uint8Array(LABEL_BYTES).fill(0xff))).toBe('magic');
    expect(reasonOf(sample().subarray(0, 4095))).toBe('length');
  });

  test('that went through a text-mode channel has no magic', () => {
    const text = String.fromCharCode(...sample());
    const crlf = text.replaceAll('\r\n', '\n');
    const sevenBits = Uint8Array.from(sample(), (byte) => byte & 0x7f);
    const translated = Uint8Array.from(crlf.padEnd(LABEL_BYTES, '\0'), (c) => c.charCodeAt(0));
    expect(reasonOf(translated)).toBe('magic');
    expect(reasonOf(sevenBits)).toBe('magic');
  });

  test('of a later version says so, though its checksum may be elsewhere', () => {
    const label = sample();
    label[LABEL.at.version] = 2;
    expect(reasonOf(label)).toBe('version');
  });

  test('with an incompatible feature that is not known is refused', () => {
    expect(reasonOf(altered(LABEL.at.incompatible, 1))).toBe('feature');
    expect(reasonOf(altered(LABEL.at.incompatible, 2 ** 31))).toBe('feature');
  });

  test('with a feature that can be read past is not writable; with a compatible one it is', () => {
    const readable = decodeLabel(altered(LABEL.at.readOnlyCompatible, 2 ** 31), hasher);
    expect(readable.ok && readable.value.writable).toBe(false);
    const compatible = decodeLabel(altered(LABEL.at.compatible, 8), hasher);
    expect(compatible.ok && compatible.value.writable).toBe(true);
  });

  test('has a sound geometry and a disk of it, even when its checksum is right', () => {
    expect(reasonOf(altered(LABEL.at.diskIndex, 2))).toBe('bounds');
    for (let at = LABEL.at.geometry; at < LABEL.at.diskIndex; at += 4) {
      expect(reasonOf(altered(at, 1001))).toBe('bounds');
    }
  });

  test('is not written with what would be refused', () => {
    const write = (change: object) => () => encodeLabel({ ...LABEL_SAMPLE, ...change }, hasher);
    expect(write({ diskIndex: 2 })).toThrow(AssertionError);
    expect(write({ storeId: STORE_ID.subarray(1) })).toThrow(AssertionError);
    expect(write({ hashDomain: HASH_DOMAIN.subarray(1) })).toThrow(AssertionError);
    expect(write({ geometry: { ...GEOMETRY_512, blockBytes: 100 } })).toThrow(AssertionError);
  });
});
