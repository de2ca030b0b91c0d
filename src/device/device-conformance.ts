/**
 * What every device must do, as a list of cases that needs no test runner: vitest runs it in Node over memory files,
 * a worker runs it in real browsers over OPFS. A device that passes may be put under the engine.
 *
 * Each case opens files of its own and closes them, also when it fails. A failing case throws.
 */
import { assert } from '../base/assert.ts';
import type { ByteCount } from '../base/brand.ts';
import { type Device, type DeviceFault, type DeviceFaultKind, isFault } from './device.ts';

/** Where the devices under test come from. */
export interface ConformanceEnvironment {
  /**
   * Opens `file`, creating it when it does not exist.
   *
   * @throws whatever it likes, as a rejection, when the file is open already
   */
  open(file: string): Promise<Device>;
  /** A file far longer than its written bytes is cheap here, so offsets behind 4 GiB can be tried. */
  readonly sparse: boolean;
}

export interface ConformanceCase {
  readonly title: string;
  run(environment: ConformanceEnvironment): Promise<void>;
}

/** How one case went. */
export interface ConformanceResult {
  /** What the device must do. */
  readonly title: string;
  /** `undefined` when the case passed. */
  readonly failure: string | undefined;
}

/**
 * Runs all cases one after the other; never rejects. `environment` should be an empty directory.
 *
 * @example
 * const directory = new MemoryDirectory();
 * const results = await runConformance({
 *   open: async (file) => openDevice(file, directory.open(file)),
 *   sparse: true,
 * });
 * console.log(results.filter(({ failure }) => failure !== undefined));
 */
export async function runConformance(
  environment: ConformanceEnvironment,
): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for (const { title, run } of deviceConformance) {
    try {
      await run(environment);
      results.push({ title, failure: undefined });
    } catch (error) {
      results.push({ title, failure: String(error) });
    }
  }
  return results;
}

type Check = (
  device: Device,
  environment: ConformanceEnvironment,
  file: string,
) => void | Promise<void>;

/** A case over one new file, named after the case and closed at the end. */
function onNewFile(title: string, check: Check): ConformanceCase {
  const file = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return {
    title,
    async run(environment) {
      const device = await environment.open(file);
      try {
        await check(device, environment, file);
      } finally {
        device.close();
      }
    },
  };
}

/** Bytes that differ from their neighbours and between seeds, and are never zero. */
function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = 1 + ((i * 7 + seed * 31 + (i >> 8)) % 255);
  return bytes;
}

function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert(actual.length === expected.length, 'lengths are equal');
  for (let i = 0; i < expected.length; i += 1) {
    if (actual[i] !== expected[i]) {
      throw new Error(`byte ${i} of ${expected.length} is ${actual[i]}, not ${expected[i]}`);
    }
  }
}

function expectDone(fault: DeviceFault | undefined): void {
  if (fault !== undefined) throw new Error(`unexpected fault: ${JSON.stringify(fault)}`);
}

function expectFault(
  result: ByteCount | DeviceFault | undefined,
  kind: DeviceFaultKind,
): asserts result is DeviceFault {
  if (result === undefined || !isFault(result)) throw new Error(`no fault where ${kind} was due`);
  if (result.kind !== kind) throw new Error(`not ${kind}: ${JSON.stringify(result)}`);
}

function expectSize(device: Device, size: number): void {
  const actual = device.size();
  if (actual !== size) throw new Error(`size is ${JSON.stringify(actual)}, not ${size}`);
}

function readBack(device: Device, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  expectDone(device.read(bytes, offset));
  return bytes;
}

const FOUR_GIB = 2 ** 32;

