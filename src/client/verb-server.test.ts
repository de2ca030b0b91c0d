import type { Endpoint } from 'comlink';
import { expect, test } from 'vitest';
import { StoreError, type StoreErrorCode } from '../base/errors.ts';
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

test('I9, I14: a dead client’s exports hold no blocks: neither one that runs nor one about to begin', async () => {
  const held = new Set<number>();
  let begin = (): void => undefined;
  let count = 0;
  const session = {
    exportStart: async () => {
      count += 1;
      const stream = count;
      if (stream === 2) await new Promise<void>((resolve) => (begin = resolve));
      held.add(stream);
      return stream;
    },
    exportNext: async () => undefined,
    exportCancel: async (stream: number) => void held.delete(stream),
  } as unknown as ServedSession;
  const verbs = new VerbServer({ postMessage() {} } as unknown as Endpoint, 3);
  verbs.session = session;
  const { exportStart } = verbs.storeVerbs();
  await exportStart();
  const beginning = exportStart();
  await verbs.abandon();
  expect(held.size).toBe(0);
  begin();
  await beginning;
  expect(held.size).toBe(0);
});

test.each([
  ['IO', undefined, ['failed']],
  ['POISONED', undefined, []],
  ['MISUSE', 'POISONED', ['unbegun']],
] as const)(
  'an end that nobody waits for and that fails with %s, begun or not (%s), says %j',
  async (code, flaw, notes) => {
    const posted: string[] = [];
    const endpoint = { postMessage: ({ note }: { note: string }) => posted.push(note) };
    const failing = (why: StoreErrorCode) => Promise.reject(new StoreError(why, 'as planned'));
    const verbs = new VerbServer(endpoint as unknown as Endpoint, 0);
    verbs.session = {
      begin: async (transaction: number) => (flaw === undefined ? { transaction } : failing(flaw)),
      end: async () => failing(code),
    } as unknown as ServedSession;
    verbs.take([{ step: 'begin', transaction: 1 }]);
    await new Promise((resolve) => setTimeout(resolve));
    const request = { durability: 'relaxed', isAwaited: false, isLast: true } as const;
    verbs.take([
      { step: 'end', transaction: 1, ...request, isAnswered: false, grantRound: undefined },
    ]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(posted).toEqual(notes);
  },
);
