/**
 * What every metadata block starts with: its type and the format of that type. Data blocks have no header; which kind
 * a block is stands in the allocation log.
 */
import { type Decoded, decoded, flawed } from './decoded.ts';
import { layout, readU16, u16, viewOf } from './layout.ts';

/** On disk, so never renumbered. `data` is what has no header and is never written. */
export const BLOCK_TYPE = {
  data: 0,
  pivot: 1,
  leaf: 2,
  log: 3,
  deadlist: 4,
} as const;
export type BlockType = keyof typeof BLOCK_TYPE;

/** The two fields that all headers share, whatever follows. */
export const BLOCK_HEADER = layout({ type: u16, format: u16 });

/** Says which kind of metadata block this is, or that it is none. */
export function decodeBlockType(block: Uint8Array): Decoded<Exclude<BlockType, 'data'>> {
  if (block.length < BLOCK_HEADER.size) return flawed('length', 0, 'shorter than a block header');
  switch (readU16(viewOf(block), BLOCK_HEADER.at.type)) {
    case BLOCK_TYPE.pivot:
      return decoded('pivot');
    case BLOCK_TYPE.leaf:
      return decoded('leaf');
    case BLOCK_TYPE.log:
      return decoded('log');
    case BLOCK_TYPE.deadlist:
      return decoded('deadlist');
    default:
      return flawed('type', BLOCK_HEADER.at.type, 'no metadata block');
  }
}
