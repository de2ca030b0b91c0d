/**
 * Tests only: a disk in memory that remembers every call, keeps apart what a flush has made durable, and fails when
 * told to.
 */
import { type ByteCount, byteCount } from '../base/brand.ts';
import type { Device, DeviceFault } from '../device/device.ts';

export interface DeviceCall {
  readonly operation: 'read' | 'write' | 'flush' | 'resize';
  readonly offset: number;
  readonly length: number;
}

export class RecordingDevice implements Device {
  readonly file = 'disk-0';
  readonly calls: DeviceCall[] = [];
  bytes: Uint8Array;
  /** What `bytes` was at the last good flush. */
  durable: Uint8Array;
  /** Asked before every call; a fault is returned instead of doing it. */
  failing: (call: DeviceCall) => boolean = () => false;

  constructor(fileBytes: number) {
    this.bytes = new Uint8Array(fileBytes);
    this.durable = new Uint8Array(fileBytes);
  }

  callsOf(operation: DeviceCall['operation']): DeviceCall[] {
    return this.calls.filter((call) => call.operation === operation);
  }

  size(): ByteCount {
    return byteCount(this.bytes.length);
  }

  read(into: Uint8Array, offset: number): DeviceFault | undefined {
    const fault = this.note('read', offset, into.length);
    if (fault !== undefined) return fault;
    const there = this.bytes.subarray(offset, offset + into.length);
    into.set(there);
    if (there.length < into.length) return faultOf('read', offset, into.length, there.length);
    return undefined;
  }

  write(from: Uint8Array, offset: number): DeviceFault | undefined {
    const fault = this.note('write', offset, from.length);
    if (fault !== undefined) return fault;
    if (offset + from.length > this.bytes.length) this.lengthen(offset + from.length);
    this.bytes.set(from, offset);
    return undefined;
  }

  flush(): DeviceFault | undefined {
    const fault = this.note('flush', 0, 0);
    if (fault === undefined) this.durable = this.bytes.slice();
    return fault;
  }

  resize(fileBytes: number): DeviceFault | undefined {
    const fault = this.note('resize', 0, fileBytes);
    if (fault === undefined) this.lengthen(fileBytes);
    return fault;
  }

  close(): undefined {
    return undefined;
  }

  private lengthen(fileBytes: number): void {
    const longer = new Uint8Array(fileBytes);
    longer.set(this.bytes.subarray(0, fileBytes));
    this.bytes = longer;
  }

  private note(operation: DeviceCall['operation'], offset: number, length: number) {
    const call = { operation, offset, length };
    this.calls.push(call);
    return this.failing(call) ? faultOf(operation, offset, length, 0) : undefined;
  }
}

function faultOf(
  operation: DeviceCall['operation'],
  offset: number,
  expected: number,
  actual: number,
): DeviceFault {
  const kind = actual > 0 || operation === 'read' ? 'short' : 'io';
  return { kind, operation, file: 'disk-0', offset, expected, actual, detail: '' };
}
