/** From faults and flaws to errors that say what to do. */
import { type ErrorCoordinates, StoreError } from '../base/errors.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';

export function describeFault(fault: DeviceFault): string {
  const counts =
    fault.kind === 'short' || fault.kind === 'count'
      ? ` (${fault.actual} of ${fault.expected} bytes)`
      : '';
  const detail = fault.detail === '' ? '' : `: ${fault.detail}`;
  return `${fault.operation} of ${fault.file} at ${fault.offset} failed (${fault.kind})${counts}${detail}`;
}

export function faultError(fault: DeviceFault, coordinates: ErrorCoordinates = {}): StoreError {
  return new StoreError('IO', `${describeFault(fault)}. Open the store again to recover.`, {
    coordinates: { file: fault.file, offset: fault.offset, ...coordinates },
  });
}

/** The bytes at the pointer's address are not the pointer's. */
export function corruptError(pointer: Pointer): StoreError {
  return new StoreError(
    'CORRUPT',
    `The block at ${pointer.address} is not the one that this pointer names: it was freed and reused, ` +
      'the pointer is another store’s, or the disk has damaged it. check({ reachable }) tells which.',
    {
      coordinates: { address: pointer.address, generation: pointer.generation },
      mayBeStale: true,
    },
  );
}

export function notFoundError(pointer: Pointer, why: string): StoreError {
  return new StoreError(
    'NOT_FOUND',
    `There is no block for the pointer at ${pointer.address}: ${why}. Nothing was changed.`,
    { coordinates: { address: pointer.address, generation: pointer.generation } },
  );
}
