/** Which names a store may have. */
import { StoreError } from '../base/errors.ts';

export const STORE_NAME_BYTES_MAX = 64;

const encoder = new TextEncoder();

/** Says what is wrong with a name, as the end of a sentence, or `undefined`. Takes anything. */
export function storeNameFlaw(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is not a string';
  if (name.length === 0) return 'is empty';
  if (name === '.' || name === '..') return `is '${name}', which names a folder`;
  if (/[/\\]/.test(name)) return 'contains a slash';
  if (name.includes('\0')) return 'contains NUL';
  // Two of these could become one name on the way to the file system.
  if (/\p{Surrogate}/u.test(name)) return 'is not well-formed text';
  if (name.length > STORE_NAME_BYTES_MAX || encoder.encode(name).length > STORE_NAME_BYTES_MAX) {
    return `takes more than ${STORE_NAME_BYTES_MAX} bytes`;
  }
  return undefined;
}

/** @throws StoreError MISUSE */
export function checkStoreName(name: unknown): asserts name is string {
  const flaw = storeNameFlaw(name);
  if (flaw === undefined) return;
  throw new StoreError(
    'MISUSE',
    `The name of the store ${flaw}: give it 1 to ${STORE_NAME_BYTES_MAX} bytes without slashes.`,
  );
}
