/** What queueing and joining writes cost, beside the copy of the bytes alone. Run with `npx vitest bench src/sync`. */
import { bench, describe } from 'vitest';
import { byteCount, type DiskIndex } from '../base/brand.ts';
import type { CompletionSink } from './disk-port.ts';
import { InlineDisk } from './inline-disk.ts';
import { RecordingDevice } from './recording-device.ts';
import { sumMatches, writeOf } from './recording-sink.ts';
import { SyncQueue } from './sync-queue.ts';

const COUNT = 1024;
const BLOCK = 16_384;
const MIB = 2 ** 20;

const ascending = Array.from({ length: COUNT }, (_, n) => requestAt(n, n));
const shuffled = Array.from({ length: COUNT }, (_, n) => requestAt((n * 389) % COUNT, n));

function requestAt(block: number, cookie: number) {
  const memoryOffset = (cookie * BLOCK) % (64 * MIB);
  return writeOf(block * BLOCK, { memoryOffset, byteCount: BLOCK, cookie });
}

describe(`queue: ${COUNT} pushes and pops (divide by ${COUNT})`, () => {
  const queue = new SyncQueue(COUNT + 1);
  const cycle = (requests: typeof ascending) => {
    for (const request of requests) queue.pushWrite(request);
    queue.pushFence(0);
    while (queue.pop());
  };
  bench('ascending offsets', () => cycle(ascending));
  bench('shuffled offsets', () => cycle(shuffled));
  bench('shuffled, every second one cancelled', () => {
    for (const request of shuffled) {
      queue.pushWrite(request);
      if (request.cookie % 2 === 0) queue.cancelWrite(request.fileOffset, request.cookie);
    }
    queue.pushFence(0);
    while (queue.pop());
  });
});

const sink: CompletionSink = { written() {}, freed() {}, fenced() {}, loaded() {}, filled() {} };

describe('inline disk over memory: 16 MiB in 16 KiB blocks and a fence', () => {
  const memory = { bytes: new Uint8Array(64 * MIB).fill(1) };
  // Neither the calls nor what is durable are of interest, and noting them would be what is measured.
  const device = new RecordingDevice(16 * MIB);
  device.write = (from, offset) => {
    device.bytes.set(from, offset);
    return undefined;
  };
  device.flush = () => undefined;
  const options = { disk: 0 as DiskIndex, memory, verify: sumMatches, blockBytes: BLOCK };
  const run = (requests: typeof ascending, port: InlineDisk) => {
    for (const request of requests) port.write(request);
    port.fence(0);
    port.poll(sink);
  };
  const port = new InlineDisk({ ...options, device });
  const wide = new InlineDisk({ ...options, device, drainBytes: 16 * MIB, queueEntries: 4096 });
  const single = new InlineDisk({ ...options, device, drainBytes: 1 });
  bench('neighbours in the file and in memory', () => run(ascending, port));
  bench('shuffled in the file, gathered over 1 MiB', () => run(shuffled, port));
  bench('shuffled in the file, gathered over 16 MiB', () => run(shuffled, wide));
  bench('one call per block', () => run(ascending, single));
  bench('the copy alone', () => {
    device.bytes.set(memory.bytes.subarray(0, 16 * MIB));
  });
  bench('write and free of the same block, never written', () => {
    for (const { fileOffset, cookie } of ascending) {
      port.write(ascending[cookie] ?? requestAt(0, 0));
      port.free({ fileOffset: byteCount(fileOffset), cookie, mayCancel: true });
    }
    port.fence(0);
    port.poll(sink);
  });
});
