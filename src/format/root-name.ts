/**
 * What may be the name of a root: 1 … 32 bytes of UTF-8 without NUL. The one rule for the API and for the decoder.
 */
import { ROOT_NAME_BYTES_MAX } from './geometry.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Says what is wrong with a name, as the end of a sentence, or `undefined`. Takes anything. */
export function rootNameFlaw(name: string): string | undefined {
  if (typeof name !== 'string') return 'is not a string';
  if (name.length === 0) return 'is empty';
  if (name.includes('\0')) return 'contains NUL';
  if (/\p{Surrogate}/u.test(name)) return 'is not well-formed text';
  if (name.length > ROOT_NAME_BYTES_MAX || encoder.encode(name).length > ROOT_NAME_BYTES_MAX) {
    return `takes more than ${ROOT_NAME_BYTES_MAX} bytes`;
  }
  return undefined;
}

/** The name as it is stored. The caller has asked `rootNameFlaw`. */
export function encodeRootName(name: string): Uint8Array {
  return encoder.encode(name);
}

/** The name in these bytes, or `undefined` when they are not UTF-8. `bytes` may lie in shared memory. */
export function decodeRootName(bytes: Uint8Array): string | undefined {
  try {
    // TextDecoder refuses views on shared memory, so it gets a copy.
    return decoder.decode(bytes.slice());
  } catch {
    // Only this can go wrong: bytes that are not UTF-8.
    return undefined;
  }
}

/** Roots are stored in the order of their names' bytes: negative when `left` comes first. */
export function compareRootNames(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (left[at] as number) - (right[at] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
