/** Calls into a worker, one message each way and nothing more: what a message costs must not hide in a library. */

interface Call {
  readonly id: number;
  readonly verb: string;
  readonly parameters: readonly unknown[];
}
interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export type Verbs = Record<string, (...parameters: never[]) => unknown>;

/** What a worker's verbs look like from the page. */
export interface Caller<V extends Verbs> {
  call<Verb extends keyof V & string>(
    verb: Verb,
    ...parameters: Parameters<V[Verb]>
  ): Promise<Awaited<ReturnType<V[Verb]>>>;
  end(): void;
}

export function callerOf<V extends Verbs>(worker: Worker): Caller<V> {
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let lastId = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error === undefined) call?.resolve(data.value as never);
    else call?.reject(new Error(data.error));
  };
  worker.onerror = ({ message }) => {
    for (const call of waiting.values()) call.reject(new Error(message));
    waiting.clear();
  };
  return {
    call: (verb, ...parameters) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        worker.postMessage({ id: lastId, verb, parameters } satisfies Call);
      }),
    end: () => worker.terminate(),
  };
}

/** In the worker: answers in the order asked, so that an asynchronous verb holds the next one back. */
export function answerCalls(verbs: Verbs): void {
  let last: Promise<void> | undefined;
  globalThis.onmessage = ({ data }: MessageEvent<Call>) => {
    if (last !== undefined) {
      last = last.then(() => answer(verbs, data));
      return;
    }
    const pending = answer(verbs, data);
    if (pending === undefined) return;
    const ended = pending.then(() => {
      if (last === ended) last = undefined;
    });
    last = ended;
  };
}

/** At once when the verb is synchronous: a promise would cost a turn of the event loop. */
function answer(verbs: Verbs, { id, verb, parameters }: Call): Promise<void> | undefined {
  const reply = (value: unknown) => globalThis.postMessage({ id, value });
  const fail = (error: unknown) => globalThis.postMessage({ id, error: `${verb}: ${error}` });
  try {
    const value = verbs[verb]?.(...(parameters as never[]));
    if (value instanceof Promise) return value.then(reply, fail);
    reply(value);
  } catch (error) {
    fail(error);
  }
  return undefined;
}
