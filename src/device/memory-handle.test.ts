import { describe, expect, test } from 'vitest';
import { FaultyHandle, MemoryDirectory, MemoryFile } from './memory-handle.ts';

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** The name of what `action` throws. */
function thrownBy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error.name;
    throw error;
  }
  return 'nothing';
}

describe('MemoryFile', () => {
  test('keeps its bytes when the handle is closed', () => {
    const file = new MemoryFile();
    const handle = file.open();
    handle.write(filled(10_000, 3), { at: 5000 });
    handle.close();
    const again = file.open();
    const into = filled(10_000, 0);
    expect(again.read(into, { at: 5000 })).toBe(10_000);
    expect(into).toEqual(filled(10_000, 3));
    expect(file.bytes().subarray(0, 5000)).toEqual(filled(5000, 0));
  });

  test('I11: one handle at a time, and a revoked handle frees the file', () => {
    const file = new MemoryFile();
    const first = file.open();
    expect(thrownBy(() => file.open())).toBe('NoModificationAllowedError');
    file.revoke();
    expect(thrownBy(() => first.write(filled(1, 1), { at: 0 }))).toBe('InvalidStateError');
    expect(thrownBy(() => first.read(filled(1, 1), { at: 0 }))).toBe('InvalidStateError');
    expect(thrownBy(() => first.flush())).toBe('InvalidStateError');
    expect(thrownBy(() => first.truncate(0))).toBe('InvalidStateError');
    expect(thrownBy(() => first.getSize())).toBe('InvalidStateError');
    const second = file.open();
    first.close();
    expect(thrownBy(() => file.open())).toBe('NoModificationAllowedError');
    second.close();
    expect(file.isOpen).toBe(false);
  });

  test('a clone and its origin do not see each other’s writes, whichever writes first', () => {
    for (const writer of ['origin', 'clone'] as const) {
      const origin = MemoryFile.from(filled(10_000, 1));
      const clone = origin.clone();
      const written = writer === 'origin' ? origin : clone;
      const other = writer === 'origin' ? clone : origin;
      written.write(filled(100, 2), 4000);
      written.truncate(9000);
      written.truncate(10_000);
      expect(other.bytes()).toEqual(filled(10_000, 1));
      const expected = filled(10_000, 1);
      expected.fill(2, 4000, 4100).fill(0, 9000);
      expect(written.bytes()).toEqual(expected);
      other.write(filled(100, 3), 4000);
      expect(written.bytes()).toEqual(expected);
    }
  });

  test('clones of clones are independent, also of chunks owned again in between', () => {
    const first = MemoryFile.from(filled(4096, 1));
    const second = first.clone();
    second.write(filled(1, 2), 0);
    const third = second.clone();
    second.write(filled(1, 3), 0);
    third.write(filled(1, 4), 1);
    expect([...first.bytes().subarray(0, 2)]).toEqual([1, 1]);
    expect([...second.bytes().subarray(0, 2)]).toEqual([3, 1]);
    expect([...third.bytes().subarray(0, 2)]).toEqual([2, 4]);
  });

  test('a clone is not open, even of an open file', () => {
    const file = new MemoryFile();
    file.open();
    const clone = file.clone();
    expect(clone.isOpen).toBe(false);
    clone.open().close();
  });

  test('a sparse file costs its written chunks, and cutting it forgets them', () => {
    const file = new MemoryFile();
    file.truncate(2 ** 45);
    expect(file.size).toBe(2 ** 45);
    const into = filled(10, 7);
    expect(file.read(into, 2 ** 45 - 5)).toBe(5);
    expect([...into]).toEqual([0, 0, 0, 0, 0, 7, 7, 7, 7, 7]);
    file.write(filled(10, 1), 8192);
    file.truncate(8192);
    file.truncate(8202);
    expect(file.bytes().subarray(8192)).toEqual(filled(10, 0));
  });

  test('offsets that no browser accepts are refused', () => {
    const handle = new MemoryFile().open();
    for (const at of [-1, Number.NaN, 2 ** 53, 0.5]) {
      expect(thrownBy(() => handle.write(filled(1, 1), { at }))).toBe('TypeError');
      expect(thrownBy(() => handle.truncate(at))).toBe('TypeError');
    }
  });
});

describe('MemoryDirectory', () => {
  test('opens, lists and removes by name', () => {
    const directory = new MemoryDirectory();
    expect(thrownBy(() => directory.open('disk-0', { create: false }))).toBe('NotFoundError');
    const handle = directory.open('disk-0');
    directory.open('disk-1').close();
    expect(directory.list()).toEqual(['disk-0', 'disk-1']);
    expect(thrownBy(() => directory.remove('disk-0'))).toBe('NoModificationAllowedError');
    handle.close();
    directory.remove('disk-0');
    expect(thrownBy(() => directory.remove('disk-0'))).toBe('NotFoundError');
    expect(directory.list()).toEqual(['disk-1']);
  });

  test('after eviction open handles go on, and the names are free for others', () => {
    const directory = new MemoryDirectory();
    const handle = directory.open('disk-0');
    directory.evict();
    handle.write(filled(10, 1), { at: 0 });
    handle.flush();
    expect(handle.getSize()).toBe(10);
    expect(directory.list()).toEqual([]);
    expect(directory.open('disk-0').getSize()).toBe(0);
  });

  test('a clone is a crash image: same bytes, nothing open, and separate from then on', () => {
    const directory = new MemoryDirectory();
    const handle = directory.open('disk-0');
    handle.write(filled(10, 1), { at: 0 });
    const image = directory.clone();
    handle.write(filled(10, 2), { at: 0 });
    image.open('disk-1');
    expect(image.file('disk-0')?.bytes()).toEqual(filled(10, 1));
    expect(image.file('disk-0')?.isOpen).toBe(false);
    expect(directory.list()).toEqual(['disk-0']);
  });

  test('put swaps files', () => {
    const directory = new MemoryDirectory();
    directory.put('disk-0', MemoryFile.from(filled(3, 9)));
    expect(directory.open('disk-0', { create: false }).getSize()).toBe(3);
  });
});

describe('FaultyHandle', () => {
  test('does as planned, call by call', () => {
    const file = new MemoryFile();
    const handle = new FaultyHandle(file.open(), (operation, nth, offset, length) => {
      if (operation !== 'write') return 'ok';
      expect({ offset, length }).toEqual({ offset: nth * 10, length: 10 });
      if (nth === 0) return { short: 4 };
      if (nth === 1) return { count: 4_294_967_288 };
      if (nth === 2) return { throw: 'QuotaExceededError', after: 3 };
      return 'ok';
    });
    expect(handle.write(filled(10, 1), { at: 0 })).toBe(4);
    expect(file.size).toBe(4);
    expect(handle.write(filled(10, 2), { at: 10 })).toBe(4_294_967_288);
    expect(file.size).toBe(4);
    expect(thrownBy(() => handle.write(filled(10, 3), { at: 20 }))).toBe('QuotaExceededError');
    expect(file.size).toBe(23);
    expect(handle.write(filled(10, 4), { at: 30 })).toBe(10);
    expect(handle.calls('write')).toBe(4);
    expect(handle.calls('flush')).toBe(0);
  });

  test('closes the file even when told to throw', () => {
    const file = new MemoryFile();
    const handle = new FaultyHandle(file.open(), () => ({ throw: 'UnknownError' }));
    expect(thrownBy(() => handle.close())).toBe('UnknownError');
    expect(file.isOpen).toBe(false);
  });
});
