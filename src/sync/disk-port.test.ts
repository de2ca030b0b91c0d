import { describe, expect, test } from 'vitest';
import { byteCount } from '../base/brand.ts';
import { openPort, PORT_KINDS, type PortKind, type PortOptions } from '../sim/port-fixture.ts';
import { RecordingDevice } from './recording-device.ts';
import { loadOf, pointerTo, RecordingSink, writeOf } from './recording-sink.ts';

const BLOCK = 4096;
const SLOTS = 512;

function benchOf(kind: PortKind, options: Partial<PortOptions> = {}) {
  const device = new RecordingDevice(1024 * BLOCK);
  const required = { device, slotCount: SLOTS, blockBytes: BLOCK };
  const { port, bytes, settle } = openPort(kind, { ...required, ...options });
  const sink = new RecordingSink();
  const write = (slot: number, block: number) => {
    bytes.fill(slot, slot * BLOCK, (slot + 1) * BLOCK);
    const request = { memoryOffset: slot * BLOCK, byteCount: BLOCK, cookie: slot };
    port.write(writeOf(block * BLOCK, request));
  };
  const load = (slot: number, block: number) => {
    const pointer = pointerTo(device.bytes.slice(block * BLOCK, (block + 1) * BLOCK));
    port.load(loadOf(block * BLOCK, { memoryOffset: slot * BLOCK, pointer, cookie: slot }));
  };
  const free = (cookie: number, block: number, mayCancel: boolean) => {
    port.free({ fileOffset: byteCount(block * BLOCK), cookie, mayCancel });
  };
  return { device, port, sink, write, load, free, settle };
}

describe.each(PORT_KINDS)('a disk port (%s)', (kind) => {
  const bench = (options: Partial<PortOptions> = {}) => benchOf(kind, options);

  test('submissions never call the sink; poll delivers each completion once', () => {
    const { port, sink, write, free } = bench();
    write(1, 1);
    free(2, 2, false);
    port.fence(3);
    expect(port.outstanding).toBe(3);
    expect(sink.lines()).toEqual([]);
    expect(port.poll(sink)).toBe(3);
    expect(sink.lines()).toEqual(['written 1 ok', 'freed 2 ok', 'fenced 3 ok']);
    expect(port.outstanding).toBe(0);
    expect(port.poll(sink)).toBe(0);
  });

  test('writes without a fence are kept back from poll, and joined with those to come', () => {
    const { device, port, sink, write } = bench();
    for (let n = 0; n < 10; n += 2) write(n, n);
    expect(port.poll(sink)).toBe(0);
    for (let n = 1; n < 10; n += 2) write(n, n);
    port.fence(99);
    expect(port.poll(sink)).toBe(11);
    expect(device.callsOf('write')).toHaveLength(1);
  });

  test('poll goes as far as the last fence and keeps back what is behind it', () => {
    const { port, sink, write } = bench();
    write(1, 1);
    port.fence(50);
    write(2, 2);
    port.fence(51);
    write(3, 3);
    expect(port.poll(sink)).toBe(4);
    expect(port.outstanding).toBe(1);
    expect(sink.lines().at(-1)).toBe('fenced 51 ok');
  });

  test('wait writes what was kept back: it is how the engine gets a slot', () => {
    const { device, port, sink, write } = bench();
    write(1, 1);
    write(2, 2);
    expect(port.wait(sink)).toBe(2);
    expect(device.callsOf('write')).toHaveLength(1);
    expect(device.callsOf('flush')).toHaveLength(0);
  });

  test('wait for a load leaves the kept back writes alone', () => {
    const { device, port, sink, write, load } = bench();
    write(1, 1);
    load(2, 9);
    expect(port.wait(sink)).toBe(1);
    expect(sink.lines()).toEqual(['loaded 2 ok']);
    expect(device.callsOf('write')).toHaveLength(0);
  });

  test('waiting for nothing is our own bug', () => {
    const { port, sink } = bench();
    expect(() => port.wait(sink)).toThrow('outstanding');
  });

  test('1 MiB of writes goes out without being waited for, silently', () => {
    const { device, port, sink, write, settle } = bench();
    for (let n = 0; n < 255; n += 1) write(n, n);
    settle();
    expect(device.callsOf('write')).toHaveLength(0);
    write(255, 255);
    settle();
    expect(device.callsOf('write')).toMatchObject([{ length: 2 ** 20 }]);
    expect(sink.lines()).toEqual([]);
    expect(port.outstanding).toBe(256);
    expect(port.poll(sink)).toBe(256);
  });

  test('half a queue of anything goes out too, so a submission never meets a full one', () => {
    const { device, port, sink, write, free, settle } = bench({ queueEntries: 8 });
    for (let n = 0; n < 4; n += 1) write(n, n);
    settle();
    expect(device.callsOf('write')).toHaveLength(1);
    for (let n = 0; n < 100; n += 1) free(n, 200 + n, false);
    for (let n = 0; n < 20; n += 1) port.fence(n);
    expect(port.outstanding).toBe(124);
    while (port.outstanding > 0) port.wait(sink);
    expect(sink.completions).toHaveLength(124);
  });

  test('a full load queue makes room by being served', () => {
    const { port, sink, load } = bench({ loadsMax: 4 });
    for (let n = 0; n < 30; n += 1) load(n, 2 * n);
    expect(port.outstanding).toBe(30);
    expect(port.poll(sink)).toBe(30);
    expect(sink.lines().every((line) => line.endsWith('ok'))).toBe(true);
  });

  test('I8: a block freed while its write is kept back is never written', () => {
    const { device, port, sink, write, free } = bench();
    write(1, 1);
    free(1, 1, true);
    port.fence(9);
    port.poll(sink);
    expect(sink.lines()).toEqual(['written 1 skipped', 'freed 1 ok', 'fenced 9 ok']);
    expect(device.callsOf('write')).toHaveLength(0);
  });

  test('I6: a fence is answered after a flush of everything before it', () => {
    const { device, port, sink, write } = bench();
    const durable: (number | undefined)[] = [];
    sink.fenced = () => durable.push(device.durable[5 * BLOCK]);
    write(5, 5);
    port.fence(1);
    port.poll(sink);
    expect(sink.lines()).toEqual(['written 5 ok']);
    expect(durable).toEqual([5]);
  });

  test('a sink may submit; what comes of it is delivered by the next poll', () => {
    const { port, sink, write } = bench();
    const seen: number[] = [];
    sink.fenced = (cookie) => {
      seen.push(cookie);
      if (cookie === 1) port.fence(2);
    };
    write(1, 1);
    port.fence(1);
    expect(port.poll(sink)).toBe(2);
    expect(port.outstanding).toBe(1);
    expect(port.poll(sink)).toBe(1);
    expect(seen).toEqual([1, 2]);
  });

  test('I12: once a flush has failed, waiting still ends, with the fault', () => {
    const { device, port, sink, write, load } = bench();
    device.failing = ({ operation }) => operation === 'flush';
    write(1, 1);
    port.fence(2);
    port.wait(sink);
    write(3, 3);
    expect(port.wait(sink)).toBe(1);
    load(4, 1);
    port.wait(sink);
    expect(sink.lines()).toEqual(['written 1 ok', 'fenced 2 io', 'written 3 io', 'loaded 4 ok']);
  });
});

