/** A client and a disk over one mailbox, in all interleavings. The client may die anywhere; another takes its place. */
import { test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { enumerate } from '../sim/enumerate.ts';
import { awaitEnd } from '../sim/schedules.ts';
import { atomicLoad, atomicStore, plainLoad, plainStore } from './atomics.ts';
import { Doorbell } from './doorbell.ts';
import { MailboxClient, MailboxServer, mailboxWords } from './mailbox.ts';

vi.mock('./atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);

const CELLS_MAX = 4;
const MAILBOX_AT = 0;
const DISK_BELL = MAILBOX_AT + mailboxWords(CELLS_MAX);
const CLIENT_BELL = DISK_BELL + 1;
const STOP = DISK_BELL + 2;
const words = new Int32Array(new SharedArrayBuffer(4 * (STOP + 1)));

const layoutOf = (cellCount: number) => ({ start: MAILBOX_AT, cellCount });
const diskBell = new Doorbell(words, DISK_BELL);
const clientBell = new Doorbell(words, CLIENT_BELL);

/** The request that is answered by its own negative. */
function post(client: MailboxClient, request: number): number {
  const cell = client.claim();
  assert(cell >= 0, 'a cell is free');
  plainStore(words, client.payloadOf(cell), request);
  client.post(cell);
  diskBell.ring();
  return cell;
}

function receive(client: MailboxClient, cell: number): number {
  untilSo(clientBell, () => client.isAnswered(cell));
  const answer = plainLoad(words, client.payloadOf(cell));
  client.release(cell);
  return answer;
}

function untilSo(bell: Doorbell, look: () => boolean): void {
  for (;;) {
    const seen = bell.value;
    if (look()) return;
    bell.wait(seen, 1000);
  }
}

/** Serves until it is told to stop. Its result: the requests it took, in order. */
function disk(cellCount: number) {
  return () => {
    const server = new MailboxServer(words, layoutOf(cellCount));
    return () => {
      const served: number[] = [];
      const serve = (cell: number) => {
        const at = server.payloadOf(cell);
        const request = plainLoad(words, at);
        served.push(request);
        plainStore(words, at, -request);
        server.answer(cell);
        clientBell.ring();
      };
      untilSo(diskBell, () => {
        while (server.takePosted(serve) > 0);
        return atomicLoad(words, STOP) !== 0;
      });
      return served;
    };
  };
}

function stop(): void {
  atomicStore(words, STOP, 1);
  diskBell.ring();
}

function client(cellCount: number, requests: readonly number[]) {
  return () => {
    const mailbox = new MailboxClient(words, layoutOf(cellCount));
    return () => {
      const answers: number[] = [];
      for (let first = 0; first < requests.length; first += cellCount) {
        const cells = requests.slice(first, first + cellCount).map((each) => post(mailbox, each));
        answers.push(...cells.map((cell) => receive(mailbox, cell)));
      }
      stop();
      return answers;
    };
  };
}

function assertSame(seen: unknown, expected: readonly number[]): void {
  const text = (seen as readonly number[]).join();
  assert(text === expected.join(), `${expected.join()} was expected, ${text} seen`);
}

test.each([
  [1, [1, 2, 3], 10_000],
  [2, [1, 2, 3], 10_000],
])('%d cells: every request is served once and has its own answer', (cells, requests, atLeast) => {
  enumerate(`mailbox of ${cells}`, atLeast, {}, () => {
    words.fill(0);
    return {
      threads: [client(cells, requests), disk(cells)],
      judge: ([answers, served]) => {
        assertSame(
          answers,
          requests.map((each) => -each),
        );
        assertSame([...(served as number[])].sort(), requests);
      },
    };
  });
});

/** Posts a request or two and reads an answer, if it comes to that. */
function mortalClient(cellCount: number) {
  return () => {
    const mailbox = new MailboxClient(words, layoutOf(cellCount));
    return () => {
      const first = post(mailbox, 1);
      if (cellCount > 1) post(mailbox, 2);
      receive(mailbox, first);
    };
  };
}

/** Takes over from thread 0: has an answer to a request of its own, and in the end all the cells. */
function successor(cellCount: number) {
  return () => () => {
    awaitEnd(0);
    const mailbox = new MailboxClient(words, layoutOf(cellCount));
    diskBell.ring();
    const claimed: number[] = [];
    const claim = () => {
      for (let cell = mailbox.claim(); cell >= 0; cell = mailbox.claim()) claimed.push(cell);
      return claimed.length > 0;
    };
    untilSo(clientBell, claim);
    mailbox.release(claimed.pop() as number);
    const answer = receive(mailbox, post(mailbox, 9));
    untilSo(clientBell, () => claim() && claimed.length === cellCount);
    stop();
    return answer;
  };
}

test.each([
  [1, 10_000],
  [2, 20_000],
])(
  'of %d cells none is lost when a client dies, and its successor has its own answers',
  (cells, atLeast) => {
    enumerate(`mailbox of ${cells}, a client dies`, atLeast, { fewer: 1, deaths: 1 }, () => {
      words.fill(0);
      return {
        threads: [mortalClient(cells), disk(cells), successor(cells)],
        mortal: 0,
        judge: (results) => {
          assert(results[2] === -9, 'the successor has its own answer');
          const served = results[1] as number[];
          assert(new Set(served).size === served.length, 'no request is served twice');
        },
      };
    });
  },
);
