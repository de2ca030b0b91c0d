import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { quick, stride } from '../sim/scale.ts';
import { type Device, type DeviceFault, isFault } from './device.ts';
import { openDevice } from './handle-device.ts';
import { FaultyHandle, type HandleFault, MemoryFile } from './memory-handle.ts';
import type { SyncHandle } from './sync-handle.ts';

const HUGE_COUNT = 4_294_967_288;
const IMPOSSIBLE = [Number.NaN, -1, 0.5, HUGE_COUNT, Number.POSITIVE_INFINITY, 2 ** 53];

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 1 + (i % 255));
}

/** A device over `file` whose transfers meet the fates one after the other, and then go well. */
function withFates(file: MemoryFile, fates: readonly ('ok' | HandleFault)[]): Device {
  const handle = new FaultyHandle(file.open(), (operation, nth) =>
    operation === 'read' || operation === 'write' ? (fates[nth] ?? 'ok') : 'ok',
  );
  return openDevice('disk-0', handle);
}

/** A device whose `operation` always throws an exception of this name. */
function throwing(operation: string, name: string): { device: Device; handle: FaultyHandle } {
  const file = MemoryFile.from(pattern(100));
  const handle = new FaultyHandle(file.open(), (called) =>
    called === operation ? { throw: name } : 'ok',
  );
  return { device: openDevice('disk-3', handle), handle };
}

const COMPOSED_LENGTH_MAX = quick ? 7 : 10;

/** All ways to cut `length` into positive parts: 2^(length − 1) of them. */
function compositions(length: number): number[][] {
  if (length === 0) return [[]];
  const all: number[][] = [];
  for (let first = 1; first <= length; first += 1) {
    for (const rest of compositions(length - first)) all.push([first, ...rest]);
  }
  return all;
}

describe('a transfer is whole or a fault', () => {
  test('every sequence of short counts that makes progress gives the whole transfer', () => {
    for (let length = 0; length <= COMPOSED_LENGTH_MAX; length += 1) {
      for (const parts of compositions(length)) {
        const fates = parts.map((short) => ({ short }));
        const file = MemoryFile.from(pattern(64));
        const bytes = new Uint8Array(length).fill(0xee);
        expect(withFates(file, fates).read(bytes, 7)).toBeUndefined();
        expect(bytes).toEqual(pattern(64).subarray(7, 7 + length));
        file.revoke();
        const from = new Uint8Array(length).fill(0xaa);
        expect(withFates(file, fates).write(from, 7)).toBeUndefined();
        const expected = pattern(64);
        expected.set(from, 7);
        expect(file.bytes()).toEqual(expected);
      }
    }
  });

  test('every short count k in 0…len that no progress follows is a fault, and nothing is zero-filled', () => {
    for (let length = 1; length <= 64; length += stride(7)) {
      for (let k = 0; k < length; k += 1) {
        const fates = k === 0 ? [{ short: 0 }] : [{ short: k }, { short: 0 }];
        const file = MemoryFile.from(pattern(128));
        const into = new Uint8Array(length).fill(0xee);
        const shortRead = withFates(file, fates).read(into, 3);
        // The file goes on behind: this is not its end.
        expect(shortRead).toMatchObject({ kind: 'io', offset: 3, expected: length, actual: k });
        expect(into.subarray(0, k)).toEqual(pattern(128).subarray(3, 3 + k));
        expect(into.subarray(k).every((byte) => byte === 0xee)).toBe(true);
        file.revoke();
        const shortWrite = withFates(file, fates).write(new Uint8Array(length), 3);
        expect(shortWrite).toMatchObject({ kind: 'short', offset: 3, expected: length, actual: k });
        expect(file.bytes().subarray(3 + k)).toEqual(pattern(128).subarray(3 + k));
      }
    }
  });

  test('a browser that returns a count it cannot mean is not believed, first or later', () => {
    for (const operation of ['read', 'write'] as const) {
      for (const count of [...IMPOSSIBLE, 11]) {
        const first = withFates(MemoryFile.from(pattern(64)), [{ count }]);
        expect(first[operation](new Uint8Array(10), 5)).toMatchObject({
          kind: 'count',
          operation,
          expected: 10,
          actual: count,
        });
        const later = withFates(MemoryFile.from(pattern(64)), [{ short: 4 }, { count }]);
        expect(later[operation](new Uint8Array(10), 5)).toMatchObject({ kind: 'count' });
      }
      // Of the 6 bytes left, 7 are too many, though fewer than were asked for at first.
      const more = withFates(MemoryFile.from(pattern(64)), [{ short: 4 }, { count: 7 }]);
      expect(more[operation](new Uint8Array(10), 5)).toMatchObject({ kind: 'count', actual: 7 });
    }
  });

  test('an exception in the middle of a transfer says how far it had come', () => {
    const fates: HandleFault[] = [{ short: 4 }, { throw: 'QuotaExceededError' }];
    const device = withFates(new MemoryFile(), fates);
    expect(device.write(new Uint8Array(10), 90)).toMatchObject({
      kind: 'quota',
      operation: 'write',
      file: 'disk-0',
      offset: 90,
      expected: 10,
      actual: 4,
    });
  });
});

