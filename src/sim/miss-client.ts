/**
 * Tests only: a page, or a worker that the store was shared with, as far as its misses go. It posts to the block's
 * disk, and whoever runs the threads lets the disk answer.
 */
import type { DiskIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { landingOffset } from '../shared/contents-layout.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { MailboxClient } from '../shared/mailbox.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { missOutcomeAt, putMiss } from '../sync/disk-protocol.ts';

export interface MissClientOptions {
  readonly memory: SessionMemory;
  readonly client: number;
  readonly disk: DiskIndex;
  readonly blockBytes: number;
  readonly diskCount: number;
  readonly cellCount: number;
}

export class MissClient {
  readonly mailbox: MailboxClient;
  readonly bell: Doorbell;
  private readonly options: MissClientOptions;
  private readonly diskBell: Doorbell;

  constructor(options: MissClientOptions) {
    const { client, disk, cellCount } = options;
    const { words, control } = options.memory;
    this.options = options;
    this.mailbox = new MailboxClient(words, { start: control.mailbox(client, disk), cellCount });
    this.bell = new Doorbell(words, control.clientBell(client));
    this.diskBell = new Doorbell(words, control.diskBell(disk));
  }

  /** Returns the cell that the answer will be in. */
  post(pointer: Pointer, fileOffset: number): number {
    const cell = this.mailbox.claim();
    const { words } = this.options.memory;
    putMiss(words, this.mailbox.payloadOf(cell), { pointer, fileOffset });
    this.mailbox.post(cell);
    this.diskBell.ring();
    return cell;
  }

  outcome(cell: number): 'pending' | ReturnType<typeof missOutcomeAt> {
    if (!this.mailbox.isAnswered(cell)) return 'pending';
    return missOutcomeAt(this.options.memory.words, this.mailbox.payloadOf(cell));
  }

  /** The cell's landing place. */
  landed(cell: number): Uint8Array {
    const { memory, client, disk, blockBytes, diskCount } = this.options;
    const geometry = { blockBytes, diskCount };
    const start = landingOffset(memory.contents, geometry, { client, disk, cell });
    return memory.bytes.subarray(start, start + blockBytes);
  }
}
