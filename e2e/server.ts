/** Serves a folder over HTTP, with or without cross-origin isolation, and a page that clears its site's data. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

export interface ServerOptions {
  /** Sends COOP and COEP, so that the page has SharedArrayBuffer. `true` by default. */
  readonly isolated?: boolean;
}

export interface TestServer {
  /** With a slash at the end. On localhost, so that the page is a secure context. */
  readonly url: string;
  /** Reads as it is for requests to come: a page can be loaded in both ways from one origin. */
  isolated: boolean;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Loading it clears what the origin has stored, in every browser. */
export const CLEARING_PATH = 'clear-site-data';

export async function startServer(
  folder: string,
  options: ServerOptions = {},
): Promise<TestServer> {
  const server = createServer((request, response) => {
    void answer(folder, request, response, testServer.isolated);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const testServer: TestServer = {
    url: `http://localhost:${port}/`,
    isolated: options.isolated ?? true,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return testServer;
}

async function answer(
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
  isolated: boolean,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const wanted = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
  const path = join(folder, normalize(decodeURIComponent(wanted)));
  const found = path.startsWith(folder) && (await isFile(path));
  response.writeHead(found ? 200 : 404, {
    'Content-Type': found ? (TYPES[extname(path)] ?? 'application/octet-stream') : 'text/plain',
    'Cache-Control': 'no-store',
    ...(isolated ? ISOLATION : {}),
    ...(pathname === `/${CLEARING_PATH}` ? { 'Clear-Site-Data': '"storage"' } : {}),
  });
  if (found) createReadStream(path).pipe(response);
  else response.end('not found');
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
