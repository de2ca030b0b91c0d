/** Disks in real threads. What can be said without them is in `disk-server.test.ts`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byteCount, type DiskIndex } from '../base/brand.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryDirectory, MemoryFile } from '../device/memory-handle.ts';
import type { Pointer } from '../format/pointer.ts';
import { DiskPageReader } from '../shared/disk-page.ts';
import { RingWriter } from '../shared/ring.ts';
import { allocateSession, describeSession, SessionMemory } from '../shared/session-memory.ts';
import { bundleDiskThread, DiskThreads, type ThreadBundle } from '../sim/disk-threads.ts';
import { hasher, MemoryStore, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';
import type { Engine } from '../store/engine.ts';
import { ringDisks } from '../store/ring-disks.ts';
import { createFiles, inspectFiles, openEngine } from '../store/store-files.ts';
import type { DiskLink } from './disk-link.ts';
import { putRequest, REQUEST } from './disk-protocol.ts';
import { DiskServer } from './disk-server.ts';
import { RecordingSink, writeOf } from './recording-sink.ts';
import { RemoteDevice } from './remote-device.ts';
import { RingPort } from './ring-port.ts';
import { runDisk } from './run-disk.ts';

let bundle: ThreadBundle;
beforeAll(async () => {
  bundle = await bundleDiskThread();
});
afterAll(() => bundle.remove());

const CACHE_BYTES = 128 * 512;
const GEOMETRY = { ...TINY_GEOMETRY, arenaBytes: 256 * 512 };
const EMPTY = [new Uint8Array(0), new Uint8Array(0)];

/** A store in files that other threads have open, created by this one. */
function openStore(threads: DiskThreads): Engine {
  const files = threads.links.map((link) => new RemoteDevice(link));
  const storeId = new Uint8Array(16).fill(0x51);
  createFiles(files, { storeId, hashDomain: storeId, geometry: GEOMETRY }, hasher);
  const inspection = inspectFiles(files, hasher);
  if (inspection.kind === 'unfinished') throw new Error('it was created');
  const { label } = inspection;
  const maxBytes = 4 * GEOMETRY.arenaBytes;
  const { engine } = openEngine(
    {
      ...{ label, hasher, cacheBytes: CACHE_BYTES, maxBytes, readOnly: false },
      liveness: { begin() {}, answer: 'alive' },
      events: {
        durable() {},
        published: (publication) => engine.setOldestPublication(publication),
        broken() {},
      },
    },
    ringDisks(threads.memory, threads.links),
  );
  return engine;
}

/** A port without an engine. */
function portOf(threads: DiskThreads, link: DiskLink): RingPort {
  const geometry = { blockBytes: 512, slotCount: 128, diskCount: 1, mailboxCells: 2 };
  describeSession(threads.memory, geometry);
  const port = new RingPort(link);
  expect(port.configure({ blockBytes: 512, hashDomain: new Uint8Array(16) })).toBeUndefined();
  return port;
}

function commit(engine: Engine): void {
  engine.beginCommit();
  while (engine.committing) {
    if (!engine.pump()) engine.io.waitForCompletion();
    engine.assertUsable();
  }
}

describe('a disk’s thread', () => {
  /** Its server in this thread, over a file of one sector, and a request that closes it. */
  function thread() {
    const memory = new SessionMemory(allocateSession({ cacheBytes: 2 ** 16, blockBytesMin: 512 }));
    const file = MemoryFile.from(new Uint8Array(512));
    const disk = 0 as DiskIndex;
    const device = openDevice('disk-0', file.open());
    const server = new DiskServer({ disk, device, memory, verifier: () => () => true });
    const requests = new RingWriter(memory.words, memory.control.requestRing(disk));
    const askClose = () => {
      putRequest(memory.words, requests.claim(), REQUEST.close, 0);
      requests.publish();
    };
    return { memory, file, server, askClose };
  }

  test('ends when the store has closed its file', async () => {
    const { memory, file, server, askClose } = thread();
    askClose();
    await runDisk(server, memory.diskBell(0), () => memory.ended);
    expect([file.isOpen, server.closed]).toEqual([false, true]);
  });

  test('I14: ends when the session has, with its file given back and nothing more done', async () => {
    const { memory, file, server } = thread();
    memory.end();
    await runDisk(server, memory.diskBell(0), () => memory.ended);
    expect([file.isOpen, server.closed]).toEqual([false, true]);
  });

  test('I14: shows that it lives while there is nothing to do', async () => {
    const { memory, server, askClose } = thread();
    const page = new DiskPageReader(memory.words, memory.control.diskPage(0));
    const before = page.progress;
    let looks = 0;
    await runDisk(server, memory.diskBell(0), () => {
      looks += 1;
      if (looks === 2) askClose();
      return false;
    });
    // Once when it had waited in vain, and once for the request.
    expect(page.progress).toBeGreaterThan(before + 1);
    expect(server.closed).toBe(true);
  });

  test('comes back to its event loop while there is nothing to do', async () => {
    const { memory, server } = thread();
    let heard = false;
    let looks = 0;
    setImmediate(() => {
      heard = true;
    });
    await runDisk(server, memory.diskBell(0), () => {
      looks += 1;
      return heard || looks > 3;
    });
    expect(heard).toBe(true);
  });
});

