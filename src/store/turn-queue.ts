/** One at a time, in the order asked for; asking can be taken back. */
import { assert } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';

interface Waiting {
  readonly ticket: number | undefined;
  resolve(): void;
  reject(error: StoreError): void;
}

export class TurnQueue {
  private readonly waiting: Waiting[] = [];
  private busy = false;
  private closed: StoreError | undefined;

  /** How many wait for their turn. */
  get length(): number {
    return this.waiting.length;
  }

  /** Resolves when it is the caller's turn, who says `leave` when done. `ticket` names the wish, for `cancel`. */
  enter(ticket: number | undefined): Promise<void> {
    if (this.closed !== undefined) return Promise.reject(this.closed);
    if (!this.busy) {
      this.busy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ ticket, resolve, reject });
    });
  }

  leave(): void {
    if (this.closed !== undefined) return;
    assert(this.busy, 'only who has the turn gives it up');
    const next = this.waiting.shift();
    if (next === undefined) this.busy = false;
    else next.resolve();
  }

  /** Takes a wish back: its promise rejects with ABORTED. Nothing happens when its turn has come already. */
  cancel(ticket: number): void {
    const at = this.waiting.findIndex((waiting) => waiting.ticket === ticket);
    if (at < 0) return;
    const [waiting] = this.waiting.splice(at, 1);
    waiting?.reject(new StoreError('ABORTED', 'The transaction was aborted before it began.'));
  }

  /** Nobody gets a turn any more. */
  close(error: StoreError): void {
    this.closed = error;
    for (const waiting of this.waiting.splice(0)) waiting.reject(error);
  }
}