export const deviceConformance: readonly ConformanceCase[] = [
  onNewFile('a new file is empty', (device) => {
    expectSize(device, 0);
  }),

  onNewFile('whole transfers at odd offsets and lengths', (device) => {
    let end = 0;
    for (const [offset, length] of [
      [0, 1],
      [1, 4095],
      [4097, 16_384],
      [20_481, 3],
      [12_289, 65_537],
      [100_003, 1_048_577],
    ] as const) {
      const bytes = pattern(length, offset);
      expectDone(device.write(bytes, offset));
      end = Math.max(end, offset + length);
      expectSize(device, end);
      expectBytes(readBack(device, offset, length), bytes);
    }
  }),

  onNewFile('a write touches its own bytes only', (device) => {
    const before = pattern(16_384, 1);
    expectDone(device.write(before, 0));
    const inside = pattern(777, 2);
    expectDone(device.write(inside, 4001));
    before.set(inside, 4001);
    expectBytes(readBack(device, 0, 16_384), before);
    expectSize(device, 16_384);
  }),

  onNewFile('a view is transferred, not the buffer behind it', (device) => {
    const buffer = pattern(3000, 3);
    expectDone(device.write(buffer.subarray(1000, 2000), 0));
    expectSize(device, 1000);
    const into = new Uint8Array(3000);
    expectDone(device.read(into.subarray(500, 1500), 0));
    expectBytes(into.subarray(500, 1500), buffer.subarray(1000, 2000));
    expectBytes(into.subarray(0, 500), new Uint8Array(500));
    expectBytes(into.subarray(1500), new Uint8Array(1500));
  }),

  onNewFile('views on shared memory are transferred as well', (device) => {
    if (typeof SharedArrayBuffer === 'undefined') return;
    const shared = new Uint8Array(new SharedArrayBuffer(8192));
    shared.set(pattern(4096, 4), 4096);
    expectDone(device.write(shared.subarray(4096), 100));
    expectDone(device.read(shared.subarray(0, 4096), 100));
    expectBytes(shared.subarray(0, 4096), shared.subarray(4096));
  }),

  onNewFile('reading past the end is short and never zero-filled', (device) => {
    expectFault(device.read(new Uint8Array(1), 0), 'short');
    expectDone(device.write(pattern(1000, 5), 0));
    const into = new Uint8Array(600).fill(0xee);
    expectFault(device.read(into, 500), 'short');
    expectBytes(into.subarray(500), new Uint8Array(100).fill(0xee));
    expectFault(device.read(into, 1000), 'short');
    expectFault(device.read(into, 1_000_000), 'short');
    expectSize(device, 1000);
  }),

  onNewFile('a short read says what it got', (device) => {
    expectDone(device.write(pattern(1000, 6), 0));
    const fault = device.read(new Uint8Array(600), 500);
    expectFault(fault, 'short');
    assert(fault.operation === 'read' && fault.file === device.file, 'the fault names its call');
    assert(fault.offset === 500 && fault.expected === 600, 'the fault says what was asked');
    assert(fault.actual === 500, 'the fault says what was there');
  }),

  onNewFile('transfers of nothing succeed anywhere and change nothing', (device) => {
    expectDone(device.write(new Uint8Array(0), 5000));
    expectDone(device.read(new Uint8Array(0), 5000));
    expectSize(device, 0);
  }),

  onNewFile('growth reads as zeroes', (device) => {
    expectDone(device.write(pattern(5000, 7), 0));
    expectDone(device.resize(70_000));
    expectSize(device, 70_000);
    expectBytes(readBack(device, 0, 5000), pattern(5000, 7));
    expectBytes(readBack(device, 5000, 65_000), new Uint8Array(65_000));
    expectFault(device.read(new Uint8Array(2), 69_999), 'short');
  }),

  onNewFile('what was cut off does not come back', (device) => {
    expectDone(device.write(pattern(50_000, 8), 0));
    expectDone(device.resize(12_345));
    expectSize(device, 12_345);
    expectDone(device.resize(50_000));
    expectBytes(readBack(device, 0, 12_345), pattern(50_000, 8).subarray(0, 12_345));
    expectBytes(readBack(device, 12_345, 37_655), new Uint8Array(37_655));
    expectDone(device.resize(0));
    expectSize(device, 0);
    expectDone(device.resize(100));
    expectBytes(readBack(device, 0, 100), new Uint8Array(100));
  }),

  onNewFile('a write behind the end leaves zeroes in between', (device) => {
    expectDone(device.write(pattern(10, 9), 0));
    expectDone(device.write(pattern(10, 10), 300_000));
    expectSize(device, 300_010);
    expectBytes(readBack(device, 10, 299_990), new Uint8Array(299_990));
    expectBytes(readBack(device, 300_000, 10), pattern(10, 10));
  }),

  onNewFile('offsets behind 4 GiB are not cut to 32 bits', (device, environment) => {
    if (!environment.sparse) return;
    expectDone(device.write(pattern(100, 11), 0));
    expectDone(device.resize(FOUR_GIB + 1_000_000));
    expectDone(device.write(pattern(100, 12), FOUR_GIB));
    expectDone(device.write(pattern(100, 13), FOUR_GIB - 50));
    expectSize(device, FOUR_GIB + 1_000_000);
    expectBytes(readBack(device, 0, 100), pattern(100, 11));
    expectBytes(readBack(device, FOUR_GIB - 50, 100), pattern(100, 13));
    expectBytes(readBack(device, FOUR_GIB + 50, 50), pattern(100, 12).subarray(50));
    expectDone(device.resize(0));
  }),

  onNewFile('flush succeeds with and without anything to do', (device) => {
    expectDone(device.flush());
    expectDone(device.write(pattern(100, 14), 0));
    expectDone(device.flush());
    expectDone(device.flush());
    expectBytes(readBack(device, 0, 100), pattern(100, 14));
  }),

  onNewFile(
    'I11: a second open is refused, and the first goes on',
    async (device, environment, file) => {
      expectDone(device.write(pattern(100, 15), 0));
      let refused = false;
      try {
        const second = await environment.open(file);
        second.close();
      } catch {
        refused = true;
      }
      assert(refused, 'I11: a file that is open is not opened again');
      expectBytes(readBack(device, 0, 100), pattern(100, 15));
      expectDone(device.write(pattern(100, 16), 100));
      expectDone(device.flush());
    },
  ),

  onNewFile('after close every call says gone, and close stays harmless', (device) => {
    expectDone(device.write(pattern(100, 17), 0));
    expectDone(device.close());
    expectFault(device.read(new Uint8Array(10), 0), 'gone');
    expectFault(device.read(new Uint8Array(0), 0), 'gone');
    expectFault(device.write(new Uint8Array(10), 0), 'gone');
    expectFault(device.flush(), 'gone');
    expectFault(device.resize(10), 'gone');
    expectFault(device.size(), 'gone');
    expectDone(device.close());
  }),

  onNewFile(
    'content and length survive closing and opening again',
    async (device, environment, file) => {
      expectDone(device.write(pattern(30_000, 18), 0));
      expectDone(device.resize(40_000));
      expectDone(device.flush());
      expectDone(device.close());
      const again = await environment.open(file);
      try {
        expectSize(again, 40_000);
        expectBytes(readBack(again, 0, 30_000), pattern(30_000, 18));
        expectBytes(readBack(again, 30_000, 10_000), new Uint8Array(10_000));
      } finally {
        again.close();
      }
    },
  ),
];