/** Who has missed a wake-up sleeps so long, until it looks by itself. The first trip starts the thread. */
const SLEPT_THROUGH_MS = 390;

describe('disks in real threads', () => {
  test(`${scaled(300)} commits of writes, replacements and frees, then the files in place`, async () => {
    const threads = new DiskThreads(bundle, { files: EMPTY, cacheBytes: CACHE_BYTES });
    const engine = openStore(threads);
    const random = new Random(7);
    const live = new Map<Pointer, number>();
    const bytes = new Uint8Array(512);
    for (let round = 0; round < scaled(300); round += 1) {
      const transaction = engine.begin();
      for (let n = random.below(40); n > 0; n -= 1) {
        const fill = random.below(256);
        const [victim] = live.keys();
        if (victim !== undefined && live.size > 150) {
          transaction.free(victim);
          live.delete(victim);
        }
        const [pointer] = transaction.write([bytes.fill(fill)]);
        if (pointer !== undefined) live.set(pointer, fill);
      }
      engine.end(transaction);
      if (random.below(3) > 0) commit(engine);
      for (const [pointer, fill] of live) {
        if (random.below(8) > 0) continue;
        engine.read(pointer, bytes);
        expect([bytes[0], bytes[511]]).toEqual([fill, fill]);
      }
    }
    commit(engine);
    expect(engine.io.cache.checkInvariants()).toBeUndefined();
    for (const port of engine.ports) expect(port.counters().writes).toBeGreaterThan(0);
    for (const port of engine.ports) port.close();
    const directory = new MemoryDirectory();
    for (const [disk, end] of (await Promise.all(threads.ends)).entries()) {
      expect(end.isOpen).toBe(false);
      directory.put(`disk-${disk}`, MemoryFile.from(end.bytes));
    }
    const inline = new MemoryStore({ geometry: GEOMETRY, directory, profile: 'inline' });
    expect(inline.opened.recovered.rejected).toEqual([]);
    for (const [pointer, fill] of live) expect(inline.read(pointer)).toEqual(bytes.fill(fill));
  });

  test('I14: the end of a session wakes them; they give their files back', async () => {
    const threads = new DiskThreads(bundle, { files: EMPTY, cacheBytes: CACHE_BYTES });
    openStore(threads);
    threads.end();
    for (const end of await Promise.all(threads.ends)) expect(end.isOpen).toBe(false);
  });

  test('I14: a thread that is killed keeps nobody waiting once the session is ended', async () => {
    const threads = new DiskThreads(bundle, { files: EMPTY.slice(1), cacheBytes: CACHE_BYTES });
    const [link] = threads.links;
    const [worker] = threads.workers;
    if (link === undefined || worker === undefined) throw new Error('there is one');
    const port = portOf(threads, link);
    const ended = threads.ends[0]?.catch(() => 'killed');
    await worker.terminate();
    expect(await ended).toBe('killed');
    port.write(writeOf(0, { memoryOffset: 0, byteCount: 512, cookie: 1 }));
    port.free({ fileOffset: byteCount(512), cookie: 2, mayCancel: false });
    port.fence(3);
    threads.end();
    const sink = new RecordingSink();
    while (port.outstanding > 0) port.wait(sink);
    expect(sink.lines()).toEqual(['written 1 gone', 'freed 2 gone', 'fenced 3 gone']);
  });

  test(`no wake-up is lost in ${scaled(20_000)} round trips`, () => {
    const threads = new DiskThreads(bundle, { files: EMPTY.slice(1), cacheBytes: CACHE_BYTES });
    const [link] = threads.links;
    if (link === undefined) throw new Error('there is one');
    const port = portOf(threads, link);
    const sink = new RecordingSink();
    let slow = 0;
    for (let n = 0; n < scaled(20_000); n += 1) {
      const startedMs = performance.now();
      port.fence(n);
      while (port.outstanding > 0) port.wait(sink);
      if (n > 0 && performance.now() - startedMs >= SLEPT_THROUGH_MS) slow += 1;
    }
    expect(sink.completions).toHaveLength(scaled(20_000));
    expect(slow).toBe(0);
    port.close();
  });
});
