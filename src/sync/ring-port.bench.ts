/** What it costs that a disk is in another thread: round trips, and 16 MiB of writes beside those done in place. */
import { afterAll, bench, describe } from 'vitest';
import { type BlockAddress, byteCount, type DiskIndex, type Generation } from '../base/brand.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryFile } from '../device/memory-handle.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { describeSession } from '../shared/session-memory.ts';
import { bundleDiskThread, DiskThreads } from '../sim/disk-threads.ts';
import type { CompletionSink, DiskPort } from './disk-port.ts';
import { InlineDisk } from './inline-disk.ts';
import { writeOf } from './recording-sink.ts';
import { RingPort } from './ring-port.ts';

const BLOCK = 16_384;
const COUNT = 1024;
const CACHE_BYTES = COUNT * BLOCK;
const DOMAIN = new Uint8Array(16);

const bundle = await bundleDiskThread();
const hasher = new BlockHasher(await createHasher(), DOMAIN);
const content = new Uint8Array(COUNT * BLOCK).fill(7);
const threads = new DiskThreads(bundle, { files: [content], cacheBytes: CACHE_BYTES });
const geometry = { blockBytes: BLOCK, slotCount: COUNT, diskCount: 1, mailboxCells: 2 };
describeSession(threads.memory, geometry);
const ring = new RingPort(threads.links[0] as DiskThreads['links'][0]);
ring.configure({ blockBytes: BLOCK, hashDomain: DOMAIN });

const memory = { bytes: new Uint8Array(CACHE_BYTES) };
const device = openDevice('disk-0', MemoryFile.from(content).open());
const disk = 0 as DiskIndex;
const { verify } = hasher;
const inline = new InlineDisk({ disk, device, memory, verify, blockBytes: BLOCK });

const sink: CompletionSink = { written() {}, freed() {}, fenced() {}, loaded() {}, filled() {} };

hasher.hashBlock(0, 1, content.subarray(0, BLOCK));
const pointer = {
  address: 0 as BlockAddress,
  generation: 1 as Generation,
  hashHigh: hasher.high,
  hashLow: hasher.low,
};
const load = { pointer, fileOffset: byteCount(0), memoryOffset: 0, cookie: 1 };
const writes = Array.from({ length: COUNT }, (_, n) =>
  writeOf(n * BLOCK, { memoryOffset: n * BLOCK, byteCount: BLOCK, cookie: n }),
);

function finish(port: DiskPort): void {
  while (port.outstanding > 0) port.wait(sink);
}

function write(port: DiskPort): void {
  for (const request of writes) {
    port.write(request);
    port.poll(sink);
  }
  port.fence(0);
  finish(port);
}

afterAll(() => {
  ring.close();
  bundle.remove();
});

describe('one round trip', () => {
  bench('a fence with nothing to flush', () => {
    ring.fence(0);
    finish(ring);
  });
  bench('a load of 16 KiB, verified', () => {
    ring.load(load);
    finish(ring);
  });
  bench('the same in place', () => {
    inline.load(load);
    finish(inline);
  });
});

describe('16 MiB in 16 KiB blocks, neighbours, and a fence', () => {
  bench('through the ring', () => write(ring));
  bench('in place', () => write(inline));
});
