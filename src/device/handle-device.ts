/**
 * The one `Device` over any handle. Guarantees: a transfer is whole or a fault, whatever the browser's counts; every
 * count is checked in both directions; nothing is zero-filled; no flush is retried (I12); nothing throws but our own
 * assertions.
 *
 * A short count is not yet a failure: WebKit writes once without a loop, so we go on while there is progress. A count
 * of zero ends it. Firefox reports a full disk only so, and the end of the file looks the same everywhere.
 */
import { AssertionError, assert } from '../base/assert.ts';
import { type ByteCount, isCount } from '../base/brand.ts';
import type { Device, DeviceFault, DeviceFaultKind } from './device.ts';
import type { SyncHandle } from './sync-handle.ts';

/** Firefox 153 lets its own exception through from `truncate`. Its `write` says it with a short count. */
const FIREFOX_QUOTA = 'NS_ERROR_FILE_NO_DEVICE_SPACE';

/**
 * A device over a handle: short and impossible counts and exceptions become faults. Takes the handle over: closing
 * the device closes it. Never throws.
 *
 * @param file For messages only.
 * @param mayClose Asked before the handle is closed. When it says no, the handle is left as it is, until its worker
 * ends: Chromium never returns from closing a handle whose site data was cleared, and an evicted store must not hang.
 * @example
 * const device = openDevice('disk-0', new MemoryDirectory().open('disk-0'));
 * console.log(device.write(bytes, 0), device.size());
 */
export function openDevice(
  file: string,
  handle: SyncHandle,
  mayClose: () => boolean = () => true,
): Device {
  return new HandleDevice(file, handle, mayClose);
}

class HandleDevice implements Device {
  readonly file: string;
  /** `undefined` once closed. */
  #handle: SyncHandle | undefined;
  readonly #mayClose: () => boolean;
  /** One object for all transfers: the browser reads it before it returns. */
  readonly #options = { at: 0 };

  constructor(file: string, handle: SyncHandle, mayClose: () => boolean) {
    this.file = file;
    this.#handle = handle;
    this.#mayClose = mayClose;
  }

  size(): ByteCount | DeviceFault {
    if (this.#handle === undefined) return this.#closed('size', 0, 0);
    try {
      const size = this.#handle.getSize();
      if (isCount(size)) return size as ByteCount;
      return this.#fault('count', 'size', 0, 0, size, '');
    } catch (error) {
      return this.#thrown(error, 'size', 0, 0, 0);
    }
  }

  read(into: Uint8Array, offset: number): DeviceFault | undefined {
    return this.#transfer('read', into, offset);
  }

  write(from: Uint8Array, offset: number): DeviceFault | undefined {
    return this.#transfer('write', from, offset);
  }

  flush(): DeviceFault | undefined {
    if (this.#handle === undefined) return this.#closed('flush', 0, 0);
    try {
      this.#handle.flush();
      return undefined;
    } catch (error) {
      return this.#thrown(error, 'flush', 0, 0, 0);
    }
  }

  resize(byteCount: number): DeviceFault | undefined {
    assert(isCount(byteCount), 'a file length is a safe integer, 0 or more');
    if (this.#handle === undefined) return this.#closed('resize', 0, byteCount);
    try {
      this.#handle.truncate(byteCount);
      const size = this.#handle.getSize();
      if (size === byteCount) return undefined;
      const kind = isCount(size) && size < byteCount ? 'short' : 'count';
      return this.#fault(kind, 'resize', 0, byteCount, size, 'the file has another length');
    } catch (error) {
      return this.#thrown(error, 'resize', 0, byteCount, 0);
    }
  }

  close(): DeviceFault | undefined {
    const handle = this.#handle;
    if (handle === undefined) return undefined;
    // Forgotten first: when closing fails there is nothing better to do with it than to let it go.
    this.#handle = undefined;
    if (!this.#mayClose()) return this.#fault('gone', 'close', 0, 0, 0, 'left to the worker’s end');
    try {
      handle.close();
      return undefined;
    } catch (error) {
      return this.#thrown(error, 'close', 0, 0, 0);
    }
  }

  #transfer(
    operation: 'read' | 'write',
    bytes: Uint8Array,
    offset: number,
  ): DeviceFault | undefined {
    const length = bytes.length;
    assert(isCount(offset) && isCount(offset + length), 'an offset is a safe integer, 0 or more');
    const handle = this.#handle;
    if (handle === undefined) return this.#closed(operation, offset, length);
    let done = 0;
    try {
      while (done < length) {
        const rest = done === 0 ? bytes : bytes.subarray(done);
        this.#options.at = offset + done;
        const count =
          operation === 'read'
            ? handle.read(rest, this.#options)
            : handle.write(rest, this.#options);
        if (!isCount(count) || count > rest.length) {
          return this.#fault('count', operation, offset, length, count, `after ${done} bytes`);
        }
        if (count === 0) return this.#noProgress(handle, operation, offset, length, done);
        done += count;
      }
      return undefined;
    } catch (error) {
      return this.#thrown(error, operation, offset, length, done);
    }
  }

  /**
   * A read that ends before the file does has failed. It must not look like the end of the file: opening takes a
   * state that is not there for one that was never finished, and goes back to an older one.
   */
  #noProgress(
    handle: SyncHandle,
    operation: 'read' | 'write',
    offset: number,
    expected: number,
    actual: number,
  ): DeviceFault {
    const goesOn = operation === 'read' && handle.getSize() > offset + actual;
    const detail = goesOn ? 'nothing was read where the file goes on' : '';
    return this.#fault(goesOn ? 'io' : 'short', operation, offset, expected, actual, detail);
  }

  #closed(operation: DeviceFault['operation'], offset: number, expected: number): DeviceFault {
    return this.#fault('gone', operation, offset, expected, 0, 'closed');
  }

  #thrown(
    error: unknown,
    operation: DeviceFault['operation'],
    offset: number,
    expected: number,
    actual: number,
  ): DeviceFault {
    // A bug of ours, noticed by a simulated disk, is not a fault of the world.
    if (error instanceof AssertionError) throw error;
    return this.#fault(kindOf(error), operation, offset, expected, actual, String(error));
  }

  #fault(
    kind: DeviceFaultKind,
    operation: DeviceFault['operation'],
    offset: number,
    expected: number,
    actual: number,
    detail: string,
  ): DeviceFault {
    return { kind, operation, file: this.file, offset, expected, actual, detail };
  }
}

/**
 * By name, not by class: a `QuotaExceededError` is a `DOMException` in some browsers and a class of its own in
 * others, and what Firefox throws when a file may not become longer is no `Error` at all.
 */
function kindOf(error: unknown): DeviceFaultKind {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : '';
  if (name === 'QuotaExceededError' || name === FIREFOX_QUOTA) return 'quota';
  if (name === 'InvalidStateError') return 'gone';
  return 'io';
}
