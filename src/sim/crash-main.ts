/**
 * `npm run test:crash -- --scale N`: the crash tests on as many threads as asked for, and a table of what they
 * covered. Also the worker that runs a task, because both are the same bundle.
 *
 *     --scale N        1 is the smoke size; 50 is the long run
 *     --only a,b       states, lies, random-lies, lies-twice, chains, names, failures, wholesale, bytes, forged
 *     --threads N      2 unless told
 *     --replay LINE    one failure again
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { replay } from './crash-replay.ts';
import {
  addFigures,
  allTasks,
  type CrashTask,
  type Figures,
  noFigures,
  runTask,
} from './crash-tasks.ts';
import { describeError } from './explorer.ts';

type Answer =
  | { readonly figures: Figures; readonly ms: number }
  | { readonly failure: string; readonly ms: number };

function serveTasks(port: NonNullable<typeof parentPort>): void {
  port.on('message', (task: CrashTask) => {
    const started = performance.now();
    const ms = () => performance.now() - started;
    try {
      const figures = runTask(task);
      port.postMessage({ figures, ms: ms() } satisfies Answer);
    } catch (error) {
      const stack = error instanceof Error && error.cause instanceof Error ? error.cause.stack : '';
      const failure = `${JSON.stringify(task)}\n  ${describeError(error)}\n${stack}`;
      port.postMessage({ failure, ms: ms() } satisfies Answer);
    }
  });
}

interface Outcome {
  readonly figures: Figures;
  readonly failures: readonly string[];
  /** Thread time by suite. */
  readonly msBySuite: ReadonlyMap<string, number>;
}

function runAll(tasks: readonly CrashTask[], threads: number): Promise<Outcome> {
  const figures = noFigures();
  const failures: string[] = [];
  const msBySuite = new Map<string, number>();
  let next = 0;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(fileURLToPath(import.meta.url));
      let task: CrashTask | undefined;
      const give = () => {
        task = tasks[next];
        next += 1;
        if (task !== undefined) worker.postMessage(task);
        else worker.terminate().then(() => resolve(), reject);
      };
      worker.on('error', reject);
      worker.on('message', (answer: Answer) => {
        const suite = task?.suite ?? '';
        msBySuite.set(suite, (msBySuite.get(suite) ?? 0) + answer.ms);
        if ('figures' in answer) addFigures(figures, answer.figures);
        else failures.push(answer.failure);
        if ('failure' in answer) console.error(`FAILED ${answer.failure}`);
        give();
      });
      give();
    });
  return Promise.all(Array.from({ length: threads }, work)).then(() => ({
    figures,
    failures,
    msBySuite,
  }));
}

function printTable({ figures, failures, msBySuite }: Outcome, seconds: number): void {
  const { marks, ...numbers } = figures;
  const rows = [
    ...Object.entries(numbers),
    ...Object.entries(marks).map(([n, v]) => [`met: ${n}`, v]),
  ];
  for (const [name, value] of rows) {
    console.log(
      `${String(name).padEnd(24)}${Math.round(Number(value)).toLocaleString('en').padStart(14)}`,
    );
  }
  for (const [suite, ms] of msBySuite) {
    console.log(`${`thread seconds: ${suite}`.padEnd(32)}${(ms / 1000).toFixed(1).padStart(6)}`);
  }
  console.log(`${'seconds in all'.padEnd(32)}${seconds.toFixed(1).padStart(6)}`);
  console.log(failures.length === 0 ? 'Nothing failed.' : `${failures.length} tasks FAILED.`);
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function main(): Promise<void> {
  const line = option('replay');
  if (line !== undefined) {
    replay(line);
    console.log('It does not fail.');
    return;
  }
  const only = option('only')?.split(',');
  const tasks = allTasks(Number(option('scale') ?? 1)).filter(
    ({ suite }) => only === undefined || only.includes(suite),
  );
  const started = performance.now();
  const outcome = await runAll(tasks, Number(option('threads') ?? 2));
  printTable(outcome, (performance.now() - started) / 1000);
  if (outcome.failures.length > 0) process.exitCode = 1;
}

if (isMainThread) await main();
else if (parentPort !== null) serveTasks(parentPort);
