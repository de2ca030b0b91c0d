import { describe, expect, test } from 'vitest';
import type { DiskIndex } from '../base/brand.ts';
import { type Device, isFault } from '../device/device.ts';
import { deviceConformance } from '../device/device-conformance.ts';
import { openDevice } from '../device/handle-device.ts';
import { FaultyHandle, MemoryDirectory, MemoryFile } from '../device/memory-handle.ts';
import { atomicStore } from '../shared/atomics.ts';
import { RAW_BYTES } from '../shared/contents-layout.ts';
import { SESSION } from '../shared/control-layout.ts';
import { SteppedThreads } from '../sim/stepped-threads.ts';
import { sumMatches } from './recording-sink.ts';
import { RemoteDevice } from './remote-device.ts';

const DISK = 3 as DiskIndex;

/** The device, as another thread has it open. */
function remote(device: Device): { device: RemoteDevice; threads: SteppedThreads } {
  const threads = new SteppedThreads({ cacheBytes: 2 ** 16 });
  threads.start({ disk: DISK, device, verifier: () => sumMatches });
  return { device: new RemoteDevice(threads.link(DISK, device)), threads };
}

describe('a device in another thread', () => {
  const directory = new MemoryDirectory();
  const environment = {
    sparse: true,
    open: async (file: string) => remote(openDevice(file, directory.open(file))).device,
  };
  test.each(deviceConformance.map((each) => [each.title, each] as const))('%s', async (_, each) => {
    await each.run(environment);
  });

  test('a fault in the middle of a long transfer speaks of all of it', () => {
    const file = MemoryFile.from(new Uint8Array(3 * RAW_BYTES));
    const { device } = remote(openDevice('disk-3', file.open()));
    const fault = device.read(new Uint8Array(2 * RAW_BYTES), 2 * RAW_BYTES + 100);
    expect(fault).toMatchObject({
      kind: 'short',
      operation: 'read',
      file: 'disk-3',
      offset: 2 * RAW_BYTES + 100,
      expected: 2 * RAW_BYTES,
      actual: RAW_BYTES - 100,
    });
  });

  test('the browser’s own words and numbers come across, impossible ones too', () => {
    const words = 'x'.repeat(500);
    const fates = [{ throw: words }, { count: 4_294_967_288 }, { count: Number.NaN }] as const;
    const handle = new FaultyHandle(MemoryFile.from(new Uint8Array(100)).open(), (_, nth) => {
      return fates[nth] ?? 'ok';
    });
    const { device } = remote(openDevice('disk-3', handle));
    const read = () => device.read(new Uint8Array(10), 2 ** 40);
    const thrown = read();
    expect(thrown).toMatchObject({ kind: 'io', operation: 'read', offset: 2 ** 40 });
    expect(thrown?.detail.length).toBe(220);
    expect(read()).toMatchObject({ kind: 'count', actual: 4_294_967_288, detail: 'after 0 bytes' });
    expect(read()).toMatchObject({ kind: 'count', actual: Number.NaN });
  });

  test('when the session has ended every call says gone, and none hangs', () => {
    const { device, threads } = remote(openDevice('disk-3', new MemoryFile().open()));
    expect(device.write(new Uint8Array(10), 0)).toBeUndefined();
    const { words, control } = threads.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    expect(device.read(new Uint8Array(10), 0)).toMatchObject({ kind: 'gone' });
    expect(device.flush()).toMatchObject({ kind: 'gone' });
    const size = device.size();
    expect(isFault(size) && size.kind).toBe('gone');
    expect(device.close()).toBeUndefined();
  });
});
