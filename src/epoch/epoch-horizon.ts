/** The readers' horizon where memory is shared: what is freed gets the epoch of its moment as its stamp. */
import { EPOCHS_DEFERRED, type EpochClock } from './epochs.ts';
import type { ReaderHorizon, ReaderPin } from './reader-horizon.ts';

export class EpochHorizon implements ReaderHorizon {
  private readonly clock: EpochClock;
  private readonly clients: readonly string[];

  /** @param clients what each client is called, by its number. */
  constructor(clock: EpochClock, clients: readonly string[]) {
    this.clock = clock;
    this.clients = clients;
  }

  get stamp(): number {
    return this.clock.current;
  }

  /** Goes on until what was freed a moment ago has passed, or a reader is in the way. */
  settle(): number {
    for (let step = 0; step < EPOCHS_DEFERRED; step += 1) {
      if (!this.clock.tryAdvance()) break;
    }
    return this.settled;
  }

  get settled(): number {
    return this.clock.current - EPOCHS_DEFERRED;
  }

  pins(): readonly ReaderPin[] {
    return this.clients.map((client, number) => ({ client, pinned: this.clock.pinned(number) }));
  }
}
