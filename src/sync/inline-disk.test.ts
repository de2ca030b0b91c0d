/** What is an inline disk's own; what every port must do is in `disk-port.test.ts`. */
import { describe, expect, test } from 'vitest';
import type { DiskIndex } from '../base/brand.ts';
import { InlineDisk } from './inline-disk.ts';
import { RecordingDevice } from './recording-device.ts';
import { RecordingSink, sumMatches, writeOf } from './recording-sink.ts';

const BLOCK = 4096;

function bench(completionsMax: number, queueEntries = 64) {
  const device = new RecordingDevice(256 * BLOCK);
  const port = new InlineDisk({
    ...{ disk: 0 as DiskIndex, device, memory: { bytes: new Uint8Array(64 * BLOCK) } },
    ...{ verify: sumMatches, blockBytes: BLOCK, completionsMax, queueEntries },
  });
  const write = (n: number): void =>
    port.write(writeOf(2 * n * BLOCK, { memoryOffset: n * BLOCK, byteCount: BLOCK, cookie: n }));
  return { device, port, write, sink: new RecordingSink() };
}

describe('completions that nobody has taken', () => {
  test('stop the disk at their limit, and it goes on when they are', () => {
    const { port, write, sink } = bench(3);
    for (let n = 0; n < 10; n += 1) write(n);
    port.fence(10);
    expect(port.poll(sink)).toBe(3);
    expect(port.outstanding).toBe(8);
    while (port.outstanding > 0) expect(port.poll(sink)).toBeLessThanOrEqual(3);
    expect(sink.completions.map(({ cookie }) => cookie)).toEqual(
      Array.from({ length: 11 }, (_, n) => n),
    );
  });

  test('stop a drain as well, without a loop that never ends', () => {
    const { device, port, write, sink } = bench(3);
    for (let n = 0; n < 10; n += 1) write(n);
    expect(port.wait(sink)).toBe(3);
    expect(device.callsOf('write')).toHaveLength(3);
  });

  test('and a queue that is full besides are our own bug: the engine has to take them first', () => {
    const { write } = bench(2, 4);
    const fill = (): void => {
      for (let n = 0; n < 20; n += 1) write(n);
    };
    expect(fill).toThrow('the engine takes completions');
  });
});
