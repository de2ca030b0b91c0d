import type { Endpoint } from 'comlink';
import { expect, test } from 'vitest';
import { type ServedSession, VerbServer } from './verb-server.ts';

test('I14: a dead client keeps no turn: not what it had open, nor what its last messages still ask for', async () => {
  const { port1, port2 } = new MessageChannel();
  const held = new Set<number>();
  const session = {
    begin: async (ticket: number) => {
      held.add(ticket);
      return { transaction: ticket };
    },
    abort: async (ticket: number) => void held.delete(ticket),
  } as unknown as ServedSession;
  const verbs = new VerbServer(port1 as unknown as Endpoint, 3);
  verbs.session = session;
  const { begin } = verbs.transactionVerbs();
  await begin(1);
  expect(held.size).toBe(1);
  await verbs.abandon();
  expect(held.size).toBe(0);
  await begin(2);
  expect(held.size).toBe(0);
  port1.close();
  port2.close();
});
