/**
 * How far readers have come: what decides whether a freed block may still be looked at (I4). Every free gets the stamp
 * of its moment; once the horizon has passed a stamp, no reader is left that entered before the blocks were gone.
 *
 * Two of them: with shared memory an epoch clock (`epochs.ts`), and without it the publications that the client says
 * it has left behind.
 */
import { assert } from '../base/assert.ts';

/** A client and the oldest stamp it holds; 0 when it holds none. */
export interface ReaderPin {
  readonly client: string;
  readonly pinned: number;
}

export interface ReaderHorizon {
  /** For what is freed now, after the state without it was published. Never goes back. */
  readonly stamp: number;
  /** Moves on as far as readers allow. Returns `settled`. */
  settle(): number;
  /** The newest stamp that nobody can see any more, as far as is known. */
  readonly settled: number;
  /** All clients, those without a pin too: for whoever wants to know who holds freed blocks back. */
  pins(): readonly ReaderPin[];
}

/** Stamps are publications; the one client reports which it has left behind. */
export class PublicationHorizon implements ReaderHorizon {
  stamp = 0;
  settled = 0;

  /** The state number `publication` is what new readers see. */
  publish(publication: number): void {
    assert(publication >= this.stamp, 'I4: publications do not go back');
    this.stamp = publication;
  }

  /** Every reader is at this publication or later. */
  setOldest(publication: number): void {
    assert(publication <= this.stamp, 'I4: no reader is ahead of the last publication');
    this.settled = publication;
  }

  settle(): number {
    return this.settled;
  }

  pins(): readonly ReaderPin[] {
    return [{ client: 'page', pinned: this.settled === this.stamp ? 0 : this.settled }];
  }
}
