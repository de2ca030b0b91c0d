import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { TurnQueue } from './turn-queue.ts';

/** Asks for turns and notes who gets one, in which order. */
class Askers {
  readonly turns = new TurnQueue();
  readonly got: number[] = [];
  readonly errors = new Map<number, StoreError>();

  ask(ticket: number): void {
    this.turns.enter(ticket).then(
      () => this.got.push(ticket),
      (error: StoreError) => this.errors.set(ticket, error),
    );
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('turns', () => {
  test('go one at a time, in the order asked for', async () => {
    const askers = new Askers();
    for (const ticket of [1, 2, 3]) askers.ask(ticket);
    await settled();
    expect(askers.got).toEqual([1]);
    expect(askers.turns.length).toBe(2);
    askers.turns.leave();
    askers.ask(4);
    await settled();
    expect(askers.got).toEqual([1, 2]);
    for (let n = 0; n < 3; n += 1) askers.turns.leave();
    await settled();
    expect(askers.got).toEqual([1, 2, 3, 4]);
    expect(askers.turns.length).toBe(0);
  });

  test('nobody slips in between one turn and the next', async () => {
    const askers = new Askers();
    askers.ask(1);
    askers.ask(2);
    askers.turns.leave();
    askers.ask(3);
    await settled();
    expect(askers.got).toEqual([1, 2]);
  });

  test('a wish can be taken back while it waits, not once its turn has come', async () => {
    const askers = new Askers();
    for (const ticket of [1, 2, 3]) askers.ask(ticket);
    askers.turns.cancel(2);
    askers.turns.cancel(1);
    askers.turns.cancel(99);
    await settled();
    expect(askers.errors.get(2)).toMatchObject({ name: 'StoreError', code: 'ABORTED' });
    expect(askers.errors.size).toBe(1);
    askers.turns.leave();
    await settled();
    expect(askers.got).toEqual([1, 3]);
  });

  test('end for all when closed: who waits, and who asks later', async () => {
    const askers = new Askers();
    askers.ask(1);
    askers.ask(2);
    askers.turns.close(new StoreError('CLOSED', 'closed'));
    askers.ask(3);
    askers.turns.leave();
    await settled();
    expect(askers.got).toEqual([1]);
    expect([...askers.errors.keys()]).toEqual([2, 3]);
    expect(askers.turns.length).toBe(0);
  });

  test('giving up a turn that nobody has is our own bug', () => {
    expect(() => new TurnQueue().leave()).toThrow('only who has the turn');
  });
});
