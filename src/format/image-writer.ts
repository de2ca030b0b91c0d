/**
 * Writes an image frame by frame: a header, blocks in ascending order of address, an end. Blocks are copied once: the
 * caller fills a frame's body in place.
 */
import { assert } from '../base/assert.ts';
import type { Hasher } from './hasher.ts';
import {
  encodeImageHeader,
  FRAME_KIND,
  FrameChain,
  type FrameKind,
  frameBlocksMax,
  IMAGE_BLOCKS,
  IMAGE_END,
  IMAGE_FRAME,
  type ImageHeader,
} from './image.ts';
import { viewOf, writeU32, writeU53 } from './layout.ts';

/**
 * @example
 * const writer = new ImageWriter(hasher, header);
 * send(writer.header());
 * readInto(writer.openBlocks({ arena: 0, firstBlock: 7, count: 2 }));
 * send(writer.sealBlocks());
 * send(writer.end());
 */
export class ImageWriter {
  private readonly imageHeader: ImageHeader;
  private readonly chain: FrameChain;
  private open: Uint8Array | undefined;
  private blocksWritten = 0;
  private arena = 0;
  /** Blocks of `arena` before this one cannot follow any more. */
  private nextBlock = 0;

  constructor(hasher: Hasher, header: ImageHeader) {
    this.chain = new FrameChain(hasher);
    this.imageHeader = header;
  }

  /** The first frame. */
  header(): Uint8Array {
    assert(this.chain.frameIndex === 0, 'an image starts with its header');
    const payload = encodeImageHeader(this.imageHeader);
    const frame = newFrame('header', payload.length);
    frame.set(payload, IMAGE_FRAME.size);
    this.chain.seal(frame);
    return frame;
  }

  /** Starts a frame of neighbouring blocks. Returns its body, `count` blocks long, for the caller to fill. */
  openBlocks(range: { arena: number; firstBlock: number; count: number }): Uint8Array {
    const { arena, firstBlock, count } = range;
    const { geometry, grownBlocks } = this.imageHeader;
    assert(this.chain.frameIndex > 0 && this.open === undefined, 'frames come one by one');
    assert(count > 0 && count <= frameBlocksMax(geometry), 'a frame has 1 MiB of blocks at most');
    assert(firstBlock + count <= (grownBlocks[arena] ?? 0), 'exported blocks are in their arena');
    assert(
      arena > this.arena || (arena === this.arena && firstBlock >= this.nextBlock),
      'an image is in the order of addresses',
    );
    const frame = newFrame('blocks', IMAGE_BLOCKS.size + count * geometry.blockBytes);
    const view = viewOf(frame);
    writeU32(view, IMAGE_FRAME.size + IMAGE_BLOCKS.at.arena, arena);
    writeU32(view, IMAGE_FRAME.size + IMAGE_BLOCKS.at.firstBlock, firstBlock);
    writeU32(view, IMAGE_FRAME.size + IMAGE_BLOCKS.at.count, count);
    this.arena = arena;
    this.nextBlock = firstBlock + count;
    this.blocksWritten += count;
    this.open = frame;
    return frame.subarray(IMAGE_FRAME.size + IMAGE_BLOCKS.size);
  }

  /** The frame that `openBlocks` started; its body must not be touched any more. */
  sealBlocks(): Uint8Array {
    const frame = this.open;
    assert(frame !== undefined, 'a frame was opened');
    this.open = undefined;
    this.chain.seal(frame);
    return frame;
  }

  /** The last frame. */
  end(): Uint8Array {
    assert(this.open === undefined, 'the last frame of blocks was sealed');
    assert(
      this.blocksWritten === this.imageHeader.blockCount,
      'an image has the blocks that its header promised',
    );
    const frame = newFrame('end', IMAGE_END.size);
    writeU53(viewOf(frame), IMAGE_FRAME.size + IMAGE_END.at.blockCount, this.blocksWritten);
    this.chain.seal(frame);
    return frame;
  }
}

function newFrame(kind: FrameKind, payloadBytes: number): Uint8Array {
  const frame = new Uint8Array(IMAGE_FRAME.size + payloadBytes);
  const view = viewOf(frame);
  writeU32(view, IMAGE_FRAME.at.kind, FRAME_KIND[kind]);
  writeU32(view, IMAGE_FRAME.at.payloadBytes, payloadBytes);
  return frame;
}
