/**
 * Reads an image as it arrives, in chunks of any size.
 *
 * Guarantees: what it hands out is whole, verified, in ascending order of address, inside the arenas that the header
 * names, and as many blocks as the header promised. Total: any stream gives frames and then a flaw. It holds at most
 * one frame and one chunk, whatever lengths the stream claims.
 */
import { assert } from '../base/assert.ts';
import { type Decoded, decoded, type Flawed, type FormatReason, flawed } from './decoded.ts';
import type { Hasher } from './hasher.ts';
import {
  decodeImageHeader,
  FRAME_BYTES_MAX,
  FRAME_KIND,
  FrameChain,
  type FrameKind,
  frameBlocksMax,
  HEADER_PAYLOAD_MAX,
  IMAGE_BLOCKS,
  IMAGE_END,
  IMAGE_FRAME,
  IMAGE_HEADER,
  type ImageHeader,
  imageHeaderFlaw,
} from './image.ts';
import { readU32, readU53, viewOf } from './layout.ts';

export type ImageFrame =
  | { readonly kind: 'header'; readonly header: ImageHeader }
  | {
      readonly kind: 'blocks';
      readonly arena: number;
      readonly firstBlock: number;
      readonly count: number;
      /** Valid until the next `push`. */
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'end'; readonly blockCount: number };

/**
 * @example
 * reader.push(chunk);
 * for (let frame = reader.next(); frame !== 'more'; frame = reader.next()) {
 *   if (!frame.ok) return frame.error;
 *   use(frame.value);
 * }
 * // … and when the stream has ended:
 * const end = reader.finish();
 */
export class ImageReader {
  private readonly chain: FrameChain;
  private buffer = new Uint8Array(0);
  private start = 0;
  private end = 0;
  /** Bytes of the stream before `start`, for coordinates. */
  private consumed = 0;
  private header: ImageHeader | undefined;
  private blocksRead = 0;
  private arena = 0;
  /** Blocks of `arena` before this one cannot follow any more. */
  private nextBlock = 0;
  private ended = false;
  private flaw: Flawed | undefined;

  constructor(hasher: Hasher) {
    this.chain = new FrameChain(hasher);
  }

