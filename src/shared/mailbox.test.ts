import { describe, expect, test } from 'vitest';
import { MAILBOX_CELL_WORDS, MailboxClient, MailboxServer, mailboxWords } from './mailbox.ts';

function mailbox(cellCount: number) {
  const layout = { start: 16, cellCount };
  const words = new Int32Array(layout.start + mailboxWords(cellCount) + 16);
  const client = new MailboxClient(words, layout);
  return { words, layout, client, server: new MailboxServer(words, layout) };
}

function taken(server: MailboxServer): number[] {
  const cells: number[] = [];
  expect(server.takePosted((cell) => cells.push(cell))).toBe(cells.length);
  return cells;
}

function post(client: MailboxClient): number {
  const cell = client.claim();
  client.post(cell);
  return cell;
}

describe('a mailbox', () => {
  test('a request goes there and its answer comes back in the same cell', () => {
    const { words, client, server } = mailbox(2);
    const cell = client.claim();
    words[client.payloadOf(cell)] = 5;
    expect(taken(server)).toEqual([]);
    client.post(cell);
    expect(taken(server)).toEqual([cell]);
    expect(taken(server)).toEqual([]);
    expect(client.isAnswered(cell)).toBe(false);
    words[server.payloadOf(cell)] = 6;
    server.answer(cell);
    expect(client.isAnswered(cell)).toBe(true);
    expect(words[client.payloadOf(cell)]).toBe(6);
    client.release(cell);
    expect(client.claim()).toBe(cell);
  });

  test.each([1, 31, 32, 33, 64, 100, 1024])(
    'of %d cells: all on their way at once',
    (cellCount) => {
      const { words, layout, client, server } = mailbox(cellCount);
      const all = Array.from({ length: cellCount }, (_, cell) => cell);
      for (let round = 0; round < 2; round += 1) {
        expect(all.map(() => client.claim()).sort((a, b) => a - b)).toEqual(all);
        expect(client.claim()).toBe(-1);
        for (const cell of all)
          words.fill(~cell, client.payloadOf(cell), client.payloadOf(cell) + 15);
        for (const cell of all) client.post(cell);
        expect(taken(server)).toEqual(all);
        for (const cell of all) expect(words[server.payloadOf(cell) + 14]).toBe(~cell);
        for (const cell of all.toReversed()) server.answer(cell);
        for (const cell of all) client.release(cell);
      }
      const end = layout.start + mailboxWords(cellCount);
      expect(client.payloadOf(cellCount - 1) + MAILBOX_CELL_WORDS - 1).toBe(end);
      expect(words.subarray(0, layout.start).some((word) => word !== 0)).toBe(false);
      expect(words.subarray(end).some((word) => word !== 0)).toBe(false);
    },
  );

  test('cells 31 and 32 have bits in different words, and 31 is the sign bit', () => {
    const { words, layout, client, server } = mailbox(40);
    for (const cell of [31, 32]) client.post(cell);
    expect(words[layout.start]).toBe(-(2 ** 31));
    expect(words[layout.start + 1]).toBe(1);
    expect(taken(server)).toEqual([31, 32]);
    client.post(0);
    expect(taken(server)).toEqual([0]);
  });

  test('a cell on its way is not released, and none is answered twice', () => {
    const { client, server } = mailbox(2);
    const cell = post(client);
    expect(() => client.release(cell)).toThrow('is the disk’s');
    expect(() => server.answer(cell)).toThrow('taken, then answered');
    taken(server);
    expect(() => client.release(cell)).toThrow('is the disk’s');
    server.answer(cell);
    expect(() => server.answer(cell)).toThrow('taken, then answered');
    client.release(cell);
  });
});

describe('when a client has died, the next one', () => {
  test('has the cells that are free or answered at once, the others when they are answered', () => {
    const { words, layout, client, server } = mailbox(4);
    const [posted, takenCell, answered] = [post(client), post(client), post(client)];
    server.takePosted(() => undefined);
    server.answer(answered);
    server.answer(posted);
    client.release(posted);
    client.claim();
    client.post(posted);

    const next = new MailboxClient(words, layout);
    const own = [next.claim(), next.claim()];
    expect(own).not.toContain(posted);
    expect(own).not.toContain(takenCell);
    expect(next.claim()).toBe(-1);
    expect(taken(server)).toEqual([posted]);
    server.answer(posted);
    expect(next.claim()).toBe(posted);
    expect(next.claim()).toBe(-1);
    server.answer(takenCell);
    next.adopt();
    expect(next.claim()).toBe(takenCell);
  });

  test('does not take its own answered cells for those of the dead', () => {
    const { words, layout, client, server } = mailbox(3);
    post(client);
    const next = new MailboxClient(words, layout);
    const own = post(next);
    taken(server);
    server.answer(own);
    next.adopt();
    expect(next.isAnswered(own)).toBe(true);
    expect(next.claim()).not.toBe(own);
  });

  test('gets back a cell whose bit the dead client did not come to set', () => {
    const { words, layout, client, server } = mailbox(1);
    post(client);
    words[layout.start] = 0;
    const next = new MailboxClient(words, layout);
    expect(taken(server)).toEqual([0]);
    server.answer(0);
    expect(next.claim()).toBe(0);
  });

  test('is not served twice for a bit that was set twice', () => {
    const { words, layout, client, server } = mailbox(1);
    post(client);
    taken(server);
    words[layout.start] = 1;
    expect(taken(server)).toEqual([]);
    server.answer(0);
    words[layout.start] = 1;
    const next = new MailboxClient(words, layout);
    next.claim();
    next.post(0);
    expect(taken(server)).toEqual([0]);
    expect(taken(server)).toEqual([]);
  });
});
