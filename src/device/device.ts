/**
 * A disk as the engine sees it: one file, whole transfers, and faults as values. Nothing here throws; `undefined`
 * means that every byte went where it should.
 *
 * Rejected: the sync access handle itself as the interface. Its short counts, huge counts and exceptions differ by
 * browser, and each caller would have to get all of them right.
 */
import type { ByteCount } from '../base/brand.ts';

/**
 * What went wrong, in the disk's terms:
 *
 * - `short`: fewer bytes than asked, and no progress on a second try: a read at the end of the file, or a write
 *   to a full disk in a browser that reports it only so.
 * - `count`: the browser returned an impossible count (negative, fractional, or more than asked).
 * - `quota`: the browser refused to make the file longer.
 * - `gone`: the handle was closed or invalidated.
 * - `io`: anything else it threw.
 */
export type DeviceFaultKind = 'short' | 'count' | 'quota' | 'gone' | 'io';

export interface DeviceFault {
  readonly kind: DeviceFaultKind;
  readonly operation: 'read' | 'write' | 'flush' | 'resize' | 'size' | 'close';
  readonly file: string;
  /** Where the whole transfer was to begin, in bytes; 0 for calls without a place. */
  readonly offset: number;
  /** Bytes asked for: of the whole transfer, or the file's length of a `resize`; 0 where there are none. */
  readonly expected: number;
  /** What came of it, in bytes; of kind `count` what the browser returned, possible or not. */
  readonly actual: number;
  /** The browser's own words, when it threw. */
  readonly detail: string;
}

export interface Device {
  /** The file's name, for error messages: `disk-0`. */
  readonly file: string;
  /** The file's length now, in bytes. */
  size(): ByteCount | DeviceFault;
  /** Fills all of `into` from `offset`, or says why not. After a fault the content of `into` is undefined. */
  read(into: Uint8Array, offset: number): DeviceFault | undefined;
  /** Writes all of `from` at `offset`, or says why not. After a fault any part of it may have been written. */
  write(from: Uint8Array, offset: number): DeviceFault | undefined;
  /**
   * Everything written before is durable when this returns `undefined`, as far as the platform goes. Never retried.
   */
  flush(): DeviceFault | undefined;
  /** Makes the file `byteCount` long; new bytes read as zeroes. Growth is where `quota` arises. */
  resize(byteCount: number): DeviceFault | undefined;
  /** Gives the file back. Does not flush. Idempotent. */
  close(): DeviceFault | undefined;
}

export function isFault(value: ByteCount | DeviceFault): value is DeviceFault {
  return typeof value === 'object';
}