  /** Takes the next bytes of the stream, copied. Between two calls, `next` is called until it answers `more`. */
  push(chunk: Uint8Array): void {
    if (this.flaw !== undefined || chunk.length === 0) return;
    const held = this.end - this.start;
    assert(held < FRAME_BYTES_MAX, 'an image is read as it is pushed');
    if (this.end + chunk.length > this.buffer.length) {
      const source = this.buffer.subarray(this.start, this.end);
      const room = held + chunk.length;
      if (room > this.buffer.length) {
        // Doubled, so that a stream of single bytes does not cost the square of a frame.
        const doubled = Math.min(2 * this.buffer.length, FRAME_BYTES_MAX + chunk.length);
        this.buffer = new Uint8Array(Math.max(room, doubled));
      }
      this.buffer.set(source);
      this.start = 0;
      this.end = held;
    }
    this.buffer.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** The next frame, or `more` when it has not arrived wholly. After a flaw it answers the same flaw again. */
  next(): Decoded<ImageFrame> | 'more' {
    if (this.flaw !== undefined) return this.flaw;
    const frame = this.read();
    if (frame === 'more' || frame.ok) return frame;
    const { reason, offset, detail } = frame.error;
    this.flaw = flawed(reason, this.consumed + offset, detail);
    this.buffer = new Uint8Array(0);
    return this.flaw;
  }

  /** Asked when the stream has ended: whether the image had, too. */
  finish(): Decoded<undefined> {
    if (this.flaw !== undefined) return this.flaw;
    if (this.ended) return decoded(undefined);
    return flawed('length', this.consumed + this.end - this.start, 'the image is cut off');
  }

  private read(): Decoded<ImageFrame> | 'more' {
    const available = this.end - this.start;
    if (this.ended) {
      return available === 0 ? 'more' : flawed('length', 0, 'bytes behind the end of the image');
    }
    if (available < IMAGE_FRAME.size) return 'more';
    const held = this.buffer.subarray(this.start, this.end);
    const view = viewOf(held);
    const kind = this.kindOf(readU32(view, IMAGE_FRAME.at.kind));
    if (!kind.ok) return kind;
    const payloadBytes = readU32(view, IMAGE_FRAME.at.payloadBytes);
    const limits = this.payloadLimits(kind.value);
    if (payloadBytes < limits.min || payloadBytes > limits.max) {
      return flawed('length', IMAGE_FRAME.at.payloadBytes, `frame of ${payloadBytes} bytes`);
    }
    const frameBytes = IMAGE_FRAME.size + payloadBytes;
    if (available < frameBytes) return 'more';
    const frame = held.subarray(0, frameBytes);
    const payload = frame.subarray(IMAGE_FRAME.size);
    const early = kind.value === 'header' ? imageHeaderFlaw(payload) : undefined;
    if (early !== undefined) return shifted(early);
    if (!this.chain.verify(frame)) {
      return flawed('checksum', IMAGE_FRAME.at.checksum, 'frame of the image');
    }
    const value = this.interpret(kind.value, payload);
    if (!value.ok) return shifted(value);
    this.start += frameBytes;
    this.consumed += frameBytes;
    return value;
  }

  private kindOf(kind: number): Decoded<FrameKind> {
    if (this.header === undefined) {
      if (kind === FRAME_KIND.header) return decoded('header');
      return flawed('magic', IMAGE_FRAME.at.kind, 'not an image of a store');
    }
    if (kind === FRAME_KIND.blocks) return decoded('blocks');
    if (kind === FRAME_KIND.end) return decoded('end');
    return flawed('type', IMAGE_FRAME.at.kind, `frame of kind ${kind}`);
  }

  private payloadLimits(kind: FrameKind): { min: number; max: number } {
    if (this.header === undefined) return { min: IMAGE_HEADER.size, max: HEADER_PAYLOAD_MAX };
    if (kind === 'end') return { min: IMAGE_END.size, max: IMAGE_END.size };
    const { geometry } = this.header;
    return {
      min: IMAGE_BLOCKS.size + geometry.blockBytes,
      max: IMAGE_BLOCKS.size + frameBlocksMax(geometry) * geometry.blockBytes,
    };
  }

  /** Offsets of flaws count from the start of the payload. */
  private interpret(kind: FrameKind, payload: Uint8Array): Decoded<ImageFrame> {
    if (this.header === undefined) {
      const header = decodeImageHeader(payload);
      if (!header.ok) return header;
      this.header = header.value;
      return decoded({ kind: 'header', header: header.value });
    }
    return kind === 'end' ? this.readEnd(payload) : this.readBlocks(payload, this.header);
  }

  private readBlocks(payload: Uint8Array, header: ImageHeader): Decoded<ImageFrame> {
    const at = IMAGE_BLOCKS.at;
    const view = viewOf(payload);
    const arena = readU32(view, at.arena);
    const firstBlock = readU32(view, at.firstBlock);
    const count = readU32(view, at.count);
    const bad = (reason: FormatReason, offset: number): Flawed =>
      flawed(reason, offset, `blocks ${firstBlock} + ${count} of arena ${arena}`);
    if (readU32(view, at.reserved) !== 0) return bad('padding', at.reserved);
    if (payload.length !== IMAGE_BLOCKS.size + count * header.geometry.blockBytes) {
      return bad('length', at.count);
    }
    if (firstBlock + count > (header.grownBlocks[arena] ?? 0)) return bad('bounds', at.firstBlock);
    if (arena < this.arena || (arena === this.arena && firstBlock < this.nextBlock)) {
      return bad('order', at.firstBlock);
    }
    if (this.blocksRead + count > header.blockCount) return bad('count', at.count);
    this.arena = arena;
    this.nextBlock = firstBlock + count;
    this.blocksRead += count;
    const bytes = payload.subarray(IMAGE_BLOCKS.size);
    return decoded({ kind: 'blocks', arena, firstBlock, count, bytes });
  }

  private readEnd(payload: Uint8Array): Decoded<ImageFrame> {
    const blockCount = readU53(viewOf(payload), IMAGE_END.at.blockCount);
    if (blockCount !== this.blocksRead || blockCount !== this.header?.blockCount) {
      const detail = `${blockCount} blocks promised, ${this.blocksRead} found`;
      return flawed('count', IMAGE_END.at.blockCount, detail);
    }
    this.ended = true;
    return decoded({ kind: 'end', blockCount });
  }
}

/** From an offset in the payload to one in the frame. */
function shifted({ error }: Flawed): Flawed {
  return flawed(error.reason, IMAGE_FRAME.size + error.offset, error.detail);
}