describe('exceptions become faults by their names', () => {
  const kinds = [
    ['QuotaExceededError', 'quota'],
    ['InvalidStateError', 'gone'],
    ['NoModificationAllowedError', 'io'],
    ['UnknownError', 'io'],
    ['TypeError', 'io'],
  ] as const;
  const calls: readonly [
    string,
    string,
    (device: Device) => ReturnType<Device['size'] | Device['flush']>,
  ][] = [
    ['read', 'read', (device) => device.read(new Uint8Array(1), 0)],
    ['write', 'write', (device) => device.write(new Uint8Array(1), 0)],
    ['flush', 'flush', (device) => device.flush()],
    ['truncate', 'resize', (device) => device.resize(50)],
    ['getSize', 'resize', (device) => device.resize(50)],
    ['getSize', 'size', (device) => device.size()],
    ['close', 'close', (device) => device.close()],
  ];

  test.each(calls)('%s, called by %s', (called, operation, call) => {
    for (const [name, kind] of kinds) {
      const { device } = throwing(called, name);
      const fault = call(device) as DeviceFault;
      expect(fault).toMatchObject({ kind, operation, file: 'disk-3' });
      expect(fault.detail).toContain(name);
    }
  });

  test('Firefox’s refusal to make a file longer is no error and no name of the standard, but quota', () => {
    const file = new MemoryFile();
    const handle = new FaultyHandle(file.open(), (operation) => {
      if (operation !== 'truncate') return 'ok';
      throw { name: 'NS_ERROR_FILE_NO_DEVICE_SPACE', message: '', toString: () => '[Exception…' };
    });
    const fault = openDevice('disk-0', handle).resize(4096);
    expect(fault).toMatchObject({ kind: 'quota', operation: 'resize', detail: '[Exception…' });
    expect(file.size).toBe(0);
  });

  test('what is thrown need not be an error', () => {
    const handle = new FaultyHandle(new MemoryFile().open(), () => {
      throw 'a string';
    });
    expect(openDevice('disk-0', handle).flush()).toMatchObject({ kind: 'io', detail: 'a string' });
  });

  test('our own assertions are bugs, not faults, and pass through', () => {
    const handle = new FaultyHandle(new MemoryFile().open(), () => {
      throw new AssertionError('I5: overlapping writes in flight');
    });
    expect(() => openDevice('disk-0', handle).write(new Uint8Array(1), 0)).toThrow('I5');
    expect(() => openDevice('disk-0', handle).flush()).toThrow('I5');
  });

  test('offsets that are none are our own bug', () => {
    const device = openDevice('disk-0', new MemoryFile().open());
    for (const offset of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER]) {
      expect(() => device.read(new Uint8Array(1), offset)).toThrow(AssertionError);
      expect(() => device.write(new Uint8Array(1), offset)).toThrow(AssertionError);
    }
    expect(() => device.resize(-1)).toThrow(AssertionError);
  });
});

describe('the other calls', () => {
  test('I12: a failed flush is not retried', () => {
    const { device, handle } = throwing('flush', 'UnknownError');
    expect(device.flush()).toMatchObject({ kind: 'io' });
    expect(handle.calls('flush')).toBe(1);
  });

  test('resize believes the file, not the browser: growth that did not happen is a fault', () => {
    const file = MemoryFile.from(pattern(100));
    const handle = new FaultyHandle(file.open(), (operation) =>
      operation === 'truncate' ? { short: 150 } : 'ok',
    );
    const device = openDevice('disk-0', handle);
    expect(device.resize(200)).toMatchObject({ kind: 'short', expected: 200, actual: 150 });
    expect(device.resize(150)).toBeUndefined();
    expect(device.resize(100)).toMatchObject({ kind: 'count', expected: 100, actual: 150 });
  });

  test('a size that is none is a fault', () => {
    for (const count of IMPOSSIBLE.filter((value) => value !== HUGE_COUNT)) {
      const handle = new FaultyHandle(new MemoryFile().open(), () => ({ count }));
      const size = openDevice('disk-0', handle).size();
      expect(isFault(size) && size.kind).toBe('count');
    }
  });

  test('a handle that cannot be closed is let go all the same', () => {
    const { device } = throwing('close', 'UnknownError');
    expect(device.close()).toMatchObject({ kind: 'io', operation: 'close' });
    expect(device.close()).toBeUndefined();
    expect(device.flush()).toMatchObject({ kind: 'gone' });
  });

  test('a handle that must not be closed is left alone, and the device is closed all the same', () => {
    const file = new MemoryFile();
    const handle = new FaultyHandle(file.open(), () => 'ok');
    let evicted = false;
    const device = openDevice('disk-0', handle, () => !evicted);
    evicted = true;
    expect(device.close()).toMatchObject({ kind: 'gone', operation: 'close' });
    expect(handle.calls('close')).toBe(0);
    expect(device.write(new Uint8Array(1), 0)).toMatchObject({ kind: 'gone' });
    expect(device.close()).toBeUndefined();
  });

  test('the offset of a transfer is the one asked for, and the options are read before returning', () => {
    const offsets: number[] = [];
    const inner = MemoryFile.from(pattern(64)).open();
    const handle: SyncHandle = {
      read(buffer, options) {
        offsets.push(options.at);
        return inner.read(buffer.subarray(0, 2), options);
      },
      write: (buffer, options) => inner.write(buffer, options),
      flush: () => inner.flush(),
      truncate: (size) => inner.truncate(size),
      getSize: () => inner.getSize(),
      close: () => inner.close(),
    };
    expect(openDevice('disk-0', handle).read(new Uint8Array(6), 10)).toBeUndefined();
    expect(offsets).toEqual([10, 12, 14]);
  });
});
