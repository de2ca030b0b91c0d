/** How full a block of a tree is, whichever kind it is. */
import { decodeBlockType } from './block-header.ts';
import { type Decoded, decoded, flawed } from './decoded.ts';
import { decodeLeafHeader, leafFill } from './leaf.ts';
import { decodePivotHeader, pivotFill } from './pivot.ts';

/** Bytes in use behind the header of a pivot or a leaf, slots included. */
export function blockFill(block: Uint8Array): Decoded<number> {
  const type = decodeBlockType(block);
  if (!type.ok) return type;
  if (type.value === 'pivot') {
    const header = decodePivotHeader(block);
    return header.ok ? decoded(pivotFill(header.value)) : header;
  }
  if (type.value === 'leaf') {
    const header = decodeLeafHeader(block);
    return header.ok ? decoded(leafFill(header.value)) : header;
  }
  return flawed('type', 0, `a ${type.value} block has no fill`);
}
