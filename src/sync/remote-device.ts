/**
 * A file that another thread has open, as a `Device`: for inspecting and creating files before there is an engine.
 * Every call waits for its answer. Bytes travel through the disk's raw piece of the contents memory, so longer
 * transfers are done piece by piece.
 */
import type { ByteCount } from '../base/brand.ts';
import { isCount } from '../base/brand.ts';
import type { Device, DeviceFault } from '../device/device.ts';
import { RAW_BYTES } from '../shared/contents-layout.ts';
import type { DiskLink } from './disk-link.ts';
import { putFileOffset, REQUEST } from './disk-protocol.ts';

export class RemoteDevice implements Device {
  readonly file: string;
  private readonly link: DiskLink;

  constructor(link: DiskLink) {
    this.link = link;
    this.file = link.file;
  }

  size(): ByteCount | DeviceFault {
    return callSize(this.link);
  }

  read(into: Uint8Array, offset: number): DeviceFault | undefined {
    return callRead(this.link, into, offset);
  }

  write(from: Uint8Array, offset: number): DeviceFault | undefined {
    const piece = this.link.memory.rawPiece(this.link.disk);
    return inPieces(from.length, offset, (start, length) => {
      piece.set(from.subarray(start, start + length));
      return callRaw(this.link, REQUEST.rawWrite, offset + start, length);
    });
  }

  flush(): DeviceFault | undefined {
    return done(this.link.call(REQUEST.rawFlush, 0));
  }

  resize(byteCount: number): DeviceFault | undefined {
    return callResize(this.link, byteCount);
  }

  close(): DeviceFault | undefined {
    return callClose(this.link);
  }
}

export function callRead(
  link: DiskLink,
  into: Uint8Array,
  offset: number,
): DeviceFault | undefined {
  const piece = link.memory.rawPiece(link.disk);
  return inPieces(into.length, offset, (start, length) => {
    const fault = callRaw(link, REQUEST.rawRead, offset + start, length);
    if (fault === undefined) into.set(piece.subarray(0, length), start);
    return fault;
  });
}

export function callSize(link: DiskLink): ByteCount | DeviceFault {
  return link.call(REQUEST.size, 0) as ByteCount | DeviceFault;
}

export function callResize(link: DiskLink, byteCount: number): DeviceFault | undefined {
  const { words } = link.memory;
  return done(link.call(REQUEST.resize, 0, (at) => putFileOffset(words, at, byteCount)));
}

/** The thread that had the file open ends with this. */
export function callClose(link: DiskLink): DeviceFault | undefined {
  if (link.gone !== undefined) return undefined;
  const fault = done(link.call(REQUEST.close, 0));
  link.closed();
  return fault;
}

function callRaw(
  link: DiskLink,
  operation: typeof REQUEST.rawRead | typeof REQUEST.rawWrite,
  offset: number,
  length: number,
): DeviceFault | undefined {
  const { words } = link.memory;
  return done(link.call(operation, length, (at) => putFileOffset(words, at, offset)));
}

function done(answer: number | DeviceFault): DeviceFault | undefined {
  return typeof answer === 'object' ? answer : undefined;
}

/** At least one piece, so that a transfer of nothing learns of a closed file. A fault speaks of the whole transfer. */
function inPieces(
  byteCount: number,
  offset: number,
  transfer: (start: number, length: number) => DeviceFault | undefined,
): DeviceFault | undefined {
  let start = 0;
  do {
    const length = Math.min(RAW_BYTES, byteCount - start);
    const fault = transfer(start, length);
    if (fault !== undefined) {
      const { actual } = fault;
      return {
        ...fault,
        offset,
        expected: byteCount,
        actual: isCount(actual) && actual <= length ? start + actual : actual,
      };
    }
    start += length;
  } while (start < byteCount);
  return undefined;
}
