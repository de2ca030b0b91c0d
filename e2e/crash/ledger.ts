/**
 * The ledger of the kill loop: it lives outside the browser, in the process of the test. An entry counts once it is
 * on the disk, and only then the page gets its answer and goes on.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LedgerEntry } from './plan.ts';

export interface Ledger {
  readonly url: string;
  /** Whoever listens now hears of every entry, after it is on the disk. */
  onEntry: (entry: LedgerEntry) => void;
  /** A line of the test's own. */
  note(line: string): void;
  close(): Promise<void>;
}

export async function openLedger(path: string): Promise<Ledger> {
  const file = openSync(path, 'a');
  const append = (line: string): void => {
    writeSync(file, `${line}\n`);
    fsyncSync(file);
  };
  const server = createServer(async (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    const body = await bodyOf(request);
    if (body === undefined) return;
    append(body);
    ledger.onEntry(JSON.parse(body) as LedgerEntry);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ledger: Ledger = {
    url: `http://localhost:${port}/`,
    onEntry: () => {},
    note: append,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          closeSync(file);
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return ledger;
}

/** `undefined` when the browser died in the middle of it. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}
