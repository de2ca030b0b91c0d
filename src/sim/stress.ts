/** Starts real threads for the stress tests. Node runs no TypeScript in threads, so their code is bundled first. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'vite';
import { type Role, STRESS_BYTES, STRESS_WORDS, type StressMemory } from './stress-roles.ts';

/** Bundles the code of a thread into `folder`. Answers its path. */
export async function bundleThread(folder: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: fileURLToPath(new URL('stress-thread.ts', import.meta.url)),
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'thread.mjs' } },
    },
  });
  return join(folder, 'thread.mjs');
}

export function freshMemory(): StressMemory {
  return {
    words: new Int32Array(new SharedArrayBuffer(STRESS_WORDS * 4)),
    bytes: new Uint8Array(new SharedArrayBuffer(STRESS_BYTES)),
  };
}

/** A thread, and what it will answer. */
export function startThread(
  code: string,
  role: Role,
  memory: StressMemory,
  count: number,
): { readonly worker: Worker; readonly answer: Promise<number> } {
  const worker = new Worker(code, { workerData: { role, memory, count } });
  const answer = new Promise<number>((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error(`${role} ended without an answer`)));
  });
  return { worker, answer };
}

/** Runs threads side by side on one memory. When one fails, the others are ended. */
export async function runThreads(
  code: string,
  roles: readonly Role[],
  count: number,
): Promise<number[]> {
  const memory = freshMemory();
  const threads = roles.map((role) => startThread(code, role, memory, count));
  try {
    return await Promise.all(threads.map(({ answer }) => answer));
  } finally {
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }
}