describe.each(PORT_KINDS)('plain requests (%s)', (kind) => {
  const bench = (options: Partial<PortOptions> = {}) => benchOf(kind, options);

  test('readRaw sees what was submitted before, and disturbs nothing else', () => {
    const { device, port, write } = bench();
    write(7, 7);
    const into = new Uint8Array(BLOCK);
    expect(port.readRaw(8 * BLOCK, into)).toBeUndefined();
    expect(device.callsOf('write')).toHaveLength(0);
    expect(port.readRaw(8 * BLOCK - 1, into.subarray(0, 2))).toBeUndefined();
    expect(into[0]).toBe(7);
    expect(port.outstanding).toBe(1);
  });

  test('resize and size pass through, faults included', () => {
    const { device, port } = bench();
    expect(port.resize(2048 * BLOCK)).toBeUndefined();
    expect(port.size()).toBe(2048 * BLOCK);
    device.failing = ({ operation }) => operation === 'resize';
    expect(port.resize(4096 * BLOCK)).toMatchObject({ operation: 'resize' });
  });

  test('the counters tell what was done', () => {
    const { port, sink, write, load, settle } = bench();
    write(1, 1);
    write(2, 2);
    port.fence(3);
    port.poll(sink);
    load(4, 1);
    port.poll(sink);
    write(5, 5);
    settle();
    // A disk in another thread tells the length it was last asked for.
    expect(port.size()).toBe(1024 * BLOCK);
    expect(port.counters()).toMatchObject({
      disk: 0,
      file: 'disk-0',
      fileBytes: 1024 * BLOCK,
      queued: 1,
      writes: 1,
      blocksWritten: 2,
      bytesWritten: 2 * BLOCK,
      reads: 1,
      blocksRead: 1,
      flushes: 1,
    });
  });
});
