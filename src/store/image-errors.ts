/**
 * What can go wrong with an image, as errors that say what to do. Whichever it is, an import leaves nothing behind.
 */
import { StoreError } from '../base/errors.ts';
import type { DeviceFault } from '../device/device.ts';
import { describeFlaw, type FormatError } from '../format/decoded.ts';
import { describeFault } from './store-errors.ts';

/** A decoder's finding; its offset is that in the image. */
export function imageError(error: FormatError): StoreError {
  const flaw = describeFlaw(error);
  const options = { coordinates: { offset: error.offset } };
  if (error.reason === 'version' || error.reason === 'feature') {
    return new StoreError(
      'VERSION',
      `Another version of opfs-blocks wrote this image (${flaw}): import it with that version. Nothing was imported.`,
      options,
    );
  }
  if (error.reason === 'magic') {
    const message = `This is not an image of a store (${flaw}). Nothing was imported.`;
    return new StoreError('CORRUPT', message, options);
  }
  return new StoreError(
    'CORRUPT',
    `The image is damaged or cut off (${flaw}): get it once more, or export it again. Nothing was imported.`,
    options,
  );
}

/** Every checksum is right, and yet no store was ever like this. */
export function inconsistentImageError(why: string): StoreError {
  return new StoreError(
    'CORRUPT',
    `The image does not hold together: ${why}. Export it again. Nothing was imported.`,
  );
}

export function importFaultError(fault: DeviceFault): StoreError {
  const coordinates = { file: fault.file, offset: fault.offset };
  if (fault.kind === 'quota') {
    return new StoreError(
      'QUOTA',
      `The browser grants no room for the whole image (${describeFault(fault)}): free some, or ask the user for ` +
        'persistence. Nothing was imported.',
      { coordinates },
    );
  }
  return new StoreError('IO', `${describeFault(fault)}. Nothing was imported.`, { coordinates });
}
