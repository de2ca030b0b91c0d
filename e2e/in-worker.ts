/** Runs code of a test in a dedicated worker of a page: `sync.worker.ts` with the synchronous library. */
import type { Page } from 'playwright';

/** What went wrong in the worker. */
export class WorkerFailure extends Error {
  readonly code: string | undefined;

  constructor(code: string | undefined, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * @param worker its name; it is started by its first call.
 * @param run knows nothing of its surroundings, and takes and returns plain data. Rejects as it does.
 */
export async function inWorker<Argument, Result>(
  page: Page,
  worker: string,
  run: (argument: Argument) => Result | Promise<Result>,
  argument?: Argument,
): Promise<Result> {
  const call = { source: String(run), argument };
  const answer = await page.evaluate(([name, call]) => runInWorker(name, call), [
    worker,
    call,
  ] as const);
  if ('failure' in answer) throw new WorkerFailure(answer.failure.code, answer.failure.message);
  return answer.value as Result;
}

/** Ends the worker as the browser ends workers: in the middle of whatever it does. */
export function terminateWorker(page: Page, worker: string): Promise<void> {
  return page.evaluate((name) => {
    syncWorkers.get(name)?.terminate();
    syncWorkers.delete(name);
  }, worker);
}
